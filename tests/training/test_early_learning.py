"""ADELE in a training: what it has counted survives a stop within an epoch, and the screen says whose labels change."""

from __future__ import annotations

from pathlib import Path

import my_networks
import pytest
import torch

from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix

from .test_resume import stopped_at
from .test_resume_within_an_epoch import assert_same, fit, last

SETTINGS = (
    *TINY,
    *("--model.recipe", "hardpix.recipes.Supervised"),
    *("--model.recipe.objective", "hardpix.objectives.WeightedCrossEntropy"),
    *("--model.recipe.teacher", "hardpix.teachers.MovingAverage"),
    *("--model.recipe.labeler", "hardpix.labelers.EarlyLearning", "--model.recipe.labeler.threshold", "0"),
    *("--model.recipe.labeler.slowed", "0", "--data.batch_size", "2", "--trainer.max_epochs", "7"),
)


def test_a_stop_within_an_epoch_changes_nothing(data: Data, tmp_path: Path) -> None:
    given = [*data.arguments, *SETTINGS]
    whole = fit(tmp_path / "whole", *given)
    labeler = {name: value for name, value in whole["state_dict"].items() if name.startswith("recipe.labeler.")}
    assert labeler["recipe.labeler.history"].shape == (7, 3, 3)
    assert (labeler["recipe.labeler.history"][:, 1].sum(1) > 0).all()
    assert labeler["recipe.labeler.corrected_from"].any()
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *given, "--checkpoint_minutes", 0, "--run", tmp_path / "run", *stopped_at(5, 3))
    assert last(tmp_path / "run")["state_dict"]["recipe.labeler.counts"].any()
    outcome = run_hardpix("fit", "--run", tmp_path / "run", "--resume")
    assert outcome.code == 0, outcome.err
    assert_same(last(tmp_path / "run"), whole)


def test_the_screen_says_which_labels_are_corrected(data: Data, tmp_path: Path) -> None:
    outcome = run_hardpix("fit", *data.arguments, *SETTINGS, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    begun = last(tmp_path / "run")["state_dict"]["recipe.labeler.corrected_from"]
    for epoch in begun[begun > 0].unique().tolist():
        assert f" are corrected from epoch {epoch} on" in outcome.out
    loaded = Run(tmp_path / "run", trusted=True).load_task("last").recipe.labeler
    assert torch.equal(loaded.corrected_from, begun)
