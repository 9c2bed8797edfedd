"""Confidence threshold (FixMatch, NeurIPS 2020, arXiv 2001.07685; its share of an image: DACS, arXiv 2007.08702)."""

from __future__ import annotations

from typing import Literal

import torch

from hardpix.labelers.base import Labeler, PseudoLabels
from hardpix.labelers.most_likely import known_trust, most_likely
from hardpix.pixels import PixelBatch
from hardpix.refiners import Refiner


class ConfidenceThreshold(Labeler):
    """The most likely class, where its probability reaches a threshold.

    With `mode` "pixel" (FixMatch, UniMatch) labels at or above the threshold have trust 1, all other pixels none and no
    label. With "share" (DACS, DAFormer) every pixel is labeled, with the share of confident pixels as trust: images
    predicted with confidence count more, and no pixel is left out. [ours] the share is that of each image, without its
    padding; in DACS it is that of the whole batch.

    Where FixMatch and UniMatch divide by the number of all pixels, objectives here divide by that of the labeled ones.
    A trust that is the same everywhere cancels out where an objective divides by the sum of weights, as
    WeightedCrossEntropy() does. WeightedCrossEntropy(Uniform(normalizer="count")) divides by the number of labeled
    pixels, so that little trust means a small loss, as in DACS.

    Args:
        threshold: smallest probability, from 0 (all pixels) to 1. 0.95 is FixMatch's, and UniMatch's for Pascal VOC;
            DACS and DAFormer have 0.968.
        mode: "pixel" or "share".
        refiner: corrects the probabilities by the image first.

    Raises:
        ValueError: settings outside their range; a refiner, and a batch without its image.

    Example:
        >>> px = PixelBatch(torch.tensor([[0.0, 0.0], [4.0, 1.0]]).view(1, 2, 1, 2))  # confidence 0.98, 0.73
        >>> ConfidenceThreshold()(px)
        PseudoLabels(target=tensor([[[  1, 255]]]), weight=tensor([[[1., 0.]]]))
        >>> ConfidenceThreshold(mode="share")(px)
        PseudoLabels(target=tensor([[[1, 1]]]), weight=tensor([[[0.5000, 0.5000]]]))
    """

    def __init__(
        self, threshold: float = 0.95, mode: Literal["pixel", "share"] = "pixel", refiner: Refiner | None = None
    ) -> None:
        super().__init__(refiner)
        if not 0 <= threshold <= 1:
            raise ValueError(f"expected a threshold from 0 to 1, found {threshold}")
        if mode not in ("pixel", "share"):
            raise ValueError(f"expected mode 'pixel' or 'share', found {mode!r}")
        self.threshold = threshold
        self.mode = mode

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> PseudoLabels:
        classes, confidence = most_likely(px, self.refiner)
        trust = known_trust(px)
        # A network that overflowed says nothing; of NaN the most likely class would be a guess.
        labelable = (trust > 0) & ~confidence.isnan()
        confident = labelable & (confidence >= self.threshold)
        if self.mode == "pixel":
            labeled, weight = confident, trust * confident
        else:
            count = labelable.sum((1, 2), keepdim=True).clamp(min=1)
            labeled, weight = labelable, trust * labelable * (confident.sum((1, 2), keepdim=True) / count)
        return PseudoLabels(torch.where(labeled, classes, px.ignore_index), weight)
