"""Means over pixels that stay right when a batch is spread over several processes."""

import torch
import torch.distributed as dist
from torch import Tensor

from hardpix.pixels.precision import at_least_float32


def process_count() -> int:
    """Number of processes that train together; 1 without torch.distributed.

    Example:
        >>> process_count()
        1
    """
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def global_sum(value: Tensor) -> Tensor:
    """Sum of a tensor over all processes, cut off from the graph; the tensor itself in a single process.

    Example:
        >>> global_sum(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    value = value.detach()
    if process_count() > 1:
        value = value.clone()
        dist.all_reduce(value)
    return value


def joined_sum(value: Tensor) -> Tensor:
    """Sum of a tensor over all processes, on the graph of this process's share; the tensor itself in a single process.

    For losses that are no means, such as quotients of sums. The value of any function of it is that of the joined
    batch. With N processes its gradient is N times that of this process's share, so that the mean over processes,
    which DDP computes, is the gradient of the joined batch.

    Example:
        >>> joined_sum(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    processes = process_count()
    return value if processes == 1 else global_sum(value) + processes * (value - value.detach())


def global_max(value: Tensor) -> Tensor:
    """Largest of a tensor over all processes, cut off from the graph; the tensor itself in a single process.

    Example:
        >>> global_max(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    value = value.detach()
    if process_count() > 1:
        value = value.clone()
        dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return value


def process_mean(sums: Tensor) -> Tensor:
    """Sums over this process's pixels to their mean over all processes, cut off from the graph.

    Several sums in one tensor travel at once.

    Example:
        >>> process_mean(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    return global_sum(sums) / process_count()


def weighted_mean(values: Tensor, weights: Tensor, *, normalizer: Tensor | None = None) -> Tensor:
    """Σ w·v / Σ w, as a share of the joined batch of all processes.

    With N processes each returns N · Σ_local w·v / Σ_global w. The mean over processes, which DDP's averaging of
    gradients computes, is then the value (and the gradient) of the joined batch. The normalizer is a constant of the
    graph.

    Computed in float32 (float64 stays), also for half types and whole numbers.

    Args:
        values: any shape.
        weights: the same shape, ≥ 0; 0 leaves a value out, whatever it is.
        normalizer: scalar to divide by, in place of ``process_mean(Σ w)``: for instance Σ w, for this process's batch
            alone, or the :func:`process_mean` of a count of pixels.

    Returns:
        Scalar; 0, still on the graph, where nothing has weight.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> weighted_mean(torch.tensor([1.0, 2.0, float("nan")]), torch.tensor([3.0, 1.0, 0.0]))
        tensor(1.2500)
    """
    if values.shape != weights.shape:
        raise ValueError(
            f"expected values and weights of one shape, found {tuple(values.shape)} and {tuple(weights.shape)}"
        )
    values = at_least_float32(values)
    if weights.is_floating_point():
        weights = at_least_float32(weights)
    total = (torch.where(weights > 0, values, torch.zeros_like(values)) * weights).sum()
    share = process_mean(weights.sum(dtype=total.dtype)) if normalizer is None else normalizer.detach().to(total.dtype)
    return total / torch.where(share > 0, share, torch.ones_like(share))
