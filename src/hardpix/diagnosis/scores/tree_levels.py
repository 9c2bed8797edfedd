"""mIoU at the levels of a class tree, where a class that is taken for another of its group is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import mean_iou

GROUP = "Class tree"


class TreeLevels(Score):
    """mIoU of the groups of each level."""

    def __init__(self, settings: Settings) -> None:
        self.levels = settings.groups
        several = len(self.levels) > 1
        self.columns = tuple(
            Column(
                f"miou_level_{number}",
                f"mIoU of groups, level {number}" if several else "mIoU of groups",
                {"set"},
                "%",
                "high",
                f"Mean IoU over the groups of the class tree: {', '.join(dict.fromkeys(level))}.",
                GROUP,
            )
            for number, level in enumerate(self.levels, 1)
        )

    def count(self, maps: ImageMaps) -> np.ndarray:
        return maps.confusion

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {
            column.key: mean_iou(torch.from_numpy(joined(counts, level)))
            for column, level in zip(self.columns, self.levels, strict=True)
        }


def joined(confusion: np.ndarray, groups: tuple[str, ...]) -> np.ndarray:
    """Confusion (P, P) of groups, from that of the classes (C, C) and the name of each one's group.

    Example:
        >>> joined(np.array([[1, 2, 0], [0, 3, 4], [0, 0, 5]]), ("vehicle", "vehicle", "sky"))
        array([[6, 4],
               [0, 5]])
    """
    names = list(dict.fromkeys(groups))
    inside = np.array([[group == name for group in groups] for name in names], dtype=np.int64)
    return inside @ confusion @ inside.T
