"""Results never replace what is not theirs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from runs import SIZES, Mixed, Outcome, run_hardpix, tree


def predict(mixed: Mixed, out: Path, *more: str, images: Path | None = None) -> Outcome:
    run = ["--run", mixed.run.path, "--images", images or mixed.data.images, "--out", out, "--overlays", "false"]
    return run_hardpix("predict", *run, *more)


@pytest.mark.parametrize("inside", [".", "labels", "a/b/c"])
def test_never_into_the_images(inside: str, mixed: Mixed) -> None:
    before = tree(mixed.data.images)
    outcome = predict(mixed, mixed.data.images / inside, "--overwrite")
    assert outcome.code == 2
    assert "expected a folder outside of what is read" in outcome.err
    assert tree(mixed.data.images) == before
    assert not (mixed.data.images / "labels").exists()


def test_earlier_results_are_replaced_when_asked(mixed: Mixed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert predict(mixed, out).code == 0
    before = tree(out)
    outcome = predict(mixed, out)
    assert outcome.code == 2
    assert "--overwrite" in outcome.err
    assert tree(out) == before
    assert predict(mixed, out, "--overwrite").code == 0
    after = tree(out)
    assert {name: content for name, (content, _) in after.items()} == {n: content for n, (content, _) in before.items()}
    assert all(after[name][1] > before[name][1] for name in before)


def test_results_that_do_not_come_again_are_removed_and_nothing_else(mixed: Mixed, tmp_path: Path) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    shutil.copytree(mixed.data.images, images)
    assert predict(mixed, out, "--confidence", images=images).code == 0
    (out / "labels" / "notes.txt").write_text("mine")
    (images / "four.png").unlink()
    assert predict(mixed, out, "--overwrite", images=images).code == 0
    left = {f"labels/{stem}.png" for stem in SIZES if stem != "four"}
    assert set(tree(out)) == {*left, "hardpix.json", "labels/notes.txt"}


def test_a_file_of_the_users_in_their_place_is_kept(mixed: Mixed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert predict(mixed, out).code == 0
    (out / "confidence").mkdir()
    (out / "confidence" / "four.png").write_text("mine")
    before = tree(out)
    outcome = predict(mixed, out, "--overwrite", "--confidence")
    assert outcome.code == 2
    assert "found 1 other files in their place, such as confidence/four.png" in outcome.err
    assert tree(out) == before


@pytest.mark.parametrize(
    "record",
    [
        "precious: true",
        "[]",
        '{"files": ["labels/a.png"]}',
        '{"command": "predict", "checkpoint": "b", "files": ["../../a.png"]}',
        '{"command": "predict", "checkpoint": "b", "files": "labels"}',
    ],
)
def test_a_file_of_the_records_name_is_no_leave(record: str, mixed: Mixed, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("mine")
    out = tmp_path / "several" / "out"
    out.mkdir(parents=True)
    (out / "hardpix.json").write_text(record)
    before = tree(tmp_path)
    outcome = predict(mixed, out, "--overwrite")
    assert outcome.code == 2
    assert "expected a new or empty folder" in outcome.err
    assert tree(tmp_path) == before


def test_what_is_read_is_not_replaced_because_it_is_an_earlier_result(mixed: Mixed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert predict(mixed, out).code == 0
    before = tree(out)
    run = ["--run", mixed.run.path, "--images", mixed.data.images, "--masks", out / "labels"]
    outcome = run_hardpix("mine", *run, "--out", out, "--overwrite")
    assert outcome.code == 2
    assert f"found {out}, which holds {out / 'labels'}" in outcome.err
    assert tree(out) == before


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_never_into_what_the_run_was_trained_on(kind: str, mixed: Mixed, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(mixed.data.images, images)
    outcome = predict(mixed, getattr(mixed.data, kind) / "new", images=images)
    assert outcome.code == 2
    assert "expected a folder outside of what is read" in outcome.err
    assert not (getattr(mixed.data, kind) / "new").exists()


def test_other_peoples_files_are_not_even_then(mixed: Mixed, tmp_path: Path) -> None:
    # The user's masks happen to lie where predictions would go.
    shutil.copytree(mixed.data.masks, tmp_path / "set" / "labels")
    before = tree(tmp_path)
    outcome = predict(mixed, tmp_path / "set", "--overwrite")
    assert outcome.code == 2
    assert "expected a new or empty folder" in outcome.err
    assert "--overwrite" not in outcome.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "file",
    [
        "notes.txt",
        "thesis.tex",
        "labels/../thesis.png",
        "labels/notes.txt",
        "a/b.png",
        "/labels/a.png",
        "labels//a.png",
    ],
)
def test_a_strangers_record_gives_no_leave_to_remove_other_files(file: str, mixed: Mixed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert predict(mixed, out).code == 0
    for place in ("notes.txt", "thesis.tex", "thesis.png", "labels/notes.txt", "a/b.png"):
        (out / place).parent.mkdir(exist_ok=True)
        (out / place).write_text("mine")
    record = json.loads((out / "hardpix.json").read_text())
    record["files"].append(file)
    (out / "hardpix.json").write_text(json.dumps(record))
    before = tree(tmp_path)
    assert predict(mixed, out, "--overwrite").code == 2
    assert tree(tmp_path) == before


@pytest.mark.parametrize("link", ["labels", "labels/four.png", "labels/a", "hardpix.json"])
def test_nothing_is_written_through_a_link(link: str, mixed: Mixed, tmp_path: Path) -> None:
    out, place = tmp_path / "out", tmp_path / "somewhere"
    assert predict(mixed, out).code == 0
    shutil.move(out / link, place)
    (out / link).symlink_to(place)
    before = tree(tmp_path)
    outcome = predict(mixed, out, "--overwrite")
    assert outcome.code == 2
    assert f"found links, {link}" in outcome.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize("link", [".hardpix.lock", "labels/four.png.partial", "hardpix.json.partial"])
def test_no_link_is_followed_while_results_are_written(link: str, mixed: Mixed, tmp_path: Path) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine.txt"
    assert predict(mixed, out).code == 0
    mine.write_text("mine")
    (out / link).symlink_to(mine)
    assert predict(mixed, out, "--overwrite").code == 0
    assert mine.read_text() == "mine"


def test_the_folder_itself_may_be_a_link(mixed: Mixed, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    assert predict(mixed, tmp_path / "out").code == 0
    assert predict(mixed, tmp_path / "out", "--overwrite").code == 0
    assert (tmp_path / "disk" / "labels" / "four.png").exists()


@pytest.mark.parametrize("link", ["scores.json", "report"])
def test_scores_and_report_of_a_run_are_not_written_through_a_link(link: str, mixed: Mixed, tmp_path: Path) -> None:
    run = Path(shutil.copytree(mixed.run.path, tmp_path / "run"))
    place = tmp_path / "somewhere"
    place.mkdir() if link == "report" else place.write_text("mine")
    shutil.rmtree(run / "report", ignore_errors=True)
    (run / "scores.json").unlink(missing_ok=True)
    (run / link).symlink_to(place)
    before = tree(tmp_path)
    outcome = run_hardpix("test", "--run", run, "--pictures", "false")
    assert outcome.code == 2
    assert f"found links, {link}" in outcome.err
    assert tree(tmp_path) == before
