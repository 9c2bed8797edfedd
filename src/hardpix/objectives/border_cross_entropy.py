"""Cross-entropy beside borders between classes (the boundary loss of CW-BASS, IJCNN 2025, arXiv 2502.15152)."""

from __future__ import annotations

from torch import Tensor

from hardpix.objectives.base import Objective
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import PixelBatch, border_band


class BorderCrossEntropy(Objective):
    """Σ t ℓ / Σ t over the labeled pixels that have another class within some rows and columns; t is the trust.

    CW-BASS adds half of it to the loss of pseudo-labels: ``Sum({"labels": …, "borders": BorderCrossEntropy()},
    {"borders": 0.5})``. :class:`BoundaryLoss` is another one, by distances to borders.

    [ours], where the authors' code does otherwise:

    - A border lies between two labeled pixels. Theirs is found before labels are dropped, and at the image's frame.
    - A line of one pixel is border itself. The Sobel filter's two sides cancel there.
    - The trust in labels ("target_weight") weighs it.

    Args:
        radius: reach in pixels, ≥ 1; 1 takes the pixels on both sides of a border.
        across_processes: the mean is that of the joined batch of all processes that train together.

    Raises:
        ValueError: a radius below 1.

    Example:
        >>> import torch
        >>> px = PixelBatch(torch.zeros(1, 4, 1, 3), torch.tensor([[[0, 0, 1]]]))
        >>> BorderCrossEntropy()(px)["loss"]  # log 4
        tensor(1.3863)
    """

    needs_neighbors = True

    def __init__(self, radius: int = 1, across_processes: bool = True) -> None:
        super().__init__()
        if radius < 1:
            raise ValueError(f"expected radius ≥ 1, found {radius}")
        self.radius = radius
        self.across_processes = across_processes

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        weight = weight_map(px, None) * border_band(px.labels, self.radius, px.ignore_index)
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        (mean,) = weighted_means([(px.loss, weight, weight)], joined=self.across_processes and self.training)
        return {"loss": mean}
