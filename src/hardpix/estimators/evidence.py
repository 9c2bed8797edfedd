"""Counts of what a network says of the pixels of images, and of what is true where labels are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BINS = 64
# Confidences beyond sigmoid(±LARGEST) share the last bins: 1 − 5e-5 is as sure as float16 tells.
LARGEST = 10.0


@dataclass(frozen=True)
class Evidence:
    """Counts of one image, (N, …) of N images, or of a set; C classes, B bins of a score that is high where it is good.

    Attributes:
        levels: (…, C, B) pixels by predicted class and bin of their score, int64.
        expected: (…, C, C) sums of the probability of the row's class over the pixels predicted as the column's,
            float64.
        right: (…, C, B) those of `levels` that are right, int64; None without labels.
        confusion: (…, C, C) pixels by true class (row) and predicted class (column), int64; None without labels.
    """

    levels: np.ndarray
    expected: np.ndarray
    right: np.ndarray | None = None
    confusion: np.ndarray | None = None

    @property
    def predicted(self) -> np.ndarray:
        """Pixels of each predicted class, (…, C)."""
        return self.levels.sum(-1)

    def total(self, times: np.ndarray | None = None) -> Evidence:
        """The sum over the images, each counted so many times, (N,) integers; once without."""
        return self._each(lambda counts: counts.sum(0) if times is None else np.tensordot(times, counts, 1))

    def plus(self, other: Evidence) -> Evidence:
        """The sum with other counts of the same shape."""
        return stack([self, other]).total()

    def take(self, images: np.ndarray) -> Evidence:
        """The images at these places, numbers or (N,) boolean."""
        return self._each(lambda counts: counts[images])

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> Evidence:
        right, confusion = (None if each is None else change(each) for each in (self.right, self.confusion))
        return Evidence(change(self.levels), change(self.expected), right, confusion)


def stack(images: Sequence[Evidence]) -> Evidence:
    """The counts of several images as one object with a first axis of N.

    Example:
        >>> one = count_pixels(torch.tensor([[[0.0, 2.0]], [[1.0, 0.0]]]), torch.zeros(1, 2, dtype=torch.long))
        >>> stack([one, one]).predicted.tolist()
        [[1, 1], [1, 1]]
    """
    levels, expected = (np.stack([getattr(image, name) for image in images]) for name in ("levels", "expected"))
    if images[0].confusion is None:
        return Evidence(levels, expected)
    right, confusion = (np.stack([getattr(image, name) for image in images]) for name in ("right", "confusion"))
    return Evidence(levels, expected, right, confusion)


def count_pixels(
    logits: Tensor,
    bins: Tensor,
    target: Tensor | None = None,
    *,
    bin_count: int = BINS,
    temperature: float = 1.0,
    ignore_index: int = 255,
) -> Evidence:
    """Count one image; pixels without a label are left out where labels are given.

    Args:
        logits: (C, H, W), or logarithms of probabilities.
        bins: (H, W) int64, the bin of each pixel's score, such as :func:`confidence_bins` of it.
        target: (H, W) class ids or `ignore_index`.
        bin_count: B.
        temperature: that logits are divided by before they become probabilities; the predicted class does not change.
        ignore_index: the id of unlabeled pixels.

    Raises:
        ValueError: logits that are not finite; shapes that differ.

    Example:
        >>> probabilities = torch.tensor([[0.9, 0.6, 0.3], [0.1, 0.4, 0.7]]).reshape(2, 1, 3)
        >>> count_pixels(probabilities.log(), torch.zeros(1, 3, dtype=torch.long)).expected.round(3)
        array([[1.5, 0.3],
               [0.5, 0.7]])
    """
    classes = logits.shape[0]
    if logits.ndim != 3 or bins.shape != logits.shape[1:] or (target is not None and target.shape != bins.shape):
        shapes = [tuple(each.shape) for each in (logits, bins, target) if each is not None]
        raise ValueError(f"expected logits (C, H, W), bins and target (H, W), found shapes {shapes}")
    require_finite(logits)
    logits, bins = logits.reshape(classes, -1).float(), bins.reshape(-1)
    if target is not None:
        labeled = target.reshape(-1) != ignore_index
        logits, bins, target = logits[:, labeled], bins[labeled], target.reshape(-1)[labeled].long()
    predicted = logits.argmax(0)
    shares = (logits / temperature).softmax(0)
    expected = [torch.bincount(predicted, weights=each.double(), minlength=classes).numpy() for each in shares]
    at = predicted * bin_count + bins
    levels = _counts(at, classes, bin_count)
    if target is None:
        return Evidence(levels, np.stack(expected))
    right = _counts(at[predicted == target], classes, bin_count)
    return Evidence(levels, np.stack(expected), right, _counts(target * classes + predicted, classes, classes))


def confidence_bins(logits: Tensor) -> Tensor:
    """Bin of the logit of the highest probability, (H, W) int64 from 0 to 63; equal steps, fine where it is near 1.

    Args:
        logits: (C, H, W).

    Raises:
        ValueError: values that are not finite.

    Example:
        >>> confidence_bins(torch.tensor([[[0.0, 1.0, 40.0]], [[0.0, 0.0, 0.0]]]))
        tensor([[32, 35, 63]])
    """
    require_finite(logits)
    highest, winner = logits.float().max(0, keepdim=True)
    # Without the cancellation of 1 − p: the logit of p is z − log Σ exp of the others.
    others = logits.float().scatter(0, winner, -torch.inf).logsumexp(0)
    return logit_bins(highest[0] - others)


def logit_bins(values: Tensor) -> Tensor:
    """Bins of equal width from −10 to 10, the outermost of which hold what lies beyond.

    Example:
        >>> logit_bins(torch.tensor([-99.0, -0.1, 0.0, 99.0]))
        tensor([ 0, 31, 32, 63])
    """
    place = (values + LARGEST) / (2 * LARGEST) * BINS
    return place.clamp(0, BINS - 1).floor().long()


def require_finite(values: Tensor) -> None:
    """Refuse NaN, and infinite logits.

    Raises:
        ValueError: some values are not finite.
    """
    if not bool(values.isfinite().all()):
        share = float((~values.isfinite()).double().mean())
        raise ValueError(f"expected finite logits, found NaN or infinity in {100 * share:.3g} % of the values")


def _counts(at: Tensor, rows: int, columns: int) -> np.ndarray:
    return torch.bincount(at, minlength=rows * columns).reshape(rows, columns).numpy()
