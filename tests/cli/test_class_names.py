"""Names of classes on command lines: short ones are found, misspelled ones are answered with the nearest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hardpix.cli.class_names import class_at
from hardpix.commands.fit_settings import read_settings
from runs import run_hardpix

FIT = ("fit", "--data.images", "no", "--data.masks", "no")
SUPERVISED = ("--model.recipe", "Supervised", "--model.recipe.objective", "WeightedCrossEntropy")
SELF = ("--model.recipe", "SelfTraining", *SUPERVISED[2:], "--model.recipe.teacher", "MovingAverage")
SELF += ("--model.recipe.labeler", "ConfidenceThreshold")

MISSPELLED = {
    "name": (["--model.objective", "WeightedCrosEntropy"], "hardpix.objectives.WeightedCrossEntropy"),
    "path": (
        ["--model.objective", "hardpix.objectives.WeightedCrosEntropy"],
        "hardpix.objectives.WeightedCrossEntropy",
    ),
    "module": (["--model.objective", "hardpix.objectivs.PixelContrast"], "hardpix.objectives.PixelContrast"),
    "case": (["--model.objective", "pixelcontrast"], "hardpix.objectives.PixelContrast"),
    "signal": (
        ["--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "HardnesLevel"],
        "hardpix.signals.HardnessLevel",
    ),
    "teacher": ([*SUPERVISED, "--model.recipe.teacher", "FrozenRn"], "hardpix.training.frozen_run.FrozenRun"),
    "augment": ([*SELF, "--model.recipe.augment", "StrngColor"], "hardpix.data.batch_transforms.StrongColor"),
    "optimizer": (["--model.optimizer", "AdmW"], "torch.optim.AdamW"),
}


@pytest.mark.parametrize(("arguments", "meant"), MISSPELLED.values(), ids=MISSPELLED)
def test_the_nearest_class_is_offered(arguments: list[str], meant: str) -> None:
    outcome = run_hardpix(*FIT, *arguments)
    assert outcome.code == 2
    assert re.search(rf"did you mean .*\b{re.escape(meant)}\b", outcome.err), outcome.err
    assert class_at(meant) is not None
    assert "dot import path" not in outcome.err


def test_so_it_is_in_files_and_by_other_commands(tmp_path: Path) -> None:
    wrong = "{model: {objective: {class_path: hardpix.objectives.WeightedCrosEntropy}}}"
    (tmp_path / "fit.yaml").write_text(wrong)
    (tmp_path / "base.yaml").write_text("{data: {images: a, masks: b}}")
    (tmp_path / "variants.yaml").write_text(f"base:\nother: {wrong}\n")
    study = ["--config", tmp_path / "base.yaml", "--variants", tmp_path / "variants.yaml", "--out", tmp_path / "study"]
    for outcome in (run_hardpix("fit", "--config", tmp_path / "fit.yaml"), run_hardpix("compare", *study)):
        assert outcome.code == 2
        assert "did you mean hardpix.objectives.WeightedCrossEntropy?" in outcome.err
    labeled = ["--run", "no", "--images", "no", "--out", tmp_path / "out"]
    outcome = run_hardpix("label", *labeled, "--labeler", "ConfidenceThreshol", "--refine", "PAMR")
    assert "did you mean hardpix.labelers.ConfidenceThreshold?" in outcome.err


def test_short_names_are_saved_as_paths() -> None:
    files = ["--data.images", "no", "--data.masks", "no"]
    _, saved = read_settings([*files, *SELF, "--model.recipe.augment", "StrongColor"])
    assert saved["model"]["recipe"]["init_args"]["augment"]["class_path"] == "hardpix.data.batch_transforms.StrongColor"
    _, saved = read_settings(
        [*files, *SUPERVISED, "--model.recipe.teacher", "FrozenRun", "--model.recipe.teacher.run", "r"]
    )
    assert saved["model"]["recipe"]["init_args"]["teacher"]["class_path"] == "hardpix.training.frozen_run.FrozenRun"


def test_a_name_of_two_libraries_is_no_guess() -> None:
    """torchvision has a CutMix, too."""
    outcome = run_hardpix(*FIT, *SELF, "--model.recipe.augment", "CutMix")
    assert outcome.code == 2
    assert "several are called CutMix: give one of" in outcome.err
    assert "hardpix.data.batch_transforms.CutMix" in outcome.err


def test_what_is_no_name_at_all_is_answered_with_all() -> None:
    outcome = run_hardpix(*FIT, "--model.objective", "Focal")
    assert "found Focal; there are hardpix.objectives.AtPoints, hardpix.objectives.BorderCrossEntropy" in outcome.err
    assert "hardpix.objectives.WeightedCrossEntropy" in outcome.err
    outcome = run_hardpix(*FIT, "--model.objective.signal", "Focal")
    assert "name the class, too, such as --model.objective hardpix.objectives.WeightedCrossEntropy" in outcome.err


def test_recipes_say_what_they_need_by_an_example_that_works() -> None:
    """The example is put to the parser as it stands."""
    files = ["--data.images", "no", "--data.masks", "no"]
    for recipe in ("SelfTraining", "TwoViews", "Supervised"):
        for further in ([], ["--model.objective", "WeightedCrossEntropy"]):
            outcome = run_hardpix(*FIT, "--model.recipe", recipe, *further)
            assert outcome.code == 2
            assert "a recipe has its objective itself" in outcome.err
            example = outcome.err.split("such as ")[1].split(" (")[0].split()
            _, saved = read_settings([*files, "--model.recipe", recipe, *example])
            assert saved["model"]["recipe"]["class_path"] == f"hardpix.recipes.{recipe}"


def test_a_message_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "says_more.py").write_text("raise SystemExit('imported')\nclass Net: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert class_at("says_more.Net") is None
