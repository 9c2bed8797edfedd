"""Measurements of the demo on held-out scenes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import Dataset

from hardpix.data import EvaluationTransform
from hardpix.metrics import SegmentationScores, correlation
from hardpix.pixels import PixelBatch
from hardpix.training.task import SegmentationTask

LEARNED_MAP = "learned hardness"


@dataclass
class Evaluation:
    """One network's scores and maps on N held-out scenes."""

    scores: dict[str, Tensor]
    prediction: Tensor
    """(N, H, W) uint8."""
    maps: dict[str, Tensor]
    """(N, H, W) float32 each: "loss", "1 − confidence" and, where it was learned, "learned hardness"."""


@torch.inference_mode()
def evaluate(
    task: SegmentationTask,
    scenes: Dataset,
    look: Callable[[str, PixelBatch], None] = lambda stem, px: None,
) -> Evaluation:
    """Run a trained network over all scenes.

    Args:
        task: the network.
        scenes: with the truth.
        look: called with the stem and the batch of each scene, such as to write a report.
    """
    scores = SegmentationScores(task.num_classes, task.ignore_index)
    predictions, maps = [], []
    count = len(scenes)  # type: ignore[arg-type]
    for index in range(count):
        px = forward_scene(task, scenes[index])
        prediction = px.logits.argmax(1)
        scores.update(prediction, px.labels)
        predictions.append(prediction[0].to(torch.uint8))
        maps.append(hardness_maps(task, px))
        look(scenes[index]["stem"], px)
    together = {key: torch.stack([each[key] for each in maps]) for key in maps[0]}
    return Evaluation(scores.compute(), torch.stack(predictions), together)


def forward_scene(task: SegmentationTask, scene: dict[str, Any]) -> PixelBatch:
    """Batch of one scene after a forward pass of the deployed network."""
    seen = EvaluationTransform()(scene)
    return task.deployed.pixels(seen["image"].unsqueeze(0), scene["target"].unsqueeze(0))


def hardness_maps(task: SegmentationTask, px: PixelBatch) -> dict[str, Tensor]:
    """Maps that may rank the pixels of one scene by hardness, (H, W) each."""
    maps = {"loss": px.loss[0], "1 − confidence": 1 - px.confidence[0]}
    signal = task.shown_signal
    return maps if signal is None else {LEARNED_MAP: signal.level(px)[0], **maps}


class MapStability(Callback):
    """Correlation of each map between consecutive epochs, on the first held-out scenes.

    Args:
        scenes: held-out scenes.
        count: how many of them are looked at after each epoch, at most.
    """

    def __init__(self, scenes: Dataset, count: int) -> None:
        self.scenes = scenes
        self.count = min(count, len(scenes))  # type: ignore[arg-type]
        self.before: dict[str, Tensor] = {}
        self.correlations: dict[str, list[float]] = {}

    @torch.inference_mode()
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, SegmentationTask)
        pl_module.eval()
        each = [hardness_maps(pl_module, forward_scene(pl_module, self.scenes[index])) for index in range(self.count)]
        pl_module.train()
        now = {key: torch.stack([maps[key] for maps in each]) for key in each[0] if key != "1 − confidence"}
        for key, before in self.before.items():
            self.correlations.setdefault(key, []).append(correlation(before, now[key]))
        self.before = now
