"""The loss that pixels have, by the value of a map that should foretell it."""

import numpy as np

from hardpix.metrics.counting import ratio
from hardpix.metrics.fixed_point import LEVELS, sixteen_bits, unit_interval

# Losses are added up in steps of 2⁻¹⁶; a probability below the smallest one of 16 bits counts as that.
_STEP, _LEAST = 65536, 1 / 65535


def loss_counts(values: np.ndarray, confidence: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Numbers of pixels, and sums of their cross-entropy, at each of the 65536 values of a 16-bit map.

    Args:
        values: (H, W) a map from 0 to 1: uint16 (65535 means 1), uint8 (255 means 1) or floats.
        confidence: (H, W) the probability of the class that is the label, likewise. Below 1 / 65535 it counts as that,
            so that no loss exceeds 11.1.
        valid: (H, W) boolean, the pixels to count.

    Returns:
        (2, 65536) int64, pixels and losses in steps of 2⁻¹⁶; counts of several images add up.

    Raises:
        ValueError: shapes that differ; a map of another type, or numbers outside 0 to 1 in the pixels to count.

    Example:
        >>> counts = loss_counts(np.array([[0.0, 1.0]]), np.array([[1.0, 0.5]]), np.array([[True, True]]))
        >>> (counts[:, -1] / [1, 65536]).round(4)
        array([1.    , 0.6931])
    """
    levels = sixteen_bits(values, valid)[valid]
    if confidence.shape != valid.shape:
        raise ValueError(f"expected maps of one shape, found {valid.shape} and {confidence.shape}")
    loss = np.rint(-np.log(as_shares(confidence[valid]).clip(_LEAST)) * _STEP)
    # Sums of integers are exact in float64 up to 2⁵³: of ten billion pixels of one value, more than an image has.
    sums = np.bincount(levels, loss, minlength=LEVELS)
    return np.stack([np.bincount(levels, minlength=LEVELS), sums.astype(np.int64)])


def as_shares(values: np.ndarray) -> np.ndarray:
    """A map of floats, uint16 or uint8 as floats from 0 to 1.

    Raises:
        ValueError: another type, or numbers outside.

    Example:
        >>> as_shares(np.array([0, 51, 255], dtype=np.uint8)).tolist()
        [0.0, 0.2, 1.0]
    """
    if values.dtype in (np.uint8, np.uint16):
        return values / float(np.iinfo(values.dtype).max)
    return unit_interval(values).astype(np.float64)


def loss_by_level(counts: np.ndarray, parts: int = 10) -> dict[str, np.ndarray]:
    """The mean loss in equal parts of the pixels, those of the lowest values first, beside what the map expects.

    A value that lies on the border of two parts is divided between them.

    Args:
        counts: (2, 65536) as :func:`loss_counts` has them.
        parts: number of parts.

    Returns:
        float64, NaN where there is no pixel: "value" (parts,), the mean of the map; "expected" (parts,), the mean of
        v / (1 − v) over its values v, the multiple of the average loss that they stand for where the map is one of
        expected loss; "loss" (parts,) the mean loss; "relative" (parts,), the same as a multiple of the mean over all
        pixels; "mean" (), that mean.

    Example:
        >>> counts = np.zeros((2, 65536), dtype=np.int64)
        >>> counts[:, 13107] = 3, 3 * 65536 // 2
        >>> counts[:, 52428] = 1, 65536 * 5 // 2
        >>> found = loss_by_level(counts, parts=2)
        >>> found["relative"], found["expected"]
        (array([0.5, 1.5]), array([0.25 , 2.125]))
    """
    values = np.arange(LEVELS) / (LEVELS - 1)
    # The highest value stands for no finite multiple, and counts as the one below it.
    odds = values / np.maximum(1 - values, 1 / (LEVELS - 1))
    pixels, loss = counts[0], counts[1] / _STEP
    held = pixels > 0
    seen = np.concatenate([[0.0], pixels[held].cumsum()])
    borders = np.linspace(0, seen[-1], parts + 1)

    def means(sums: np.ndarray) -> np.ndarray:
        return ratio(np.diff(np.interp(borders, seen, np.concatenate([[0.0], sums[held].cumsum()]))), np.diff(borders))

    by_part = means(loss)
    mean = ratio(loss.sum(), seen[-1])
    return {
        "value": means(pixels * values),
        "expected": means(pixels * odds),
        "loss": by_part,
        "relative": ratio(by_part, np.asarray(mean)),
        "mean": mean,
    }
