"""Findings of the demo: the scores of some runs, how their maps behave, and scenes to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

IGNORE_INDEX = 255


@dataclass(frozen=True)
class RunScores:
    """Scores of one trained network on the held-out scenes: 0 to 1, NaN where a class never occurs."""

    name: str
    miou: float
    border_miou: float  # mIoU over the pixels within 3 pixels of a border
    class_iou: dict[str, float]

    def mean_over(self, classes: Sequence[str]) -> float:
        """Mean IoU of some classes; NaN where none of them has a score.

        >>> RunScores("", 0.5, 0.5, {"pole": 0.25, "sign": 0.5, "sky": 0.9}).mean_over(["pole", "sign", "train"])
        0.375
        """
        known = [iou for name in classes if not math.isnan(iou := self.class_iou.get(name, math.nan))]
        return math.fsum(known) / len(known) if known else math.nan


@dataclass(frozen=True)
class Example:
    """One held-out scene: all arrays are H×W, the image (H, W, 3) uint8."""

    stem: str
    image: np.ndarray
    truth: np.ndarray  # class ids; 255 is unlabeled
    predictions: dict[str, np.ndarray]  # class ids by the name of the run
    hardness: np.ndarray  # expected loss as a multiple of the average
    ambiguity: np.ndarray  # 0 to 1


@dataclass(frozen=True)
class Findings:
    """All that the page shows.

    `runs` begin with the plain one and end with the recommended one, which learns hardness; a third one between them
    tells what a part of it does alone. `auroc` and `stability` name the learned map first. `examples` are the first
    held-out scenes as they come, for the page says that none was chosen; they show the first and the last run.
    """

    runs: list[RunScores]
    examples: list[Example]
    class_names: list[str]
    class_colors: list[tuple[int, int, int]]
    auroc: dict[str, float]  # of each map against the known ambiguity
    stability: dict[str, list[float]]  # of each map, the correlation between consecutive epochs
    facts: dict[str, str]  # how it was made
    thin: list[str] = field(default_factory=list)  # names of the thin and small classes
    reports: dict[str, str] = field(default_factory=dict)  # address of the full report of each run

    @property
    def plain(self) -> RunScores:
        """The run that the others are measured by."""
        return self.runs[0]

    @property
    def learned(self) -> RunScores:
        """The recommended run."""
        return self.runs[-1]

    def check(self) -> None:
        """Raise `ValueError` where the parts do not fit together: such as one run alone, or a missing map."""
        if len(self.runs) not in (2, 3):
            raise ValueError(
                f"the page compares two or three runs, the plain one first, but was given {len(self.runs)}"
            )
        if len(self.class_names) != len(self.class_colors):
            raise ValueError(
                f"every class needs a color: {len(self.class_names)} names, {len(self.class_colors)} colors"
            )
        for example in self.examples:
            maps = {"truth": example.truth, "hardness": example.hardness, "ambiguity": example.ambiguity}
            for run in (self.plain, self.learned):
                if run.name not in example.predictions:
                    raise ValueError(
                        f"{example.stem}: no prediction of run {run.name!r}, only of {list(example.predictions)}"
                    )
                maps[f"prediction of {run.name}"] = example.predictions[run.name]
            for name, values in maps.items():
                if values.shape != example.image.shape[:2]:
                    raise ValueError(
                        f"{example.stem}: {name} is {values.shape}, but the image is {example.image.shape[:2]}"
                    )
