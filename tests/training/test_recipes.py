"""Recipes in ``hardpix fit``, above all those that hardpix has never heard of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import my_networks
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hardpix.networks import TappedNetwork
from hardpix.objectives import Objective, WeightedCrossEntropy
from hardpix.pixels import DatasetInfo
from hardpix.recipes import Recipe
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask
from runs import TINY, Data, column, read, run_hardpix, weights


class Listener(nn.Module):
    """Deep inside of a recipe."""

    told: DatasetInfo | None = None

    def prepare(self, info: DatasetInfo) -> None:
        Listener.told = info


class Watchful(Recipe):
    """Counts, learns one number of its own, and deploys a network that says class 1 everywhere."""

    steps: Tensor
    epochs: Tensor

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective
        self.inner = nn.ModuleList([nn.Sequential(Listener())])
        self.scale = nn.Parameter(torch.ones(()))
        for name in ("steps", "epochs"):
            self.register_buffer(name, torch.zeros((), dtype=torch.int64))

    @property
    def deployed(self) -> TappedNetwork:
        return self.certain

    def bind(self, network: TappedNetwork) -> Self:
        self.certain = deepcopy(network).requires_grad_(False)
        last = self.certain.model.decoder[-1]
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, 9.0, 0.0]))
        return super().bind(network)

    def forward(self, batches: Mapping[str, Any], progress: float) -> dict[str, Tensor]:
        losses = self.objective(self.pixels(batches["labeled"], progress))
        return {**losses, "loss": self.scale * losses["loss"]}

    def end_step(self) -> None:
        self.steps += 1

    def end_epoch(self) -> None:
        self.epochs += 1


WATCHFUL = ("--model.recipe", f"{Watchful.__module__}.Watchful")
PLAIN = "hardpix.objectives.WeightedCrossEntropy"


@pytest.fixture(scope="module")
def watched(fit_tiny: Callable[..., Run]) -> Run:
    return fit_tiny(*WATCHFUL, "--model.recipe.objective", PLAIN, "--data.workers", 0)


def test_a_recipe_of_the_users_own_trains_by_its_class_path(watched: Run) -> None:
    state = weights(watched)
    # 10 images are trained on, in batches of 4 of which the last, smaller one is dropped.
    assert (state["recipe.steps"], state["recipe.epochs"]) == (4, 2)
    assert state["recipe.scale"] != 1
    assert Listener.told is not None
    assert Listener.told.class_names == ("class 0", "class 7", "class 200")


def test_what_is_deployed_is_validated_tested_and_predicted_with(watched: Run, data: Data) -> None:
    split = watched.read_split()
    assert split is not None
    held_out = [read(data.masks / f"{stem}.png") for stem in split["val"]["stems"]]
    share = float(np.mean([(mask == 7).mean() for mask in held_out]))
    assert column(watched, "val/accuracy") == pytest.approx([share, share], abs=1e-6)
    assert run_hardpix("test", "--run", watched.path, "--pictures", "false").code == 0
    scores = json.loads((watched.path / "scores.json").read_text())
    assert scores["accuracy"] == pytest.approx(share, abs=1e-6)
    out = watched.path.parent / "predicted"
    assert run_hardpix("predict", "--run", watched.path, "--images", data.images, "--out", out).code == 0
    predicted = [np.unique(read(file)).tolist() for file in sorted((out / "labels").rglob("*.png"))]
    assert predicted == [[7]] * 12


def test_a_resumed_run_has_the_state_of_its_recipe(watched: Run, data: Data) -> None:
    outcome = run_hardpix("fit", "--run", watched.path, "--resume", "--trainer.max_epochs", 3)
    assert outcome.code == 0, outcome.err
    state = weights(watched)
    assert (state["recipe.steps"], state["recipe.epochs"]) == (6, 3)


def test_an_objective_alone_is_short_for_supervised_training_by_it(fit_tiny: Callable[..., Run]) -> None:
    ways = [
        [f"{prefix}objective", PLAIN, f"{prefix}objective.signal", "hardpix.signals.HardnessLevel"]
        for prefix in ("--model.", "--model.recipe.")
    ]
    ways[1] = ["--model.recipe", "Supervised", *ways[1]]
    short, long = (weights(fit_tiny(*way)) for way in ways)
    assert short.keys() == long.keys()
    assert all(torch.equal(short[name], long[name]) for name in short)


def test_an_objective_beside_a_recipe_is_one_error(data: Data, tmp_path: Any) -> None:
    given = [*WATCHFUL, "--model.recipe.objective", PLAIN, "--model.objective", PLAIN]
    outcome = run_hardpix("fit", *data.arguments, *TINY, *given, "--run", tmp_path / "run")
    assert outcome.code == 2
    assert "expected an objective or a recipe, found both, WeightedCrossEntropy and Watchful" in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "steps", "epochs"),
    [
        (["--trainer.accumulate_grad_batches", 2], 2, 2),
        # Lightning steps with what has been added up at the end of an epoch.
        (["--trainer.accumulate_grad_batches", 3], 2, 2),
        (["--trainer.max_epochs", -1, "--trainer.max_steps", 3], 3, 1),
    ],
)
def test_end_step_follows_the_optimizers_steps_and_end_epoch_whole_epochs(
    settings: list[object], steps: int, epochs: int, fit_tiny: Callable[..., Run]
) -> None:
    state = weights(fit_tiny(*WATCHFUL, "--model.recipe.objective", PLAIN, *settings))
    assert (state["recipe.steps"], state["recipe.epochs"]) == (steps, epochs)


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_the_scaler_of_half_precision_skips_does_not_end(fused: bool) -> None:
    task = SegmentationTask(
        3,
        my_networks.Tiny(),
        decoder="decoder",
        recipe=Watchful(WeightedCrossEntropy()),
        optimizer=lambda groups: torch.optim.SGD(groups, lr=0.1, fused=fused),
    )
    task.trainer = type("Trainer", (), {"estimated_stepping_batches": 10})()  # type: ignore[assignment]
    optimizer = task.configure_optimizers()["optimizer"]
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for factor, steps in ((1.0, 1), (float("inf"), 1), (1.0, 2)):
        optimizer.zero_grad()
        batch = {"image": torch.rand(1, 3, 8, 8), "target": torch.zeros(1, 8, 8, dtype=torch.long)}
        scaler.scale(factor * task.recipe({"labeled": batch}, 0.0)["loss"]).backward()
        scaler.step(optimizer)
        scaler.update()
        assert int(task.recipe.steps) == steps


def test_the_teacher_is_no_part_of_what_is_learned_or_counted(watched: Run) -> None:
    """Optimizer groups: the network's weights, and the one number that the recipe learns."""
    groups = torch.load(watched.checkpoint("last"), weights_only=True)["optimizer_states"][0]["param_groups"]
    assert [(group["name"], len(group["params"])) for group in groups] == [("network", 6), ("heads", 1)]


