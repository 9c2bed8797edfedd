"""Errors where depth is known: of a prediction of depth, and of the classes at the same depth."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.pixels.precision import at_least_float32


def known_depth(depth: Tensor) -> Tensor:
    """Mask of known depth: finite and above 0.

    Example:
        >>> known_depth(torch.tensor([2.0, 0.0, -1.0, float("nan"), float("inf")]))
        tensor([ True, False, False, False, False])
    """
    depth = at_least_float32(depth)
    return depth.isfinite() & (depth > 0)


@torch.no_grad()
def depth_prediction_error(log_prediction: Tensor, depth: Tensor) -> Tensor:
    """Error of predicted depth, whatever the scale of an image's depth.

    With r = log d̂ − log d at the pixels of known depth, |r − median of r over the image|: a prediction that is wrong by
    one factor everywhere is right. Of an even number of pixels the median is the lower of the two in the middle.

    Args:
        log_prediction: (B, H, W) log d̂, of depth in any unit.
        depth: (B, H, W) d; unknown where it is NaN, infinite or not above 0.

    Returns:
        (B, H, W) float32 or wider, 0 where depth is unknown; cut off from the graph.

    Raises:
        ValueError: shapes that differ or are not (B, H, W).

    Example:
        >>> depth = torch.tensor([[[1.0, 2.0, 4.0, float("nan")]]])
        >>> predicted = torch.tensor([[[3.0, 6.0, 24.0, 5.0]]])  # three times too far, the third pixel six times
        >>> depth_prediction_error(predicted.log(), depth)
        tensor([[[0.0000, 0.0000, 0.6931, 0.0000]]])
    """
    _require_maps(log_prediction=log_prediction, depth=depth)
    with torch.autocast(depth.device.type, enabled=False):
        known = known_depth(depth)
        residual = log_residual(log_prediction, depth).masked_fill(~known, torch.nan)
        # Image by image: with a dimension the median also says where it lies, which on CUDA is not deterministic.
        middle = torch.stack([image.nanmedian() for image in residual]) if len(residual) else residual.new_zeros(0)
        middle = middle[:, None, None]
        return torch.where(known, (residual - middle).abs(), 0)


@torch.no_grad()
def depth_aware_error(
    error: Tensor, depth: Tensor, labeled: Tensor, *, radius: int = 2, step: int = 3, tolerance: float = 0.1
) -> Tensor:
    """The mean error around each pixel over what lies at the same depth.

        E_i = Σ_j κ_ij e_j / Σ_j κ_ij        κ_ij = exp(−(d_i − d_j)² / 2(ρ d_i)²)

    over the labeled pixels j of known depth among the (2·radius + 1)² neighbors that lie ``step`` rows and columns
    apart, i itself included. So a pixel counts as hard where its surroundings are segmented badly, and errors on one
    side of a depth edge do not leak to the other. Taking every third pixel of a window of 13 × 13 costs a seventh of
    taking them all.

    Args:
        error: (B, H, W) e, such as 1 − the probability of the labeled class.
        depth: (B, H, W) d; unknown where it is NaN, infinite or not above 0.
        labeled: (B, H, W) boolean; the error of other pixels does not count.
        radius: neighbors on each side, ≥ 0.
        step: rows and columns between neighbors, ≥ 1.
        tolerance: ρ > 0, the share of its own depth within which a pixel's neighbors are at the same depth.

    Returns:
        (B, H, W) float32 or wider, 0 where depth is unknown or the pixel has no label; cut off from the graph.

    Raises:
        ValueError: shapes that differ or are not (B, H, W); settings outside their range.

    Example:
        >>> error = torch.tensor([[[1.0, 0.0, 0.0, 0.5]]])
        >>> depth = torch.tensor([[[2.0, 2.0, 9.0, 9.0]]])
        >>> depth_aware_error(error, depth, torch.ones(1, 1, 4, dtype=torch.bool), radius=3, step=1)
        tensor([[[0.5000, 0.5000, 0.2500, 0.2500]]])
    """
    _require_maps(error=error, depth=depth, labeled=labeled)
    require_window(radius, step, tolerance)
    with torch.autocast(depth.device.type, enabled=False):
        error, depth = at_least_float32(error), at_least_float32(depth)
        known = known_depth(depth)
        # Unknown depth must be a number, too: its weight is 0.
        depth = torch.where(known, depth, 1)
        counts = known & labeled
        errors = torch.where(counts, error, 0)
        # Image by image: what a shift needs stays in the processor's cache.
        images = zip(errors, depth, counts.to(depth.dtype), strict=True)
        means = [_mean_at_same_depth(*image, radius, step, tolerance) for image in images]
        return torch.stack(means) * counts if means else errors


def _mean_at_same_depth(
    errors: Tensor, depth: Tensor, counts: Tensor, radius: int, step: int, tolerance: float
) -> Tensor:
    """Σ κ e / Σ κ of one image (H, W) by shifted sums, with errors of 0 and counts of 0 where nothing counts."""
    height, width = depth.shape
    reach = radius * step
    errors, there, counts = (F.pad(values, (reach,) * 4) for values in (errors, depth, counts))
    # Divided before it is squared: neither the square of a far depth nor that of a near one need be a number.
    sharpness = math.sqrt(0.5) / (tolerance * depth).clamp(min=torch.finfo(depth.dtype).tiny)
    weighted, total, kernel = torch.zeros_like(depth), torch.zeros_like(depth), torch.empty_like(depth)
    nothing = depth.new_zeros(())
    for top in range(0, 2 * reach + 1, step):
        for left in range(0, 2 * reach + 1, step):
            window = slice(top, top + height), slice(left, left + width)
            torch.sub(there[window], depth, out=kernel)
            kernel.mul_(sharpness)
            torch.addcmul(nothing, kernel, kernel, value=-1, out=kernel).exp_()
            weighted.addcmul_(kernel, errors[window])
            total.addcmul_(kernel, counts[window])
    return weighted / torch.where(total > 0, total, 1)


def log_residual(log_prediction: Tensor, depth: Tensor) -> Tensor:
    """log d̂ − log d, on the graph of the prediction; 0 where depth is unknown.

    Example:
        >>> log_residual(torch.zeros(2), torch.tensor([1.0, float("nan")]))
        tensor([0., 0.])
    """
    known = known_depth(depth)
    log_depth = torch.where(known, at_least_float32(depth), 1).log()
    return torch.where(known, at_least_float32(log_prediction) - log_depth, 0)


def require_window(radius: int, step: int, tolerance: float) -> None:
    """Refuse what is no window of :func:`depth_aware_error`.

    Raises:
        ValueError: numbers outside their range, or no whole numbers where these are needed.
    """
    if not (isinstance(radius, int) and isinstance(step, int) and radius >= 0 and step >= 1 and tolerance > 0):
        raise ValueError(
            f"expected whole numbers radius ≥ 0 and step ≥ 1 and a tolerance > 0, found {radius}, {step}, {tolerance}"
        )


def _require_maps(**maps: Tensor) -> None:
    shapes = {name: tuple(values.shape) for name, values in maps.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 3 for shape in shapes.values()):
        raise ValueError(f"expected maps of one shape (B, H, W), found {shapes}")
