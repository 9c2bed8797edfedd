"""Shares of a machine that several runs have: threads, workers that read ahead, GPUs."""

from __future__ import annotations

import os

import torch

from hardpix.diagnosis.parallel import cores


def threads(parallel: int) -> int:
    """Threads of each of several runs at a time.

    Example:
        >>> threads(10**6)
        1
    """
    return max(1, cores() // parallel)


def environment(parallel: int) -> dict[str, str]:
    """Variables that share out the threads; what the user has set stays."""
    return {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(threads(parallel))}


def reading_options(parallel: int) -> tuple[str, ...]:
    """Arguments of ``hardpix fit`` that share out the workers that read ahead; they change no result."""
    return () if parallel == 1 else ("--data.workers", str(min(8, threads(parallel))))


def gpus() -> list[str]:
    """GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return [str(k) for k in range(count)] if named is None else [name for name in named.split(",") if name][:count]


def gpu_of(slot: int, parallel: int) -> dict[str, str]:
    """Variables that give each of several runs a GPU in turn; a single run has all of them."""
    visible = gpus()
    return {"CUDA_VISIBLE_DEVICES": visible[slot % len(visible)]} if parallel > 1 and len(visible) > 1 else {}
