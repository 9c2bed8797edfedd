"""Planted errors on generated scenes, and their score, where both are known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from hardpix.data import write_mask
from hardpix.data.masks import read_mask
from hardpix.scenes import GeneratedScenes

from .conftest import load_script

pytestmark = pytest.mark.slow

noisy_labels = load_script("noisy_labels")


@pytest.fixture(scope="module")
def true(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("true")
    scenes = GeneratedScenes(4, seed=3, size=(128, 256))
    for k in range(4):
        write_mask(folder / "day" / f"{k}.png", np.asarray(scenes[k]["target"]).astype(np.uint8))
    return folder


@pytest.fixture(scope="module")
def noisy(true: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("noisy") / "out"
    noisy_labels.main(["make", "--masks", str(true), "--out", str(out), "--share", "0.6", "--min_area", "20"])
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_wrong_pixel_belongs_to_an_error_of_the_table(true: Path, noisy: Path) -> None:
    table = rows(noisy / "errors.csv")
    assert {row["kind"] for row in table} == set(noisy_labels.KINDS)
    for k in range(4):
        truth, labels = read_mask(true / "day" / f"{k}.png"), read_mask(noisy / "masks" / "day" / f"{k}.png")
        numbers = read_mask(noisy / "errors" / "day" / f"{k}.png")
        np.testing.assert_array_equal(numbers > 0, labels != truth)
        assert not (labels != truth)[truth == 255].any()
        own = {int(row["error"]): row for row in table if row["image"] == f"day/{k}"}
        assert set(np.unique(numbers)) - {0} == own.keys()
        for error, row in own.items():
            where = np.argwhere(numbers == error)
            assert len(where) == int(row["pixels"])
            box = [int(row[side]) for side in ("top", "left", "bottom", "right")]
            assert box == [*where.min(0), *(where.max(0) + 1)]


def test_the_seed_decides(true: Path, noisy: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        given = ["make", "--masks", str(true), "--out", str(tmp_path / str(seed)), "--seed", str(seed)]
        noisy_labels.main([*given, "--share", "0.6", "--min_area", "20"])
    same = [(tmp_path / seed / "errors.csv").read_text() == (noisy / "errors.csv").read_text() for seed in ("0", "1")]
    assert same == [True, False]


def test_one_command_does_all_and_hands_settings_on(
    true: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Two of four masks; `hardpix correct` is one that mends every swapped object."""
    images, out, given = tmp_path / "images", tmp_path / "out", []
    for k in range(4):
        write_mask(images / "day" / f"{k}.png", np.zeros((128, 256), np.uint8))

    def corrected(command: list[str], **_: object) -> None:
        given.extend(command)
        proposals(out / "proposed", out / "noisy", true, spoiled=False, count=2)

    monkeypatch.setattr(noisy_labels.subprocess, "run", corrected)
    folders = ["--images", str(images), "--masks", str(true), "--out", str(out), "--run", "runs/first"]
    drawn = ["--stems", ":2", "--share", "0.6", "--min_area", "20"]
    noisy_labels.main(["study", *folders, *drawn, "--", "--border", "0"])
    assert given[-2:] == ["--border", "0"]
    assert sorted(path.name for path in (out / "images" / "day").iterdir()) == ["0.png", "1.png"]
    assert {row["image"] for row in rows(out / "noisy" / "errors.csv")} == {"day/0", "day/1"}
    assert "| spoil right labels | 0 |" in capsys.readouterr().out


def square() -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((30, 30), np.uint8)
    mask[10:20, 10:20] = 1
    mask[:3] = 255
    return mask, mask == 1


