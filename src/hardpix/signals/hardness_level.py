"""Learned pixel hardness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import torch
from torch import Tensor, nn

from hardpix.networks import detach_nested
from hardpix.pixels import PixelBatch, global_sum, process_count, resize_bilinear
from hardpix.pixels.precision import at_least_float32
from hardpix.signals.base import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class HardnessLevel(Signal):
    """A hardness map that a branch learns while the network trains (hardness level learning, arXiv 2305.08462).

    The branch sees what the network's decoder sees, cut off from the graph: no gradient of it reaches the network. With
    D its output, resized bilinearly to the labels, the map is h = sigmoid(D) + c, so that two pixels' weights never
    differ by more than (1 + c) / c (11 for c = 0.1). The network minimises the loss weighted by Ĥ = h / Σ_V h, the
    branch maximises it:

        L_seg = Σ_V sg(Ĥ) · ℓ        L_hardness = −α Σ_V Ĥ · sg(ℓ)
        ∂L_hardness/∂D_i = −α σ'(D_i) (ℓ_i − L_seg) / Σ_V h

    A pixel's level therefore rises where its loss is above the (weighted) mean, however small losses have become.
    At inference the branch is not run. Unlabelled pixels take no part in Σ_V h.

    Under Adam and its kin α has no effect on a branch of its own parameters (apart from their eps, from an L2 penalty
    in the gradient and from clipping by the global norm), since they divide by the gradient's size; under SGD it slows
    the branch.

    Args:
        alpha: α ≥ 0.
        floor: c > 0.
        kind: "copy" (the network's decoder again, with fresh weights) or "light" (a small head on its embedding).
        normalize: "batch" (all images together) or "image": each image's weights sum to the same, so that the bound on
            two weights holds within an image.
        across_processes: Σ_V h and L_seg are those of the joined batch of all processes that train together.

    Raises:
        ValueError: settings outside their range.
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
        alpha: float = 0.01,
        floor: float = 0.1,
        kind: Literal["copy", "light"] = "copy",
        normalize: Literal["batch", "image"] = "batch",
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if alpha < 0:
            raise ValueError(f"expected alpha ≥ 0, found {alpha}")
        if floor <= 0:
            raise ValueError(f"expected floor > 0 (it bounds the weights' ratio by (1 + floor) / floor), found {floor}")
        if kind not in ("copy", "light"):
            raise ValueError(f"expected kind 'copy' or 'light', found {kind!r}")
        if normalize not in ("batch", "image"):
            raise ValueError(f"expected normalize 'batch' or 'image', found {normalize!r}")
        self.alpha = alpha
        self.floor = floor
        self.kind = kind
        self.normalize = normalize
        self.across_processes = across_processes
        self.branch: nn.Module | None = None

    def bind(self, network: TappedNetwork) -> Self:
        if self.branch is None:
            self.branch = network.new_branch(out_channels=1, kind=self.kind)
        return self

    def level(self, px: PixelBatch) -> Tensor:
        """sigmoid(D) of every pixel, labelled or not: (B, H, W) float32; this is what ``hardpix mine`` exports."""
        if self.branch is None:
            raise RuntimeError(
                "HardnessLevel has no branch yet: give it to hardpix.TrainingStep, or call bind(network) first"
            )
        embedding = None if px.embedding is None else px.embedding.detach()
        scores = self.branch(detach_nested(px.features), embedding)
        with torch.autocast(px.logits.device.type, enabled=False):
            return torch.sigmoid(resize_bilinear(at_least_float32(scores), px.target.shape[-2:])).squeeze(1)

    def forward(self, px: PixelBatch) -> Tensor:
        hardness = (self.level(px) + self.floor) * px.valid
        if self.normalize == "image":
            total = hardness.sum((1, 2), keepdim=True)
            hardness = hardness / torch.where(total > 0, total, 1) * px.target[0].numel()
        return hardness

    def own_loss(self, px: PixelBatch) -> Tensor:
        hardness = px.map(self)
        loss = px.loss.detach()
        constant = hardness.detach()
        sums = torch.stack([constant.sum(), (constant * loss).sum()])
        joined = self.across_processes and self.training
        weight_sum, loss_sum = global_sum(sums) if joined else sums
        weight_sum = torch.where(weight_sum > 0, weight_sum, 1)
        mean = loss_sum / weight_sum
        # Σ h (ℓ − L_seg) has the gradient of the whole −α Σ Ĥ ℓ, its normaliser's part too, which would else be a sum
        # over other processes that no gradient comes back from; the constant beside it brings back the value.
        weighted = (hardness * (loss - mean)).sum() + mean * sums[0]
        return -self.alpha * (process_count() if joined else 1) * weighted / weight_sum
