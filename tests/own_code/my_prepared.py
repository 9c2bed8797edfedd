"""Modules that take what they know from the training set, as a user may write them."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.labelers import Labeler, PseudoLabels, known_trust
from hardpix.pixels import DatasetInfo, PixelBatch
from hardpix.signals import Signal


class MadeInPrepare(Signal):
    """1 + the share of the training pixels that the most likely class does not have."""

    name = "rarity"
    rarity: Tensor

    def prepare(self, info: DatasetInfo) -> None:
        counts = torch.tensor(info.class_counts, dtype=torch.float64)
        self.register_buffer("rarity", (2 - counts / counts.sum()).float())

    def forward(self, px: PixelBatch) -> Tensor:
        return self.rarity[px.logits.argmax(1)]


class DeclaredEmpty(MadeInPrepare):
    """The same, its buffer of no size at first."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rarity", torch.zeros(0))

    def prepare(self, info: DatasetInfo) -> None:
        if not len(self.rarity):
            super().prepare(info)


class DeclaredNone(MadeInPrepare):
    """The same, without a buffer at first."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rarity", None)


class NotPrepared(Signal):
    """Needs nothing of the training set, and has no buffer."""

    name = "rarity"

    def forward(self, px: PixelBatch) -> Tensor:
        return torch.ones(px.shape)


class NamedClass(Labeler):
    """Labels the pixels of one class, chosen by its name, and trusts them by its share of the training pixels."""

    def __init__(self, keep: str) -> None:
        super().__init__()
        self.keep = keep

    def prepare(self, info: DatasetInfo) -> None:
        if self.keep not in info.class_names:
            raise ValueError(f"expected one of {', '.join(info.class_names)} as keep, found {self.keep}")
        self.index = info.class_names.index(self.keep)
        self.share = info.class_counts[self.index] / sum(info.class_counts)

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> PseudoLabels:
        kept = (px.logits.argmax(1) == self.index) & (known_trust(px) > 0)
        return PseudoLabels(torch.where(kept, self.index, px.ignore_index), self.share * kept)


class FailsLater(Labeler):
    """Labels one image, and fails at the next."""

    seen = 0

    def forward(self, px: PixelBatch) -> PseudoLabels:
        self.seen += 1
        if self.seen > 1:
            raise RuntimeError("a mistake of my own")
        return PseudoLabels(px.logits.argmax(1), torch.ones(px.shape))


class Pair(Labeler):
    """Returns a tuple."""

    def forward(self, px: PixelBatch) -> object:
        return px.logits.argmax(1), torch.ones(px.shape)


class OneTooMany(Labeler):
    """Returns an id that is no class."""

    def forward(self, px: PixelBatch) -> PseudoLabels:
        return PseudoLabels(torch.full(px.shape, px.logits.shape[1]), torch.ones(px.shape))


class WithChannel(Labeler):
    """Returns a map too many."""

    def forward(self, px: PixelBatch) -> PseudoLabels:
        return PseudoLabels(px.logits.argmax(1, keepdim=True), torch.ones(px.shape))
