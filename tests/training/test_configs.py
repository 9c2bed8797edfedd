"""Every shipped YAML trains."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from hardpix.commands.fit import fit
from hardpix.data import write_mask
from hardpix.training.run import Run
from runs import SIZE

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
TWO_STEPS = "--trainer.max_epochs 1 --trainer.limit_val_batches 1 --trainer.num_sanity_val_steps 0 --data.workers 0"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_config_trains_for_two_steps(config: Path, camvid: Path, nyuv2: Path, tmp_path: Path) -> None:
    arguments = ["--config", str(config), "--run", str(tmp_path / "run"), *TWO_STEPS.split()]
    arguments += ["--data.batch_size", "2", "--data.crop_size", "[64,64]", "--trainer.enable_progress_bar", "false"]
    roots = {"camvid": camvid, "nyuv2": nyuv2}
    if config.stem.endswith(("_clicks", "_query")):
        arguments += ["--data.images", str(camvid / "train"), "--data.masks", str(camvid / "trainannot")]
        arguments += ["--data.val_images", str(camvid / "val"), "--data.val_masks", str(camvid / "valannot")]
    elif root := roots.get(config.stem.partition("_")[0]):
        arguments += ["--data.root", str(root)]
    text = config.read_text()
    settings = yaml.safe_load(text)
    if "weights" in settings["data"]:
        for image in (camvid / "train").iterdir():
            write_mask(tmp_path / "weights" / f"{image.stem}.png", np.full(SIZE, 30_000, np.uint16))
        arguments += ["--data.weights", str(tmp_path / "weights")]
    # The contrast from the first step on, its memory in the second.
    contrast = "--model.objective.init_args.objectives.contrast.init_args."
    if "PixelContrast" in text:
        arguments += [f"{contrast}warmup", "0", "--trainer.log_every_n_steps", "1"]
    if "memory_warmup" in text:
        arguments += [f"{contrast}memory_warmup", "1"]
    if "ClassContrast" in text:
        both = "--model.recipe.init_args.both.init_args.objectives.contrast.init_args."
        arguments += [f"{both}warmup", "0", "--trainer.log_every_n_steps", "1"]
    if "labeled_every" in settings["data"]:  # of 8 images
        arguments += ["--data.labeled_every", "2"]
    if "runs/wide" in text:
        teachers = "--model.recipe.init_args.teacher.init_args.teachers"
        for name in ("wide", "deep"):
            arguments += [f"{teachers}.{name}.init_args.run", str(trained(camvid, tmp_path / name))]
    # Two steps, of as many batches as the config adds up.
    batches = 2 * settings["trainer"].get("accumulate_grad_batches", 1)
    arguments += ["--trainer.limit_train_batches", str(batches)]
    folder = fit(arguments)
    assert isinstance(folder, Run)
    saved = torch.load(folder.checkpoint("last"), weights_only=False)
    assert saved["global_step"] == 2
    if "PixelContrast" in text:
        require_contrast(folder, "contrast/contrast")
    if "ClassContrast" in text:
        for stream in ("labeled", "unlabeled"):
            require_contrast(folder, f"{stream}/both/contrast/contrast")
    assert settings["model"]["network"], "a recipe that can be cited names its network"
    # The saved files are enough to build the network again.
    assert folder.load_task("last").num_classes == len(folder.read_classes())


def require_contrast(run: Run, name: str) -> None:
    """Both steps have a contrast above 0; where the teacher labels nothing yet, at least none below."""
    with next(run.path.glob("logs/*/metrics.csv")).open(newline="") as file:
        losses = [float(row[f"train/{name}"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert len(losses) == 2
    assert min(losses) > 0 or name.startswith("unlabeled")


def trained(camvid: Path, folder: Path) -> Path:
    """Folder of a run on the same classes."""
    network = "--model.network LiteUNet --model.network.num_classes 11 --trainer.limit_train_batches 1"
    data = f"--data.preset camvid --data.root {camvid} --data.batch_size 2 --data.crop_size [64,64]"
    fit([*data.split(), *network.split(), *TWO_STEPS.split(), "--run", str(folder)])
    return folder
