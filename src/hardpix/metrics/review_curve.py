"""The errors that are found where pixels, or images, are checked by hand in the order of a map."""

import numpy as np


def review_curve(sizes: np.ndarray, errors: np.ndarray, checked: np.ndarray) -> np.ndarray:
    """Share of the errors that is found where the highest values are checked first.

    Where a value is checked in part, its mean share of errors is found: what is tied is checked in random order.

    Args:
        sizes: (L,) numbers of pixels, or of images, at each value, the lowest value first.
        errors: (L,) numbers of wrong pixels among them.
        checked: shares of the pixels, or of the images, that are checked, from 0 to 1.

    Returns:
        float64 of the shape of ``checked``; NaN where nothing is wrong.

    Raises:
        ValueError: shapes that differ; a share outside 0 to 1.

    Example:
        >>> histogram = np.array([[3, 1, 0], [0, 1, 1]])  # right and wrong pixels at three values
        >>> review_curve(histogram.sum(0), histogram[1], np.array([0.0, 1 / 6, 1 / 3, 1.0]))
        array([0.  , 0.5 , 0.75, 1.  ])
    """
    checked = np.asarray(checked, dtype=np.float64)
    if sizes.shape != errors.shape or sizes.ndim != 1:
        raise ValueError(f"expected sizes and errors of one shape (L,), found {sizes.shape} and {errors.shape}")
    if checked.size and not (checked.min() >= 0 and checked.max() <= 1):
        raise ValueError(f"expected shares from 0 to 1, found {checked.min()} to {checked.max()}")
    if not errors.sum():
        return np.full(checked.shape, np.nan)
    held = sizes > 0
    seen, found = (np.concatenate([[0], counts[held][::-1].cumsum()]) for counts in (sizes, errors))
    return np.interp(checked * seen[-1], seen, found) / found[-1]
