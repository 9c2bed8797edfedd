"""Contract of a recipe: who sees what in one step of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from torch import Tensor
from torch.optim import Optimizer

from hardpix.batch_check import BatchCheck
from hardpix.networks import TappedNetwork
from hardpix.networks.binding import bound
from hardpix.pixels import MapSource, PixelBatch, Prepared
from hardpix.pixels.eager import eager

Batch = Mapping[str, Any]


class Recipe(Prepared):
    """Turns one batch of each stream into losses. One of your own needs ``forward``; everything else has a default.

    It is a module: whatever it learns or counts is in every checkpoint. State changes in training mode only.

    Example:
        >>> class Plain(Recipe):
        ...     def forward(self, batches, progress):
        ...         px = self.pixels(batches["labeled"], progress)
        ...         return {"loss": px.loss.mean()}
        >>> import torch
        >>> from torch import nn
        >>> import hardpix
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1))
        >>> batch = {"image": torch.rand(1, 3, 4, 4), "target": torch.zeros(1, 4, 4, dtype=torch.long)}
        >>> list(Plain().bind(hardpix.tap(model, decoder="1"))({"labeled": batch}, progress=0.0))
        ['loss']
    """

    streams: ClassVar[tuple[str, ...]] = ("labeled",)
    """Batches that it wants, by name; the data module brings them."""

    network: TappedNetwork
    """Network that learns."""

    def __init__(self) -> None:
        super().__init__()
        self._check_batch = BatchCheck()

    @property
    def deployed(self) -> TappedNetwork:
        """Network that is validated, tested, and predicted with; another one where a method deploys its teacher."""
        return self.network

    def bind(self, network: TappedNetwork) -> Self:
        """Take the network that learns, and give it to every part that has a ``bind`` of its own."""
        self.network = network
        for part in self.children():
            if part is not network and callable(getattr(part, "bind", None)):
                bound(part, network)  # type: ignore[type-var]
        return self

    def forward(self, batches: Mapping[str, Batch], progress: float) -> dict[str, Tensor]:
        """Losses of one step, scalars: "loss" is the total, the others its parts; progress runs from 0 to 1."""
        raise NotImplementedError(f"{type(self).__name__} must compute its losses in forward(batches, progress)")

    def use_optimizer(self, optimizer: Optimizer) -> None:
        """Take the optimizer that will be stepped, before the first step; for recipes that take steps of their own."""

    def end_step(self) -> None:
        """Called after each step that the optimizer took: once for accumulated gradients, never for a skipped one."""

    def end_epoch(self) -> None:
        """Called after each whole epoch."""

    def pixels(self, batch: Batch, progress: float | None = None, teacher: PixelBatch | None = None) -> PixelBatch:
        """Pixels of a batch as the network sees them, after the checks that every batch goes through."""
        px = self.network.pixels(**batch, progress=progress, teacher=teacher)
        px.watch = self._check_map
        # A labeler made targets that come with a trust: they say nothing about the user's labels.
        if px.target is not None and "target_weight" not in batch:
            self._check(px.logits, px.target, px.ignore_index)
        return px

    @eager
    def _check(self, logits: Tensor, target: Tensor, ignore_index: int) -> None:
        self._check_batch(self.network.model, logits, target, ignore_index, self.training)

    @eager
    def _check_map(self, px: PixelBatch, source: MapSource) -> None:
        self._check_batch.maps(px, source)
