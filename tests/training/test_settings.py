"""Every setting of the data and the task arrives where it acts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import my_networks
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from hardpix.data import DepthFormat, TrainingTransform
from hardpix.objectives import WeightedCrossEntropy
from hardpix.signals import Uniform
from hardpix.training.augmentation import Augmentation
from hardpix.training.data_module import SegmentationData
from hardpix.training.run import Run
from hardpix.training.seeding import SeedEveryBatch
from hardpix.training.streams import Stream
from hardpix.training.task import SegmentationTask
from runs import SIZE, TINY, Data, column, run_hardpix

MakeData = Callable[..., SegmentationData]


@pytest.fixture
def read(data: Data) -> MakeData:
    return lambda **settings: SegmentationData(str(data.images), str(data.masks), workers=0, **settings)


def test_crops_go_by_the_rarity_of_the_classes_of_the_training_images(read: MakeData) -> None:
    augment = Augmentation(rare_crops=1.0, rare_temperature=0.2, scale=(1.0, 1.0), max_class_share=1.0, flip=0.0)
    found = read(augment=augment, crop_size=(16, 16))
    targets = [np.asarray(found.train_set[k]["target"]) for k in range(len(found.train_set))]  # type: ignore[arg-type]
    counts = sum(np.bincount(target[target != 255], minlength=3)[:3] for target in targets)
    expected = (1 - counts / counts.sum()) / 0.2
    transform = found.training_transform().transforms[0]
    np.testing.assert_allclose(transform.rarity, expected)
    assert transform.rare_crops == 1
    # Images without labels have nothing to go by.
    assert augment.of(Stream()).rare_crops == 0
    again = read(augment=augment, crop_size=(16, 16))
    for k in range(3):
        one, other = (data._stream("labeled").samples[k, 5]["target"] for data in (found, again))
        assert torch.equal(one, other)


@pytest.mark.parametrize("settings", [{"rare_crops": 1.5}, {"rare_temperature": 0.0}])
def test_rare_crops_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="rare_crops from 0 to 1 and rare_temperature above 0"):
        Augmentation(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"crop_size": (32, 64)}),
        ({"resolution": 0.7}, {"crop_size": (32, 32), "resolution": 0.7}),
        (
            {"resolution": 0.5, "crop_size": (24, 40), "augment": Augmentation(scale=(1.0, 1.5))},
            {"crop_size": (24, 40), "scale": (1.0, 1.5), "resolution": 0.5},
        ),
        ({"augment": Augmentation(max_class_share=0.4)}, {"crop_size": (32, 64), "max_class_share": 0.4}),
        ({"augment": Augmentation(flip=1.0)}, {"crop_size": (32, 64), "flip": 1.0}),
        (
            {"augment": Augmentation(photometric=False)},
            {"crop_size": (32, 64), "brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0},
        ),
        ({"ignore_index": -1}, {"crop_size": (32, 64), "ignore_index": -1}),
    ],
)
def test_training_images_are_transformed_as_asked(
    settings: dict[str, Any], expected: dict[str, Any], read: MakeData
) -> None:
    found, wanted = read(**settings), TrainingTransform(**expected)
    for k in range(6):
        for transform, keep in ((found.training_transform(), "found"), (wanted, "wanted")):
            torch.manual_seed(k)
            sample = transform(found.train_set[k])
            if keep == "found":
                first = sample
        assert torch.equal(first["image"], sample["image"])
        assert torch.equal(first["target"], sample["target"])


def test_evaluation_sees_a_share_of_the_image_padded_to_the_divisor(read: MakeData) -> None:
    assert SIZE == (48, 64)
    seen = read(resolution=0.5, divisor=40).evaluation_transform()(read().val_set[0])
    assert seen["content_size"] == (24, 32)
    assert tuple(seen["image"].shape) == (3, 40, 40)
    assert tuple(seen["target"].shape) == SIZE


def test_a_run_is_scored_at_its_own_resolution(fit_tiny: Callable[..., Run], data: Data, tmp_path: Path) -> None:
    folder = fit_tiny("--data.resolution", 0.5, "--trainer.max_epochs", 6)
    outcome = run_hardpix("test", "--run", folder.path, "--checkpoint", "last", "--out", tmp_path / "scores")
    assert outcome.code == 0, outcome.err
    assert tuple(folder.evaluation_transform()(folder.validation_set()[0])["content_size"]) == (24, 32)
    assert f"{100 * column(folder, 'val/miou')[-1]:.2f}" in outcome.out
    outcome = run_hardpix("predict", "--run", folder.path, "--images", data.images, "--out", tmp_path / "labels")
    assert outcome.code == 0, outcome.err
    assert Image.open(tmp_path / "labels" / "labels" / "frame_000.png").size == SIZE[::-1]


def test_depth_is_scaled_to_metres(data: Data, tmp_path: Path, read: MakeData) -> None:
    for file in data.images.iterdir():
        Image.fromarray(np.full(SIZE, 5000, np.uint16)).save(tmp_path / file.name)
    found = read(depth=str(tmp_path), depth_format=DepthFormat(scale=0.002)).train_set[0]["depth"]
    torch.testing.assert_close(torch.as_tensor(found), torch.full(SIZE, 10.0))


def test_every_batch_of_every_epoch_and_process_draws_its_own_numbers() -> None:
    def draw(seed: int, epoch: int, batch: int, process: int) -> float:
        trainer = SimpleNamespace(current_epoch=epoch, global_rank=process)
        SeedEveryBatch(seed).on_train_batch_start(trainer, None, None, batch)  # type: ignore[arg-type]
        return torch.rand(()).item()

    places = [
        (seed, epoch, batch, process) for seed in (0, 1) for epoch in (0, 1) for batch in (0, 1) for process in (0, 1)
    ]
    draws = [draw(*place) for place in places]
    assert len(set(draws)) == len(places)
    assert draws == [draw(*place) for place in places]


def test_validation_loss_is_the_mean_over_labelled_pixels_not_over_images() -> None:
    torch.manual_seed(0)
    task = SegmentationTask(3, my_networks.Tiny(), WeightedCrossEntropy(Uniform()), decoder="decoder").eval()
    image, target = torch.rand(2, 3, 8, 8), torch.randint(0, 3, (2, 8, 8))
    target[1, 1:] = 255
    with torch.no_grad():
        task._evaluate({"image": image, "content_size": [(8, 8), (8, 8)], "target": list(target)})
        expected = F.cross_entropy(task(image), target, ignore_index=255)
    torch.testing.assert_close(task.mean_loss.compute(), expected)


def test_objectives_are_told_how_much_of_the_training_is_done(fit_tiny: Callable[..., Run]) -> None:
    my_networks.Progress.seen = []
    fit_tiny("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "my_networks.Progress")
    tried_out, *steps = my_networks.Progress.seen
    assert tried_out == 0
    assert steps == [0, 0.25, 0.5, 0.75]


def test_batch_normalization_that_cannot_be_synchronized_is_refused_before_processes_start(
    data: Data, tmp_path: Path
) -> None:
    """Torch raises an error in the first step of each process, after which the first one waits for ever."""
    given = ("--trainer.sync_batchnorm", "true", "--trainer.strategy", "ddp", "--trainer.devices", 2)
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", tmp_path / "run", *given)
    assert outcome.code == 2
    assert "expected a GPU for --trainer.sync_batchnorm true, found cpu" in outcome.err
    assert not (tmp_path / "run" / "config.yaml").exists()
