"""hardpix predict --hardness: where a person should look."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.data.heat import heat_colors
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


@pytest.mark.parametrize("hardness", [False, True])
def test_a_legend_shows_every_color_of_the_overlays(run: Path, data: Data, tmp_path: Path, hardness: bool) -> None:
    given = ("predict", "--run", run, "--images", data.images, "--out", tmp_path / "out", "--hardness", hardness)
    outcome = run_hardpix(*given)
    assert outcome.code == 0, outcome.err
    assert f"what the overlays' colors mean is in {tmp_path / 'out' / 'legend.png'}" in outcome.out
    colors, counts = np.unique(read(tmp_path / "out" / "legend.png").reshape(-1, 3), axis=0, return_counts=True)
    found = {tuple(color): count for color, count in zip(colors.tolist(), counts, strict=True)}
    for color in Run(run).read_classes().shown_colors:
        assert found[tuple(color)] >= 16 * 16
    ends = [tuple(color) for color in heat_colors()[[64, 128, 192]].tolist()]
    assert all(color in found for color in ends) == hardness


def test_a_map_that_hardly_differs_between_pixels_is_said(
    fit_tiny: Callable[..., Run], data: Data, tmp_path: Path
) -> None:
    """Uniform's map is 1 everywhere; that of the classes of the masks is not."""
    constant = fit_tiny("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "Uniform").path
    given = ("mine", "--images", data.images, "--out")
    outcome = run_hardpix(*given, tmp_path / "constant", "--run", constant, "--signal", "Uniform")
    assert outcome.code == 0, outcome.err
    said = "map hardly differs between pixels in 12 of 12 images (5th to 95th percentile 1 to 1, mean 1 in the first)"
    assert said in outcome.out
    varied = fit_tiny("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "ClassBalance").path
    labels = ("--signal", "ClassBalance", "--masks", data.masks)
    outcome = run_hardpix(*given, tmp_path / "varied", "--run", varied, *labels)
    assert outcome.code == 0, outcome.err
    table = (tmp_path / "varied" / next(p.name for p in (tmp_path / "varied").glob("*.csv"))).read_text()
    means = {float(line.split(",")[4]) for line in table.splitlines()[1:] if ",all," not in line}
    assert max(means) > 1.05 * min(means)
    assert "hardly differs" not in outcome.out


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
