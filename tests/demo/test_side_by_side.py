"""Work in processes of their own: its results, and its end."""

import os
import time

import pytest

from hardpix.cli.errors import UsageError
from hardpix.demo.side_by_side import SideBySide
from pieces_of_work import first_dies, first_fails, threads_and_sum

pytestmark = pytest.mark.slow


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_each_process_does_its_own_part_again_and_again() -> None:
    said: list[tuple[int, int]] = []
    with SideBySide(2, threads=1) as together:
        first = together.map(threads_and_sum, [(1, 2), (30, 40)], lambda *heard: said.append(heard))
        second = together.map(threads_and_sum, [(5, 6), (7, 8)])
    assert [threads for _, threads, _ in first + second] == [1] * 4
    assert [total for *_, total in first + second] == [3, 70, 11, 15]
    processes = [pid for pid, *_ in first]
    assert processes == [pid for pid, *_ in second]
    assert len({*processes, os.getpid()}) == 3
    assert sorted(said) == [(0, 1), (1, 30)]
    assert not any(map(alive, processes))


def test_an_error_ends_all_and_is_told() -> None:
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="ValueError: no such thing"), SideBySide(2, threads=1) as together:
        together.map(first_fails, [(0,), (1,)])
    assert not any(process.is_alive() for process in together.processes)
    assert time.monotonic() - started < 500


def test_a_process_that_is_killed_is_told() -> None:
    with pytest.raises(UsageError, match="ended from outside"), SideBySide(2, threads=1) as together:
        together.map(first_dies, [(0,), (1,)])
    assert not any(process.is_alive() for process in together.processes)
