"""Contract of a signal: how much each pixel counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from torch import Tensor

from hardpix.pixels import PixelBatch, Prepared

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class Signal(Prepared):
    """Map of how much each pixel counts: (B, H, W) float32 ≥ 0 at every pixel, labeled or not.

    The loss masks unlabeled pixels; a signal need not. One of your own needs ``forward``. It needs ``bind`` where it
    depends on the network, ``prepare`` where it depends on the data set, ``loss`` where it learns, and ``level`` where
    its map has a fixed scale. Ask for its map by ``px.map(signal)``, which computes it once a batch for all its users.

    Example:
        >>> import torch
        >>> class Doubt(Signal):
        ...     name = "doubt"
        ...     def forward(self, px):
        ...         return 1 - px.confidence
        >>> px = PixelBatch(torch.zeros(1, 4, 1, 2), torch.tensor([[[3, 255]]]))
        >>> px.map(Doubt())
        tensor([[[0.7500, 0.7500]]])
    """

    name: str = "signal"
    """Name under which its map is published in ``px.maps`` and its loss is logged."""

    differentiable: ClassVar[bool] = False
    """False: the map is a constant for the segmentation loss."""

    needs_target: bool = False
    """True: nothing can be said of images without labels."""

    reads: frozenset[str] = frozenset()
    """Keys of the maps of the sample that it needs, such as "depth"."""

    @property
    def stops_gradient(self) -> bool:
        """True if no gradient of its loss reaches the network; else its branch learns at the network's rate."""
        return True

    @property
    def normalizer(self) -> Literal["weight", "count"]:
        """Divisor of the weighted loss: Σ w ("weight") or the number of valid pixels ("count")."""
        return "weight"

    def bind(self, network: TappedNetwork) -> Self:
        """Build what depends on the network, on its device. A second call changes nothing.

        The network never becomes a submodule of the signal.
        """
        return self

    def forward(self, px: PixelBatch) -> Tensor:
        """The map, (B, H, W) float32."""
        raise NotImplementedError(f"{type(self).__name__} must compute a map in forward(px)")

    def level(self, px: PixelBatch) -> Tensor:
        """The map for files and pictures, (B, H, W): the map itself, unless a signal has one with the scale 0 to 1."""
        return px.map(self)

    @property
    def has_level(self) -> bool:
        """True if :meth:`level` is of its own, with the fixed scale 0 to 1."""
        return type(self).level is not Signal.level

    @property
    def expects_loss(self) -> bool:
        """True if a level v stands for an expected loss of v / (1 − v) times the average."""
        return False

    def loss(self, px: PixelBatch) -> Tensor | None:
        """Loss that trains the signal itself, a scalar; None where nothing is learned.

        The training step adds it once, with weight 1, whatever objectives use the map.
        """
        return None
