"""Runs and code that have settings by their earlier names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from hardpix.training.augmentation import Augmentation
from hardpix.training.data_module import SegmentationData
from hardpix.training.run import Run
from runs import Data, run_hardpix

STILL = ("--data.augment.scale", "[1,1]", "--data.augment.flip", 0, "--data.augment.photometric", "false")
MOVED = "data.scale, data.max_class_share, data.flip, data.photometric have moved: write data.augment.scale"


@pytest.fixture
def earlier(fit_tiny: Callable[..., Run], tmp_path: Path) -> Run:
    """A run as the version before has saved it."""
    folder = Run(Path(shutil.copytree(fit_tiny(*STILL).path, tmp_path / "earlier")), trusted=True)
    config = yaml.safe_load(folder.config.read_text())
    augment = config["data"].pop("augment")
    config["data"] |= {name: augment[name] for name in ("scale", "max_class_share", "flip", "photometric")}
    folder.config.write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


def test_a_run_is_tested_and_says_so_once(earlier: Run) -> None:
    before = earlier.config.read_bytes()
    outcome = run_hardpix("test", "--run", earlier.path)
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("moved") == outcome.err.count(MOVED) == 1
    assert earlier.config.read_bytes() == before


def test_a_run_goes_on_with_the_changes_that_it_began_with(earlier: Run, fit_tiny: Callable[..., Run]) -> None:
    whole = fit_tiny(*STILL, "--trainer.max_epochs", 3)
    outcome = run_hardpix("fit", "--run", earlier.path, "--resume", "--trainer.max_epochs", 3)
    assert outcome.code == 0, outcome.err
    assert outcome.err.count(MOVED) == 1
    found, other = (yaml.safe_load(run.config.read_text())["data"]["augment"] for run in (earlier, whole))
    moved = {"scale": [1.0, 1.0], "max_class_share": 0.75, "flip": 0.0, "photometric": False}
    assert found == other == moved | {"rare_crops": 0.0, "rare_temperature": 0.01}


def test_arguments_in_code(data: Data) -> None:
    given = (str(data.images), str(data.masks))
    said = r"flip, photometric moved: write augment=Augmentation\(flip=…, photometric=…\)"
    with pytest.warns(FutureWarning, match=said):
        old = SegmentationData(*given, workers=0, flip=1.0, photometric=False)  # type: ignore[call-arg]
    new = SegmentationData(*given, workers=0, augment=Augmentation(flip=1.0, photometric=False))
    assert old.view == new.view
    assert torch.equal(old.first_batch()["image"], new.first_batch()["image"])
