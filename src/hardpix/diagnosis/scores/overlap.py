"""Overlap of truth and prediction: IoU, Dice, recall, precision, accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.metrics import (
    class_dice,
    class_iou,
    class_precision,
    frequency_weighted_iou,
    mean_accuracy,
    mean_iou,
    pixel_accuracy,
)

GROUP = "Overlap"


class Overlap(Score):
    """Scores of the confusion matrix."""

    columns = (
        Column("miou", "mIoU", {"set"}, "%", "high", "Mean over the classes of intersection over union.", GROUP, 1),
        Column("accuracy", "Pixel accuracy", {"set"}, "%", "high", "Share of labeled pixels that are right.", GROUP, 3),
        Column("mean_accuracy", "Mean accuracy", {"set"}, "%", "high", "Mean over the classes of their recall.", GROUP),
        Column("fw_iou", "Frequency-weighted IoU", {"set"}, "%", "high", "IoU weighted by the classes' pixels.", GROUP),
        Column("dice", "Dice", {"set"}, "%", "high", "Mean over the classes of the Dice score.", GROUP),
        Column(
            "share",
            "Share of pixels",
            {"class"},
            "%",
            None,
            "Share of the labeled pixels that are of this class.",
            GROUP,
        ),
        Column("iou", "IoU", {"class"}, "%", "high", "Intersection over union.", GROUP),
        Column("recall", "Recall", {"class"}, "%", "high", "Share of the class's pixels that are found.", GROUP),
        Column(
            "precision",
            "Precision",
            {"class"},
            "%",
            "high",
            "Share of what is predicted as the class that is it.",
            GROUP,
        ),
        Column("dice", "Dice", {"class"}, "%", "high", "Harmonic mean of recall and precision.", GROUP),
        Column("errors", "Wrong pixels", {"image"}, "%", "low", "Share of labeled pixels that are wrong.", GROUP),
        Column(
            "miou", "mIoU", {"image"}, "%", "high", "Mean IoU over the classes in the image or its prediction.", GROUP
        ),
    )

    def count(self, maps: ImageMaps) -> np.ndarray:
        return maps.confusion

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        confusion = torch.from_numpy(counts)
        truth = confusion.sum(1)
        return {
            "miou": mean_iou(confusion),
            "accuracy": pixel_accuracy(confusion),
            "mean_accuracy": mean_accuracy(confusion),
            "fw_iou": frequency_weighted_iou(confusion),
            "dice": class_dice(confusion),
            "share": truth / truth.sum(),
            "iou": class_iou(confusion),
            "recall": confusion.diagonal() / truth,
            "precision": class_precision(confusion),
        }

    def compute_image(self, counts: np.ndarray) -> dict[str, Any]:
        labeled, right = int(counts.sum()), int(np.trace(counts))
        iou = class_iou(torch.from_numpy(counts)).numpy()
        return {
            "errors": (labeled - right) / labeled if labeled else np.nan,
            "miou": iou[~np.isnan(iou)].mean() if labeled else np.nan,
        }
