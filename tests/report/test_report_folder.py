"""A report's folder: only new, empty or an earlier report, and never at the cost of what is somebody's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardpix.report import report_folder
from hardpix.report.report_folder import is_report, new_report, prepare_report


def listed(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("exists", [False, True])
def test_a_new_or_empty_folder_becomes_a_report(tmp_path: Path, exists: bool) -> None:
    out = tmp_path / "a" / "report"
    if exists:
        out.mkdir(parents=True)
    prepare_report(out)
    assert is_report(out)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(FileExistsError, match=r"new or empty folder for the report, found files in .*another one$"):
        prepare_report(tmp_path, overwrite=overwrite)
    assert (tmp_path / "index.html").read_text() == "mine"


def test_an_earlier_report_is_replaced_only_if_asked(tmp_path: Path) -> None:
    prepare_report(tmp_path)
    (tmp_path / "index.html").write_text("earlier")
    with pytest.raises(FileExistsError, match="--overwrite to replace the report"):
        prepare_report(tmp_path)
    assert (tmp_path / "index.html").read_text() == "earlier"


def test_replacing_removes_what_reports_write_and_nothing_else(tmp_path: Path) -> None:
    prepare_report(tmp_path / "report")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "000000.jpg").write_text("not in the report")
    ours = [
        "index.html",
        "report.css",
        "plotly.min.js",
        "summary.json",
        "classes.csv",
        "images.parquet",
        "scripts/main.js",
        "data/summary.js",
        "data/details/0001.js",
        "thumbnails/000001.jpg",
        "thumbnails/000001.png",
        "pictures/000001/truth.png",
        "pictures/1000000/labels.js",
        "against/pictures/000002/kinds.png",
    ]
    own = ["notes.txt", "pictures/000003/mine.png", "data/raw.csv", "figures/index.html", "scripts/plot.py"]
    for name in [*ours, *own]:
        path = tmp_path / "report" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "report" / "against" / "pictures" / "link").symlink_to(outside)
    (tmp_path / "report" / "link").symlink_to(outside)
    prepare_report(tmp_path / "report", overwrite=True)
    left = listed(tmp_path / "report")
    assert left.issuperset({*own, "hardpix.json", "link", "against/pictures/link"})
    assert left.isdisjoint(ours)
    assert "thumbnails" not in left  # no empty folders stay
    assert (outside / "000000.jpg").exists()


@pytest.mark.parametrize("place", ["masks", "masks/report", "."])
def test_reports_stay_away_from_what_is_read(tmp_path: Path, place: str) -> None:
    (tmp_path / "masks").mkdir()
    with pytest.raises(ValueError, match="what is read"):
        prepare_report(tmp_path / place, [tmp_path / "masks"])
    assert listed(tmp_path) == {"masks"}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("mine")
    with pytest.raises(FileExistsError, match="found a file"):
        prepare_report(tmp_path / "report", overwrite=True)


def fail_while_writing(out: Path) -> None:
    with new_report(out, overwrite=True) as place:
        (place / "index.html").write_text("half")
        raise KeyboardInterrupt


def write_report(out: Path, page: str) -> None:
    with new_report(out, overwrite=True) as place:
        for name in ("index.html", "thumbnails/000001.jpg"):
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(page)


def test_the_earlier_report_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "report"
    with pytest.raises(KeyboardInterrupt):
        fail_while_writing(out)
    assert not out.exists()
    write_report(out, "earlier")
    (out / "thumbnails" / "mine.txt").write_text("mine")
    before = {name: (out / name).read_bytes() for name in listed(out) if (out / name).is_file()}
    with pytest.raises(KeyboardInterrupt):
        fail_while_writing(out)
    assert {name: (out / name).read_bytes() for name in listed(out) if (out / name).is_file()} == before
    write_report(out, "new")
    assert {name: (out / name).read_text() for name in ("index.html", "thumbnails/000001.jpg")} == {
        "index.html": "new",
        "thumbnails/000001.jpg": "new",
    }
    assert (out / "thumbnails" / "mine.txt").read_text() == "mine"
    assert listed(out) == {
        "hardpix.json",
        "index.html",
        "thumbnails",
        *(f"thumbnails/{n}" for n in ("000001.jpg", "mine.txt")),
    }


@pytest.mark.parametrize("moves", range(4))
def test_a_kill_while_files_take_their_place(moves: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "report"
    write_report(out, "earlier")
    move, left = report_folder._move, iter(range(moves))

    def killed(source: Path, target: Path) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(report_folder, "_move", killed)
    if moves < 3:
        with pytest.raises(KeyboardInterrupt):
            write_report(out, "killed")
        assert not is_report(out)
    monkeypatch.undo()
    write_report(out, "new")
    assert is_report(out)
    assert (out / "index.html").read_text() == "new"
    assert not [name for name in listed(out) if name.startswith(".")]


def test_a_kill_before_it_is_whole_is_no_obstacle(tmp_path: Path) -> None:
    out = tmp_path / "report"
    prepare_report(out / report_folder.PLACE)
    (out / report_folder.PLACE / "index.html").write_text("half")
    with new_report(out) as place:
        (place / "index.html").write_text("whole")
    assert (out / "index.html").read_text() == "whole"
    assert listed(out) == {"hardpix.json", "index.html"}
