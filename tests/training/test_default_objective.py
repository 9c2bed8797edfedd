"""The objective that is trained if none is named: which, that a run keeps its own, and what earlier runs meant."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from hardpix.cli.arguments import Parser
from hardpix.commands.compare_trial import read_plan
from hardpix.commands.fit_settings import default_in_full
from hardpix.diagnosis.shown_signal import HARDNESS, ShownSignal, recorded_signal
from hardpix.objectives import Objective, signals_in
from hardpix.objectives.default import default_objective
from hardpix.pixels import DatasetInfo
from hardpix.signals import ClassBalance, HardnessLevel
from hardpix.study.plan import require_comparable
from hardpix.training.earlier_defaults import written_out
from hardpix.training.frozen_run import FrozenRun
from hardpix.training.loading import count_classes
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask
from runs import TINY, Data, read, run_hardpix, weights

NAMED = "hardpix.signals.HardnessLevel"
IDS = (0, 7, 200)
ONE = ("--trainer.max_epochs", 1)


@pytest.fixture(scope="module")
def run(data: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """A run of the default objective, and what its training said."""
    folder = tmp_path_factory.mktemp("default") / "run"
    outcome = run_hardpix("fit", *data.arguments, *TINY, *ONE, "--run", folder)
    assert outcome.code == 0, outcome.err
    return Run(folder, trusted=True), outcome.out


@pytest.fixture
def copied(run: tuple[Run, str], tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(run[0].path, tmp_path / "run")), trusted=True)


def config_of(run: Run) -> dict[str, Any]:
    return yaml.safe_load(run.config.read_text())


def signal_of(task: SegmentationTask) -> HardnessLevel:
    return next(signal for signal in signals_in(task.recipe) if isinstance(signal, HardnessLevel))


def settings(module: nn.Module) -> dict[str, Any]:
    """Arguments of an objective and its signals, as they keep them."""
    return {
        name: {key: value for key, value in vars(part).items() if isinstance(value, str | float | int | None)}
        for name, part in module.named_modules()
    }


def as_of_one_form(model: dict[str, Any], kind: str = "copy") -> None:
    """The objective of a run of the time when HardnessLevel had one form, every argument recorded."""
    arguments = {"alpha": 0.01, "floor": 0.1, "kind": kind, "normalize": "batch", "across_processes": True}
    model["objective"] = {
        "class_path": "hardpix.objectives.WeightedCrossEntropy",
        "init_args": {"signal": {"class_path": NAMED, "init_args": arguments}, "label_smoothing": 0.0},
    }


def without_objective(model: dict[str, Any]) -> None:
    model["objective"] = None


def before_recipes(model: dict[str, Any]) -> None:
    del model["objective"], model["recipe"]


def without_arguments(model: dict[str, Any]) -> None:
    model["objective"] = {
        "class_path": "hardpix.objectives.WeightedCrossEntropy",
        "init_args": {"signal": {"class_path": NAMED}},
    }


def inside_a_recipe(model: dict[str, Any]) -> None:
    as_of_one_form(model)
    objective, model["objective"] = model["objective"], None
    model["recipe"] = {"class_path": "hardpix.recipes.Supervised", "init_args": {"objective": objective}}


BEFORE: dict[str, Callable[[dict[str, Any]], None]] = {
    "no objective": without_objective,
    "neither key": before_recipes,
    "one form": as_of_one_form,
    "no arguments": without_arguments,
    "in a recipe": inside_a_recipe,
}


def test_it_is_expected_loss_times_class_balance_and_said(run: tuple[Run, str]) -> None:
    folder, said = run
    assert said.count("No objective named: cross-entropy weighted by learned hardness (HardnessLevel) times") == 1
    assert "--model.objective WeightedCrossEntropy is plain cross-entropy" in said
    hardness, balance = folder.load_task().recipe.objective.signal.factors  # type: ignore[union-attr]
    assert (hardness.form, hardness.share, hardness.cap, hardness.kind) == ("graded", 1.0, 11.0, "copy")
    assert (type(balance), balance.method, balance.power) == (ClassBalance, "inverse_frequency", 0.5)


def test_class_weights_are_those_of_the_training_masks(run: tuple[Run, str], data: Data) -> None:
    stems = yaml.safe_load(run[0].split.read_text())["train"]["stems"]
    masks = [read(data.masks / f"{stem}.png") for stem in stems]
    counts = np.array([sum((mask == number).sum() for mask in masks) for number in IDS])
    expected = counts**-0.5
    expected *= counts.sum() / (counts * expected).sum()
    found = weights(run[0])["recipe.objective.signal.signals.1.weights"]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_run_records_every_argument(run: tuple[Run, str]) -> None:
    """No later default changes a run."""
    recorded = config_of(run[0])["model"]["objective"]
    signals = recorded["init_args"]["signal"]["init_args"]["signals"]
    hardness, balance = (signal["init_args"] for signal in signals)
    assert hardness.keys() == {"alpha", "floor", "kind", "normalize", "across_processes", "form", "share", "cap"}
    assert balance == {"counts": None, "method": "inverse_frequency", "beta": None, "power": 0.5}
    assert written_out(config_of(run[0])["model"]) == {}
    assert recorded == default_in_full(sparse=False)


@pytest.mark.parametrize("sparse", [False, True])
def test_what_is_recorded_is_what_is_built(sparse: bool) -> None:
    parser = Parser()
    parser.add_argument("--objective", type=Objective)
    built = parser.instantiate(parser.parse_object({"objective": default_in_full(sparse)})).objective
    assert isinstance(built, Objective)
    assert settings(built) == settings(default_objective(sparse))


def test_going_on_says_nothing_of_defaults_and_keeps_them(copied: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = config_of(copied)["model"]["objective"]
    monkeypatch.setattr("hardpix.commands.fit.default_in_full", lambda: pytest.fail("a default was asked for"))
    outcome = run_hardpix("fit", "--run", copied.path, "--resume", "--trainer.max_epochs", 2)
    assert outcome.code == 0, outcome.err
    assert "No objective named" not in outcome.out
    assert config_of(copied)["model"]["objective"] == before


@pytest.mark.parametrize(
    "named",
    [
        ["--model.objective", "WeightedCrossEntropy"],
        ["--model.recipe", "Supervised", "--model.recipe.objective", "WeightedCrossEntropy"],
    ],
    ids=["objective", "recipe"],
)
def test_what_is_named_is_taken_and_not_talked_about(named: list[str], data: Data, tmp_path: Path) -> None:
    outcome = run_hardpix("fit", *data.arguments, *TINY, *ONE, *named, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "No objective named" not in outcome.out
    assert signals_in(Run(tmp_path / "run", trusted=True).load_task().recipe) == []


def test_a_study_knows_which_default_its_runs_were_made_with(data: Data, tmp_path: Path) -> None:
    """So that one that was begun with another default is not gone on with."""
    config, variants = tmp_path / "base.yaml", tmp_path / "variants.yaml"
    config.write_text(yaml.safe_dump({"data": {"images": str(data.images), "masks": str(data.masks)}}))
    plain = {"model": {"objective": {"class_path": "hardpix.objectives.WeightedCrossEntropy"}}}
    variants.write_text(yaml.safe_dump({"default": None, "plain": plain}))
    planned, _ = read_plan(config, variants, "last", None)
    default, named = (variant.resolved["model"] for variant in planned)
    signals = default["objective_by_default"]["dense"]["init_args"]["signal"]["init_args"]["signals"]
    assert signals[0]["init_args"]["form"] == "graded"
    assert default["objective_by_default"]["sparse"]["class_path"] == "hardpix.objectives.Sum"
    assert "objective_by_default" not in named
    require_comparable(planned, ())  # it is a part of the method


class TestRunsOfBefore:
    """Learned hardness had one form, and was the whole default."""

    @pytest.mark.parametrize("change", BEFORE.values(), ids=BEFORE)
    def test_they_go_on_meaning_the_published_form(self, change: Callable[[dict[str, Any]], None], copied: Run) -> None:
        config = config_of(copied)
        change(config["model"])
        copied.config.write_text(yaml.safe_dump(config))
        signal = signal_of(copied.build_task())
        found = (signal.form, signal.share, signal.cap, signal.kind, signal.alpha, signal.floor)
        assert found == ("published", 0.5, 11.0, "copy", 0.01, 0.1)
        assert not any(isinstance(each, ClassBalance) for each in signals_in(copied.build_task().recipe))

    @pytest.mark.parametrize("change", [without_objective, as_of_one_form, inside_a_recipe])
    def test_every_command_reads_them_so(
        self, change: Callable[[dict[str, Any]], None], data: Data, tmp_path: Path
    ) -> None:
        folder = tmp_path / "run"
        published = (
            f"{{class_path: WeightedCrossEntropy, init_args: {{signal: {{class_path: {NAMED}, "
            "init_args: {form: published, share: 0.5}}}}"
        )
        outcome = run_hardpix("fit", *data.arguments, *TINY, *ONE, "--model.objective", published, "--run", folder)
        assert outcome.code == 0, outcome.err
        run, twin = Run(folder, trusted=True), Run(Path(shutil.copytree(folder, tmp_path / "twin")), trusted=True)
        config = config_of(run)
        change(config["model"])
        run.config.write_text(yaml.safe_dump(config))
        images = ["--run", run.path, "--images", data.images]
        assert run_hardpix("test", "--run", run.path).code == 0
        assert run_hardpix("predict", *images, "--out", tmp_path / "p", "--hardness", "true").code == 0
        assert run_hardpix("mine", *images, "--out", tmp_path / "mined").code == 0
        assert recorded_signal(tmp_path / "mined" / "hardness") == HARDNESS
        teacher = FrozenRun(run.path, trust=True)({"image": torch.zeros(1, 3, 32, 32)}).logits
        assert torch.equal(teacher, FrozenRun(twin.path, trust=True)({"image": torch.zeros(1, 3, 32, 32)}).logits)
        for each in (run, twin):
            again = run_hardpix("fit", "--run", each.path, "--resume", "--trainer.max_epochs", 2)
            assert again.code == 0, again.err
            assert "No objective named" not in again.out
        one, other = weights(run), weights(twin)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)

    def test_settings_given_in_going_on_win(self, copied: Run) -> None:
        config = config_of(copied)
        without_objective(config["model"])
        copied.config.write_text(yaml.safe_dump(config))
        plain = ["--model.objective", "WeightedCrossEntropy", "--trainer.max_epochs", 2]
        outcome = run_hardpix("fit", "--run", copied.path, "--resume", *plain)
        assert "recipe.objective.signal" in outcome.err  # the checkpoint's branch has no place there

    def test_a_graded_run_with_a_floor_that_never_counted_is_built(self, copied: Run) -> None:
        config = config_of(copied)
        as_of_one_form(config["model"], kind="light")
        arguments = config["model"]["objective"]["init_args"]["signal"]["init_args"]
        arguments |= {"form": "graded", "share": 0.7, "cap": 5.0, "floor": 0.3}
        copied.config.write_text(yaml.safe_dump(config))
        signal = signal_of(copied.build_task())
        assert (signal.form, signal.share, signal.cap, signal.kind) == ("graded", 0.7, 5.0, "light")

    @pytest.mark.parametrize("form", ["graded", "published"])
    def test_a_run_that_names_its_form_is_left_alone(self, form: str) -> None:
        signal = {"class_path": NAMED, "init_args": {"form": form, "share": 0.3}}
        assert written_out({"objective": {"class_path": "Mine", "init_args": {"signals": [signal]}}}) == {}

    def test_a_class_of_the_users_own_that_extends_it_is_meant_too(self) -> None:
        arguments = {"alpha": 1, "floor": 1, "kind": "light", "normalize": "image", "across_processes": True}
        mine = {"class_path": "mine.Harder", "init_args": {**arguments, "exponent": 2}}
        found = written_out({"objective": {"class_path": "Sum", "init_args": {"objectives": {"a": mine}}}})
        then = found["objective"]["init_args"]["objectives"]["a"]["init_args"]
        assert then == {**mine["init_args"], "form": "published", "share": 0.5, "cap": 11.0}


def count(targets: list[Tensor], num_classes: int = 3) -> list[int]:
    return count_classes([{"target": target, "stem": f"s{k}"} for k, target in enumerate(targets)], num_classes, 255)  # type: ignore[arg-type]


class TestCounts:
    """Class balance asks for the pixels of each class, on every road to data."""

    def test_a_data_set_of_ones_own_is_counted(self, tmp_path: Path) -> None:
        sets = [
            f"--data.{name}_set my_networks.Squares --data.{name}_set.length 4".split() for name in ("train", "val")
        ]
        outcome = run_hardpix(
            "fit", *sets[0], *sets[1], *TINY, *ONE, "--model.network.outputs", 2, "--run", tmp_path / "run"
        )
        assert outcome.code == 0, outcome.err
        # Squares of 12×16 in 32×48 pixels.
        expected = np.array([32 * 48 - 12 * 16, 12 * 16]) ** -0.5
        found = weights(Run(tmp_path / "run"))["recipe.objective.signal.signals.1.weights"].numpy()
        np.testing.assert_allclose(found / found[0], expected / expected[0], rtol=1e-6)

    def test_labels_are_counted_and_unlabeled_pixels_are_not(self) -> None:
        assert count([torch.tensor([[0, 255, 2]]), torch.tensor([[2, 2, 255]])]) == [1, 0, 3]

    @pytest.mark.parametrize("wrong", [3, -1])
    def test_a_label_that_is_no_class_is_one_message(self, wrong: int) -> None:
        with pytest.raises(ValueError, match=rf"from 0 to 2 .*found {wrong} at 25 % of the pixels of sample s1"):
            count([torch.zeros(2, 2, dtype=torch.long), torch.tensor([[0, 1], [255, wrong]])])

    def test_a_training_set_without_any_label_is_one_message(self) -> None:
        with pytest.raises(ValueError, match=r"expected labeled pixels in the training set.*found none; give their"):
            ClassBalance().prepare(DatasetInfo(("a", "b"), lambda: [0, 0]))


def test_predicting_builds_no_branch(run: tuple[Run, str]) -> None:
    assert signals_in(run[0].load_task(predict_only=True).recipe) == []


def test_the_hardness_of_the_product_is_what_is_mined_and_shown(
    run: tuple[Run, str], data: Data, tmp_path: Path
) -> None:
    folder = run[0]
    images = ["--run", folder.path, "--images", data.images]
    assert run_hardpix("mine", *images, "--out", tmp_path / "mined").code == 0
    assert run_hardpix("predict", *images, "--out", tmp_path / "seen", "--hardness", "true").code == 0
    found = read(tmp_path / "mined" / "hardness" / "frame_004.png")
    assert (found == read(tmp_path / "seen" / "hardness" / "frame_004.png")).all()
    assert recorded_signal(tmp_path / "mined" / "hardness") == ShownSignal("hardness", expects_loss=True)
    task = folder.load_task()
    assert task.shown_signal is signal_of(task)
    balance = run_hardpix("mine", *images, "--masks", data.masks, "--out", tmp_path / "b", "--signal", "ClassBalance")
    assert balance.code == 0, balance.err
    names = [signal.name for signal in signals_in(task.recipe)]
    assert len(set(names)) == len(names)
