"""Locks of folders, and processes that die with one."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hardpix.cli import folder_lock
from hardpix.cli.folder_lock import LOCK, FolderInUse, taken


def in_another_process(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    return child


def hold(folder: Path, started: Path) -> None:
    with taken(folder):
        started.write_text("")
        time.sleep(60)


def wait_for(file: Path) -> None:
    until = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < until
        time.sleep(0.01)


def take(folder: Path) -> None:
    with taken(folder):
        assert (folder / LOCK).exists()


def test_a_process_that_is_killed_releases_it(tmp_path: Path) -> None:
    child = in_another_process(lambda: hold(tmp_path / "out", tmp_path / "started"))
    wait_for(tmp_path / "started")
    with pytest.raises(FolderInUse, match=f"in use by process {child} on .* since "):
        take(tmp_path / "out")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    take(tmp_path / "out")


def test_workers_that_outlive_a_killed_process_are_waited_for(tmp_path: Path) -> None:
    """They have inherited its files, and notice within seconds that it is gone."""

    def with_a_worker() -> None:
        with taken(tmp_path / "out"):
            if os.fork() == 0:
                (tmp_path / "started").write_text("")
                time.sleep(1)
                os._exit(0)
            time.sleep(60)

    child = in_another_process(with_a_worker)
    wait_for(tmp_path / "started")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    began = time.monotonic()
    take(tmp_path / "out")
    assert time.monotonic() - began > 0.2


def test_nothing_is_left_of_it(tmp_path: Path) -> None:
    take(tmp_path / "new")
    (tmp_path / "given").mkdir()
    take(tmp_path / "given")
    assert {path.name for path in tmp_path.rglob("*")} == {"given"}


def test_one_at_a_time(tmp_path: Path) -> None:
    """Eight processes add one to a number 20 times each; the lock's file comes and goes."""
    (tmp_path / "out").mkdir()
    number = tmp_path / "number"
    number.write_text("0")

    def count() -> None:
        done = 0
        while done < 20:
            try:
                with taken(tmp_path / "out"):
                    number.write_text(str(int(number.read_text()) + 1))
                done += 1
            except FolderInUse:
                time.sleep(0.001)
        os._exit(0)

    children = [in_another_process(count) for _ in range(8)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert number.read_text() == "160"


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    with taken(tmp_path / "out"):
        pass
    assert "out is not locked, because its file system has no locks (No locks available)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert folder_lock.SECONDS > 5
