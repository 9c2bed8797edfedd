"""What a signal is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from torch import Tensor, nn

from hardpix.pixels import PixelBatch

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class Signal(nn.Module):
    """A map of how much each pixel matters: (B, H, W) float32 ≥ 0, 0 where there is no label.

    A signal of your own needs ``forward``; ``bind`` where it depends on the network, ``own_loss`` where it learns.
    Ask for its map by ``px.map(signal)``, which computes it once a batch for everybody who uses it.

    Example:
        >>> import torch
        >>> class Doubt(Signal):
        ...     name = "doubt"
        ...     def forward(self, px):
        ...         return (1 - px.confidence) * px.valid
        >>> px = PixelBatch(torch.zeros(1, 4, 1, 2), torch.tensor([[[3, 255]]]))
        >>> px.map(Doubt())
        tensor([[[0.7500, 0.0000]]])
    """

    name: ClassVar[str] = "signal"
    """What its map is published as in ``px.maps`` and its own loss is logged as."""

    differentiable: ClassVar[bool] = False
    """False: the map is a constant for the segmentation loss."""

    @property
    def cut_off(self) -> bool:
        """Whether no gradient of its own loss reaches the network; else its branch learns at the network's rate."""
        return True

    @property
    def normalizer(self) -> Literal["weight", "count"]:
        """What the weighted loss is divided by: Σ w ("weight") or the number of valid pixels ("count")."""
        return "weight"

    def bind(self, network: TappedNetwork) -> Self:
        """Build what depends on the network, on its device. A second call changes nothing.

        The network never becomes a submodule of the signal.
        """
        return self

    def forward(self, px: PixelBatch) -> Tensor:
        """The map, (B, H, W) float32."""
        raise NotImplementedError(f"{type(self).__name__} must compute a map in forward(px)")

    def own_loss(self, px: PixelBatch) -> Tensor | None:
        """What trains the signal itself, from ``px.map(self)``: a scalar, or None where nothing is learned.

        Objectives ask for it by ``px.own_loss(signal, self)``, so that a signal that several share learns once.
        """
        return None