def test_a_run_from_before_there_were_recipes_is_read_and_gone_on_with(
    fit_tiny: Callable[..., Run], tmp_path: Path
) -> None:
    """Its weights began with "step." where they begin with "recipe." now."""
    run = fit_tiny("--trainer.max_epochs", 1)
    old = Run(Path(shutil.copytree(run.path, tmp_path / "old")), trusted=True)
    for name in ("last", "best"):
        saved = torch.load(run.checkpoint(name), weights_only=False)
        now = saved["state_dict"]
        saved["state_dict"] = {key.replace("recipe.", "step.", 1): value for key, value in now.items()}
        assert saved["state_dict"].keys() != now.keys()
        torch.save(saved, old.checkpoint(name))
        read = old.load_task(name).state_dict()
        assert all(torch.equal(read[key], value) for key, value in now.items())
    for each in (run, old):
        outcome = run_hardpix("fit", "--run", each.path, "--resume", "--trainer.max_epochs", 2)
        assert outcome.code == 0, outcome.err
    first, second = (torch.load(each.checkpoint("last"), weights_only=True)["state_dict"] for each in (run, old))
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())


MEAN_TEACHER = (
    *("--model.recipe", "SelfTraining", "--model.recipe.objective", PLAIN),
    *("--model.recipe.teacher", "MovingAverage", "--model.recipe.teacher.momentum", 0.9),
    *("--model.recipe.labeler", "ConfidenceThreshold", "--model.recipe.labeler.threshold", 0.4),
    *("--model.recipe.augment", "hardpix.data.batch_transforms.CutMix", "--model.recipe.partner", "unlabeled"),
    *("--data.labeled_every", 2, "--data.batch_size", 1),
)


