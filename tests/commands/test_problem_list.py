"""Twenty problems of a kind on the screen, all of them in a table; folders and files that cannot be read are said."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from runs import Mixed, Outcome, run_hardpix

# More than the screen shows.
MANY = 23


def listed(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def spoiled(mixed: Mixed, tmp_path: Path) -> Path:
    """Images, and as many files that are none."""
    images = tmp_path / "images"
    shutil.copytree(mixed.data.images, images)
    for number in range(MANY):
        (images / f"bad{number}.png").write_text("no image")
    return images


def use(command: str, mixed: Mixed, images: Path, out: Path, *more: object) -> Outcome:
    return run_hardpix(command, "--run", mixed.run.path, "--images", images, "--out", out, *more)


@pytest.mark.parametrize("command", ["predict", "mine", "label"])
def test_the_whole_list_is_among_the_results(command: str, mixed: Mixed, spoiled: Path, tmp_path: Path) -> None:
    outcome = use(command, mixed, spoiled, tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "… and 3 more" in outcome.out
    assert "the whole list is written to problems.csv" in outcome.out
    found = listed(tmp_path / "out" / "problems.csv")
    unread = {row["where"] for row in found if row["kind"] == "file that cannot be used"}
    assert unread == {str(spoiled / f"bad{number}.png") for number in range(MANY)}
    # A later list replaces it where results may be replaced, and goes with the problems.
    assert use(command, mixed, spoiled, tmp_path / "out", "--overwrite").code == 0
    assert listed(tmp_path / "out" / "problems.csv") == found
    assert use(command, mixed, mixed.data.images, tmp_path / "out", "--overwrite").code == 0
    left = tmp_path / "out" / "problems.csv"
    assert not left.exists() or all("bad" not in row["where"] for row in listed(left))


def test_a_table_of_the_users_is_not_replaced(mixed: Mixed, spoiled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert use("predict", mixed, mixed.data.images, out).code == 0
    if not (out / "problems.csv").exists():
        (out / "problems.csv").write_text("mine")
        assert use("predict", mixed, spoiled, out, "--overwrite").code == 2
        assert (out / "problems.csv").read_text() == "mine"


@pytest.mark.parametrize("command", ["fit", "check"])
def test_what_is_refused_goes_to_the_file_that_is_named(
    command: str, mixed: Mixed, spoiled: Path, tmp_path: Path
) -> None:
    prefix = "--data." if command == "fit" else "--"
    folders = [f"{prefix}images", spoiled, f"{prefix}masks", mixed.data.masks]
    outcome = run_hardpix(command, *folders)
    assert outcome.code in (1, 2)
    assert "--problems FILE writes all" in outcome.out + outcome.err
    outcome = run_hardpix(command, *folders, "--problems", tmp_path / "all.csv")
    assert outcome.code in (1, 2)
    assert str(tmp_path / "all.csv") in outcome.out + outcome.err
    unread = {row["where"] for row in listed(tmp_path / "all.csv") if row["kind"] == "file that cannot be used"}
    assert unread == {str(spoiled / f"bad{number}.png") for number in range(MANY)}
    before = (tmp_path / "all.csv").read_bytes()
    outcome = run_hardpix("fit", "--data.images", spoiled, "--problems", tmp_path / "all.csv")
    assert (outcome.code, "expected a new file for the list of problems" in outcome.err) == (2, True)
    assert (tmp_path / "all.csv").read_bytes() == before


def test_the_report_has_the_whole_list(mixed: Mixed, tmp_path: Path) -> None:
    predictions = tmp_path / "predictions"
    shutil.copytree(mixed.data.masks, predictions)
    for number in range(MANY):
        Image.new("L", (8, 8)).save(predictions / f"more{number}.png")
    sides = ["--truth", mixed.data.masks, "--predictions", predictions]
    outcome = run_hardpix("diagnose", *sides, "--out", tmp_path / "out", "--workers", 1)
    assert outcome.code == 0, outcome.err
    assert "the whole list is written to problems.csv" in outcome.out
    found = listed(tmp_path / "out" / "problems.csv")
    assert {row["where"] for row in found} == {str(predictions / f"more{number}.png") for number in range(MANY)}
    assert run_hardpix("diagnose", *sides, "--out", tmp_path / "out", "--workers", 1, "--overwrite").code == 0


@pytest.mark.parametrize("kind", ["FIFO", "link to nothing", "link to the parent", "unreadable folder"])
def test_what_is_passed_over_is_said(kind: str, mixed: Mixed, tmp_path: Path) -> None:
    images = tmp_path / "data" / "images"
    shutil.copytree(mixed.data.images, images)
    shutil.copytree(mixed.data.masks, tmp_path / "data" / "masks")
    where = images / "x.png"
    if kind == "FIFO":
        os.mkfifo(where)
    elif kind == "link to nothing":
        where.symlink_to("gone.png")
    elif kind == "link to the parent":
        where = images / "up"
        where.symlink_to(tmp_path / "data")
    else:
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        where = images / "closed"
        where.mkdir(mode=0o000)
    count = sum(path.is_file() for path in mixed.data.images.rglob("*"))
    outcome = use("predict", mixed, images, tmp_path / "out", "--overlays", "false")
    assert outcome.code == 0, outcome.err
    assert str(where) in outcome.out
    assert f"{count} images labeled" in outcome.out
    assert str(where) in {row["where"] for row in listed(tmp_path / "out" / "problems.csv")}


@pytest.mark.parametrize("command", ["predict", "mine", "label"])
def test_an_image_beside_a_folder_of_its_results_name(command: str, mixed: Mixed, tmp_path: Path) -> None:
    """a.jpg gives labels/a.png, a.png/b.png gives labels/a.png/b.png."""
    images = tmp_path / "images"
    (images / "a.png").mkdir(parents=True)
    some = Image.open(mixed.data.images / "four.png").convert("RGB")
    some.save(images / "a.jpg")
    some.save(images / "a.png" / "b.png")
    outcome = use(command, mixed, images, tmp_path / "out")
    assert outcome.code == 2
    assert "a.png, as of an image a.jpg beside a folder a.png: rename the image or the folder" in outcome.err
    assert not (tmp_path / "out").exists()
