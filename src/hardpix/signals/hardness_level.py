"""Learned pixel hardness: a branch, which no gradient leaves, learns where the loss will be high."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import torch
from torch import Tensor, nn

from hardpix.networks import detach_nested
from hardpix.pixels import PixelBatch, global_sum, process_count, process_mean, resize_bilinear
from hardpix.pixels.precision import at_least_float32
from hardpix.signals.base import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


# Defaults of the published form.
ALPHA, FLOOR = 0.01, 0.1


class HardnessLevel(Signal):
    """A hardness map that a branch learns while the network trains, on the idea of arXiv 2305.08462.

    The branch sees the decoder's inputs, detached: no gradient of it reaches the network. D is its output, resized
    bilinearly to the labels. At inference the branch is not run. Unlabeled pixels take part in no sum, and pixels whose
    label is trusted by a share alone ("target_weight" of the sample) by that share.

    The graded form, which is the default, learns each pixel's expected loss as a multiple of the average, μ = e^D. With
    r = ℓ / mean ℓ it minimizes the Poisson deviance, which is strictly convex in D and smallest at μ = E[r | features]:

        L_hardness = Σ_V (μ − r · D) / |V|        w = (1 − share) + share · min(μ / mean μ, cap)

    The weights w maximize Σ w ℓ under a penalty on their variance. Training on them minimizes the mean loss plus
    ``share`` times the spread of the loss that the features explain. This is distributionally robust optimization with
    a learned adversary (Namkoong and Duchi, 2017). ``share=1`` weighs by μ alone, ``share=0`` is cross-entropy.

    ``form="published"`` is the system of the paper. Its map is h = sigmoid(D) + floor, so that two weights never differ
    by more than (1 + floor) / floor. The network minimizes the loss weighted by Ĥ = h / Σ_V h, the branch maximizes it:

        L_seg = Σ_V sg(Ĥ) · ℓ        L_hardness = −α Σ_V Ĥ · sg(ℓ)
        ∂L_hardness/∂D_i = −α σ'(D_i) (ℓ_i − L_seg) / Σ_V h

    Its optimum is bang-bang: under Adam at the network's rate h runs to 0 and 1 within some hundred steps. A branch at
    a tenth of the rate stays graded. α has no effect under Adam, which divides by the gradient's size.

    Args:
        alpha: α ≥ 0 of the published form; the graded form has none.
        floor: c > 0 of the published form; the graded form has none.
        kind: "copy" (the network's decoder again, with fresh weights) or "light" (a small head on its embedding).
        normalize: "batch" (all images together) or "image": each image's weights sum to the same.
        across_processes: sums and means are those of the joined batch of all processes that train together.
        form: "graded" or "published".
        share: how much of the weight follows the graded map, from 0 to 1.
        cap: largest multiple of the average that the graded map may reach, ≥ 1.

    Raises:
        ValueError: settings outside their range; another alpha or floor than the default in the graded form.
        RuntimeError: a forward before :meth:`bind`.

    Example:
        >>> import hardpix
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 2, 1)))
        >>> network = hardpix.tap(model, decoder="1")
        >>> signal = HardnessLevel().bind(network)
        >>> px = network.pixels(torch.rand(2, 3, 4, 6), torch.zeros(2, 4, 6, dtype=torch.long))
        >>> px.map(signal).shape
        torch.Size([2, 4, 6])
    """

    name = "hardness"

    def __init__(
        self,
        alpha: float = ALPHA,
        floor: float = FLOOR,
        kind: Literal["copy", "light"] = "copy",
        normalize: Literal["batch", "image"] = "batch",
        across_processes: bool = True,
        form: Literal["graded", "published"] = "graded",
        share: float = 1.0,
        cap: float = 11.0,
    ) -> None:
        super().__init__()
        if form not in ("graded", "published"):
            raise ValueError(f"expected form 'graded' or 'published', found {form!r}")
        if not 0 <= share <= 1:
            raise ValueError(f"expected share from 0 (cross-entropy) to 1 (expected loss alone), found {share}")
        if not cap >= 1:
            raise ValueError(f"expected cap ≥ 1, the largest multiple of the average weight, found {cap}")
        if alpha < 0:
            raise ValueError(f"expected alpha ≥ 0, found {alpha}")
        if floor <= 0:
            raise ValueError(f"expected floor > 0 (it bounds the weights' ratio by (1 + floor) / floor), found {floor}")
        if kind not in ("copy", "light"):
            raise ValueError(f"expected kind 'copy' or 'light', found {kind!r}")
        if normalize not in ("batch", "image"):
            raise ValueError(f"expected normalize 'batch' or 'image', found {normalize!r}")
        if form == "graded" and (alpha, floor) != (ALPHA, FLOOR):
            # They ask for the published form, which was the default once.
            given = " and ".join(
                f"{name}={value}"
                for name, value, default in (("alpha", alpha, ALPHA), ("floor", floor, FLOOR))
                if value != default
            )
            raise ValueError(
                f"expected no alpha or floor in the graded form, which has neither, found {given}; give "
                "form='published' for the form that has them, or leave them out"
            )
        self.alpha = alpha
        self.floor = floor
        self.kind = kind
        self.normalize = normalize
        self.across_processes = across_processes
        self.form = form
        self.share = share
        self.cap = cap
        self.branch: nn.Module | None = None

    def bind(self, network: TappedNetwork) -> Self:
        if self.branch is None:
            self.branch = network.new_branch(out_channels=1, kind=self.kind)
        return self

    def scores(self, px: PixelBatch) -> Tensor:
        """Branch output D at every pixel, labeled or not: (B, H, W) float32, computed once a batch."""
        return px.cached((self, "scores"), lambda: self._scores(px))

    def level(self, px: PixelBatch) -> Tensor:
        """Sigmoid of D at every pixel, (B, H, W) float32 in 0 to 1; ``hardpix mine`` writes it.

        In the graded form it is μ / (1 + μ): 0.5 where the expected loss is the average.
        """
        return torch.sigmoid(self.scores(px))

    @property
    def expects_loss(self) -> bool:
        return self.form == "graded"

    def forward(self, px: PixelBatch) -> Tensor:
        if self.form == "published":
            hardness = self.level(px) + self.floor
        else:
            with torch.no_grad():
                hardness = self.graded(_exp(self.scores(px)), px)
        if self.normalize == "image":
            total = px.masked(hardness).sum((1, 2), keepdim=True)
            pixels = px.valid[0].numel()
            # An image without any label keeps the map as it is.
            hardness = hardness / torch.where(total > 0, total, pixels) * pixels
        return hardness

    def graded(self, expected: Tensor, px: PixelBatch) -> Tensor:
        """Weights from the expected loss μ, (B, H, W); their mean over labeled pixels is 1 where no cap is reached."""
        mean = self._expected_and_found(px)[0]
        return 1 - self.share + self.share * (expected / mean).clamp(max=self.cap)

    def loss(self, px: PixelBatch) -> Tensor:
        return self._published_loss(px) if self.form == "published" else self._graded_loss(px)

    def _scores(self, px: PixelBatch) -> Tensor:
        if self.branch is None:
            raise RuntimeError(
                "HardnessLevel has no branch yet: give it to hardpix.TrainingStep, or call bind(network) first"
            )
        embedding = None if px.taps.embedding is None else px.taps.embedding.detach()
        scores = self.branch(detach_nested(px.taps.features), embedding)
        with torch.autocast(px.logits.device.type, enabled=False):
            return resize_bilinear(at_least_float32(scores), px.shape[1:]).squeeze(1)

    def _expected_and_found(self, px: PixelBatch) -> Tensor:
        """Mean of μ, mean of ℓ (where there are labels), and the number of labeled pixels a process."""
        maps = [_exp(self.scores(px))] if px.target is None else [_exp(self.scores(px)), px.loss]
        return px.cached((self, "means"), lambda: self.labeled_means(px, *maps))

    def labeled_means(self, px: PixelBatch, *maps: Tensor) -> Tensor:
        """Means of (B, H, W) maps over the labeled pixels of the joined batch, 1 where it would be 0, and their count.

        The count is that of an average process, by which a sum over this process's pixels is divided. A pixel counts
        as far as its label is trusted.
        """
        sums = torch.stack([px.masked(values.detach()).sum() for values in (*maps, torch.ones_like(maps[0]))])
        if self.across_processes and self.training:
            sums = process_mean(sums)
        count = torch.where(sums[-1] > 0, sums[-1], 1)
        means = sums[:-1] / count
        return torch.cat([torch.where(means > 0, means, 1), count[None]])

    def _graded_loss(self, px: PixelBatch) -> Tensor:
        loss = px.loss.detach()
        _, mean, count = self._expected_and_found(px)
        scores = self.scores(px)
        return px.masked(_exp(scores) - loss / mean * scores).sum() / count

    def _published_loss(self, px: PixelBatch) -> Tensor:
        hardness = px.masked(px.map(self))
        loss = px.loss.detach()
        constant = hardness.detach()
        sums = torch.stack([constant.sum(), (constant * loss).sum()])
        joined = self.across_processes and self.training
        weight_sum, loss_sum = global_sum(sums) if joined else sums
        weight_sum = torch.where(weight_sum > 0, weight_sum, 1)
        mean = loss_sum / weight_sum
        # Σ h (ℓ − L_seg) has the gradient of the whole −α Σ Ĥ ℓ, its normalizer's part too, which would else be a sum
        # over other processes that no gradient comes back from; the constant beside it brings back the value.
        weighted = (hardness * (loss - mean)).sum() + mean * sums[0]
        return -self.alpha * (process_count() if joined else 1) * weighted / weight_sum


# Beyond e⁸, three thousand times the average, the exponential goes on as its tangent: a wild start stays finite.
_STEEPEST = 8.0


def _exp(scores: Tensor) -> Tensor:
    """e^D, continued linearly above ``_STEEPEST``; still convex, with a gradient everywhere."""
    return torch.exp(scores.clamp(max=_STEEPEST)) * (1 + (scores - _STEEPEST).clamp(min=0))
