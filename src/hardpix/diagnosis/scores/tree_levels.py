"""mIoU at the levels of a class tree, where a class that is taken for another of its group is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import class_iou, mean_iou

GROUP = "Class tree"


class TreeLevels(Score):
    """mIoU of the groups of each level."""

    def __init__(self, settings: Settings) -> None:
        self.levels = settings.groups
        columns = []
        for number, level in enumerate(self.levels, 1):
            which = f", level {number}" if len(self.levels) > 1 else ""
            names = ", ".join(dict.fromkeys(level))
            about = f"Mean IoU over the groups of the class tree: {names}."
            columns += [
                Column(f"miou_level_{number}", f"mIoU of groups{which}", {"set"}, "%", "high", about, GROUP),
                Column(
                    f"iou_level_{number}",
                    f"IoU of its group{which}",
                    {"class"},
                    "%",
                    "high",
                    f"Of the group that the class is in, of {names}; its classes are not told apart.",
                    GROUP,
                ),
            ]
        self.columns = tuple(columns)

    def count(self, maps: ImageMaps) -> np.ndarray:
        return maps.confusion

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        found = {}
        for number, level in enumerate(self.levels, 1):
            confusion = torch.from_numpy(joined(counts, level))
            names = list(dict.fromkeys(level))
            found[f"miou_level_{number}"] = mean_iou(confusion)
            found[f"iou_level_{number}"] = class_iou(confusion)[[names.index(name) for name in level]]
        return found


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
