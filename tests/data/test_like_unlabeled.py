"""Classes that may be meant as unlabeled, and thin ones that are not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from hardpix.data import ClassTable, Problem, write_mask
from hardpix.data.like_unlabeled import BorderCounts, classes_like_unlabeled, strip_between_all
from hardpix.data.mask_facts import MaskFacts, mask_facts
from hardpix.data.masks import read_mask
from hardpix.scenes import GeneratedScenes

SIZE = (160, 320)


@pytest.fixture(scope="module")
def streets() -> list[np.ndarray]:
    """Drawn street scenes of 12 classes, of which wires, poles, railings and markings are thin."""
    return [scene["target"].numpy() for scene in GeneratedScenes(6, seed=3, size=SIZE)]


def with_strips(labels: np.ndarray, strip: int, rng: np.random.Generator) -> np.ndarray:
    """The same with a third of the pixels on either side of borders, in patches of 4 × 4, and a corner, of one id."""
    differs = np.zeros(labels.shape, bool)
    differs[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    differs[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    differs[1:] |= labels[1:] != labels[:-1]
    differs[:-1] |= labels[1:] != labels[:-1]
    patches = np.kron(rng.random((labels.shape[0] // 4, labels.shape[1] // 4)) < 0.33, np.ones((4, 4), bool))
    found = np.where(differs & patches, strip, labels)
    found[-20:, :30] = strip
    return found


def written(folder: Path, maps: Iterable[np.ndarray]) -> list[MaskFacts]:
    folder.mkdir(exist_ok=True)
    for k, labels in enumerate(maps):
        write_mask(folder / f"{k}.png", labels.astype(np.uint8))
    return [mask_facts(path, read_mask(path)) for path in sorted(folder.iterdir())]


def found(folder: Path, maps: Iterable[np.ndarray], classes: ClassTable | None = None) -> list[Problem]:
    files = written(folder, maps)
    table = classes or ClassTable.from_ids({i for file in files for i in file.ids})
    return classes_like_unlabeled(folder, files, table, 10**6, "--")


def by_hand(labels: np.ndarray, count: int) -> tuple[list[int], list[int], np.ndarray]:
    """Pixels, those with another class at most 3 rows and columns away, and sides shared; one pixel after the other."""
    height, width = labels.shape
    pixels, near, sides = [0] * count, [0] * count, np.zeros((count, count), int)
    for row in range(height):
        for column in range(width):
            own = labels[row, column]
            if own >= count:
                continue
            window = labels[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4]
            pixels[own] += 1
            near[own] += bool(((window != own) & (window < count)).any())
            for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if 0 <= r < height and 0 <= c < width and labels[r, c] != own and labels[r, c] < count:
                    sides[own, labels[r, c]] += 1
    return pixels, near, sides


def near_others(labels: np.ndarray, own: int) -> list[bool]:
    """For each pixel of a class: True where another class is at most 3 rows and columns away."""
    pixels = zip(*np.nonzero(labels == own), strict=True)
    return [bool((labels[max(0, r - 3) : r + 4, max(0, c - 3) : c + 4] != own).any()) for r, c in pixels]


def test_counts_are_those_of_a_walk_over_the_pixels() -> None:
    rng = np.random.default_rng(0)
    labels = np.kron(rng.choice([0, 1, 2, 3, 255], (5, 6)), np.ones((6, 7), np.int64))
    counts, (pixels, near, sides) = BorderCounts.of(labels, 4), by_hand(labels, 4)
    assert counts.pixels.tolist() == pixels
    assert counts.near.tolist() == near
    np.testing.assert_array_equal(counts.sides, sides)
    both = counts + counts
    assert both.near_share(1) == pytest.approx(near[1] / pixels[1])
    others = [k for k in range(4) if k != 1]
    assert both.near_share_of_others(1) == pytest.approx(sum(near[k] for k in others) / sum(pixels[k] for k in others))


@pytest.mark.parametrize("strip", [12, 0])
def test_strips_between_all_classes_are_doubted_with_the_setting(
    strip: int, streets: list[np.ndarray], tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    maps = [with_strips(labels + (strip == 0), strip, rng) for labels in streets]
    (problem,) = found(tmp_path / "masks", maps)
    share = 100 * np.mean(np.stack(maps) == strip)
    place = "last" if strip else "first"
    assert problem.found.startswith(f"{strip}, the {place} id, holds {share:.3g} % of the pixels; ")
    near = np.mean([is_near for labels in maps for is_near in near_others(labels, strip)])
    assert f"; {100 * near:.3g} % of them are within 3 px of a border (" in problem.found
    kept = range(12) if strip else range(1, 13)
    entries = {i: str(k) for k, i in enumerate(kept)} | {strip: "ignore"}
    said = ", ".join(f"{i}: {entries[i]}" for i in sorted(entries))
    assert f"if it is unlabeled, say --label_map '{{{said}}}', or" in problem.advice


@pytest.mark.parametrize("size", [SIZE, (96, 192)])
def test_thin_classes_are_not_doubted(size: tuple[int, int], tmp_path: Path) -> None:
    maps = [scene["target"].numpy() for scene in GeneratedScenes(8, seed=5, size=size)]
    assert found(tmp_path / "masks", maps) == []


def test_what_holds_for_several_classes_makes_none_of_them_unlabeled(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    maps = [np.kron(rng.integers(0, 6, (12, 16)), np.ones((8, 8), np.int64)) for _ in range(4)]
    assert found(tmp_path / "masks", maps) == []


def test_contours_of_few_classes_are_classes(tmp_path: Path) -> None:
    """As of cells: background, inside, and the contour between them."""
    rows, columns = np.mgrid[:64, :64]
    distance = np.hypot(rows - 32, columns - 32)
    labels = np.select([distance < 18, distance < 21], [1, 2], 0)
    assert found(tmp_path / "masks", [labels]) == []
    assert strip_between_all(BorderCounts.of(labels, 3)) is None


@pytest.mark.parametrize("name", ["void", "Unlabelled", "ignore", "don't care", "unlabeled pixels"])
def test_a_class_that_is_called_so_is_doubted(name: str, tmp_path: Path) -> None:
    labels = np.repeat([[0, 1, 2]], 3, axis=0)
    (problem,) = found(tmp_path / "masks", [labels], ClassTable.from_names(["road", "car", name]))
    assert problem.found == f"2 ({name}), the last id, is called so"
    assert "--label_map '{0: 0, 1: 1, 2: ignore}' (and leave its name out)" in problem.advice
    assert found(tmp_path / "masks", [labels], ClassTable.from_names(["road", "car", "avoidance"])) == []
