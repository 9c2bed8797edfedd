"""Scores by range of depth: the ranges by hand, and the whole on a tiny run against a count pixel by pixel."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from hardpix.data import Transformed
from hardpix.training.inference import infer
from hardpix.training.run import Run

from ..training.conftest import data, fit_tiny  # noqa: F401
from .conftest import FOLDER, load_script

pytestmark = pytest.mark.slow


@pytest.fixture
def depth_ranges(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return load_script("depth_ranges")


def test_ranges_have_names_and_unknown_depth_is_one_of_its_own(depth_ranges: ModuleType) -> None:
    limits = [1.5, 4.0]
    depth = torch.tensor([0.3, 1.5, 1.6, 4.0, 9.0, float("nan")])
    bands = depth_ranges.band_of(depth, limits).tolist()
    assert bands == [0, 0, 1, 1, 2, -1]
    assert [depth_ranges.name_of(band, limits) for band in (0, 1, 2, -1)] == [
        "up to 1.5 m",
        "1.5 to 4.0 m",
        "above 4.0 m",
        "unknown",
    ]


def test_scores_are_those_of_the_pixels_in_a_range(
    depth_ranges: ModuleType,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    run: Run = request.getfixturevalue("fit_tiny")()
    samples = run.validation_set()
    rng = np.random.default_rng(0)
    truth: dict[str, list[np.ndarray]] = {"up to 2.0 m": [], "above 2.0 m": []}
    for found in infer(run.load_task("last"), Transformed(samples, run.evaluation_transform())):
        stored = rng.integers(1, 5, found.target.shape).astype(np.uint8)
        Image.fromarray(stored).save(tmp_path / f"{found.stem}.png")
        pairs = np.stack([found.target.numpy(), found.prediction.numpy()], -1)
        truth["up to 2.0 m"].append(pairs[stored <= 2])
        truth["above 2.0 m"].append(pairs[stored > 2])
    asked = [str(run.path), "--against", str(run.path), "--depth", str(tmp_path), "--limits", "2"]
    monkeypatch.setattr("sys.argv", ["depth_ranges.py", *asked])
    depth_ranges.main()
    said = capsys.readouterr().out
    for name, parts in truth.items():
        target, prediction = np.concatenate(parts).T
        ious = []
        for c in set(target):
            hit = (target == c) & (prediction == c)
            ious.append(hit.sum() / ((target == c) | (prediction == c)).sum())
        assert f"| {name} | {100 * np.mean(ious):.2f} | {100 * np.mean(ious):.2f} | 0.00 | – |" in said
