"""Memory of a contrast: vectors of earlier batches."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

from hardpix.pixels import process_count


class Ring(nn.Module):
    """The latest embeddings of every class; the oldest make room.

    Its buffers are part of every checkpoint. With several processes each stores what all of them saw, in the order of
    their ranks, so that all rings are the same and need no broadcast.

    Args:
        num_classes: C.
        size: entries of a class, R.
        channels: of an embedding, D.

    Example:
        >>> ring = Ring(num_classes=2, size=3, channels=1)
        >>> for value in range(5):
        ...     ring.store(torch.tensor([[float(value)]]), torch.tensor([1]))
        >>> ring.entries[1].flatten().tolist(), ring.filled.tolist()
        ([3.0, 4.0, 2.0], [0, 3])
    """

    entries: Tensor
    """(C, R, D); rows that were never written are 0 and do not count."""
    written: Tensor
    """(C,) int64: how many entries each class has had."""
    same_on_every_process = True
    """DDP need not send the buffers around: every process stores the same."""

    def __init__(self, num_classes: int, size: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("entries", torch.zeros(num_classes, size, channels))
        self.register_buffer("written", torch.zeros(num_classes, dtype=torch.int64))

    @property
    def size(self) -> int:
        """Entries of a class, R."""
        return self.entries.shape[1]

    @property
    def filled(self) -> Tensor:
        """(C,) int64: how many entries of each class are real."""
        return self.written.clamp(max=self.size)

    @property
    def classes(self) -> Tensor:
        """(C · R,) int64: the class of every row of ``entries``, row after row; −1 where nothing was written."""
        count, size = self.entries.shape[:2]
        real = torch.arange(size, device=self.entries.device) < self.filled[:, None]
        return torch.where(real, torch.arange(count, device=real.device)[:, None], -1).flatten()

    @torch.no_grad()
    def store(self, embeddings: Tensor, classes: Tensor) -> None:
        """Add (M, D) embeddings of (M,) classes, in their order; of more than R of one class the last R stay.

        Those that are not finite are left out: one batch that overflows would else spoil all losses until they are
        overwritten.
        """
        finite = embeddings.isfinite().all(1)
        embeddings, classes = embeddings[finite], classes[finite]
        if len(classes) == 0:
            return
        classes, order = classes.sort(stable=True)
        counts = torch.bincount(classes, minlength=len(self.written))
        place = torch.arange(len(classes), device=classes.device) - (counts.cumsum(0) - counts)[classes]
        stays = place >= counts[classes] - self.size
        classes, place, order = classes[stays], place[stays], order[stays]
        row = (self.written[classes] + place) % self.size
        self.entries[classes, row] = embeddings[order].to(self.entries.dtype)
        self.written += counts


def of_all_processes(embeddings: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """(M, D) embeddings and their (M,) classes of all processes, one after the other; M may differ between them."""
    processes = process_count()
    if processes == 1:
        return embeddings, classes
    counts = [torch.zeros(1, dtype=torch.int64, device=classes.device) for _ in range(processes)]
    dist.all_gather(counts, torch.tensor([len(classes)], device=classes.device))
    longest = int(torch.cat(counts).max())
    padded = embeddings.new_zeros(longest, embeddings.shape[1] + 1)
    # Classes are small integers, which every float type that embeddings have holds exactly.
    padded[: len(classes)] = torch.cat([embeddings, classes[:, None].to(embeddings.dtype)], 1)
    gathered = [torch.empty_like(padded) for _ in range(processes)]
    dist.all_gather(gathered, padded)
    together = torch.cat([part[: int(count)] for part, count in zip(gathered, counts, strict=True)])
    return together[:, :-1], together[:, -1].long()
