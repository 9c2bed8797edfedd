"""The types that maps are computed in."""

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """The same values in float32 if they came in a shorter type; float32 and float64 pass as they are.

    Sums over a million pixels lose whole digits in half types, so every map of this library is computed in float32.

    Example:
        >>> at_least_float32(torch.ones(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return values if values.dtype in (torch.float32, torch.float64) else values.float()
