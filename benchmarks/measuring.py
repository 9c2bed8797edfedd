"""Time and memory of contestants, measured alike in every benchmark."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch


def take_turns(
    runs: Mapping[str, Callable[[], object]], rounds: int, device: torch.device, warm_up: int = 1
) -> dict[str, list[float]]:
    """Seconds of every contestant in every round; who begins changes from round to round."""
    order = list(runs)
    seconds: dict[str, list[float]] = {name: [] for name in order}
    for number in range(warm_up + rounds):
        order = order[1:] + order[:1]
        for name in order:
            synchronize(device)
            start = time.perf_counter()
            runs[name]()
            synchronize(device)
            if number >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def synchronize(device: torch.device) -> None:
    """Wait for an accelerator."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def resident(kind: str) -> int:
    """KiB of this process that are resident, on Linux: VmRSS now, VmHWM at the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(kind)).split()[1])
