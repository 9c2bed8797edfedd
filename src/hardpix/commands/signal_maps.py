"""Maps of a run's signals as files and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hardpix.cli.errors import UsageError
from hardpix.data import write_mask
from hardpix.data.heat import heat_colors
from hardpix.data.whole_files import whole_file
from hardpix.objectives import signal_named, signals_in
from hardpix.pixels.percent import percent
from hardpix.signals import Signal
from hardpix.training.task import SegmentationTask


def mined_signal(task: SegmentationTask, name: str | None, masks: Path | None) -> Signal:
    """The signal of a run whose map is written.

    Raises:
        ValueError: the run has none of that name; one whose map cannot be computed from images, or without masks; one
            whose name is no name of a folder.
    """
    signal = task.shown_signal if name is None else signal_named(getattr(task.recipe, "objective", task.recipe), name)
    if signal is None:
        raise ValueError(
            "expected a run that learned hardness, found one whose objective has no HardnessLevel signal; "
            + _instead(task, masks)
        )
    kind = type(signal).__name__
    if signal.reads:
        raise ValueError(
            f"{kind} reads {' and '.join(sorted(signal.reads))} maps, found images alone; {_instead(task, masks)}"
        )
    if signal.needs_target and masks is None:
        raise ValueError(f"{kind} needs labels, found images without: give the folder of their masks (--masks)")
    if signal.name in ("", ".", "..") or Path(signal.name).name != signal.name:
        raise ValueError(
            f"expected a name for a folder as the name of {kind}, found {signal.name!r}; rename the signal"
        )
    return signal


def _instead(task: SegmentationTask, masks: Path | None) -> str:
    """Advice: the signals of the run that can be mined, or how to train a run that has one."""
    others = {type(each).__name__: each for each in signals_in(task.recipe) if not each.reads}
    options = [
        f"--signal {name}" + (" --masks DIR" if each.needs_target and masks is None else "")
        for name, each in others.items()
    ]
    if options:
        return f"mine another signal that it has: {' or '.join(options)}"
    return (
        "it has no signal that images alone give: train one with --model.objective WeightedCrossEntropy "
        "--model.objective.signal HardnessLevel, or without --model.objective, whose default has learned hardness"
    )


def write_level(file: Path, level: np.ndarray, signal: Signal) -> None:
    """A map on the scale 0 to 1 as 16-bit png, another one as float32 npy; folders are made as needed.

    Raises:
        UsageError: a level outside 0 to 1; a map that is not finite, or negative.
    """
    if not signal.has_level:
        faulty = ~np.isfinite(level) | (level < 0)
        if faulty.any():
            raise UsageError(
                f"expected a finite map ≥ 0 of {type(signal).__name__}, found NaN, infinity or values below 0 in "
                f"{percent(faulty.mean())} of the pixels of {file.stem}: mend the signal's forward; "
                "hardpix.testing.check_signal looks for the batches that do it"
            )
        with whole_file(file) as written:
            np.save(written, level.astype(np.float32))
        return
    # Resizing may leave the scale by a rounding.
    if not (level.min() >= -1e-6 and level.max() <= 1 + 1e-6):
        raise UsageError(
            f"expected {type(signal).__name__}.level from 0 to 1, found {level.min():g} to {level.max():g} in "
            f"{file.stem}: give another scale, or leave level out and the map itself is written"
        )
    write_mask(file, to_16_bit(level))


def over_image(picture: np.ndarray, level: np.ndarray) -> np.ndarray:
    """A map from 0 to 1 in colors from dark to light over the image in gray, as uint8 (H, W, 3).

    Example:
        >>> over_image(np.full((1, 2, 3), 100, np.uint8), np.array([[0.0, 1.0]])).tolist()
        [[[30, 30, 32], [206, 207, 163]]]
    """
    gray = picture.mean(axis=2, keepdims=True)
    colors = heat_colors()[np.round(255 * level.clip(0, 1)).astype(np.intp)]
    return (0.3 * gray + 0.7 * colors).astype(np.uint8)


def to_16_bit(share: np.ndarray) -> np.ndarray:
    """round(65535 · v) of values from 0 to 1, as uint16.

    Example:
        >>> to_16_bit(np.array([0.0, 0.5, 1.0]))
        array([    0, 32768, 65535], dtype=uint16)
    """
    return np.round(65535 * share.astype(np.float64)).astype(np.uint16)
