"""Scenes whose masks and predictions are stored with other ids, a command on them, and its remedy."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from hardpix.__main__ import main
from small_runs import confusion, ious, write_maps

Maps = list[np.ndarray]


def scene(seed: int, classes: int, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    """Class indices: blocks of every class, so that each one occurs."""
    random = np.random.default_rng(seed)
    indices = np.zeros(size, dtype=np.uint8)
    for k in range(1, classes):
        top, left = random.integers(0, size[0] - 16), 12 * (k - 1)
        indices[top : top + random.integers(8, 16), left : left + 10] = k
    return indices


def predicted(truth: np.ndarray, lost: int = 3) -> np.ndarray:
    """A good network's prediction: moved by a pixel, and the upper rows are background."""
    found = np.roll(truth, 1, axis=1)
    found[:lost] = 0
    return found


def stored(indices: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    return np.asarray(ids, dtype=np.uint16 if max(ids) > 255 else np.uint8)[indices]


def write(place: Path, truth: Maps, predictions: Maps) -> None:
    for folder, maps in (("truth", truth), ("predictions", predictions)):
        write_maps(place / folder, {f"f{k}": values for k, values in enumerate(maps)})


def typed(place: Path, *settings: str, out: str = "out") -> int:
    folders = [f"--{name}={place / name}" for name in ("truth", "predictions")]
    return main(["diagnose", *folders, f"--out={place / out}", "--workers=1", "--pictures=false", *settings])


def matrix_in(place: Path, out: str = "out") -> np.ndarray:
    return np.array(json.loads((place / out / "summary.json").read_text(encoding="utf-8"))["confusion"])


def remedy(message: str) -> list[str]:
    """The words that a message says to add to the command."""
    found = re.search(r"add to the command(?:, with the level of your choice)?: (.+)", message)
    assert found is not None, message
    return shlex.split(found[1])


def refused_then_right(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    truth: Maps,
    predictions: Maps,
    settings: Sequence[str] = (),
) -> tuple[str, np.ndarray]:
    """The message of the refusal, and the confusion after its remedy; nothing is written before it."""
    capsys.readouterr()
    assert typed(place, *settings) == 2
    message = capsys.readouterr().err
    assert not (place / "out").exists()
    assert "f0.png" in message
    assert typed(place, *settings, *remedy(message)) == 0, capsys.readouterr().err
    return message, matrix_in(place)


def same_scores(found: np.ndarray, truth: Maps, predictions: Maps, classes: int) -> None:
    """Counts and IoU as plain numpy has them; classes that neither side holds do not count."""
    expected = confusion(truth, predictions, classes)
    occurs = found.sum(0) + found.sum(1) > 0
    assert np.array_equal(found[np.ix_(occurs, occurs)], expected)
    assert np.nanmean(ious(found)) == pytest.approx(np.nanmean(ious(expected)))


Capture = pytest.CaptureFixture[str]
Encode = Callable[[np.ndarray], np.ndarray]
