"""Mean and variance of all vectors that were ever seen of each class (SePiCo, TPAMI 2023, arXiv 2204.08808)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hardpix.objectives.memory import of_all_processes


class ClassStatistics(nn.Module):
    """Number, mean and variance of each class's vectors, as of one sample that holds everything stored so far.

    Nothing is forgotten. Fed in pieces of any sizes it has the statistics of all of them together: the variance is that
    of the population, within the pieces and between them. Its buffers are part of every checkpoint. With several
    processes each takes in what all of them saw.

    Args:
        num_classes: C.
        channels: of a vector, A.

    Example:
        >>> statistics = ClassStatistics(num_classes=2, channels=1)
        >>> for value in (1.0, 2.0, 6.0):
        ...     statistics.store(torch.tensor([[value]]), torch.tensor([1]))
        >>> statistics.count.tolist(), statistics.mean[1].item(), round(statistics.variance[1].item(), 4)
        ([0, 3], 3.0, 4.6667)
    """

    count: Tensor
    """(C,) int64: vectors of each class."""
    mean: Tensor
    """(C, A); 0 for a class without vectors."""
    variance: Tensor
    """(C, A), of the population; 0 for a class without vectors."""
    same_on_every_process = True
    """DDP need not send the buffers around: every process stores the same."""

    def __init__(self, num_classes: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(num_classes, dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(num_classes, channels))
        self.register_buffer("variance", torch.zeros(num_classes, channels))

    @torch.no_grad()
    def store(self, vectors: Tensor, classes: Tensor) -> None:
        """Take in (M, A) vectors of (M,) classes; those that are not finite are left out."""
        classes_of_all = torch.arange(len(self.count), device=self.count.device)
        parts = of_all_processes(*moments_of_classes(vectors, classes, len(self.count)))
        rows = torch.cat([_rows(self.count, self.mean, self.variance), parts[0]])
        count, mean, variance = pooled(*_moments(rows), torch.cat([classes_of_all, parts[1]]), len(self.count))
        self.count.copy_(count)
        self.mean.copy_(mean)
        self.variance.copy_(variance)


@torch.no_grad()
def moments_of_classes(vectors: Tensor, classes: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Statistics of this process's vectors: a row of number, mean and variance for each class that is there.

    Args:
        vectors: (M, A).
        classes: (M,).
        num_classes: C.

    Returns:
        (R, 1 + 2A) float64, and (R,) the classes of the rows.

    Example:
        >>> rows, classes = moments_of_classes(torch.tensor([[1.0], [3.0]]), torch.tensor([1, 1]), num_classes=2)
        >>> rows.tolist(), classes.tolist()
        ([[2.0, 2.0, 1.0]], [1])
    """
    finite = vectors.isfinite().all(1)
    vectors, classes = vectors[finite], classes[finite]
    single = torch.ones(len(vectors), dtype=vectors.dtype, device=vectors.device)
    count, mean, variance = pooled(single, vectors, None, classes, num_classes)
    there = count.nonzero().squeeze(1)
    # Counted anew: a float32 sum of ones stops at 2²⁴.
    count = torch.bincount(classes, minlength=num_classes)
    return _rows(count, mean, variance)[there], there


def pooled(
    counts: Tensor, means: Tensor, variances: Tensor | None, classes: Tensor, num_classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Statistics of the samples of each class joined: number (C,), mean and variance (C, A).

        N = Σ n,   μ = Σ n μ_i / N,   σ² = Σ n (σ_i² + (μ_i − μ)²) / N

    Args:
        counts: (M,) sizes of the samples.
        means: (M, A).
        variances: (M, A); None for samples of one vector.
        classes: (M,).
        num_classes: C.

    Example:
        >>> one, two = torch.tensor([1.0, 1.0]), torch.tensor([[0.0], [4.0]])
        >>> [each.flatten().tolist() for each in pooled(one, two, None, torch.tensor([0, 0]), num_classes=1)]
        [[2.0], [2.0], [4.0]]
    """
    # A matrix product adds up in the same order every time, which index_add on a GPU does not.
    share = F.one_hot(classes, num_classes).T.to(means.dtype) * counts.to(means.dtype)
    number = share.sum(1)
    share = share / number.clamp(min=1)[:, None]
    mean = share @ means
    apart = (means - mean[classes]).square()
    return number, mean, share @ (apart if variances is None else apart + variances)


def _rows(count: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return torch.cat([count[:, None].double(), mean.double(), variance.double()], 1)


def _moments(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    channels = (rows.shape[1] - 1) // 2
    return rows[:, 0], rows[:, 1 : 1 + channels], rows[:, 1 + channels :]
