"""Versions and hardware that a result depends on, and the memory of this process."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch


@cache
def versions() -> dict[str, str]:
    """Versions of what a result depends on most."""
    packages = {name: version(name) for name in ("hardpix", "torch", "lightning")}
    return {"python": platform.python_version(), **packages}


def hardware(device: torch.device, processes: int = 1) -> str:
    """The device in words: a GPU's name, or the processor's and how many threads torch uses."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{processor()}, {torch.get_num_threads()} of {os.cpu_count()} threads"
    return name if processes == 1 else f"{processes} × {name}"


@cache
def processor() -> str:
    """Model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def peak_resident() -> int:
    """Most bytes of this process that were resident so far; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else 1024 * peak
