"""Faults of depth maps, in words."""

from __future__ import annotations

from pathlib import Path

from hardpix.data.depth import DepthFormat
from hardpix.data.errors import Problem

# In meters: where the middle of a scene lies that a camera sees.
NEAREST, FARTHEST = 0.05, 200.0

# Common units of stored depth, and the scale that turns each into meters.
SCALES = {"meters": 1.0, "millimeters": 0.001, "centimeters": 0.01, "1/256 m": 1 / 256}


def wrong_unit(path: Path, median: float, depth_format: DepthFormat) -> Problem | None:
    """A depth map in which the median of what is known, in meters, is that of no scene.

    Example:
        >>> problem = wrong_unit(Path("a.png"), 1500.0, DepthFormat())
        >>> problem.found
        'a median of 1500 m'
    """
    if NEAREST <= median <= FARTHEST:
        return None
    if depth_format.baseline is None:
        stored = (median - depth_format.offset) / depth_format.scale
        likely = [
            f"{scale:g} for {unit}"
            for unit, scale in SCALES.items()
            if NEAREST <= scale * stored + depth_format.offset <= FARTHEST
        ]
        advice = "set the scale of depth_format" + (f": {' or '.join(likely)}" if likely else "")
        advice += "; if it is disparity, baseline and focal, too"
    else:
        advice = "set scale and offset of depth_format to give disparity in pixels, baseline in meters, focal in pixels"
    advice += "; depth that is right but lies outside these bounds may be given in another unit than meters"
    return Problem(
        "depth in another unit", path, f"a median of {NEAREST:g} to {FARTHEST:g} m", f"a median of {median:g} m", advice
    )


def nothing_known(path: Path) -> Problem:
    """A depth map without a known depth."""
    advice = "the image is trained on without depth; if there should be some, check the file and depth_format"
    return Problem("depth map without a known depth", path, "depth above 0 m somewhere", "none", advice)


def nothing_known_anywhere(folder: Path) -> Problem:
    """Depth maps none of which has a known depth."""
    advice = "check the files and depth_format (scale, offset, invalid), or leave depth out"
    return Problem("no known depth", folder, "depth above 0 m in at least one depth map", "none", advice)
