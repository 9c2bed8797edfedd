"""Verdicts on the values of tensors, for which the host does not wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class LateVerdicts:
    """Hands small tensors to functions that raise where these say that something is wrong.

    On a CUDA device a look at the values would make the host wait in every step. There a verdict is copied to the host
    without waiting, and judged in the first call after it has arrived. Everywhere else it is judged at once.

    Example:
        >>> def refuse(negative):
        ...     if negative:
        ...         raise ValueError("expected no negative value")
        >>> LateVerdicts()(torch.tensor([1.0, -1.0]).lt(0).any(), refuse)
        Traceback (most recent call last):
        ...
        ValueError: expected no negative value
    """

    def __init__(self) -> None:
        self._on_their_way: deque[tuple[Tensor, torch.cuda.Event, Callable[[Tensor], None]]] = deque()

    def __getstate__(self) -> dict[str, Any]:
        # A verdict on its way belongs to this process and device; a copy or a checkpoint starts without one.
        return {"_on_their_way": deque()}

    def __call__(self, verdict: Tensor, judge: Callable[[Tensor], None]) -> None:
        """Judge a verdict, and those that have arrived since the last call."""
        if verdict.device.type != "cuda":
            judge(verdict)
            return
        host = torch.empty(verdict.shape, dtype=verdict.dtype, pin_memory=True)
        host.copy_(verdict, non_blocking=True)
        copied = torch.cuda.Event()
        copied.record(torch.cuda.current_stream(verdict.device))
        self._on_their_way.append((host, copied, judge))
        while self._on_their_way and self._on_their_way[0][1].query():
            host, _, judge = self._on_their_way.popleft()
            judge(host)
