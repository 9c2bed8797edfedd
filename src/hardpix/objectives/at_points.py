"""Any loss that sums over pixels, at drawn points alone (PointRend: Kirillov et al., CVPR 2020, arXiv 1912.08193)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

import torch
from torch import Generator, Tensor

from hardpix.networks.binding import bound
from hardpix.objectives.base import Objective
from hardpix.objectives.seeded import Seeded
from hardpix.objectives.signal_losses import signals_in
from hardpix.objectives.weighting import published_map, weight_map
from hardpix.pixels import CountedPixels, PixelBatch, at_least_float32, pixel_centers, process_mean
from hardpix.pixels.eager import eager
from hardpix.signals import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class AtPoints(Seeded):
    """An objective on N pixels of each image, most of them those that the network is unsure of.

    Of an image with more than N labeled pixels, ``oversample`` · N are drawn at random, and int(``uncertain`` · N) of
    these are kept, those with the largest uncertainty. The rest of the N are drawn anew, whatever their uncertainty.
    Draws are independent, so that a pixel may come twice. An image with no more labeled pixels than N is used whole.

    With ``uncertain=0`` the loss is an estimate of that of all pixels, where that is a weighted mean. An image counts
    by the number of its labeled pixels, whatever share of them is drawn.

    Signals look at the whole batch, and so does what trains them; only the objective's own sums are over points. Draws
    are seeded by a counter of training steps that is part of every checkpoint.

    [ours], where the authors' code does otherwise:

    - Pixels without a label, or whose label has no trust, are never drawn; there they take a place and are lost.
    - Points are centers of pixels, at which the loss is exactly the pixel's own, so that no loss reads an unlabeled
      pixel beside a labeled one.
    - The uncertainty may be any signal's map, such as learned hardness: ``AtPoints(…, uncertainty=HardnessLevel())``.

    Args:
        objective: run at the points; one that looks at a pixel's neighbors is refused.
        points: N of each image.
        oversample: ≥ 1.
        uncertain: share of the N points that is chosen by uncertainty, from 0 to 1.
        uncertainty: a signal, the larger the more uncertain; the name of a map that an objective before this one has
            published, or of a signal of ``objective``; None: minus the margin between the two largest logits.
        seed: of the draws.
        across_processes: images count by their labeled pixels in the joined batch of all processes.

    Returns (from forward):
        The losses of the objective, by its own names.

    Raises:
        ValueError: settings outside their range; an objective that looks at neighbors; a map that nobody publishes.

    Example:
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> px = PixelBatch(torch.zeros(1, 4, 8, 8), torch.full((1, 8, 8), 3))
        >>> AtPoints(WeightedCrossEntropy(), points=5)(px)["loss"]  # log 4
        tensor(1.3863)
    """

    def __init__(
        self,
        objective: Objective,
        points: int = 2048,
        oversample: float = 3.0,
        uncertain: float = 0.75,
        uncertainty: Signal | str | None = None,
        seed: int = 0,
        across_processes: bool = True,
    ) -> None:
        super().__init__(seed)
        if points < 1:
            raise ValueError(f"expected points ≥ 1, found {points}")
        if not oversample >= 1:
            raise ValueError(f"expected oversample ≥ 1 (3 in the paper), found {oversample}")
        if not 0 <= uncertain <= 1:
            raise ValueError(f"expected uncertain, a share of the points, from 0 to 1, found {uncertain}")
        inside = [part for part in objective.modules() if isinstance(part, Objective)]
        if around := [type(part).__name__ for part in inside if part.needs_neighbors]:
            raise ValueError(
                f"expected an objective that sums over single pixels, found {', '.join(around)}, whose loss depends on "
                "a pixel's neighbors, or on points of its own; put it beside AtPoints in a Sum, not inside"
            )
        self.objective = objective
        self.points = points
        self.oversample = oversample
        self.uncertain = uncertain
        self.uncertainty = uncertainty
        self.across_processes = across_processes

    def bind(self, network: TappedNetwork) -> Self:
        bound(self.objective, network)
        if isinstance(self.uncertainty, Signal):
            bound(self.uncertainty, network)
        return self

    @eager
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        with torch.no_grad():
            pixels = CountedPixels(weight_map(px, None) > 0)
            index, used = self._draw(px, pixels, self.generator(self.count_step(), px.logits.device))
            share = used * self._share(pixels.number, px.valid)[:, None]
        return self.objective(_only(px.at(pixel_centers(index, px.shape[1:])), used[:, None], share[:, None]))

    def _draw(self, px: PixelBatch, pixels: CountedPixels, generator: Generator) -> tuple[Tensor, Tensor]:
        """Index (B, N) of the pixels, and which of them are used: fewer where an image has not as many."""
        by_doubt = int(self.uncertain * self.points)
        drawn = [pixels.draw(self.points - by_doubt, generator)]
        if by_doubt:
            candidates = pixels.draw(int(self.oversample * self.points), generator)
            doubt = self._doubt(px, candidates)
            drawn.append(candidates.gather(1, doubt.topk(by_doubt, sorted=False).indices))
        number = torch.arange(self.points, device=pixels.number.device).expand(len(pixels.number), -1)
        whole = pixels.number[:, None] <= self.points
        return torch.where(whole, pixels.at(number), torch.cat(drawn, 1)), number < pixels.number[:, None]

    def _doubt(self, px: PixelBatch, index: Tensor) -> Tensor:
        """Uncertainty (B, M) of the pixels of an index (B, M)."""
        if self.uncertainty is None:
            logits = px.logits.detach().flatten(2)
            return uncertainty_of(logits.gather(2, index[:, None].expand(-1, logits.shape[1], -1)))
        if isinstance(self.uncertainty, Signal):
            values = px.map(self.uncertainty)
        else:
            own = [signal for signal in signals_in(self.objective) if signal.name == self.uncertainty]
            if own and self.uncertainty not in px.maps:
                values = px.map(own[0])
            else:
                values = published_map(px, self.uncertainty, "what makes points uncertain", "uncertainty")
        return values.detach().flatten(1).gather(1, index)

    def _share(self, number: Tensor, valid: Tensor) -> Tensor:
        """Pixels (B,) of an image that each of its points stands for, as a share of the labeled pixels a point.

        Losses that are divided by the number of labeled pixels count those without trust, too.
        """
        used = number.clamp(max=self.points)
        sums = torch.stack([valid.sum(), used.sum()]).float()
        if self.across_processes and self.training:
            sums = process_mean(sums)
        return number / used.clamp(min=1) * (sums[1] / sums[0].clamp(min=1e-6))


def uncertainty_of(logits: Tensor) -> Tensor:
    """Minus the margin between the two largest logits (B, C, …), minus the size of a single one; ≤ 0: (B, …).

    Example:
        >>> uncertainty_of(torch.tensor([[[3.0, 1.0], [1.0, 1.0], [-5.0, 0.0]]]))
        tensor([[-2., 0.]])
    """
    logits = at_least_float32(logits)
    if logits.shape[1] == 1:
        return -logits[:, 0].abs()
    first, second = logits.topk(2, dim=1).values.unbind(1)
    return second - first


def _only(px: PixelBatch, used: Tensor, share: Tensor) -> PixelBatch:
    """The batch with labels where it is used alone, each trusted by a share more."""
    target = None if px.target is None else px.target.masked_fill(~used, px.ignore_index)
    trust = share * px.sample.get("target_weight", 1)
    return replace(px, target=target, sample={**px.sample, "target_weight": trust})
