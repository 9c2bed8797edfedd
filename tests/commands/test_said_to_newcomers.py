"""Sentences at turns where a newcomer would go wrong: poor classes in labels, finished runs, runs without signals."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hardpix.pixels.percent import percent
from hardpix.training.class_scores import caution_about_labels, class_ious
from hardpix.training.run import Run
from runs import Data, column, run_hardpix, weights

CE = ("--model.objective", "WeightedCrossEntropy")


@pytest.fixture(scope="module")
def plain(fit_tiny: Callable[..., Run]) -> Run:
    return fit_tiny(*CE)


def test_the_record_has_the_classes_of_both_checkpoints(fit_tiny: Callable[..., Run]) -> None:
    """By the logs: of the first of the highest scores, and of the last validation."""
    run = fit_tiny(*CE, "--trainer.max_epochs", 4)
    miou = column(run, "val/miou")
    epochs = {"best": miou.index(max(miou)), "last": 3}
    for which, epoch in epochs.items():
        found = class_ious(run, which)
        assert set(found) == set(run.read_classes().names)
        for name, iou in found.items():
            assert iou == pytest.approx(column(run, f"val/iou/{name}")[epoch])


def test_labels_of_classes_that_are_hardly_found_are_doubted(plain: Run, data: Data, tmp_path: Path) -> None:
    ious = class_ious(plain, "best")
    poor = [name for name, iou in ious.items() if iou < 0.3]
    assert poor
    outcome = run_hardpix("label", "--run", plain.path, "--images", data.images, "--out", tmp_path / "out")
    line = next(line for line in outcome.out.splitlines() if "hardly finds" in line)
    assert {name for name in ious if f"{name} (IoU" in line} == set(poor)
    assert f"(mIoU {percent(sum(ious.values()) / len(ious))})" in line
    # Before anything is labeled, and so before the shares that look like a success.
    said = outcome.out.splitlines()
    assert said.index("Caution") < said.index(line) < next(k for k, row in enumerate(said) if "labeled, %" in row)
    assert "a poor network is often sure and wrong" in outcome.out


def test_scores_of_test_stand_in_for_a_record_without_classes(plain: Run, tmp_path: Path) -> None:
    shutil.copytree(plain.path, tmp_path / "run")
    run = Run(tmp_path / "run")
    record = json.loads(run.record.read_text())
    del record["class_iou"]
    run.record.write_text(json.dumps(record))
    assert class_ious(run, "best") == {}
    scores = {"checkpoint": str(run.checkpoint("best")), "class_iou": {"a": 0.5}}
    (run.path / "scores.json").write_text(json.dumps(scores))
    assert class_ious(run, "best") == {"a": 0.5}
    assert class_ious(run, "last") == {}


def test_good_classes_need_no_caution() -> None:
    assert caution_about_labels({"road": 0.9, "pole": 0.3}) == []
    assert caution_about_labels({}) == []


def test_a_finished_run_is_said_and_trained_longer_by_the_command(fit_tiny: Callable[..., Run], tmp_path: Path) -> None:
    run = fit_tiny(*CE, "--trainer.max_epochs", 1)
    before = weights(run)
    outcome = run_hardpix("fit", "--run", run.path, "--resume")
    assert outcome.code == 0, outcome.err
    assert f"{run.path} has finished its 1 epoch; to train longer" in outcome.out
    assert all(before[key].equal(value) for key, value in weights(run).items())
    command = shlex.split(re.search(r"hardpix (fit .* --trainer\.max_epochs \d+)", outcome.out)[1])
    longer = run_hardpix(*command)
    assert longer.code == 0, longer.err
    assert "has finished" not in longer.out
    assert "epoch 2/2" in longer.out
    assert json.loads(run.record.read_text())["epochs"] == 2


def test_a_run_of_steps_is_finished_by_its_steps(fit_tiny: Callable[..., Run]) -> None:
    run = fit_tiny(*CE, "--trainer.max_epochs", "null", "--trainer.max_steps", 1)
    outcome = run_hardpix("fit", "--run", run.path, "--resume")
    assert "has finished its 1 step; to train longer" in outcome.out, outcome.err


class TestMine:
    """Advice that can be followed."""

    def mined(self, run: Run, data: Data, out: Path, *settings: object) -> str:
        outcome = run_hardpix("mine", "--run", run.path, "--images", data.images, "--out", out, *settings)
        return outcome.err if outcome.code else "done"

    def test_without_any_signal_no_signal_is_advised(self, plain: Run, data: Data, tmp_path: Path) -> None:
        said = self.mined(plain, data, tmp_path / "out")
        assert "it has no signal that images alone give: train one with" in said
        assert "--signal " not in said

    def test_another_signal_is_named_by_what_works(
        self, fit_tiny: Callable[..., Run], data: Data, tmp_path: Path
    ) -> None:
        run = fit_tiny(*CE, "--model.objective.signal", "OnlineHard")
        said = self.mined(run, data, tmp_path / "out")
        advised = re.search(r"mine another signal that it has: (.*)", said)[1]
        settings = [data.masks if word == "DIR" else word for word in shlex.split(advised)]
        assert self.mined(run, data, tmp_path / "out", *settings) == "done"
