"""Each mask and each prediction is decoded once to check it and once to count it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardpix.diagnosis import sides
from hardpix.diagnosis.sides import read_mask
from small_runs import run, write_maps

CLASSES = ["x", "y", "z"]
COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], dtype=np.uint8)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of times that each file was decoded as a label map, by its folder and stem."""
    times: Counter[str] = Counter()

    def counted(path: Path, **settings: Any) -> np.ndarray:
        times[f"{path.parent.name}/{path.stem}"] += 1
        return read_mask(path, **settings)

    monkeypatch.setattr(sides, "read_mask", counted)
    return times


def maps() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    truth = {stem: random.integers(0, 3, (7, 9)).astype(np.uint8) for stem in ("a", "b", "c")}
    noise = random.integers(0, 3, (7, 9)).astype(np.uint8)
    return truth, {stem: np.where(noise > 1, noise, labels) for stem, labels in truth.items()}


def signals(place: Path, predictions: dict[str, np.ndarray]) -> dict[str, Path]:
    of_class = np.arange(3)[:, None, None]
    sure = {stem: 0.05 + 0.85 * (of_class == labels) for stem, labels in predictions.items()}
    hardness = {stem: 1 - values.max(0) for stem, values in sure.items()}
    return {
        "probabilities": write_maps(place / "sure", sure, ".npy"),
        "hardness": write_maps(place / "hardness", hardness, ".npy"),
    }


@pytest.mark.parametrize("with_signals", [False, True])
@pytest.mark.parametrize("how", ["ids", "index", "colors"])
def test_classes_are_named(decoded: Counter[str], tmp_path: Path, how: str, with_signals: bool) -> None:
    truth, predictions = maps()
    given = signals(tmp_path, predictions) if with_signals else {}
    settings: dict[str, Any] = {"classes": CLASSES}
    if how == "index":
        settings |= {"prediction_ids": "index"}
    if how == "colors":
        table = [{"name": name, "id": k, "colour": COLORS[k].tolist()} for k, name in enumerate(CLASSES)]
        (tmp_path / "classes.yaml").write_text(f"classes: {table}\nignore_ids: []\n", encoding="utf-8")
        settings = {"classes": str(tmp_path / "classes.yaml")}
        truth, predictions = ({stem: COLORS[labels] for stem, labels in side.items()} for side in (truth, predictions))
    found = run(tmp_path, truth, predictions, **settings, **given)
    assert found["inputs"]["count"] == 3
    assert (found["suspects"] is not None) == with_signals
    assert decoded == {f"{kind}/{stem}": 2 for kind in ("truth", "predictions") for stem in truth}


@pytest.mark.parametrize(("with_signals", "times"), [(False, 2), (True, 3)])
def test_classes_are_found(decoded: Counter[str], tmp_path: Path, with_signals: bool, times: int) -> None:
    """The probabilities of classes that are found in all files can only be read after all of them."""
    truth, predictions = maps()
    given = signals(tmp_path, predictions) if with_signals else {}
    found = run(tmp_path, truth, predictions, **given)
    assert (found["suspects"] is not None) == with_signals
    assert decoded == {f"{kind}/{stem}": times for kind in ("truth", "predictions") for stem in truth}