@pytest.mark.parametrize("kind", noisy_labels.KINDS)
def test_objects_are_changed_as_the_kind_says(kind: str) -> None:
    mask, thing = square()
    rng = np.random.default_rng(0)
    found = noisy_labels.planted(mask, thing, kind, 2, [0, 1, 2], mask == 255, rng)
    assert (found[mask == 255] == 255).all()
    if kind == "swapped":
        np.testing.assert_array_equal(found[thing], np.full(100, found[10, 10]))
        assert found[10, 10] in (0, 2)
        assert (found != mask).sum() == 100
    elif kind == "dilated":
        # A disc of radius 2 adds two rows on each side, and at each corner the two steps and the diagonal one.
        rows, columns = np.indices(mask.shape)
        gap = [np.maximum(np.maximum(10 - each, each - 19), 0) for each in (rows, columns)]
        np.testing.assert_array_equal(found == 1, gap[0] ** 2 + gap[1] ** 2 <= 4)
    elif kind == "eroded":
        np.testing.assert_array_equal(np.argwhere(found == 1).min(0), [12, 12])
        assert (found == 1).sum() == 36
        assert (found[thing & (found != 1)] == 0).all()
    else:
        moved = np.argwhere(found == 1).min(0) - [10, 10]
        assert 3 <= np.hypot(*moved) <= 5
        assert (found == 1).sum() == 100


def proposals(folder: Path, noisy: Path, true: Path, spoiled: bool, count: int = 4) -> Path:
    """A correction that mends every swapped object and, where wanted, spoils ten by ten pixels of each image."""
    kinds = {(row["image"], int(row["error"])): row["kind"] for row in rows(noisy / "errors.csv")}
    table = ["image,region,to"]
    for k in range(count):
        truth, labels = read_mask(true / "day" / f"{k}.png"), read_mask(noisy / "masks" / "day" / f"{k}.png")
        numbers = read_mask(noisy / "errors" / "day" / f"{k}.png")
        swapped = [error for (image, error), kind in kinds.items() if image == f"day/{k}" and kind == "swapped"]
        changes = np.where(np.isin(numbers, swapped), numbers, 0).astype(np.uint16)
        corrected = np.where(changes > 0, truth, labels)
        table += [f"day/{k},{error},class" for error in swapped]
        if spoiled:
            block = np.zeros(truth.shape, bool)
            corners = [(row, column) for row in range(0, 110, 10) for column in range(0, 240, 10)]
            free = (labels == truth) & (truth != 255)
            row, column = next((y, x) for y, x in corners if free[y : y + 10, x : x + 10].all())
            block[row : row + 10, column : column + 10] = True
            changes[block], corrected[block] = 999, (truth[block] + 1) % 5
            table.append(f"day/{k},999,other")
        write_mask(folder / "masks" / "day" / f"{k}.png", corrected)
        write_mask(folder / "changes" / "day" / f"{k}.png", changes)
    (folder / "regions.csv").write_text("\n".join(table) + "\n")
    return folder


@pytest.mark.parametrize("spoiled", [False, True])
def test_score_counts_what_is_found_and_what_is_spoiled(
    spoiled: bool, true: Path, noisy: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = proposals(tmp_path, noisy, true, spoiled)
    noisy_labels.main(["score", "--true", str(true), "--noisy", str(noisy), "--proposals", str(folder)])
    said = capsys.readouterr().out
    table = rows(noisy / "errors.csv")
    for kind in noisy_labels.KINDS:
        count = sum(row["kind"] == kind for row in table)
        found = count if kind == "swapped" else 0
        assert f"| {kind} | {count} | {found} | {100 * found / count:.1f} |" in said
    swapped = sum(row["kind"] == "swapped" for row in table)
    assert f"| right | {swapped} |" in said
    assert f"| spoil right labels | {4 * spoiled} |" in said
    verdicts = [(row["to"], row["verdict"]) for row in rows(folder / "verdicts.csv")]
    assert sorted(verdicts) == [("class", "right")] * swapped + [("other", "spoils")] * (4 * spoiled)
    assert f"| class | {swapped} | {swapped} | 0 | 100.0 |" in said
    assert ("| other | 4 | 0 | 4 | 0.0 |" in said) == spoiled
    wrong = sum(int(row["pixels"]) for row in table)
    assert f"| wrong before | {wrong} |" in said
    mended = sum(int(row["pixels"]) for row in table if row["kind"] == "swapped")
    if not spoiled:
        assert f"| mended | {mended} |" in said
        assert f"| wrong after | {wrong - mended} |" in said
