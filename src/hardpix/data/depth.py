"""Depth maps: from what is stored to meters."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path

import numpy as np

from hardpix.data.errors import DataError, Problem
from hardpix.data.images import read_numbers
from hardpix.data.limits import MAX_PIXELS


@dataclass(frozen=True)
class DepthFormat:
    """Rule that turns the numbers of a depth map into meters.

    A stored number v is scale · v + offset meters. With `baseline` and `focal`, those of a stereo camera, it is a
    disparity of scale · v + offset pixels, and baseline · focal / (scale · v + offset) meters. Unknown (NaN) is what is
    stored as `invalid`, what is not finite, and what does not come out above 0.

    Args:
        scale: meters (or pixels of disparity) for one unit of a stored number, > 0; 0.001 for millimeters.
        offset: meters (or pixels) added.
        invalid: the stored number that stands for "unknown", such as 0; None where there is none.
        baseline: distance of the two cameras in meters.
        focal: focal length in pixels.
        farthest: meters beyond which depth is unknown: a disparity near 0, or a large number that stands for "none".
        rotated: by how many bits numbers of 16 bits were rotated to the left before they were stored (SUN RGB-D: 3).

    Raises:
        ValueError: numbers outside their range, or only one of baseline and focal.

    Example:
        Cityscapes stores (disparity · 256) + 1 in 16 bits, and 0 where it is unknown:

        >>> cityscapes = DepthFormat(scale=1 / 256, offset=-1 / 256, invalid=0, baseline=0.209313, focal=2262.52)
        >>> cityscapes.meters(np.array([[0, 1, 2561]], np.uint16)).round(2)
        array([[ nan,  nan, 47.36]], dtype=float32)
        >>> DepthFormat(scale=0.001).meters(np.array([[0, 1500]], np.uint16))
        array([[nan, 1.5]], dtype=float32)
    """

    scale: float = 1.0
    offset: float = 0.0
    invalid: float | None = None
    baseline: float | None = None
    focal: float | None = None
    farthest: float | None = None
    rotated: int = 0

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            left_out = value is None and setting.default is None
            if not left_out and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise ValueError(f"expected a number as {setting.name} of the depth format, found {value!r:.80}")
        if not (self.scale > 0 and isfinite(self.scale) and isfinite(self.offset)):
            raise ValueError(
                "expected scale > 0 (meters for one unit of a stored number, such as 0.001 for millimeters) and a "
                f"finite offset, found {self.scale} and {self.offset}"
            )
        if (self.baseline is None) != (self.focal is None):
            raise ValueError(
                f"expected baseline (in meters) and focal (in pixels) both, for stored disparity, or neither, for "
                f"stored depth, found baseline {self.baseline} and focal {self.focal}"
            )
        for name, length in (("baseline", self.baseline), ("focal", self.focal), ("farthest", self.farthest)):
            if length is not None and not (length > 0 and isfinite(length)):
                raise ValueError(f"expected {name} > 0, found {length}")
        if not (isinstance(self.rotated, int) and 0 <= self.rotated < 16):
            raise ValueError(f"expected rotated in 0…15, the bits of a 16-bit number, found {self.rotated}")

    def meters(self, stored: np.ndarray) -> np.ndarray:
        """Stored numbers, of any shape → float32 meters, NaN where unknown.

        Raises:
            ValueError: numbers that are not of 16 bits although `rotated` says so.
        """
        values = stored
        if self.rotated:
            if stored.dtype.kind != "u" or stored.dtype.itemsize != 2:
                raise ValueError(f"{stored.dtype} where rotated={self.rotated} needs 16 bits")
            values = (stored >> self.rotated) | (stored << (16 - self.rotated))
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            meters = values.astype(np.float64) * self.scale + self.offset
            if self.baseline is not None and self.focal is not None:
                meters = self.baseline * self.focal / meters
            meters = meters.astype(np.float32)
            unknown = ~np.isfinite(meters) | (meters <= 0)
            if self.farthest is not None:
                unknown |= meters > self.farthest
        if self.invalid is not None:
            unknown |= stored == self.invalid
        meters[unknown] = np.nan
        return meters


METERS = DepthFormat()


def read_depth(path: str | Path, depth_format: DepthFormat = METERS, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """A depth map (png, tif, npy) as (H, W) float32 in meters, NaN where unknown.

    Raises:
        DataError: the file cannot be read to its end, or does not hold one number a pixel in that format.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/a.npy", np.array([[2.5, -1.0]]))
        ...     read_depth(f"{folder}/a.npy")
        array([[2.5, nan]], dtype=float32)
    """
    stored = read_numbers(path, max_pixels=max_pixels)
    try:
        return depth_format.meters(stored)
    except ValueError as error:
        expected, advice = "depth as depth_format describes it", "correct depth_format, or replace the file"
        raise DataError.of([Problem("file in another format", Path(path), expected, str(error), advice)]) from error
