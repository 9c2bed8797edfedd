"""Files by stem."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpix.data.files import FolderListing, files_by_stem, list_files, natural_key
from hardpix.data.pairs import ImagePaths, pairing_problems, unread_files


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_subfolders_types_and_hidden_files(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.PNG", "b/10.jpg", "a.x.tiff", "b/2.bmp", "notes.txt", ".hidden.png", ".git/x.png", "Thumbs.db")
    found = files_by_stem(tmp_path)
    assert {stem: [path.name for path in paths] for stem, paths in found.items()} == {
        "a.x": ["a.x.tiff"],
        "b/2": ["2.PNG", "2.bmp"],
        "b/10": ["10.jpg"],
    }
    assert list(found) == ["a.x", "b/2", "b/10"]


def test_endings_tell_stems_apart(tmp_path: Path) -> None:
    touch(tmp_path, "u/u_1_gtFine_labelIds.png", "u/u_1_gtFine_color.png", "u/u_1_gtFine_instanceIds.png")
    assert list(files_by_stem(tmp_path, "_gtFine_labelIds")) == ["u/u_1"]
    touch(tmp_path, "mixed/1.jpg", "mixed/1.png")
    assert [p.name for p in files_by_stem(tmp_path / "mixed", ".png")["1"]] == ["1.png"]


def test_folders_to_skip(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "masks/1.png")
    assert list(files_by_stem(tmp_path, skip=[tmp_path / "masks"])) == ["1"]


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    touch(tmp_path, "real/1.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "day").symlink_to(tmp_path / "real")
    assert list(files_by_stem(tmp_path / "data")) == ["day/1"]


def test_links_that_lead_back_are_walked_once(tmp_path: Path) -> None:
    touch(tmp_path, "data/1.png", "data/sub/2.png")
    (tmp_path / "data" / "sub" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "twin").symlink_to(tmp_path / "data" / "sub")
    assert list(files_by_stem(tmp_path / "data")) == ["1", "sub/2"]
    assert dict(list_files(tmp_path / "data").not_followed) == {
        tmp_path / "data" / "sub" / "up": "a link to a folder that is listed as .",
        tmp_path / "data" / "twin": "a link to a folder that is listed as sub",
    }


def test_links_that_lead_around_each_other_give_each_file_once(tmp_path: Path) -> None:
    """Seven files of seven folders, each with links to all the others: paths of them are thousands."""
    for here in "abcdefg":
        touch(tmp_path, f"{here}/{here}.png")
        for other in "abcdefg":
            if other != here:
                (tmp_path / here / f"to_{other}").symlink_to(tmp_path / other)
    assert list(files_by_stem(tmp_path)) == [f"{each}/{each}" for each in "abcdefg"]


def test_a_link_to_the_parent_brings_no_masks_among_the_images(tmp_path: Path) -> None:
    touch(tmp_path, "data/images/1.png", "data/masks/1.png")
    (tmp_path / "data" / "images" / "up").symlink_to(tmp_path / "data")
    listing = list_files(tmp_path / "data" / "images")
    assert [name for name, _ in listing.files] == ["1.png"]
    assert listing.not_followed == ((tmp_path / "data" / "images" / "up", "a link to a folder around this one"),)
    (said,) = unread_files(ImagePaths(tmp_path / "data" / "images"))
    assert (said.where, said.found) == (tmp_path / "data/images/up", "a link to a folder around this one")


def test_time_grows_with_the_number_of_folders_however_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "s/" * 200 + "1.png")
    calls = 0

    def counted(function: Callable) -> Callable:
        def call(*arguments: Any, **settings: Any) -> Any:
            nonlocal calls
            calls += 1
            return function(*arguments, **settings)

        return call

    for name in ("stat", "lstat", "scandir", "readlink"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    assert list(files_by_stem(tmp_path)) == ["s/" * 200 + "1"]
    assert calls < 3 * 200 + 50


@pytest.mark.parametrize("kind", ["a FIFO", "a socket", "a link to nothing"])
def test_regular_files_alone_are_read(tmp_path: Path, kind: str) -> None:
    touch(tmp_path, "1.png")
    if kind == "a FIFO":
        os.mkfifo(tmp_path / "x.png")
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as bound:
            here = os.getcwd()
            os.chdir(tmp_path)  # the name of a socket is short
            try:
                bound.bind("x.png")
            finally:
                os.chdir(here)
    else:
        (tmp_path / "x.png").symlink_to(tmp_path / "gone.png")
    folders = ImagePaths(tmp_path)
    assert list(folders.files["images"]) == ["1"]
    (problem,) = pairing_problems(folders)
    assert (problem.where, problem.expected, problem.found) == (tmp_path / "x.png", "a regular file", kind)


@given(st.lists(st.integers(0, 10**6), unique=True), st.sampled_from(["", "f", "seq_03/x"]))
def test_numbers_are_sorted_as_numbers(numbers: list[int], before: str) -> None:
    stems = [f"{before}{n}" for n in numbers]
    assert sorted(stems, key=natural_key) == [f"{before}{n}" for n in sorted(numbers)]


@given(st.lists(st.text("ab01²٣/_", min_size=1), unique=True))
def test_any_stems_can_be_sorted_and_no_two_are_alike(stems: list[str]) -> None:
    keys = [natural_key(stem) for stem in stems]
    assert len(sorted(keys)) == len(set(keys)) == len(stems)


def test_folders_before_a_star_are_no_part_of_the_stem() -> None:
    names = [
        "town/images/1.png",
        "images/2.png",
        "3.png",
        "town/images/far/4.png",
        "town/more_images/5.png",
        "town/masks/1.png",
    ]
    listing = FolderListing(tuple((name, Path("root", name)) for name in names))
    assert list(listing.by_stem("images/*")) == ["2", "town/1"]
    assert list(listing.by_stem("images/*.jpg")) == []
    assert list(listing.by_stem("town/masks/*")) == ["1"]
