"""Losses of a prediction of depth."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from hardpix.pixels.depth import known_depth, log_residual
from hardpix.pixels.reduce import global_max, process_mean, weighted_mean

DepthLoss = Literal["berhu", "l1", "scale_invariant"]


def depth_loss(
    log_prediction: Tensor, depth: Tensor, kind: DepthLoss = "berhu", *, across_processes: bool = False
) -> Tensor:
    """The mean loss of predicted log depth over the pixels of known depth, in r = log d̂ − log d.

    - "l1": |r|.
    - "berhu": |r| up to c, (r² + c²) / 2c beyond it, c a fifth of the largest |r| in the batch (arXiv 1606.00373).
    - "scale_invariant": r² − ½ (mean of r over the image)², which forgives half of a wrong scale (arXiv 1406.2283).

    Args:
        log_prediction: (B, H, W) log d̂.
        depth: (B, H, W) d; unknown where it is NaN, infinite or not above 0.
        kind: see above.
        across_processes: the mean, and c, are over the pixels of all processes that train together.

    Returns:
        Scalar; 0, still on the graph, where no depth is known.

    Raises:
        ValueError: another kind.

    Example:
        >>> depth = torch.tensor([[[1.0, 2.0, float("nan")]]])
        >>> depth_loss(torch.tensor([[[0.5, 0.0, 7.0]]]), depth, "l1")  # (0.5 + log 2) / 2
        tensor(0.5966)
    """
    if kind not in LOSSES:
        raise ValueError(f"expected a depth loss {', '.join(map(repr, LOSSES))}, found {kind!r}")
    with torch.autocast(depth.device.type, enabled=False):
        known = known_depth(depth)
        losses = LOSSES[kind](log_residual(log_prediction, depth), known, across_processes)
        weights = known.to(losses.dtype)
        normalizer = process_mean(weights.sum()) if across_processes else weights.sum()
        return weighted_mean(losses, weights, normalizer=normalizer)


def _l1(residual: Tensor, known: Tensor, across_processes: bool) -> Tensor:
    return residual.abs()


def _berhu(residual: Tensor, known: Tensor, across_processes: bool) -> Tensor:
    size = residual.abs()
    largest = size.detach().amax()
    c = (global_max(largest) if across_processes else largest) / 5
    beyond = (residual.square() + c**2) / (2 * torch.where(c > 0, c, 1))
    return torch.where(size <= c, size, beyond)


def _scale_invariant(residual: Tensor, known: Tensor, across_processes: bool) -> Tensor:
    mean = residual.sum((1, 2), keepdim=True) / known.sum((1, 2), keepdim=True).clamp(min=1)
    return residual.square() - mean.square() / 2


LOSSES: dict[str, Callable[[Tensor, Tensor, bool], Tensor]] = {
    "berhu": _berhu,
    "l1": _l1,
    "scale_invariant": _scale_invariant,
}
