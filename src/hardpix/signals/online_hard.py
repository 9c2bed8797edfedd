"""Online hard example mining on pixels."""

from numbers import Integral
from typing import Literal

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch, global_sum, kth_smallest
from hardpix.pixels.shares import share_of
from hardpix.signals.base import Signal


class OnlineHard(Signal):
    """Weight 1 for the pixels that are hard now, 0 for the others (OHEM, arXiv 1604.03540, as used on pixels).

    A valid pixel is kept if its true-class probability is below ``threshold``. If these are fewer than ``min_kept``,
    those with the smallest probabilities are kept (all of those that tie with the last one). The loss is the mean over
    the kept.

    Args:
        threshold: probability from 0 to 1.
        min_kept: at least so many pixels are kept. A float from 0 to 1 is a share of the valid pixels, rounded up (0.3
            of 50 is 15); an integer is a number.
        per: "batch" (all images together, as the field does) or "image".
        across_processes: per batch, the k-th value is that of the joined batch of all processes that train together.

    Raises:
        ValueError: settings outside their range.

    Example:
        >>> logits = torch.tensor([[[[0.0, 2.0, 4.0]], [[0.0, 0.0, 0.0]]]])
        >>> OnlineHard(threshold=0.7, min_kept=2)(PixelBatch(logits, torch.zeros(1, 1, 3, dtype=torch.long)))
        tensor([[[1., 1., 0.]]])
    """

    name = "online_hard"
    needs_target = True

    def __init__(
        self,
        threshold: float = 0.7,
        min_kept: int | float = 1 / 16,  # in this order: a run file's 1000 is read as the first type that fits
        per: Literal["batch", "image"] = "batch",
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if not 0 <= threshold <= 1:
            raise ValueError(f"expected threshold from 0 to 1, found {threshold}")
        if min_kept < 0 or (not isinstance(min_kept, Integral) and min_kept > 1):
            raise ValueError(
                f"expected min_kept as a share from 0.0 to 1.0 or as a whole number of pixels, found {min_kept}"
            )
        if per not in ("batch", "image"):
            raise ValueError(f"expected per 'batch' or 'image', found {per!r}")
        self.threshold = threshold
        self.min_kept = min_kept
        self.per = per
        self.across_processes = across_processes

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> Tensor:
        rows = 1 if self.per == "batch" else len(px.logits)
        joined = self.per == "batch" and self.across_processes and self.training
        probability = px.true_probability.float().reshape(rows, -1)
        valid = px.valid.reshape(rows, -1)
        available = global_sum(valid.sum(1)) if joined else valid.sum(1)
        if isinstance(self.min_kept, Integral):
            wanted = available.clamp(max=int(self.min_kept))
        else:
            wanted = share_of(available, self.min_kept)
        last_kept = kth_smallest(probability, valid, wanted, across_processes=joined)
        # k = 0 asks for no pixel beyond the threshold, while the search answers with the smallest value there is.
        last_kept = torch.where(wanted > 0, last_kept, -1.0)
        # NaN is kept, so that the loss shows that the network has diverged.
        keep = valid & ((probability < self.threshold) | (probability <= last_kept[:, None]) | probability.isnan())
        return keep.float().reshape(px.shape)