@pytest.mark.parametrize(("accumulated", "steps"), [(1, 10), (2, 6), (5, 2)])
def test_a_mean_teacher_is_updated_as_often_as_the_optimizer_steps(
    accumulated: int, steps: int, fit_tiny: Callable[..., Run]
) -> None:
    """5 labeled images one by one, two epochs; what is left at an epoch's end is a step of its own."""
    folder = fit_tiny(*MEAN_TEACHER, "--trainer.accumulate_grad_batches", accumulated)
    saved = torch.load(folder.checkpoint("last"), weights_only=True)
    assert saved["global_step"] == steps
    assert saved["state_dict"]["recipe.teacher._extra_state"] == steps
    assert saved["state_dict"]["recipe.augment._extra_state"] == 10


def test_the_teacher_is_deployed_where_it_is_asked_for(fit_tiny: Callable[..., Run]) -> None:
    folder = fit_tiny(*MEAN_TEACHER, "--model.recipe.deploy", "teacher")
    task = folder.load_task("last")
    state = weights(folder)
    first = "model.encoder.0.weight"
    assert torch.equal(task.deployed.state_dict()[first], state[f"recipe.teacher.network.{first}"])
    assert not torch.equal(state[f"recipe.network.{first}"], state[f"recipe.teacher.network.{first}"])
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(task(image), task.recipe.teacher.network(image).logits)


def test_a_small_network_learns_from_the_run_of_another(fit_tiny: Callable[..., Run], watched: Run) -> None:
    """Watchful deploys class 1 everywhere: that is what its teacher's run says, and what a student alone would not."""
    teacher = "hardpix.training.frozen_run.FrozenRun"
    given = ["--model.recipe", "Supervised", "--model.recipe.objective", "Distillation"]
    given += ["--model.recipe.teacher", teacher, "--model.recipe.teacher.run", watched.path]
    given += ["--model.recipe.teacher.trust", "true"]
    folder = fit_tiny(*given, "--model.optimizer.lr", 0.05, "--trainer.max_epochs", 8)
    logits = folder.load_task("last")(torch.rand(1, 3, 32, 32))
    assert bool((logits.argmax(1) == 1).all())
    assert not any(".teacher." in name for name in weights(folder))


@pytest.mark.parametrize("inside", ["Ensemble", "ManyViews", None])
def test_a_teacher_that_is_not_trusted_says_where_it_can_be(
    inside: str | None, watched: Run, data: Data, tmp_path: Path
) -> None:
    """An option reaches the recipe's own teacher; one inside of another is trusted in the file of settings alone."""
    frozen = {"class_path": "hardpix.training.frozen_run.FrozenRun", "init_args": {"run": str(watched.path)}}
    held = {"Ensemble": {"teachers": {"large": frozen}}, "ManyViews": {"teacher": frozen}}
    teacher = {"class_path": f"hardpix.teachers.{inside}", "init_args": held[inside]} if inside else frozen
    recipe = {
        "class_path": "Supervised",
        "init_args": {"objective": {"class_path": "Distillation"}, "teacher": teacher},
    }
    if inside is not None:
        # So that an option in the message would be an error of its own.
        assert "trust" not in teacher["init_args"]
    file = tmp_path / "settings.yaml"
    file.write_text(json.dumps({"model": {"recipe": recipe}}))
    outcome = run_hardpix("fit", "--config", file, *data.arguments, *TINY, "--run", tmp_path / "run")
    assert outcome.code == 2
    option = "--model.recipe.teacher.trust true"
    assert (option in outcome.err) == (inside is None)
    assert ("trust: true to the init_args of this FrozenRun" in outcome.err) == (inside is not None)
    frozen["init_args"]["trust"] = True
    file.write_text(json.dumps({"model": {"recipe": recipe}}))
    outcome = run_hardpix("fit", "--config", file, *data.arguments, *TINY, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err


def test_a_recipe_is_named_without_its_module_and_its_parts_too(fit_tiny: Callable[..., Run]) -> None:
    config = fit_tiny(*MEAN_TEACHER, "--trainer.max_epochs", 1).read_config()["model"]
    assert config["recipe"]["class_path"] == "hardpix.recipes.SelfTraining"
    assert config["recipe"]["init_args"]["teacher"]["class_path"] == "hardpix.teachers.MovingAverage"
