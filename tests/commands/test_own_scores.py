"""``hardpix test`` with figures of a user's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs import Mixed, run_hardpix


@pytest.mark.parametrize(("level", "share"), [("0", 1), ("1", 0)])
def test_a_report_of_a_run_has_them(mixed: Mixed, tmp_path: Path, level: str, share: int) -> None:
    score = f"[{{class_path: my_scores.SureAndWrong, init_args: {{level: {level}}}}}]"
    words = ["--run", mixed.run.path, "--report", tmp_path / "report", "--out", tmp_path / "scores.json"]
    outcome = run_hardpix("test", *words, "--scores", score, "--pictures", "false", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    summary = json.loads((tmp_path / "report" / "summary.json").read_text(encoding="utf-8"))
    wrong = sum(kind["pixels"] for kind in summary["kinds"])
    assert wrong > 0
    assert summary["scores"]["sure"] == share * wrong


def test_one_that_is_not_there_is_said_before_the_work(mixed: Mixed, tmp_path: Path) -> None:
    words = ["--run", mixed.run.path, "--report", tmp_path / "report", "--out", tmp_path / "scores.json"]
    outcome = run_hardpix("test", *words, "--scores", "my_scores.Other")
    assert outcome.code == 2
    assert outcome.err == "hardpix test: expected a class in my_scores, found no Other\n"
    assert not (tmp_path / "report").exists()
