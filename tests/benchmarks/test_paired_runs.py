"""The table of paired runs, against scipy's paired t-test."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from .conftest import load_script

paired_runs = load_script("paired_runs")


def test_interval_is_that_of_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(50, 1, 5), rng.normal(51, 1, 5)
    expected = stats.ttest_rel(second, first).confidence_interval(0.95)
    mean, low, high = paired_runs.paired_difference(first, second)
    assert mean == pytest.approx(np.mean(second) - np.mean(first))
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_one_pair_has_no_interval() -> None:
    mean, low, high = paired_runs.paired_difference(np.array([50.0]), np.array([51.5]))
    assert mean == 1.5
    assert np.isnan([low, high]).all()


def test_only_common_seeds_are_compared(tmp_path: Path) -> None:
    for name, seed, miou in (("a_0", 0, 0.5), ("a_1", 1, 0.9), ("b_0", 0, 0.6)):
        (tmp_path / name).mkdir()
        scores = {"miou": miou, "border_miou": None, "accuracy": 1.0, "class_iou": {"road": miou}}
        (tmp_path / name / "scores.json").write_text(json.dumps(scores))
        (tmp_path / name / "config.yaml").write_text(f"seed: {seed}\n")
    groups = [dict(paired_runs.read_run(tmp_path / name) for name in names) for names in (("a_0", "a_1"), ("b_0",))]
    with pytest.raises(SystemExit, match=r"no seed is in both groups: \[1\] and \[0\]"):
        paired_runs.with_common_classes({1: groups[0][1]}, groups[1])
    groups = paired_runs.with_common_classes(*groups)
    table = paired_runs.compare(*groups, ("a", "b"))
    assert "1 pairs, seeds 0" in table
    assert "| mIoU | 50.00 | 60.00 | +10.00 | – |" in table
    rows = paired_runs.seed_by_seed(*groups, ("a", "b")).splitlines()
    assert rows[0] == "| seed | mIoU: a | mIoU: b | mIoU near borders: a | mIoU near borders: b |"
    assert rows[2:] == ["| 0 | 50.00 | 60.00 | nan | nan |"]


def test_classes_that_some_runs_lack_are_left_out_of_a_mean_of_its_own() -> None:
    def scores(road: float, sky: float, toilet: float) -> dict[str, float]:
        present = [value for value in (road, sky, toilet) if not np.isnan(value)]
        return {"mIoU": np.mean(present), "mIoU near borders": 0.0, "accuracy": 0.0} | {
            "banana": road,
            "sky": sky,
            "toilet": toilet,
        }

    first = {0: scores(60, 40, np.nan), 1: scores(62, 40, np.nan)}
    second = {0: scores(60, 42, 0), 1: scores(62, 44, np.nan)}  # one predicts a toilet where the truth has none
    extended = paired_runs.with_common_classes(first, second)
    rows = paired_runs.compare(*extended, ("a", "b")).splitlines()[4:]
    assert rows[0].startswith("| mIoU | 50.50 ± 0.71 | 43.50 ± 13.44 | -7.00 |")
    assert rows[1].startswith("| mIoU of the 2 classes that every run has | 50.50 ± 0.71 | 52.00 ± 1.41 | +1.50 |")
    assert rows[-3].startswith("| banana | 61.00 ± 1.41 |")
    assert rows[-1] == "| toilet | – | – | – | – |"
    by_seed = paired_runs.seed_by_seed(*extended, ("a", "b")).splitlines()
    assert "| mIoU of the 2 classes that every run has: b |" in by_seed[0]
    assert by_seed[2] == "| 0 | 50.00 | 34.00 | 50.00 | 51.00 | 0.00 | 0.00 |"
    none = {0: dict.fromkeys(first[0], np.nan)}
    assert paired_runs.with_common_classes(none, second) == [none, {0: second[0]}]
    alike = {seed: run | {"toilet": np.nan} for seed, run in second.items()}
    assert paired_runs.with_common_classes(first, alike) == [first, alike]
