"""Room that a study takes, by files of known sizes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hardpix.study.disk import room_needed, size_of


def write(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\0" * size)


def test_the_runs_to_come_take_what_finished_ones_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=5 * 2**29))
    write(tmp_path / "a" / "checkpoints" / "best.ckpt", 3 * 2**20)
    write(tmp_path / "a" / "report" / "index.html", 2**20)
    write(tmp_path / "b" / "checkpoints" / "last.ckpt", 2 * 2**20)
    (tmp_path / "b" / "link").symlink_to(tmp_path / "a" / "report" / "index.html")
    assert [size_of(tmp_path / name) for name in ("a", "b", "gone")] == [4 * 2**20, 2 * 2**20, 0]
    said = room_needed(tmp_path, [tmp_path / "a", tmp_path / "b", tmp_path / "gone"], 1024)
    assert said.endswith("; about 3 GiB in all, by 3 MiB of a finished one; 2.5 GiB are free on the disk")
    assert room_needed(tmp_path, [], 3).endswith("for the first seed alone; 2.5 GiB are free on the disk")
