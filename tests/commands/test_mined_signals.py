"""hardpix mine --signal: the map of any signal of a run, and its way back into a training."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import my_networks
import numpy as np
import pytest
import torch
from torch import Tensor

from hardpix.cli.errors import UsageError
from hardpix.commands.signal_maps import mined_signal, write_level
from hardpix.data.images import read_weight
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import PixelBatch
from hardpix.signals import ClassBalance, HardnessLevel, Precomputed, Product, Signal
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask
from runs import TINY, Data, logits_by_hand, read, run_hardpix, tree

SIGNALS = (
    "[{class_path: ClassBalance}, {class_path: HardnessLevel}, {class_path: Focal}, {class_path: my_networks.Doubt}]"
)
OBJECTIVE = f"""{{class_path: WeightedCrossEntropy, init_args: {{
    signal: {{class_path: Product, init_args: {{signals: {SIGNALS}}}}}}}}}"""
IDS = (0, 7, 200)
STEM = "frame_004"
Mine = Callable[..., Path]


@pytest.fixture(scope="module")
def run(fit_tiny: Callable[..., Run]) -> Run:
    return fit_tiny("--model.objective", OBJECTIVE)


@pytest.fixture(scope="module")
def mine(run: Run, data: Data, tmp_path_factory: pytest.TempPathFactory) -> Mine:
    def written(*arguments: object) -> Path:
        out = tmp_path_factory.mktemp("mined") / "out"
        outcome = run_hardpix("mine", "--run", run.path, "--images", data.images, "--out", out, *arguments)
        assert outcome.code == 0, outcome.err
        return out

    return written


def classes_of(mask: Path) -> np.ndarray:
    return np.searchsorted(IDS, read(mask))


def test_class_weights_are_those_of_the_masks(mine: Mine, run: Run, data: Data) -> None:
    out = mine("--signal", "ClassBalance", "--masks", data.masks)
    balance = next(m for m in run.load_task().modules() if isinstance(m, ClassBalance))
    assert {file.name for file in out.iterdir()} == {"class_balance", "class_balance.csv", "hardpix.json"}
    for mask in data.masks.iterdir():
        found = np.load(out / "class_balance" / f"{mask.stem}.npy")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, balance.weights.numpy()[classes_of(mask)], rtol=1e-6)
    with (out / "class_balance.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["class"] != "all"]
    for row in rows:
        k = [f"class {stored}" for stored in IDS].index(row["class"])
        assert float(row["mean"]) == float(row["p95"]) == pytest.approx(balance.weights[k].item(), abs=1e-5)


def test_focal_weights_are_powers_of_the_missing_probability(mine: Mine, run: Run, data: Data) -> None:
    out = mine("--signal", "focal", "--masks", data.masks)
    probability = logits_by_hand(run, read(data.images / f"{STEM}.png")).softmax(0).numpy()
    true = np.take_along_axis(probability, classes_of(data.masks / f"{STEM}.png")[None], 0)[0]
    np.testing.assert_allclose(np.load(out / "focal" / f"{STEM}.npy"), (1 - true) ** 2, rtol=1e-4, atol=1e-6)


def test_images_without_masks_do_for_a_signal_that_needs_none(mine: Mine, run: Run, data: Data) -> None:
    out = mine("--signal", "Doubt")
    probability = logits_by_hand(run, read(data.images / f"{STEM}.png")).softmax(0).numpy()
    np.testing.assert_allclose(np.load(out / "doubt" / f"{STEM}.npy"), 1 - probability.max(0), rtol=1e-4, atol=1e-6)
    with (out / "doubt.csv").open() as file:
        assert {row["class_from"] for row in csv.DictReader(file)} == {"prediction"}


def test_by_default_it_is_the_learned_hardness_also_inside_a_product(mine: Mine) -> None:
    default, named = mine(), mine("--signal", "HardnessLevel")
    for out in (default, named):
        assert {file.name for file in out.iterdir()} == {"hardness", "hardness.csv", "hardpix.json"}
    files = [
        {name: content for name, (content, _) in tree(out).items() if "json" not in name} for out in (default, named)
    ]
    assert files[0] == files[1]
    assert read(default / "hardness" / f"{STEM}.png").dtype == np.uint16


def test_a_map_comes_back_as_it_was_and_weighs_another_training(mine: Mine, data: Data, tmp_path: Path) -> None:
    out = mine("--signal", "focal", "--masks", data.masks)
    for file in (out / "focal").iterdir():
        assert np.array_equal(read_weight(file), np.load(file))
    signal = "{class_path: Precomputed, init_args: {floor: 0}}"
    weighted = ("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", signal)
    outcome = run_hardpix(
        *("fit", *data.arguments, *TINY, *weighted, "--data.weights", out / "focal", "--run", tmp_path / "run")
    )
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ClassBalance"], "ClassBalance needs labels, found images without: give the folder of their masks (--masks)"),
        (["Product"], "Product needs labels"),
        (
            ["OnlineHard"],
            "expected one signal 'OnlineHard' in the objective WeightedCrossEntropy, found 0; its signals",
        ),
    ],
)
def test_what_cannot_be_mined_is_one_message(
    arguments: list[str], said: str, run: Run, data: Data, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = run_hardpix("mine", "--run", run.path, "--images", data.images, "--out", out, "--signal", *arguments)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())
    assert not out.exists()


class LevelOfDepth(Signal):
    name = "level of depth"
    reads = frozenset({"depth"})

    def level(self, px: PixelBatch) -> Tensor:
        return px.sample["depth"] / 100


class Outside(Signal):
    name = "../labels"

    def forward(self, px: PixelBatch) -> Tensor:
        return torch.ones(px.shape)


@pytest.mark.parametrize(
    ("signal", "name", "message"),
    [
        (Precomputed(), "precomputed", r"Precomputed reads weight maps, found images alone"),
        (Product([Precomputed()]), "Product", r"Product reads weight maps, found images alone"),
        (Outside(), "Outside", r"expected a name for a folder as the name of Outside, found '../labels'"),
        (Precomputed(), None, "expected a run that learned hardness, found one whose objective has no HardnessLevel"),
        (LevelOfDepth(), None, "expected a run that learned hardness, found one whose objective has no HardnessLevel"),
    ],
    ids=["precomputed", "product", "a path", "no hardness", "a level of depth"],
)
def test_signals_that_images_alone_do_not_give(signal: Signal, name: str | None, message: str) -> None:
    task = SegmentationTask(3, my_networks.Tiny(), WeightedCrossEntropy(signal), decoder="decoder")
    with pytest.raises(ValueError, match=message):
        mined_signal(task, name, None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_a_map_that_is_no_weight_is_refused(value: float, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected a finite map ≥ 0 of Precomputed, found .* in 25 % of .* of a: "):
        write_level(tmp_path / "a.npy", np.array([[0.0, value, 1.0, 2.0]]), Precomputed())
    assert not (tmp_path / "a.npy").exists()


def test_a_level_beside_its_scale_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected HardnessLevel.level from 0 to 1, found 0 to 2 in a"):
        write_level(tmp_path / "a.png", np.array([[0.0, 2.0]]), HardnessLevel())
