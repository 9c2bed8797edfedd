"""A class tree from a class file through a run: training, resuming, prediction, test."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from hardpix.training.run import Run
from runs import TINY, Data, read, run_hardpix

NAMES = ("car", "bus", "sky")
GROUPS = {"vehicle": ["car", "bus"]}


def class_file(place: Path, **further: Any) -> Path:
    classes = [{"name": name, "id": stored} for name, stored in zip(NAMES, (0, 7, 200), strict=True)]
    path = place / "my_classes.yaml"
    path.write_text(yaml.safe_dump({"classes": classes, **further}))
    return path


def arguments(data: Data, classes: Path, objective: str) -> list[str]:
    return [*data.arguments, *TINY, "--data.classes", str(classes), "--model.objective", objective]


@pytest.fixture(scope="module")
def run(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Run:
    place = tmp_path_factory.mktemp("tree")
    given = arguments(data, class_file(place, tree=GROUPS), "hardpix.objectives.LogicRules")
    outcome = run_hardpix("fit", *given, "--run", place / "run")
    assert outcome.code == 0, outcome.err
    return Run(place / "run", trusted=True)


def test_a_run_keeps_the_tree_and_its_scores_of_groups_come_back(run: Run) -> None:
    tree = run.read_classes().tree
    assert tree is not None
    assert tree.groups == GROUPS
    assert run.dataset_info().tree == tree
    rules = run.load_task("last").recipe.objective
    assert rules.tree(3).tolist() == [[0, 0, 1]]
    saved = torch.load(run.checkpoint("last"), weights_only=True)["state_dict"]
    assert torch.equal(rules.head.layer.weight, saved["recipe.objective.head.layer.weight"])


def test_it_goes_on_with_the_same_tree_and_with_no_other(run: Run, data: Data, tmp_path: Path) -> None:
    given = arguments(data, class_file(tmp_path, tree={"far": ["bus", "sky"]}), "hardpix.objectives.LogicRules")
    outcome = run_hardpix("fit", *given, "--run", run.path, "--resume", "--trainer.max_epochs", 3)
    assert outcome.code == 2
    assert "expected the class tree that" in outcome.err
    assert "found {'far': ['bus', 'sky']}: put the tree back" in outcome.err
    outcome = run_hardpix("fit", "--run", run.path, "--resume", "--trainer.max_epochs", 3)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("refine", [["TreePath", "--refine.mode", "inside"], ["TreeMessages"]])
def test_predictions_are_refined_by_the_tree_of_the_run(
    refine: list[str], run: Run, data: Data, tmp_path: Path
) -> None:
    given = ["--run", run.path, "--images", data.images, "--probabilities", "true", "--refine", *refine]
    outcome = run_hardpix("predict", *given, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    labels = {value for file in (tmp_path / "out" / "labels").glob("*.png") for value in set(read(file).ravel())}
    assert labels <= {0, 7, 200}


def test_the_report_of_a_test_has_the_figures_of_the_tree(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    outcome = run_hardpix("test", "--run", run.path, "--report", tmp_path / "report")
    assert outcome.code == 0, outcome.err
    summary = yaml.safe_load((tmp_path / "report" / "summary.json").read_text(encoding="utf-8"))
    assert 0 <= summary["scores"]["miou_level_1"] <= 1
    assert summary["settings"]["groups"] == [["vehicle", "vehicle", "sky"]]


@pytest.mark.parametrize("objective", ["TreeCrossEntropy", "LogicRules"])
def test_classes_without_a_tree_are_refused_before_the_training(objective: str, data: Data, tmp_path: Path) -> None:
    given = arguments(data, class_file(tmp_path), f"hardpix.objectives.{objective}")
    outcome = run_hardpix("fit", *given, "--run", tmp_path / "run")
    assert outcome.code == 2
    assert f"expected a class tree for {objective}, found none: write it into the class file" in outcome.err
    assert not list(tmp_path.glob("run/checkpoints/*"))


def test_a_run_of_before_has_no_tree_and_goes_on_with_a_preset_that_has_one(data: Data, tmp_path: Path) -> None:
    given = [*data.arguments, *TINY, "--data.classes", str(class_file(tmp_path)), "--run", str(tmp_path / "run")]
    assert run_hardpix("fit", *given, "--trainer.max_epochs", 1).code == 0
    class_file(tmp_path, tree=GROUPS)
    outcome = run_hardpix("fit", *given, "--resume", "--trainer.max_epochs", 2)
    assert outcome.code == 0, outcome.err
