"""Probabilities that contradict the predictions: said, and not used."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hardpix.diagnosis.channel_order import count_channels
from small_runs import run, write_maps

from .dialects import predicted, scene

Capture = pytest.CaptureFixture[str]
C = 4
NAMES = ["ground", "pole", "sign", "tree"]
TRUTH = {f"f{k}": scene(k, C) for k in range(3)}
GUESS = {stem: predicted(m) for stem, m in TRUTH.items()}


def probabilities(seed: int = 0) -> dict[str, np.ndarray]:
    """The predicted class is the most probable one."""
    random = np.random.default_rng(seed)
    found = {}
    for stem, guess in GUESS.items():
        logits = random.normal(0, 0.5, (C, *guess.shape))
        np.put_along_axis(logits, guess[None].astype(int), 3.0, axis=0)
        found[stem] = (np.exp(logits) / np.exp(logits).sum(0)).astype(np.float32)
    return found


@pytest.mark.parametrize("order", [[1, 2, 3, 0], [0, 1, 3, 2], [3, 2, 1, 0]])
def test_another_order_of_the_channels_is_named(order: list[int], tmp_path: Path, capsys: Capture) -> None:
    right = probabilities()
    swapped = {stem: values[order] for stem, values in right.items()}
    folder = write_maps(tmp_path / "probabilities", swapped, ".npy")
    found = run(tmp_path, TRUTH, GUESS, classes=NAMES, probabilities=folder)
    printed = capsys.readouterr().out
    moved = sum(int((np.array(order)[guess] != guess).sum()) for guess in GUESS.values())
    share = moved / sum(guess.size for guess in GUESS.values())
    assert f"another channel highest at {100 * share:.3g} % of the pixels" in printed
    assert printed.index("probabilities are not used") < printed.index("mIoU")
    assert printed.count("probabilities that contradict") == 1
    assert found["calibration"] is None
    assert found["inputs"]["unused"][0]["where"] == str(folder)
    # The order that the message gives.
    advice = re.search(r"probabilities\[\[([\d, ]+)\]\]", printed)
    assert advice is not None
    given = [int(word) for word in advice[1].split(",")]
    restored = {stem: values[given] for stem, values in swapped.items()}
    assert all(np.array_equal(restored[stem], right[stem]) for stem in right)
    folder = write_maps(tmp_path / "restored", restored, ".npy")
    again = run(tmp_path / "again", TRUTH, GUESS, classes=NAMES, probabilities=folder)
    assert again["calibration"] is not None
    assert again["inputs"]["unused"] == []


def test_probabilities_of_other_predictions(tmp_path: Path, capsys: Capture) -> None:
    random = np.random.default_rng(3)
    other = {stem: random.dirichlet(np.ones(C), guess.shape).transpose(2, 0, 1) for stem, guess in GUESS.items()}
    folder = write_maps(tmp_path / "probabilities", other, ".npy")
    found = run(tmp_path, TRUTH, GUESS, classes=NAMES, probabilities=folder)
    assert found["calibration"] is None
    printed = capsys.readouterr().out
    assert "give the probabilities that these predictions were made of" in printed
    assert "another order" not in printed


@pytest.mark.parametrize("how", ["smoothed afterwards", "equal everywhere", "moved threshold"])
def test_predictions_that_are_not_quite_the_highest_channel(how: str, tmp_path: Path) -> None:
    given = probabilities()
    if how == "equal everywhere":
        given = {stem: np.full_like(values, 1 / C) for stem, values in given.items()}
    elif how == "smoothed afterwards":
        given = {stem: np.roll(values, 2, axis=2) for stem, values in given.items()}
    else:
        for values in given.values():
            values[1:] *= 0.4
    folder = write_maps(tmp_path / "probabilities", given, ".npy")
    found = run(tmp_path, TRUTH, GUESS, classes=NAMES, probabilities=folder)
    assert found["calibration"] is not None
    assert found["inputs"]["unused"] == []


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.uint8, np.uint16])
def test_channels_are_counted_as_one_by_one(kind: type, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = random.random((C, 9, 10))
    values = values.astype(kind) if np.issubdtype(kind, np.floating) else (values * 9).astype(kind)
    prediction = random.choice([0, 1, 2, 3, 255], (9, 10)).astype(np.uint8)
    expected = np.zeros((C, C), dtype=int)
    for row, column in zip(*np.nonzero(prediction != 255), strict=True):
        of_pixel, own = values[:, row, column], prediction[row, column]
        expected[own if of_pixel[own] == of_pixel.max() else of_pixel.argmax(), own] += 1
    assert np.array_equal(count_channels(values, prediction), expected)
