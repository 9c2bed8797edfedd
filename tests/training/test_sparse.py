"""Clicks and scribbles as training masks: recognized, said, trained with their own default, and never lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torchvision import tv_tensors

from hardpix.data import RandomScaledCrop, TrainingTransform
from hardpix.data.crop import cut_labels
from hardpix.data.sparse import SPARSE_BELOW, is_sparse
from hardpix.objectives import GaussianMixture, Sum, WeightedCrossEntropy
from hardpix.signals import Product
from hardpix.training.data_module import SegmentationData
from hardpix.training.run import Run
from runs import TINY, Outcome, run_hardpix, write_pair

NAMES = [f"k{k}" for k in range(3)]


def clicks(masks: Path, out: Path, every: int) -> None:
    """Keep every so many pixels of each mask; 255 elsewhere."""
    out.mkdir()
    for path in masks.iterdir():
        ids = np.array(Image.open(path))
        kept = np.arange(ids.size).reshape(ids.shape) % every == 0
        Image.fromarray(np.where(kept, ids, 255).astype(np.uint8)).save(out / path.name)


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sparse")
    rng = np.random.default_rng(0)
    for part, count in (("", 6), ("val_", 3)):
        for number in range(count):
            write_pair(root / f"{part}images", root / f"{part}masks", f"{part}{number}", rng, ids=(0, 1, 2))
    clicks(root / "masks", root / "clicks", 40)
    clicks(root / "val_masks", root / "val_clicks", 40)
    return root


def arguments(root: Path, masks: str = "clicks", val: str = "val_masks") -> list[str]:
    given = {"images": "images", "masks": masks, "val_images": "val_images", "val_masks": val}
    return [word for name, folder in given.items() for word in (f"--{name}", str(root / folder))]


def fit(root: Path, run: Path, *more: object, masks: str = "clicks", val: str = "val_masks") -> Outcome:
    of_data = [word.replace("--", "--data.") for word in arguments(root, masks, val)]
    settings = [*TINY, "--data.classes", json.dumps(NAMES), "--trainer.max_epochs", "1"]
    outcome = run_hardpix("fit", *of_data, *settings, "--run", run, *more)
    assert outcome.code == 0, outcome.err
    return outcome


def objective_of(run: Path) -> object:
    return Run(run, trusted=True).build_task().recipe.objective


def test_they_are_recognized_said_and_trained_with_their_default(sparse: Path, tmp_path: Path) -> None:
    outcome = fit(sparse, tmp_path / "run")
    share = 100 * (np.arange(48 * 64) % 40 == 0).mean()
    assert f"Sparse labels: {share:.3g} % of the training pixels are labeled." in outcome.out
    assert "--model.objective names another objective" in outcome.out
    assert "--data.sparse false treats them as dense ones" in outcome.out
    assert "Validation is sparse" not in outcome.out
    saved = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["model"]["objective"]
    assert saved["class_path"] == "hardpix.objectives.Sum"
    objective = objective_of(tmp_path / "run")
    assert isinstance(objective, Sum)
    assert [type(part) for _, part in objective.named()] == [WeightedCrossEntropy, GaussianMixture]
    assert run_hardpix("test", "--run", tmp_path / "run").code == 0


def test_a_run_of_sparse_labels_goes_on(sparse: Path, tmp_path: Path) -> None:
    fit(sparse, tmp_path / "run")
    outcome = run_hardpix("fit", "--run", tmp_path / "run", "--resume", "--trainer.max_epochs", 2)
    assert outcome.code == 0, outcome.err
    assert "epoch 2/2" in outcome.out


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        (["--data.sparse", "false"], Product, False),
        (["--model.objective", "WeightedCrossEntropy"], type(None), True),
    ],
)
def test_another_objective_may_be_named_and_the_rule_switched_off(
    sparse: Path, tmp_path: Path, more: list[str], kind: type, said: bool
) -> None:
    outcome = fit(sparse, tmp_path / "run", *more)
    assert ("Sparse labels" in outcome.out) == said
    assert "GaussianMixture" not in outcome.out
    objective = objective_of(tmp_path / "run")
    assert isinstance(objective, WeightedCrossEntropy)
    assert isinstance(objective.signal, kind)


def test_dense_masks_are_trained_as_ever(sparse: Path, tmp_path: Path) -> None:
    outcome = fit(sparse, tmp_path / "run", masks="masks")
    assert "Sparse labels" not in outcome.out
    assert isinstance(objective_of(tmp_path / "run"), WeightedCrossEntropy)


def test_sparse_validation_is_said(sparse: Path, tmp_path: Path) -> None:
    assert "Validation is sparse, too: 2.5" in fit(sparse, tmp_path / "run", val="val_clicks").out


def test_check_says_the_same(sparse: Path) -> None:
    outcome = run_hardpix("check", *arguments(sparse, val="val_clicks"), "--classes", json.dumps(NAMES))
    assert "Sparse labels: 2.51 % of the training pixels are labeled." in outcome.out
    assert "Validation is sparse, too" in outcome.out
    dense = run_hardpix("check", *arguments(sparse, masks="masks"), "--classes", json.dumps(NAMES))
    assert "Sparse labels" not in dense.out


def test_weights_by_frequency_count_labeled_pixels_alone(sparse: Path) -> None:
    of_data = {name: str(sparse / name) for name in ("images", "val_images", "val_masks")}
    data = SegmentationData(**of_data, masks=str(sparse / "clicks"), classes=NAMES, workers=0)
    stored = np.concatenate([np.array(Image.open(path)).ravel() for path in (sparse / "clicks").iterdir()])
    assert data.class_counts == np.bincount(stored[stored != 255], minlength=3).tolist()
    assert data.sparse
    assert data.first_batch()["tags"].shape == (1, 3)


@pytest.mark.parametrize(("share", "expected"), [(0.0001, True), (0.0972, True), (0.35, False), (0.85, False)])
def test_the_rule(share: float, expected: bool) -> None:
    """Clicks and scribbles drawn from CamVid; things alone; dense street scenes."""
    assert is_sparse(share) == expected
    assert 0.0972 < SPARSE_BELOW < 0.35


def click_sample() -> dict[str, torch.Tensor]:
    target = torch.full((90, 120), 255)
    generator = torch.Generator().manual_seed(0)
    for k in range(20):
        row, column = (int(torch.randint(side, (), generator=generator)) for side in (90, 120))
        target[row, column] = k % 5
    return {"image": tv_tensors.Image(torch.zeros(3, 90, 120, dtype=torch.uint8)), "target": tv_tensors.Mask(target)}


def test_shrinking_loses_no_click() -> None:
    """The nearest pixel alone keeps one in sixteen of them."""
    sample = click_sample()
    whole = {"scale": (1.0, 1.0), "max_class_share": 1.0, "resolution": 0.25}
    kept = RandomScaledCrop((22, 30), keep_labels=True, **whole)(sample)["target"]
    lost = RandomScaledCrop((22, 30), **whole)(sample)["target"]
    clicked = int((sample["target"] != 255).sum())
    assert (kept != 255).sum() >= clicked - 4  # some share a pixel, and two rows are cut off
    assert (lost != 255).sum() < clicked / 4
    assert (kept[lost != 255] == lost[lost != 255]).all()


@pytest.mark.parametrize("window", [(0, 0, 90, 120), (-10, 7, 100, 60), (30, -20, 33, 200), (5, 5, 10, 10)])
@pytest.mark.parametrize("size", [(18, 24), (90, 120), (7, 11)])
def test_every_label_in_the_window_is_where_it_falls(window: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    target = click_sample()["target"].as_subclass(torch.Tensor)
    cut = cut_labels(target, window, size, 255)
    falls: dict[tuple[int, int], set[int]] = {}
    for row, column in (target != 255).nonzero().tolist():
        y, x = ((p - w) * s / e for p, w, s, e in zip((row, column), window[:2], size, window[2:], strict=True))
        if 0 <= y < size[0] and 0 <= x < size[1]:
            falls.setdefault((int(y), int(x)), set()).add(int(target[row, column]))
    for (y, x), labels in falls.items():
        assert int(cut[y, x]) in labels or window[2] < size[0] or window[3] < size[1]
    if window[2] >= size[0] and window[3] >= size[1]:
        assert {tuple(place) for place in (cut != 255).nonzero().tolist()} == set(falls)


def test_tags_are_the_classes_of_the_image_before_it_is_cropped() -> None:
    sample = click_sample()
    seen = TrainingTransform((8, 8), num_classes=6)(sample)
    assert seen["tags"].tolist() == [True] * 5 + [False]
    assert "tags" not in TrainingTransform((8, 8))(sample)
