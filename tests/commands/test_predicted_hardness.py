"""hardpix predict --hardness: where a person should look."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.training.run import Run
from runs import Data, read, run_hardpix


@pytest.fixture(scope="module")
def run(fit_tiny: Callable[..., Run]) -> Path:
    return fit_tiny("--trainer.max_epochs", 1).path


def test_maps_are_those_of_mine_and_the_table_has_the_hardest_image_first(
    run: Path, data: Data, tmp_path: Path
) -> None:
    given = ("--run", run, "--images", data.images, "--out")
    assert run_hardpix("predict", *given, tmp_path / "predicted", "--hardness", "true").code == 0
    assert run_hardpix("mine", *given, tmp_path / "mined").code == 0
    with (tmp_path / "predicted" / "hardness.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {row["image"] for row in table} == {file.stem for file in data.images.iterdir()}
    means = [float(row["mean"]) for row in table]
    assert means == sorted(means, reverse=True)
    for row in table:
        maps = [tmp_path / of / "hardness" / f"{row['image']}.png" for of in ("predicted", "mined")]
        assert maps[0].read_bytes() == maps[1].read_bytes()
        level = read(maps[0]) / 65535
        assert float(row["mean"]) == pytest.approx(level.mean(), abs=1e-5)
        assert float(row["p95"]) == pytest.approx(np.quantile(level, 0.95), abs=1e-4)
        with Image.open(tmp_path / "predicted" / "hardness_overlays" / f"{row['image']}.jpg") as shown:
            assert shown.size == level.shape[::-1]


def test_images_that_are_left_out_are_not_in_the_table(run: Path, data: Data, tmp_path: Path) -> None:
    few = tmp_path / "images"
    few.mkdir()
    for k, file in enumerate(sorted(data.images.iterdir())[:3]):
        (few / file.name).write_bytes(file.read_bytes() if k < 2 else b"")
    given = ("predict", "--run", run, "--images", few, "--out", tmp_path / "out", "--hardness", "true")
    assert run_hardpix(*given, "--overlays", "false").code == 0
    assert not (tmp_path / "out" / "hardness_overlays").exists()
    with (tmp_path / "out" / "hardness.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2


def test_a_run_without_learned_hardness_is_refused_before_anything_is_written(
    fit_tiny: Callable[..., Run], data: Data, tmp_path: Path
) -> None:
    plain = fit_tiny("--model.objective", "WeightedCrossEntropy", "--trainer.max_epochs", 1).path
    given = ("predict", "--run", plain, "--images", data.images, "--out", tmp_path / "out", "--hardness", "true")
    outcome = run_hardpix(*given)
    assert outcome.code != 0
    assert "expected a run that learned hardness" in outcome.err
    assert "--confidence true" in outcome.err
    assert not (tmp_path / "out").exists()
