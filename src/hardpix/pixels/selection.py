"""The exact k-th smallest value of a map without sorting it and without a word from the device."""

import torch
from torch import Tensor

from hardpix.pixels.reduce import global_sum

_HALF_BITS = 16
_BINS = 1 << _HALF_BITS


def kth_smallest(values: Tensor, mask: Tensor, k: Tensor, *, across_processes: bool = False) -> Tensor:
    """The k-th smallest of the masked values of each row, exactly.

    Non-negative floats are ordered as their bit patterns are. Two histograms of 16 bits each therefore find the value.
    The first finds the upper half of its bits, the second the lower half among the values that share the upper one.
    Linear in the number of values, and k may stay on the device.

    Args:
        values: (R, N) float32, ≥ 0.
        mask: (R, N) boolean, which values take part.
        k: (R,) integers, counted from 1; below 1 finds the smallest possible float (0), above the number of values +inf
            or NaN.
        across_processes: search the values of all processes together (the histograms are summed).

    Returns:
        (R,) float32.

    Example:
        >>> values = torch.tensor([[0.5, 0.1, 0.9, 0.0]])
        >>> kth_smallest(values, values > 0, torch.tensor([2]))
        tensor([0.5000])
    """
    bits = values.detach().float().contiguous().view(torch.int32).long()
    # A NaN may carry a sign, which must not become a negative bin: it ranks behind all numbers either way.
    upper, lower = (bits >> _HALF_BITS) & (_BINS - 1), bits & (_BINS - 1)
    upper_found, k = _find_bin(upper, mask, k, across_processes)
    lower_found, _ = _find_bin(lower, mask & (upper == upper_found[:, None]), k, across_processes)
    return ((upper_found << _HALF_BITS) | lower_found).to(torch.int32).view(torch.float32)


def _find_bin(digits: Tensor, mask: Tensor, k: Tensor, across_processes: bool) -> tuple[Tensor, Tensor]:
    """The digit that the k-th smallest has, (R,), and its rank among those with the same digit, (R,)."""
    counts = torch.zeros(digits.shape[0], _BINS, dtype=torch.int64, device=digits.device)
    counts.scatter_add_(1, digits, mask.long())
    if across_processes:
        counts = global_sum(counts)
    reached = counts.cumsum(1)
    found = (reached < k[:, None]).sum(1).clamp(max=_BINS - 1)
    before = reached.gather(1, found[:, None]).squeeze(1) - counts.gather(1, found[:, None]).squeeze(1)
    return found, k - before
