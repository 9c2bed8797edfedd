"""Confidence-weighted labels (CW-BASS, IJCNN 2025, arXiv 2502.15152)."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.labelers.base import Labeler, PseudoLabels
from hardpix.labelers.most_likely import known_trust, most_likely
from hardpix.labelers.thresholds import Seen, Sigmoid, Threshold
from hardpix.pixels import PixelBatch
from hardpix.refiners import Refiner


class ConfidenceWeighted(Labeler):
    """The most likely class where a threshold keeps it, trusted by a power of its probability c.

        trust = share that the threshold keeps · c^power · decay^epochs

    The authors divide by the number of kept pixels: WeightedCrossEntropy(Uniform(normalizer="count")). Divided by the
    sum of weights, a factor that is the same everywhere, such as the decay, would cancel out. Their loss of borders is
    :class:`~hardpix.objectives.BorderCrossEntropy`.

    [ours] The trust decays with the epochs that the labeler has seen. The authors' code multiplies by 0.9 at all times,
    which is no decay, and has it off by default. Their paper's formula is not known to us.

    Args:
        threshold: a rule of hardpix.labelers.thresholds; Sigmoid, the authors' own, if none is given.
        power: of the probability, ≥ 0; 0 trusts all labels alike.
        decay: of the trust in each epoch, above 0; 1 is none.
        refiner: corrects the probabilities by the image first.

    Raises:
        ValueError: settings outside their range; a refiner, and a batch without its image.

    Example:
        >>> px = PixelBatch(torch.tensor([[0.0, 0.0], [4.0, 1.0]]).view(1, 2, 1, 2))
        >>> ConfidenceWeighted()(px)
        PseudoLabels(target=tensor([[[1, 1]]]), weight=tensor([[[0.9820, 0.7311]]]))
    """

    epochs: Tensor

    def __init__(
        self,
        threshold: Threshold | None = None,
        power: float = 1.0,
        decay: float = 1.0,
        refiner: Refiner | None = None,
    ) -> None:
        super().__init__(refiner)
        if not 0 <= power < float("inf") or not 0 < decay <= 1:
            raise ValueError(f"expected power ≥ 0 and decay above 0, up to 1, found {power} and {decay}")
        self.threshold = Sigmoid() if threshold is None else threshold
        self.power = power
        self.decay = decay
        self.register_buffer("epochs", torch.tensor(0))

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> PseudoLabels:
        classes, confidence = most_likely(px, self.refiner)
        confidence, trust = confidence.float(), known_trust(px)
        # A network that overflowed says nothing; of NaN the most likely class would be a guess.
        known = (trust > 0) & ~confidence.isnan()
        share = torch.where(known, self.threshold(Seen(classes, confidence, known, px)), 0)
        weight = share * trust * (confidence**self.power) * self.decay**self.epochs
        labeled = share > 0
        return PseudoLabels(torch.where(labeled, classes, px.ignore_index), torch.where(labeled, weight, 0).float())

    def end_epoch(self) -> None:
        super().end_epoch()
        self.epochs += 1
