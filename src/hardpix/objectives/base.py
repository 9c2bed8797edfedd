"""Contract of an objective: what a batch costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from torch import Tensor

from hardpix.pixels import PixelBatch, Prepared

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class Objective(Prepared):
    """Turns a batch of pixels into losses: "loss" is the total, the other entries are its parts, for logging.

    An objective of your own needs ``forward``, and ``bind`` where it depends on the network.

    Example:
        >>> import torch
        >>> class OneMinusTrueProbability(Objective):
        ...     def forward(self, px):
        ...         return {"loss": ((1 - px.true_probability) * px.valid).sum() / px.valid.sum()}
        >>> px = PixelBatch(torch.zeros(1, 4, 1, 2), torch.tensor([[[3, 255]]]))
        >>> OneMinusTrueProbability()(px)
        {'loss': tensor(0.7500)}
    """

    needs_neighbors: ClassVar[bool] = False
    """True: the loss of a pixel depends on pixels around it, so that it cannot be had at chosen points alone."""

    def bind(self, network: TappedNetwork) -> Self:
        """Build what depends on the network, on its device. A second call changes nothing."""
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        """The losses of one batch, scalars."""
        raise NotImplementedError(f"{type(self).__name__} must compute its losses in forward(px)")
