"""Files are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.cli.results import write_whole
from hardpix.data import read_mask, write_mask
from hardpix.data.whole_files import partial_of, whole_file


def test_the_earlier_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("earlier")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "earlier"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def write_half(path: Path, error: type[BaseException]) -> None:
    with whole_file(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_an_error_leaves_nothing_of_the_new_one(kind: type[BaseException], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("earlier")
    for name in ("a.txt", "b.txt"):
        with pytest.raises(kind):
            write_half(tmp_path / name, kind)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "earlier"}


def test_a_mask_whose_writing_fails_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mask(tmp_path / "a.png", np.full((4, 4), 3, np.uint8))

    def fail(self: Image.Image, file: object, format: str) -> None:
        getattr(file, "write", Path(str(file)).write_bytes)(b"\x89PNG")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="No space"):
        write_mask(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    assert (read_mask(tmp_path / "a.png") == 3).all()
    assert os.listdir(tmp_path) == ["a.png"]


def test_files_of_one_stem_are_not_written_through_each_other(tmp_path: Path) -> None:
    assert partial_of(tmp_path / "a.html") != partial_of(tmp_path / "a.md")
    # As long a name as the file system takes.
    for name in ("x" * 251 + ".txt", "x" * 250 + "y.txt"):
        write_whole(tmp_path / name, name)
        assert (tmp_path / name).read_text() == name


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_whole(tmp_path / "pipe", "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
