"""Lightning's warning about modules in evaluation mode: silent for teachers, and for nothing else."""

import warnings
from pathlib import Path

import pytest
from torch import nn

from hardpix.labelers import ConfidenceThreshold
from hardpix.objectives import WeightedCrossEntropy
from hardpix.recipes import Supervised
from hardpix.teachers import Frozen, MovingAverage
from hardpix.training.quiet import EVALUATING, expected_of, quiet
from runs import TINY, Data, run_hardpix


@pytest.mark.parametrize("teacher", [None, MovingAverage(), Frozen(nn.Conv2d(3, 2, 1))], ids=["none", "mean", "frozen"])
def test_teachers_may_evaluate_and_others_may_not(teacher: nn.Module | None) -> None:
    recipe = Supervised(WeightedCrossEntropy(), teacher, ConfidenceThreshold())
    recipe.network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    assert expected_of(recipe) == [EVALUATING]
    recipe.network[1].eval()
    assert expected_of(recipe) == []


def test_only_what_is_expected_is_silent() -> None:
    said = "Found 2 module(s) in eval mode at the start of training. This may lead to …"
    for also, count in (([], 1), ([EVALUATING], 0)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with quiet(also):
                warnings.warn(said, stacklevel=1)
        assert len(caught) == count


def test_a_training_with_a_teacher_is_silent(data: Data, tmp_path: Path) -> None:
    recipe = ["--model.recipe", "Supervised", "--model.recipe.objective", "WeightedCrossEntropy"]
    recipe += ["--model.recipe.teacher", "MovingAverage", "--trainer.max_epochs", 1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome = run_hardpix("fit", *data.arguments, *TINY, *recipe, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert not [each for each in caught if "eval mode" in str(each.message)]
