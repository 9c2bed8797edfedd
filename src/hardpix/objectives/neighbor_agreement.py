"""Agreement of each pixel beside a border with its neighbors (consistency of RIPU, Xie et al., CVPR 2022)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.objectives.base import Objective
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import PixelBatch, at_least_float32, border_band


class NeighborAgreement(Objective):
    """Σ t Σ_c |p_c − p̄_c| / Σ t over labeled pixels with another class within one row and column.

    p̄ is the mean of p over the window of 3 × 3 pixels, as far as it lies in the image (``px.inside``); t is the trust.
    RIPU (arXiv 2111.12940) adds 0.1 of it to the cross-entropy of densely labeled images. The gradient reaches both p
    and p̄.

    [ours], where the authors' code does otherwise:

    - A pixel is beside a border where a labeled neighbor has another class. Theirs takes the Laplacian of class
      numbers, which is 0 at junctions such as 1|2|3, and is not 0 at the image's frame.
    - The window ends at the frame; theirs repeats the outermost pixels.
    - 0 where there is no border; theirs is not a number.

    Args:
        across_processes: the mean is that of the joined batch of all processes that train together.

    Example:
        >>> px = PixelBatch(torch.tensor([[[[50.0, 50.0, 0.0]], [[0.0, 0.0, 50.0]]]]), torch.tensor([[[0, 0, 1]]]))
        >>> NeighborAgreement()(px)["loss"]  # the mean of 2 · 1/3 and 2 · 1/2
        tensor(0.8333)
    """

    needs_neighbors = True

    def __init__(self, across_processes: bool = True) -> None:
        super().__init__()
        self.across_processes = across_processes

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        with torch.autocast(px.logits.device.type, enabled=False):
            shares = at_least_float32(px.logits).softmax(1)
            inside = px.inside[:, None].to(shares.dtype)
            total, count = (F.avg_pool2d(each, 3, stride=1, padding=1) for each in (shares * inside, inside))
            # A window without any pixel of the image lies around a pixel that has no label either.
            nearby = total / torch.where(count > 0, count, 1)
            difference = (shares - nearby).abs().sum(1)
        weight = weight_map(px, None) * border_band(px.labels, 1, px.ignore_index)
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        (mean,) = weighted_means([(difference, weight, weight)], joined=self.across_processes and self.training)
        return {"loss": mean}
