"""Contract of a threshold: how much of each label is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from hardpix.pixels import PixelBatch, Prepared


@dataclass(frozen=True)
class Seen:
    """Prediction of a batch, (B, H, W) each: most likely class, its probability, and where a label may be made."""

    classes: Tensor
    confidence: Tensor
    known: Tensor
    px: PixelBatch


class Threshold(Prepared):
    """Share of each label that is kept, (B, H, W) float32 from 0 to 1. A rule of your own needs ``forward``.

    A rule that follows the training keeps its state in buffers, which stay in float32 whatever type the network has.
    They change in training mode only, by sums over all processes, so that they are the same in each.

    Example:
        >>> import torch
        >>> class Half(Threshold):
        ...     def forward(self, seen):
        ...         return (seen.confidence > 0.5).float()
        >>> px = PixelBatch(torch.tensor([[0.0, 0.0], [4.0, 0.0]]).view(1, 2, 1, 2))
        >>> Half()(Seen(px.logits.argmax(1), px.confidence, px.valid, px))
        tensor([[[1., 0.]]])
    """

    def forward(self, seen: Seen) -> Tensor:
        """Shares of the labels that may be made; what stands elsewhere does not matter."""
        raise NotImplementedError(f"{type(self).__name__} must say how much of each label is kept, in forward(seen)")

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, old in before.items():
            new = self._buffers[name]
            if old is not None and new is not None and new.dtype != old.dtype and not new.is_meta:
                # In a half type an average would not move.
                self._buffers[name] = old.to(new.device)
        return self


def require_range(lowest: float, highest: float, **shares: float) -> None:
    """Refuse settings of a threshold that are no probabilities, or in the wrong order.

    Example:
        >>> require_range(0.3, 0.8, momentum=2.0)
        Traceback (most recent call last):
        ValueError: expected momentum from 0 to 1, found 2.0
    """
    if not 0 <= lowest <= highest <= 1:
        raise ValueError(f"expected 0 ≤ lowest ≤ highest ≤ 1, found {lowest} and {highest}")
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ValueError(f"expected {name} from 0 to 1, found {value}")
