"""Files of one problem each in one line on the screen, and all of them in the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hardpix.data.wording import counted
from runs import run_hardpix
from small_runs import write_maps

STEMS = [f"image_{k}" for k in range(6)]


@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_maps_of_confidence_in_place_of_probabilities_are_one_line(suffix: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = {stem: rng.integers(0, 3, (12, 16)).astype(np.uint8) for stem in STEMS}
    truth, guess = (write_maps(tmp_path / name, labels) for name in ("truth", "guess"))
    write_maps(tmp_path / "confidence", dict.fromkeys(STEMS, np.full((12, 16), 200, np.uint8)), suffix)
    maps = ("--probabilities", tmp_path / "confidence", "--pictures", "false", "--workers", 1)
    out = tmp_path / "report"
    outcome = run_hardpix("diagnose", "--truth", truth, "--predictions", guess, "--out", out, *maps)
    assert outcome.code == 0, outcome.err
    [said] = [line for line in outcome.out.splitlines() if "(6)" in line]
    assert "what to do:" in said
    assert "(6), such as" in said
    assert "filess" not in outcome.out
    assert "probabilitiess" not in outcome.out
    assert [line for line in outcome.out.splitlines() if any(stem in line for stem in STEMS[1:])] == []
    listed = json.loads((out / "summary.json").read_text())["inputs"]["unused"]
    assert {Path(problem["where"]).stem for problem in listed} >= set(STEMS)


def test_one_is_no_plural() -> None:
    assert [counted(n, "epoch") for n in (0, 1, 2)] == ["0 epochs", "1 epoch", "2 epochs"]
