"""Shares of the loss that a weight moves to wrong pixels: by hand, and on tiny runs whose weights are known."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from hardpix.data import Transformed
from hardpix.training.inference import infer
from hardpix.training.run import Run
from runs import Data, data, fit_tiny  # noqa: F401

from .conftest import FOLDER, load_script

pytestmark = pytest.mark.slow


@pytest.fixture
def weight_shares(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return load_script("weight_shares")


@pytest.fixture
def depth(data: Data, tmp_path: Path) -> Path:  # noqa: F811
    for file in data.images.iterdir():
        with Image.open(file) as image:
            np.save(tmp_path / f"{file.stem}.npy", np.full(image.size[::-1], 2, np.float32))
    return tmp_path


def test_shares_by_hand(weight_shares: ModuleType) -> None:
    # three right pixels of loss 1 and weight 1; one wrong pixel of loss 5 and weight 3
    totals = torch.tensor([[3, 3, 3, 3, 3], [1, 5, 3, 15, 9]], dtype=torch.float64)
    found = weight_shares.shares(totals)
    assert found == pytest.approx({"wrong": 25, "loss": 62.5, "weight": 50, "weighted": 100 * 15 / 18, "even": 75})
    assert found.keys() == weight_shares.NAMES.keys()


def test_equal_weights_change_nothing(
    weight_shares: ModuleType,
    fit_tiny: Callable[..., Run],  # noqa: F811
) -> None:
    run: Run = fit_tiny("--model.objective", "WeightedCrossEntropy", "--data.divisor", 16)
    found = weight_shares.score(run, "last", None, 1.0)
    wrong, loss = [], []
    task = run.load_task("last")
    samples = Transformed(run.validation_set(), run.evaluation_transform())
    for each, sample in zip(infer(task, samples), samples, strict=True):
        kept = each.target != 255
        with torch.inference_mode():
            logits = task.network.pixels(sample["image"][None], sample["target"][None]).logits
        loss.append(nn.functional.cross_entropy(logits, sample["target"][None], reduction="none")[0][kept])
        wrong.append((each.prediction != each.target)[kept])
    wrong_pixels, losses = torch.cat(wrong), torch.cat(loss).double()
    assert found["wrong"] == pytest.approx(100 * float(wrong_pixels.double().mean()))
    assert found["weight"] == pytest.approx(found["wrong"])
    assert found["even"] == pytest.approx(100)
    assert found["loss"] == pytest.approx(100 * float(losses[wrong_pixels].sum() / losses.sum()), rel=1e-4)
    assert found["weighted"] == pytest.approx(found["loss"])


def test_a_weight_that_rises_with_the_error_moves_the_loss(
    weight_shares: ModuleType,
    depth: Path,
    fit_tiny: Callable[..., Run],  # noqa: F811
) -> None:
    weighted = ("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "DepthPrivileged")
    run = fit_tiny(*weighted, "--data.depth", depth)
    with pytest.raises(SystemExit, match="give the folder of their depth maps"):
        weight_shares.score(run, "last", None, 1.0)
    found = weight_shares.score(run, "last", depth, 1.0)
    assert found["weight"] > found["wrong"]
    assert found["weighted"] > found["loss"]
    assert found["even"] < 100
