"""Floor of each class under the threshold of CW-BASS (the authors' second version, CW-BASS-v2)."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.labelers.thresholds.base import Seen
from hardpix.labelers.thresholds.floor import Floor
from hardpix.labelers.thresholds.moments import class_sums, mean_confidence
from hardpix.pixels import DatasetInfo


class ClassFloor(Floor):
    """Floor that is lower for classes of which the network is less sure, such as thin and rare ones.

        T_k = clamp(share · F · μ_k / max_j μ_j, lowest, highest)

    μ_k is the running mean of the confidence in pixels predicted as class k, of batches with at least 10 of them. A
    class of which fewer than 100 pixels were seen has the floor alone, share · F.

    [ours] μ_k begins with the first batch that has the class, where the authors' begins with a constant. Their bound of
    the error rate on labeled images that are held out is left out: a labeler sees no labels.

    Args:
        share: of F.
        momentum: of F.
        start: F before the first batch.
        lowest: smallest floor.
        highest: largest floor.
        class_momentum: of μ.

    Raises:
        ValueError: settings outside their range.

    Example:
        >>> ClassFloor(class_momentum=0.9).class_momentum
        0.9
    """

    means: Tensor
    counts: Tensor

    def __init__(
        self,
        share: float = 0.95,
        momentum: float = 0.99,
        start: float = 0.6,
        lowest: float = 0.3,
        highest: float = 0.95,
        class_momentum: float = 0.999,
    ) -> None:
        super().__init__(share, momentum, start, lowest, highest)
        if not 0 <= class_momentum <= 1:
            raise ValueError(f"expected class_momentum from 0 to 1, found {class_momentum}")
        self.class_momentum = class_momentum
        self.register_buffer("means", torch.empty(0))
        self.register_buffer("counts", torch.empty(0, dtype=torch.int64))

    def prepare(self, info: DatasetInfo) -> None:
        """Make room for the classes."""
        self._make(len(info.class_names))

    def _make(self, classes: int) -> None:
        if len(self.means) != classes:
            self.means = torch.zeros(classes, device=self.running.device)
            self.counts = torch.zeros(classes, dtype=torch.int64, device=self.running.device)

    def forward(self, seen: Seen) -> Tensor:
        if self.training:
            self._make(seen.px.logits.shape[1])
            self._follow(seen)
        floor = self.share * self.running
        if len(self.means):
            known = self.counts >= 100
            largest = torch.where(known, self.means, 0).max().clamp(min=1e-12)
            floor = torch.where(known, floor * self.means / largest, floor)[seen.classes]
        return (seen.confidence > floor.clamp(self.lowest, self.highest)).float()

    def _follow(self, seen: Seen) -> None:
        mean = mean_confidence(seen, True, otherwise=self.running.double())
        self.running.lerp_(mean.to(self.running.dtype), 1 - self.momentum)
        number, total = class_sums(seen, True)
        means = (total / number.clamp(min=1)).to(self.means.dtype)
        moved = torch.where(self.counts > 0, self.means.lerp(means, 1 - self.class_momentum), means)
        enough = number >= 10
        self.means.copy_(torch.where(enough, moved, self.means))
        self.counts.add_(torch.where(enough, number, 0).long())
