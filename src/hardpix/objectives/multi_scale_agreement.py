"""Multi-scale agreement of ADELE (CVPR 2022, arXiv 2110.03740): one image at several scales shall say one thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

from hardpix.networks.binding import bound
from hardpix.networks.views import scaled
from hardpix.objectives.base import Objective
from hardpix.objectives.weighted_cross_entropy import WeightedCrossEntropy
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import PixelBatch
from hardpix.pixels.precision import at_least_float32

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class MultiScaleAgreement(Objective):
    """An objective at several scales of the image, and the divergence of what these say from their weighted mean.

    With p_s the probabilities at scale s, resized to the labels, and w the softmax of one learned number a scale:

        q = Σ_s w_s p_s
        loss = Σ_s w_s objective_s + weight · mean over pixels of  gate · Σ_s KL(p_s ‖ q)

    The gate is 1 in images in which q exceeds the threshold at some labeled pixel, else 0. The network is run once more
    for each scale but 1: with 0.7 and 1.5 a step costs about 3.7 times as much.

    [ours], where the authors' code does otherwise:

    - Σ_s w_s objective_s of plain logits; w_s times the logits, as there, is a temperature of 3 at the beginning.
    - The mean is over labeled pixels, not over all of them.
    - log q is exact; q is clamped there and does not add up to 1, so that the divergence can be below 0.
    - Sizes are rounded to multiples of `divisor`, which U-Nets need.

    Args:
        objective: at each scale, on the same labels; plain cross-entropy if none is given. A signal in it that learns
            does so at scale 1.
        scales: of the image; 1 must be among them.
        threshold: of the largest probability of q, from 0 to 1.
        weight: of the divergence.
        divisor: of the sizes in pixels.
        across_processes: normalizers are those of the joined batch of all processes that train together.

    Returns (from forward):
        "loss", the total; "segmentation", the weighted objectives; "agreement", the divergence without its weight.

    Raises:
        ValueError: settings outside their range.
        RuntimeError: a forward before `bind`.

    Example:
        >>> import hardpix
        >>> network = hardpix.tap(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 1)), decoder="1")
        >>> objective = MultiScaleAgreement(divisor=4).bind(network)
        >>> px = network.pixels(torch.rand(1, 3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.long))
        >>> sorted(objective(px))
        ['agreement', 'loss', 'segmentation']
    """

    needs_neighbors = True

    def __init__(
        self,
        objective: Objective | None = None,
        scales: Sequence[float] = (0.7, 1.0, 1.5),
        threshold: float = 0.8,
        weight: float = 1.0,
        divisor: int = 32,
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if 1 not in scales or min(scales) <= 0 or len(set(scales)) < len(scales) or len(scales) < 2:
            raise ValueError(f"expected several scales > 0 that differ, 1 among them, found {list(scales)}")
        if not 0 <= threshold <= 1 or weight < 0 or divisor < 1:
            raise ValueError(
                f"expected threshold from 0 to 1, weight ≥ 0 and divisor ≥ 1, found {threshold}, {weight} and {divisor}"
            )
        self.objective = WeightedCrossEntropy() if objective is None else objective
        self.scales = tuple(scales)
        self.threshold = threshold
        self.weight = weight
        self.divisor = divisor
        self.across_processes = across_processes
        self.shares = nn.Parameter(torch.zeros(len(self.scales)))
        # In a tuple, for the network is no part of the objective.
        self._network: tuple[TappedNetwork, ...] = ()

    def bind(self, network: TappedNetwork) -> Self:
        bound(self.objective, network)
        self._network = (network,)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        views = [px if scale == 1 else self._at(px, scale) for scale in self.scales]
        w = self.shares.float().softmax(0)
        losses = torch.stack([self.objective(view)["loss"] for view in views])
        segmentation = (w.to(losses.dtype) * losses).sum()
        agreement = self._agreement(px, [view.logits for view in views], w)
        return {"loss": segmentation + self.weight * agreement, "segmentation": segmentation, "agreement": agreement}

    def _at(self, px: PixelBatch, scale: float) -> PixelBatch:
        """The same pixels, from another size of the image."""
        if not self._network:
            raise RuntimeError(
                "expected an objective that knows its network, found none: call MultiScaleAgreement.bind(network), "
                "which hardpix.TrainingStep and recipes do"
            )
        image = px.sample["image"]
        sample = {**px.sample, "image": scaled(image, scale, self.divisor)}
        return self._network[0].pixels(**sample, target=px.labels, progress=px.progress, teacher=px.teacher)

    def _agreement(self, px: PixelBatch, logits: Sequence[Tensor], w: Tensor) -> Tensor:
        counted = weight_map(px, None)
        with torch.autocast(px.logits.device.type, enabled=False):
            # Pixels that are not counted may be NaN, whose gradient no weight of 0 would stop.
            inside = [at_least_float32(each).masked_fill(counted[:, None] <= 0, 0) for each in logits]
            log_p = torch.stack(inside).log_softmax(2)
            log_w = w.to(log_p.dtype).log().view(-1, 1, 1, 1, 1)
            log_q = (log_w + log_p).logsumexp(0)
            divergence = (log_p.exp() * (log_p - log_q)).sum((0, 2))
            sure = log_q.detach().amax(1).exp().masked_fill(counted <= 0, 0).amax((1, 2)) >= self.threshold
        weight = counted * sure[:, None, None]
        joined = self.across_processes and self.training
        return weighted_means([(divergence, weight, counted)], joined)[0]
