"""Batches that a run goes on with from inside an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from hardpix.data import SeededSampler


class ResumableLoader(DataLoader):
    """Loader that knows its place in the epoch and goes on from one, where its sampler is a `SeededSampler`.

    Workers may have read ahead: what counts are the batches that were handed out. Lightning takes a loader with these
    two methods for one that can be resumed, yet does not always give the place back; the data module does.
    """

    taken = 0
    """Batches of this epoch that were handed out, those before an interruption among them."""
    _left_out = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.taken, self._left_out = self._left_out, 0
        for batch in super().__iter__():
            self.taken += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The place in the epoch."""
        return {"epoch": getattr(self.sampler, "epoch", 0), "batches": self.taken}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on at a place, in its epoch alone; after a whole epoch there is nothing to leave out."""
        if isinstance(self.sampler, SeededSampler) and self.batch_size and state["batches"] < len(self):
            self.sampler.skip(state["epoch"], state["batches"] * self.batch_size)
            self._left_out = state["batches"]
