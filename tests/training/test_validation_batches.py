"""Validation scores do not depend on the batch size, and every held-out image counts once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import my_networks
import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hardpix.data import Transformed, restore
from hardpix.training.data_module import SegmentationData
from hardpix.training.run import Run
from hardpix.training.validation_batches import BatchesOf, EvaluationBatches, split_by_size
from runs import OWN_CODE, TINY, Data, column, run_hardpix, write_pair

SIDES = [(4, 4), (4, 8), (8, 4), (16, 16)]
counts = st.integers(1, 20)


@given(st.lists(st.sampled_from(SIDES), min_size=1, max_size=30), counts, st.integers(1, 12), st.integers(1, 300))
def test_each_image_counts_once_in_batches_of_one_size(
    sizes: list[tuple[int, int]], batch_size: int, processes: int, max_pixels: int
) -> None:
    parts = [
        EvaluationBatches(
            range(len(sizes)), sizes, batch_size=batch_size, max_pixels=max_pixels, num_replicas=processes, rank=rank
        )
        for rank in range(processes)
    ]
    assert {len(part) for part in parts} == {len(list(part)) for part in parts} == {len(parts[0])}
    batches = [batch for part in parts for batch in part]
    assert sorted(index for batch in batches for index, counts in batch if counts) == list(range(len(sizes)))
    for batch in batches:
        assert len({sizes[index] for index, _ in batch}) == 1
        height, width = sizes[batch[0][0]]
        assert len(batch) == 1 or (len(batch) <= batch_size and len(batch) * height * width <= max_pixels)


@given(st.integers(1, 30), counts, st.integers(1, 12))
def test_each_image_counts_once_where_sizes_are_unknown(images: int, batch_size: int, processes: int) -> None:
    parts = [
        EvaluationBatches(range(images), batch_size=batch_size, max_pixels=1, num_replicas=processes, rank=rank)
        for rank in range(processes)
    ]
    assert {len(part) for part in parts} == {len(list(part)) for part in parts} == {len(parts[0])}
    batches = [batch for part in parts for batch in part]
    assert sorted(index for batch in batches for index, counts in batch if counts) == list(range(images))
    # Several processes must make equally many steps of the network: nothing is left to be taken apart.
    assert processes == 1 or {len(batch) for batch in batches} == {1}


def test_images_of_one_size_are_shared_out_to_all_processes() -> None:
    parts = [
        list(EvaluationBatches(range(8), [(4, 4)] * 8, batch_size=8, max_pixels=999, num_replicas=2, rank=rank))
        for rank in range(2)
    ]
    assert [[len(batch) for batch in part] for part in parts] == [[4], [4]]


def test_repeated_images_lose_their_labels_and_nothing_else() -> None:
    samples = [{"image": torch.ones(3, 2, 2), "target": torch.tensor([[0, 1], [1, 255]]), "stem": "a"}]
    counted, repeated = BatchesOf(samples, ignore_index=255)[[(0, True), (0, False)]]
    assert counted["target"].tolist() == [[0, 1], [1, 255]]
    assert repeated["target"].tolist() == [[255, 255], [255, 255]]
    assert repeated["image"].equal(samples[0]["image"])
    assert samples[0]["target"].tolist() == [[0, 1], [1, 255]]
    assert BatchesOf(samples, ignore_index=255)[0][0]["target"].tolist() == [[0, 1], [1, 255]]


@given(st.lists(st.sampled_from(SIDES), min_size=1, max_size=12), st.integers(1, 300))
def test_a_batch_taken_apart_has_no_padding(sizes: list[tuple[int, int]], max_pixels: int) -> None:
    samples = [{"image": torch.full((3, *size), float(k)), "stem": str(k)} for k, size in enumerate(sizes)]
    batches = split_by_size(samples, max_pixels)
    seen = {stem: image for batch in batches for stem, image in zip(batch["stem"], batch["image"], strict=True)}
    assert len(seen) == sum(len(batch["stem"]) for batch in batches) == len(samples)
    assert all(seen[sample["stem"]].equal(sample["image"]) for sample in samples)
    assert all(len(b["stem"]) == 1 or b["image"][:, 0].numel() <= max_pixels for b in batches)


SIZES = [(64, 96), (100, 140), (96, 64), (64, 64), (100, 140), (48, 200), (64, 96), (90, 130)]


@pytest.fixture(scope="module")
def mixed_sizes(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """16 images of 6 sizes; two of these become equal by padding to multiples of 32."""
    root = tmp_path_factory.mktemp("mixed_sizes")
    rng = np.random.default_rng(3)
    for k in range(16):
        write_pair(root / "images", root / "masks", f"frame_{k:03d}", rng, ids=(0, 7, 200), size=SIZES[k % len(SIZES)])
    return Data(root / "images", root / "masks")


# Global pooling lets every pixel see the padding.
POOLING_OF_TWO = {"class_path": "my_networks.Pooling", "init_args": {"outputs": 2}}
POOLING = ("--model.network", "my_networks.Pooling", "--data.val_share", "0.5", "--model.optimizer.lr", "0.02")
POOLING += ("--trainer.max_epochs", "6")


def miou_one_by_one(run: Run) -> float:
    """Mean IoU of the last checkpoint from a confusion matrix, one image at a time."""
    task, samples = run.load_task("last"), Transformed(run.validation_set(), run.evaluation_transform())
    confusion = np.zeros((task.num_classes, task.num_classes), dtype=np.int64)
    for k in range(len(samples)):
        sample = samples[k]
        with torch.inference_mode():
            logits = task(sample["image"][None])[0]
        truth = np.asarray(sample["target"])
        guess = restore(logits, sample["content_size"], truth.shape).argmax(0).numpy()
        np.add.at(confusion, (truth[truth != 255], guess[truth != 255]), 1)
    hits = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - hits
    return float((hits[union > 0] / union[union > 0]).mean())


def miou_of_test(run: Run) -> float:
    assert (
        run_hardpix("test", "--run", run.path, "--checkpoint", "last", "--device", "cpu", "--pictures", "false").code
        == 0
    )
    return float(json.loads((run.path / "scores.json").read_text())["miou"])


@pytest.mark.parametrize("val_batch_size", [1, 2, 8])
def test_fit_says_what_test_and_a_plain_loop_say(mixed_sizes: Data, val_batch_size: int, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", trusted=True)
    batch = ("--data.val_batch_size", val_batch_size)
    outcome = run_hardpix("fit", *mixed_sizes.arguments, *TINY, *POOLING, *batch, "--run", run.path)
    assert outcome.code == 0, outcome.err
    assert np.float32(column(run, "val/miou")[-1]) == np.float32(miou_of_test(run)) == np.float32(miou_one_by_one(run))


@pytest.mark.parametrize("val_batch_size", [1, 2, 8])
def test_data_sets_of_ones_own_too(val_batch_size: int, tmp_path: Path) -> None:
    run, file = Run(tmp_path / "run", trusted=True), tmp_path / "own.yaml"
    squares = {"class_path": "my_networks.SquaresOfManySizes", "init_args": {"length": 7}}
    data = {"train_set": squares, "val_set": squares, "val_batch_size": val_batch_size}
    file.write_text(yaml.safe_dump({"data": data, "model": {"network": POOLING_OF_TWO}}))
    outcome = run_hardpix("fit", "--config", file, *TINY[2:], "--trainer.max_epochs", 6, "--run", run.path)
    assert outcome.code == 0, outcome.err
    assert np.float32(column(run, "val/miou")[-1]) == np.float32(miou_of_test(run)) == np.float32(miou_one_by_one(run))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_scores_do_not_depend_on_the_precision_of_the_training(data: Data, precision: str, tmp_path: Path) -> None:
    """Autocast serves training; validation computes as test does. Half weights cannot, and fit says so."""
    run = Run(tmp_path / "run", trusted=True)
    # Far from a tie of all classes, and far from perfect, so that rounding moves some pixels.
    settings = ("--trainer.max_epochs", 12, "--model.optimizer", "AdamW", "--model.optimizer.lr", 0.03)
    outcome = run_hardpix(
        *("fit", *data.arguments, *TINY, *settings, "--trainer.precision", precision, "--run", run.path)
    )
    assert outcome.code == 0, outcome.err
    best = run_hardpix("test", "--run", run.path, "--device", "cpu", "--pictures", "false")
    assert best.code == 0, best.err
    scores = json.loads((run.path / "scores.json").read_text())
    if precision != "bf16-true":
        assert np.float32(max(column(run, "val/miou"))) == np.float32(scores["miou"])
    assert ("validates in half precision" in outcome.out) == (precision == "bf16-true")


@pytest.mark.slow
def test_two_processes_say_what_one_says(mixed_sizes: Data, tmp_path: Path) -> None:
    """One process has 3 of 7 images, and repeats one that does not count."""
    run = Run(tmp_path / "run", trusted=True)
    command = [sys.executable, "-m", "hardpix", "fit", *mixed_sizes.arguments, *TINY, *POOLING]
    command += [
        "--run",
        str(run.path),
        "--trainer.devices",
        "2",
        "--trainer.strategy",
        "ddp",
        "--data.val_share",
        "0.45",
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(OWN_CODE), *sys.path]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert np.float32(column(run, "val/miou")[-1]) == np.float32(miou_of_test(run)) == np.float32(miou_one_by_one(run))


def test_validation_takes_no_more_pixels_at_once_than_training(mixed_sizes: Data) -> None:
    settings = {"crop_size": (64, 64), "batch_size": 2, "workers": 0}
    data = SegmentationData(str(mixed_sizes.images), str(mixed_sizes.masks), **settings)
    batches = [batch for batches in data.val_dataloader() for batch in batches]
    images = [batch["image"].shape[0] for batch in batches]
    pixels = [batch["image"][:, 0].numel() for batch in batches]
    assert all(count == 1 or size <= 2 * 64 * 64 for count, size in zip(images, pixels, strict=True))
    assert sum(images) == len(data.val_set)


def test_by_default_validation_has_the_batch_size_of_training() -> None:
    own = dict.fromkeys(("train_set", "val_set"), my_networks.Squares(3))
    assert SegmentationData(**own, batch_size=3).val_batch_size == 3
    with pytest.raises(ValueError, match="expected val_batch_size ≥ 1, found 0"):
        SegmentationData(**own, val_batch_size=0)
