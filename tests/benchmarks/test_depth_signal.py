"""Ranking of errors by a depth weight: on a tiny run against scikit-learn, pixel by pixel."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from hardpix.data import Transformed
from hardpix.pixels import depth_aware_error
from hardpix.training.inference import infer
from hardpix.training.run import Run
from runs import Data, data, fit_tiny  # noqa: F401

from .conftest import FOLDER, load_script

pytestmark = pytest.mark.slow


@pytest.fixture
def depth_signal(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return load_script("depth_signal")


@pytest.fixture
def depth(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Meters from 1 to 5, a fifth of the pixels unknown."""
    images: Data = request.getfixturevalue("data")
    rng = np.random.default_rng(0)
    for file in images.images.iterdir():
        with Image.open(file) as image:
            meters = rng.uniform(1, 5, image.size[::-1]).astype(np.float32)
        meters[rng.random(meters.shape) < 0.2] = np.nan
        np.save(tmp_path / f"{file.stem}.npy", meters)
    return tmp_path


def fitted(request: pytest.FixtureRequest, depth: Path, *arguments: object) -> Run:
    weighted = ("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "DepthPrivileged")
    return request.getfixturevalue("fit_tiny")(*weighted, "--data.depth", depth, *arguments)


def test_scores_are_those_of_the_pixels_of_known_depth(
    depth_signal: ModuleType, depth: Path, request: pytest.FixtureRequest
) -> None:
    run = fitted(request, depth, "--data.divisor", 16)
    scores = depth_signal.score(run, "last", depth, 1.0)
    doubts, wrong, off = [], [], []
    task = run.load_task("last")
    samples = Transformed(run.validation_set(), run.evaluation_transform())
    for found, sample in zip(infer(task, samples), samples, strict=True):
        meters = np.load(depth / f"{found.stem}.npy")
        known = np.isfinite(meters)
        kept = (found.target != 255).numpy() & known
        with torch.inference_mode():
            px = task.network.pixels(sample["image"][None], sample["target"][None])
            residual = depth_signal.depth_signal(task).log_depth(px)[0].double().numpy() - np.log(meters)
        middle = np.sort(residual[known])[(known.sum() - 1) // 2]
        off.append(np.abs(residual - middle)[kept][::4])
        doubts.append(np.rint(65535 * (1 - found.confidence.double().numpy()[kept])))
        wrong.append((found.prediction != found.target).numpy()[kept])
    expected = roc_auc_score(np.concatenate(wrong), np.concatenate(doubts))
    assert scores["doubt"] == pytest.approx(expected, abs=1e-4)
    factors = np.exp(np.concatenate(off))
    assert scores["within"] == pytest.approx(100 * (factors < 1.25).mean(), abs=0.2)
    assert scores["factor"] == pytest.approx(np.median(factors), rel=1e-3)
    assert scores.keys() == depth_signal.NAMES.keys()


@pytest.mark.parametrize("off", [("dse",), ("dpe", "dse")])
def test_a_measure_that_the_run_did_not_weigh_by_is_ranked_as_it_is(
    off: tuple[str, ...], depth_signal: ModuleType, depth: Path, request: pytest.FixtureRequest
) -> None:
    settings = [part for name in off for part in (f"--model.objective.signal.{name}", "0")]
    run = fitted(request, depth, "--data.divisor", 16, *settings)
    scores = depth_signal.score(run, "last", depth, 1.0)
    task = run.load_task("last")
    errors, wrong = [], []
    for sample in Transformed(run.validation_set(), run.evaluation_transform()):
        meters = torch.from_numpy(np.load(depth / f"{sample['stem']}.npy"))
        with torch.inference_mode():
            px = task.network.pixels(sample["image"][None], sample["target"][None])
            error = depth_aware_error(1 - px.true_probability, meters[None], px.valid)
        kept = px.valid & meters.isfinite()
        errors.append(np.rint(65535 * error[kept].double().numpy()))
        wrong.append((px.logits.argmax(1) != px.target)[kept].numpy())
    expected = roc_auc_score(np.concatenate(wrong), np.concatenate(errors))
    assert scores["dse"] == pytest.approx(expected, abs=1e-4)
    assert 0 < scores["dpe"] < 1


def test_without_depth_a_run_by_depth_cannot_be_looked_at(
    depth_signal: ModuleType, depth: Path, request: pytest.FixtureRequest
) -> None:
    run = fitted(request, depth)
    with pytest.raises(SystemExit, match=r"come without depth: give the folder of their depth maps \(--depth\)"):
        depth_signal.score(run, "last", None, 1.0)


def test_labels_are_padded_as_the_image_is(
    depth_signal: ModuleType, depth: Path, request: pytest.FixtureRequest
) -> None:
    run = fitted(request, depth, "--data.resolution", 0.5, "--data.divisor", 32, "--data.crop_size", "[16,16]")
    samples = run.validation_set()
    sample = run.evaluation_transform()(samples[0])
    target = sample["target"].as_subclass(torch.Tensor)
    height, width = target.shape
    px = depth_signal.seen_by(run.load_task("last"), sample, torch.ones(height, width))
    assert tuple(px.sample["image"].shape[-2:]) != tuple(sample["content_size"])
    assert [2 * side for side in px.sample["image"].shape[-2:]] == list(px.target.shape[-2:])
    assert torch.equal(px.target[0, :height, :width], target)
    assert (
        int(px.sample["depth"].isfinite().sum())
        == height * width
        == int((px.target != 255).sum() + (target == 255).sum())
    )
