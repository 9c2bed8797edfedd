"""Labels that are drawn from dense masks: true, as many as asked for, and the same for the same seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.ndimage import label

from hardpix.data import read_mask, write_mask

from .conftest import FOLDER, load_script

pytestmark = pytest.mark.slow

UNLABELED = [11, 12]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("sparse_labels")


def scene(seed: int = 0) -> np.ndarray:
    """Regions of five classes, and some pixels without a label."""
    random = np.random.default_rng(seed)
    ids = random.integers(0, 5, (6, 8)).astype(np.uint8).repeat(12, 0).repeat(12, 1)
    ids[random.random(ids.shape) < 0.01] = 11
    ids[:5] = 12
    return ids


def draws(script: ModuleType) -> dict[str, object]:
    return {
        "clicks": lambda *given: script.clicks(*given, count=20, size=3),
        "scribbles": lambda *given: script.scribbles(*given, size=3),
        "boxes": script.boxes,
        "blocks": lambda *given: script.blocks(*given, count=4, side=10),
    }


@pytest.mark.parametrize("kind", ["clicks", "scribbles", "boxes", "blocks"])
def test_every_drawn_pixel_has_its_true_label_and_seeds_reproduce(script: ModuleType, kind: str) -> None:
    ids = scene()
    found = script.sparse(ids, UNLABELED, draws(script)[kind], script.random_of(0, "a"))
    assert found.dtype == ids.dtype
    drawn = ~np.isin(found, UNLABELED)
    assert 0 < drawn.mean() < 0.9
    assert (found[drawn] == ids[drawn]).all()
    assert (found[~drawn] == 11).all()
    np.testing.assert_array_equal(found, script.sparse(ids, UNLABELED, draws(script)[kind], script.random_of(0, "a")))
    if kind != "boxes":
        others = [script.random_of(1, "a"), script.random_of(0, "b")]
        assert all((script.sparse(ids, UNLABELED, draws(script)[kind], other) != found).any() for other in others)


@pytest.mark.parametrize("count", [3, 20, 60])
def test_there_are_so_many_clicks_first_one_a_region(script: ModuleType, count: int) -> None:
    ids = scene()
    drawn = script.clicks(ids, ~np.isin(ids, UNLABELED), np.random.default_rng(0), count=count, size=1)
    assert drawn.sum() == count
    regions = [part == number for k in range(5) for part, n in [label(ids == k, np.ones((3, 3)))]
               for number in range(1, n + 1) if (part == number).sum() >= 16]  # fmt: skip
    hit = sum(bool(drawn[region].any()) for region in regions)
    assert hit == min(count, len(regions))


def test_every_class_of_an_image_gets_a_click_before_a_second_region_does(script: ModuleType) -> None:
    ids = scene()
    drawn = script.clicks(ids, ~np.isin(ids, UNLABELED), np.random.default_rng(0), count=5, size=1)
    assert sorted(ids[drawn].tolist()) == [0, 1, 2, 3, 4]


def test_a_box_is_the_largest_square_of_its_region(script: ModuleType) -> None:
    ids = np.full((20, 30), 11, np.uint8)
    ids[3:14, 4:28] = 2  # 11 × 24
    drawn = script.boxes(ids, ids != 11, np.random.default_rng(0))
    assert drawn.sum() == 11 * 11
    assert drawn[3:14].sum() == 11 * 11


def test_an_image_without_labels_stays_without(script: ModuleType) -> None:
    ids = np.full((20, 30), 11, np.uint8)
    for draw in draws(script).values():
        assert (script.sparse(ids, UNLABELED, draw, np.random.default_rng(0)) == 11).all()


def test_masks_are_written_in_the_ids_of_the_data_set(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_mask(tmp_path / "masks" / f"{name}.png", np.where(scene() == 12, 11, scene()).astype(np.uint8))
    command = [sys.executable, str(FOLDER / "sparse_labels.py"), "--masks", str(tmp_path / "masks"), "--classes"]
    command += ["camvid", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("2 masks, 0.28")  # 20 of 72 × 96 pixels are 0.289 %
    found = [read_mask(tmp_path / "out" / f"{name}.png") for name in ("a", "b")]
    assert [(mask != 11).sum() for mask in found] == [20, 20]
    assert (found[0] != found[1]).any()
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "expected a new folder" in again.stderr
