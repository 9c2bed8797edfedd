"""``--data.unlabeled DIR``: images without labels by one option, in hardpix fit and hardpix check alike."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from hardpix.commands.default_recipe import RECIPE
from hardpix.commands.fit_settings import read_settings
from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix, weights

CONFIG = Path(__file__).parents[2] / "configs" / "camvid_lite_unet_cutmix.yaml"


@pytest.fixture
def others(tmp_path: Path) -> Path:
    folder = tmp_path / "others"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for k in range(5):
        Image.fromarray(rng.integers(0, 255, (40, 56, 3), np.uint8)).save(folder / f"extra_{k}.png")
    return folder


def check(data: Data, *given: object) -> Any:
    return run_hardpix("check", *[str(word).replace("--data.", "--") for word in (*data.arguments, *given)])


def recipe_of(run: Path) -> dict[str, Any]:
    return yaml.safe_load((run / "config.yaml").read_text())["model"]["recipe"]


def test_the_default_has_the_settings_that_were_measured() -> None:
    assert yaml.safe_load(CONFIG.read_text())["model"]["recipe"] == RECIPE


def test_a_run_learns_from_both_says_how_and_goes_on(data: Data, others: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--data.unlabeled", others, "--run", run)
    assert outcome.code == 0, outcome.err
    said = " ".join((outcome.out + outcome.err).split())
    assert f"Stream unlabeled: 5 images of {others}, without labels." in said
    assert "mean teacher with CutMix labels what it is sure of" in said
    assert "--model.recipe CLASS names another way. They must come from the same kind of camera" in said
    assert recipe_of(run)["class_path"] == "hardpix.recipes.SelfTraining"
    # 10 labeled images by fours, in two epochs.
    assert weights(Run(run))["recipe.teacher._extra_state"] == 4
    outcome = run_hardpix("fit", "--run", run, "--resume", "--trust-run", "--trainer.max_epochs", 3)
    assert outcome.code == 0, outcome.err
    assert weights(Run(run))["recipe.teacher._extra_state"] == 6


def test_an_objective_becomes_that_of_the_labeled_images(data: Data, others: Path) -> None:
    given = ["--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "HardnessLevel"]
    settings, _ = read_settings([*map(str, data.arguments), *given, "--data.unlabeled", str(others)])
    assert settings.model.objective is None
    recipe = settings.model.recipe
    assert recipe.init_args.objective.init_args.signal.class_path == "hardpix.signals.HardnessLevel"
    assert recipe.init_args.unlabeled.init_args.signal.class_path == "hardpix.signals.Product"


def test_a_recipe_that_is_named_stays(data: Data, others: Path) -> None:
    given = ["--model.recipe", "FutureSelfTraining", "--model.recipe.objective", "WeightedCrossEntropy"]
    given += ["--model.recipe.teacher", "MovingAverage", "--model.recipe.labeler", "ConfidenceWeighted"]
    settings, _ = read_settings([*map(str, data.arguments), *given, "--data.unlabeled", str(others)])
    assert settings.model.recipe.class_path == "hardpix.recipes.FutureSelfTraining"


def missing(others: Path, data: Data) -> None:
    shutil.rmtree(others)


def empty(others: Path, data: Data) -> None:
    for path in others.iterdir():
        path.unlink()


def overlapping(others: Path, data: Data) -> None:
    """All labeled images under other names, those to validate on among them."""
    for k, path in enumerate(sorted(data.images.iterdir())):
        shutil.copy(path, others / f"renamed_{k}.png")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (missing, "expected a folder, found nothing"),
        (empty, "folder without images"),
        (overlapping, "image to train on and to validate on"),
    ],
)
def test_fit_and_check_refuse_the_same_folders(spoil: Any, said: str, data: Data, others: Path, tmp_path: Path) -> None:
    spoil(others, data)
    fitted = run_hardpix("fit", *data.arguments, *TINY, "--data.unlabeled", others, "--run", tmp_path / "run")
    checked = check(data, "--data.unlabeled", others)
    assert fitted.code != 0
    assert checked.code == 1
    assert said in fitted.err
    assert said in checked.out
    assert not (tmp_path / "run").exists()


def test_check_describes_the_images(data: Data, others: Path) -> None:
    outcome = check(data, "--data.unlabeled", others)
    assert outcome.code == 0, outcome.out
    assert f"Stream unlabeled: 5 images of {others}, without labels." in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ("--model.recipe", "Supervised", "--model.recipe.objective", "WeightedCrossEntropy"),
            "found one that wants labeled images alone",
        ),
        (("--data.streams", "{unlabeled: {images: more}}"), "found two, "),
        (("--data.labeled_every", "2"), "leave --data.unlabeled and --data.streams.unlabeled.images out"),
    ],
)
def test_settings_that_contradict_it_are_refused(
    given: tuple[str, ...], said: str, data: Data, others: Path, tmp_path: Path
) -> None:
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--data.unlabeled", others, *given, "--run", tmp_path / "run")
    assert outcome.code != 0
    assert said in " ".join(outcome.err.split())
