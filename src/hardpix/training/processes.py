"""Rank of this process among several."""

from lightning.pytorch.utilities import rank_zero_only


def is_first_process() -> bool:
    """True if this process speaks and writes for all. Launchers say so before the processes have found each other."""
    return getattr(rank_zero_only, "rank", 0) == 0
