"""Helpers for the tests of signals and objectives."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from hardpix.networks import TappedNetwork, tap
from hardpix.pixels import PixelBatch, Taps

TAPS = ("features", "embedding", "auxiliary", "stages", "without_graph")
BATCH = ("ignore_index", "teacher", "progress")


def public_classes(room: ModuleType, contract: type) -> set[type]:
    """Classes of a contract that a room exports, without the contract itself."""
    exported = (getattr(room, name) for name in room.__all__)
    return {kind for kind in exported if isinstance(kind, type) and issubclass(kind, contract)} - {contract}


def batch_of(logits: Tensor, target: Tensor | None = None, **known: Any) -> PixelBatch:
    """A batch from what is known of it: taps, maps of the sample and the rest, each by its own name."""
    known = {name: value for name, value in known.items() if value is not None}
    taps = Taps(**{name: known.pop(name) for name in TAPS if name in known})
    rest = {name: known.pop(name) for name in BATCH if name in known}
    return PixelBatch(logits, target, sample=known, taps=taps, **rest)


class QueryNetwork(nn.Module):
    """Classifies the masks of five queries, in two layers; the masks know single pixels alone."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 6, 1)
        self.masks = nn.ModuleList(nn.Conv2d(6, 5, 1) for _ in range(2))
        self.classes = nn.ModuleList(nn.Linear(6, 5 * (num_classes + 1)) for _ in range(2))

    def forward(self, image: Tensor) -> dict[str, Any]:
        features = self.encoder(image)
        layers = [
            {"pred_masks": masks(features), "pred_logits": classes(features.mean((2, 3))).unflatten(1, (5, -1))}
            for masks, classes in zip(self.masks, self.classes, strict=True)
        ]
        return {**layers[1], "aux_outputs": layers[:1]}


def query_network(num_classes: int) -> TappedNetwork:
    """The same weights in every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tap(QueryNetwork(num_classes))
