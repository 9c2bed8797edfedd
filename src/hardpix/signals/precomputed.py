"""A weight map that comes with the data."""

from torch import Tensor

from hardpix.pixels import PixelBatch
from hardpix.signals.base import Signal


class Precomputed(Signal):
    """The data's own weight map plus a floor, for instance the hardness that another network has learned.

    ``hardpix mine`` writes round(65535 · sigmoid(D)); the folder's reader gives v / 65535 as ``px.sample["weight"]``;
    the map is that plus c, as it was when it was learned.

    Args:
        floor: c ≥ 0, added to every pixel; 0 takes the weights as they are.

    Raises:
        RuntimeError: a batch without a weight map.
        ValueError: a negative floor.

    Example:
        >>> import torch
        >>> sample = {"weight": torch.full((1, 1, 2), 0.5)}
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]]), sample=sample)
        >>> Precomputed()(px)
        tensor([[[0.6000, 0.6000]]])
    """

    name = "precomputed"
    reads = frozenset({"weight"})

    def __init__(self, floor: float = 0.1) -> None:
        super().__init__()
        if floor < 0:
            raise ValueError(f"expected floor ≥ 0, found {floor}")
        self.floor = floor

    def forward(self, px: PixelBatch) -> Tensor:
        weight = px.sample.get("weight")
        if weight is None:
            raise RuntimeError(
                "Precomputed found no weight map in the batch: pass weight= to the step, or a folder of weight maps "
                "(--data.weights) to hardpix fit"
            )
        return weight.float() + self.floor
