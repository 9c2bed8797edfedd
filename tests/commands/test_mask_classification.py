"""A network that classifies masks, from fit to its report, trained by its queries' own loss."""

from __future__ import annotations

import csv
from pathlib import Path

import yaml

from runs import Data, run_hardpix

CONFIG = Path(__file__).parents[2] / "configs" / "camvid_mask2former.yaml"


def test_trained_predicted_and_diagnosed(data: Data, tmp_path: Path) -> None:
    settings = yaml.safe_load(CONFIG.read_text())
    small = settings["model"]["network"]["init_args"]["config"]["dict_kwargs"]
    sizes = ("hidden_dim", "feature_size", "mask_feature_size", "encoder_feedforward_dim", "dim_feedforward")
    small |= {"num_labels": 3, "num_queries": 5, "encoder_layers": 1, "decoder_layers": 2, **dict.fromkeys(sizes, 32)}
    small["backbone_config"] |= {"embed_dim": 12, "depths": [1] * 4, "num_heads": [2] * 4}
    settings["model"]["objective"]["init_args"] = {"points": 200}
    settings["data"] = {"batch_size": 2, "crop_size": [64, 64], "workers": 0}
    settings["trainer"] = {"max_epochs": 1, "limit_train_batches": 2, "log_every_n_steps": 1}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(settings))
    run, maps, report = tmp_path / "run", tmp_path / "maps", tmp_path / "report"
    outcome = run_hardpix("fit", "--config", tmp_path / "small.yaml", *data.arguments, "--run", run)
    assert outcome.code == 0, outcome.err
    with next(run.glob("logs/*/metrics.csv")).open(newline="") as file:
        steps = [row for row in csv.DictReader(file) if row["train/loss"]]
    assert len(steps) == 2
    for row in steps:
        loss, classes, masks, dice, earlier = (
            float(row[f"train/{name}"]) for name in ("loss", "classes", "masks", "dice", "earlier")
        )
        assert abs(loss - (2 * classes + 5 * masks + 5 * dice + earlier)) < 1e-3 * loss
    outcome = run_hardpix("predict", "--run", run, "--images", data.images, "--out", maps)
    assert outcome.code == 0, outcome.err
    outcome = run_hardpix("diagnose", "--truth", data.masks, "--predictions", maps, "--out", report)
    assert outcome.code == 0, outcome.err
    assert any(report.glob("*.html"))
