"""Maps of numbers from 0 to 1 as integers, so that their sums are exact and merge in any order."""

import numpy as np

LEVELS = 65536


def sixteen_bits(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """A map of numbers from 0 to 1 in steps of 1/65535, as 16-bit pngs hold it.

    Args:
        values: any shape; uint16 (65535 means 1), uint8 (255 means 1) or floats from 0 to 1, rounded to the next step.
        valid: the same shape, boolean; what the other pixels hold does not matter.

    Returns:
        uint16 of the same shape.

    Raises:
        ValueError: shapes that differ; another type of number; floats below 0, above 1 or NaN.

    Example:
        >>> sixteen_bits(np.array([0.0, 0.5, 1.0, np.nan]), np.array([True, True, True, False]))
        array([    0, 32768, 65535,     0], dtype=uint16)
    """
    if values.shape != valid.shape:
        raise ValueError(f"expected a map and labels of one shape, found {values.shape} and {valid.shape}")
    if values.dtype == np.uint16:
        return values
    if values.dtype == np.uint8:
        return values.astype(np.uint16) * np.uint16(257)
    unit = unit_interval(np.where(valid, values, values.dtype.type(0)))
    return np.rint(unit * 65535).astype(np.uint16)


def unit_interval(values: np.ndarray) -> np.ndarray:
    """Floats that must lie from 0 to 1, as float32 or float64; what rounding drove out by up to 0.001 is put back.

    Raises:
        ValueError: no floats; numbers outside, or NaN.
    """
    if values.dtype.kind != "f":
        raise ValueError(
            f"expected floats from 0 to 1, uint8 (255 means 1) or uint16 (65535 means 1), found {values.dtype}"
        )
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    # Written so that NaN fails as well.
    if values.size and not (values.min() >= -1e-3 and values.max() <= 1 + 1e-3):
        raise ValueError(
            f"expected numbers from 0 to 1, found {values.min():.4g} to {values.max():.4g}; are these logits?"
        )
    return values.clip(0, 1)
