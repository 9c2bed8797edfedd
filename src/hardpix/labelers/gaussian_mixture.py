"""Labels by nearness to the features of clicks and scribbles (AGMM: Wu et al., CVPR 2023)."""

from __future__ import annotations

from typing import Literal

import torch

from hardpix.labelers.base import Labeler, PseudoLabels
from hardpix.labelers.most_likely import trust_beyond_labels
from hardpix.pixels import PixelBatch
from hardpix.pixels.mixture import mixture_of


class MixtureLabels(Labeler):
    """Completes sparse labels: a pixel gets the class whose labeled pixels in the image have the nearest features.

    The nearness r of :func:`hardpix.pixels.mixture.mixture_of` is the trust of the label; labels that are there keep
    theirs. [ours] the paper's nearness is a part of its loss, which is :class:`hardpix.objectives.GaussianMixture`;
    here it makes labels for any objective.

    Args:
        threshold: smallest nearness of a pixel that is labeled, from 0 to 1.
        variance: "fixed" or "adaptive", as in :class:`hardpix.objectives.GaussianMixture`.
        rounds: of expectation and maximization, as there.

    Raises:
        ValueError: settings outside their range; images without labels, or no embedding.

    Example:
        >>> from hardpix.pixels import Taps
        >>> features = torch.tensor([1.0, 1.5, 4.0]).view(1, 1, 1, 3)
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 3), torch.tensor([[[1, 255, 255]]]), taps=Taps(embedding=features))
        >>> MixtureLabels()(px)
        PseudoLabels(target=tensor([[[  1,   1, 255]]]), weight=tensor([[[1.0000, 0.7788, 0.0000]]]))
    """

    completes = True

    def __init__(
        self, threshold: float = 0.5, variance: Literal["fixed", "adaptive"] = "fixed", rounds: int = 0
    ) -> None:
        super().__init__()
        if not 0 <= threshold <= 1 or variance not in ("fixed", "adaptive"):
            raise ValueError(
                f"expected a threshold from 0 to 1 and variance 'fixed' or 'adaptive', found {threshold} and "
                f"{variance!r}"
            )
        if rounds < 0:
            raise ValueError(f"expected rounds ≥ 0, found {rounds}")
        self.threshold = threshold
        self.variance = variance
        self.rounds = rounds

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> PseudoLabels:
        mixture = mixture_of(px, self, adaptive=self.variance == "adaptive", rounds=self.rounds)
        nearness, classes = mixture.nearness.float().max(1)
        trust = trust_beyond_labels(px)
        known = px.valid & (trust > 0)
        found = ~px.valid & (nearness >= self.threshold) & (nearness > 0) & (trust > 0)
        target = torch.where(known, px.labels, torch.where(found, classes, px.ignore_index))
        return PseudoLabels(target, trust * torch.where(known, 1.0, torch.where(found, nearness, 0.0)).clamp(max=1))
