"""Functions that a compiler leaves out of its graphs."""

from collections.abc import Callable
from typing import TypeVar

import torch

Function = TypeVar("Function", bound=Callable)


def eager(function: Function) -> Function:
    """Leave a function out of compiled graphs, as ``torch.compiler.disable`` does.

    That one imports the compiler at once, which takes as long as importing torch; here it waits for the first call.

    Example:
        >>> @eager
        ... def doubled(values):
        ...     return 2 * values
        >>> doubled(torch.ones(2))
        tensor([2., 2.])
    """
    # Torch's own optimizers use it; no public function waits.
    return torch._disable_dynamo(function)  # type: ignore[return-value]
