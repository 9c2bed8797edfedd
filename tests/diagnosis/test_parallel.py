"""The same report from one process and from two; chunks in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpix.diagnosis.parallel import LARGEST_CHUNK, in_chunks, worker_count
from small_runs import run, write_maps

COUNT = 4 * 2 * LARGEST_CHUNK + 3


def numbered(items: Sequence[int]) -> list[int]:
    return [10 * item for item in items]


@given(st.integers(0, 100))
def test_chunks_come_in_order_and_leave_nothing_out(count: int) -> None:
    parts = list(in_chunks(numbered, range(count), 1, "counting"))
    assert [number for part in parts for number in part] == [10 * k for k in range(count)]
    assert all(0 < len(part) <= LARGEST_CHUNK for part in parts)


def test_as_many_processes_as_asked_and_one_for_little_work() -> None:
    assert [worker_count(items, 5) for items in (0, 1, 1000)] == [5, 5, 5]
    assert [worker_count(items) for items in (0, 1, 23)] == [1, 1, 1]
    assert worker_count(10**6) >= 1
    for asked in (0, -2):
        with pytest.raises(ValueError, match=f"at least 1 worker, found {asked}"):
            worker_count(10, asked)


def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    truth = {f"s{k}": random.integers(0, 3, (6, 7 + k % 3)).astype(np.uint8) for k in range(COUNT)}
    guess = {
        stem: np.where(random.random(values.shape) < 0.7, values, 1).astype(np.uint8) for stem, values in truth.items()
    }
    guess["s9"] = guess["s9"][1:]  # one that is left out
    hardness = {stem: random.integers(0, 256, values.shape).astype(np.uint8) for stem, values in truth.items()}
    del hardness["s30"]
    settings = {
        # Every pass over the files starts processes anew: two of them are enough.
        "classes": ["x", "y", "z"],
        "hardness": write_maps(tmp_path / "hardness", hardness),
        "title": "the same",
        "overwrite": True,
    }
    written = []
    for workers in (1, 2):
        summary = run(tmp_path, truth, guess, workers=workers, **settings)
        report = tmp_path / "report"
        read = json.loads((report / "summary.json").read_text(encoding="utf-8"))
        del read["made"]
        files = {path.relative_to(report).as_posix() for path in report.rglob("*") if path.is_file()}
        details = [path.read_text() for path in sorted(report.glob("data/details/*.js"))]
        thumbnails = [path.read_bytes() for path in sorted(report.glob("thumbnails/*"))]
        images = pq.read_table(report / "images.parquet").to_pydict()
        written.append((read, (report / "classes.csv").read_text(), images, files, details, thumbnails))
        assert summary["inputs"]["count"] == COUNT - 1
    assert written[0] == written[1]
    assert written[0][2]["stem"] == [f"s{k}" for k in range(COUNT) if k != 9]
    assert written[0][2]["width"] == [7 + k % 3 for k in range(COUNT) if k != 9]
    errors = [(truth[f"s{k}"] != guess[f"s{k}"]).mean() for k in range(COUNT) if k != 9]
    assert written[0][2]["errors"] == pytest.approx(errors)
    assert [value is None for value in written[0][2]["mean_hardness"]].count(True) == 1
