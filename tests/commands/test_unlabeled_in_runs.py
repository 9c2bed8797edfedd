"""Masks given to a trained network: what is unlabeled was settled by its training, as far as that saw it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runs import TINY, Data, run_hardpix, write_pair


def drawn(root: Path, ids: Sequence[int], count: int = 6) -> Data:
    data = Data(root / "images", root / "masks")
    rng = np.random.default_rng(len(ids))
    for k in range(count):
        write_pair(data.images, data.masks, f"f{k}", rng, ids)
    return data


def one_mask(root: Path, ids: Sequence[int], unlabeled: float) -> Data:
    """One image whose first rows are unlabeled, in that share of the pixels."""
    data = drawn(root, ids, count=1)
    stored = np.array(Image.open(data.masks / "f0.png"))
    stored[: round(unlabeled * len(stored))] = 255
    Image.fromarray(stored).save(data.masks / "f0.png")
    return data


def fitted(data: Data, classes: int, run: Path, *settings: str) -> Path:
    outcome = run_hardpix(
        *("fit", *data.arguments, *TINY, "--model.network.outputs", classes, "--trainer.max_epochs", 1),
        *("--run", run, *settings),
    )
    assert outcome.code == 0, outcome.err
    return run


@pytest.mark.parametrize("command", ["test", "mine"])
@pytest.mark.parametrize("seen", [True, False])
def test_one_image_of_many_classes(command: str, seen: bool, tmp_path: Path) -> None:
    """It lacks classes and is unlabeled in most of its pixels, as an image of NYUv2 may be."""
    ids = range(6)
    run = fitted(drawn(tmp_path / "training", [*ids, 255] if seen else ids), 6, tmp_path / "run")
    data = one_mask(tmp_path / "one", [1, 4], unlabeled=0.75)
    out = ("--out", tmp_path / ("scores.json" if command == "test" else "mined"))
    outcome = run_hardpix(command, "--run", run, "--images", data.images, "--masks", data.masks, *out)
    assert outcome.code == 0, outcome.err
    assert "Unlabeled: 75 % of the pixels (255)." in outcome.out
    if command == "test":
        scores = json.loads(out[1].read_text())["class_iou"]
        labeled = np.array(Image.open(data.masks / "f0.png"))[36:]
        assert {name for name, iou in scores.items() if iou is not None} >= {f"class {i}" for i in np.unique(labeled)}


@pytest.mark.parametrize("unlabeled", [0.0, 0.25])
def test_two_classes_and_masks_of_background_alone(unlabeled: float, tmp_path: Path) -> None:
    """Training masks had 255 beside both classes, so that it is no second spelling of the foreground."""
    run = fitted(drawn(tmp_path / "training", [0, 1, 255]), 2, tmp_path / "run")
    data = one_mask(tmp_path / "negatives", [0], unlabeled)
    outcome = run_hardpix("test", "--run", run, "--images", data.images, "--masks", data.masks)
    assert outcome.code == 0, outcome.err
    assert "expected every class, found no class 1" in outcome.out
    assert ("Unlabeled: 25 % of the pixels (255)." in outcome.out) == (unlabeled > 0)


@pytest.mark.parametrize("unlabeled", [0.0, 0.25])
def test_two_classes_whose_training_never_saw_255(unlabeled: float, tmp_path: Path) -> None:
    """There it is most likely the foreground, drawn in white: refused, while background alone is not."""
    run = fitted(drawn(tmp_path / "training", [0, 1]), 2, tmp_path / "run")
    data = one_mask(tmp_path / "negatives", [0], unlabeled)
    outcome = run_hardpix("test", "--run", run, "--images", data.images, "--masks", data.masks)
    if not unlabeled:
        assert (outcome.code, "found no class 1" in outcome.out) == (0, True)
        return
    assert outcome.code == 2
    assert "255 holds 25 % of the pixels in 1 of 1 masks (f0.png) and is unlabeled only by default" in outcome.err
    settings = ("--label_map", "{0: 0, 1: 1, 255: ignore}")
    assert settings[1] in outcome.err
    assert run_hardpix("test", "--run", run, "--images", data.images, "--masks", data.masks, *settings).code == 0


def test_training_itself_is_as_strict_as_before(tmp_path: Path) -> None:
    data = drawn(tmp_path / "training", [0, 255, 1])
    for path in data.masks.iterdir():
        stored = np.array(Image.open(path))
        Image.fromarray(np.where(stored == 1, 0, stored).astype(np.uint8)).save(path)
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", tmp_path / "run", "--data.classes", "[back, fore]")
    assert outcome.code == 2
    assert "class without a pixel beside unlabeled ones" in outcome.err
