"""Findings of the demo: the scores of two runs, how their maps behave, and scenes to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IGNORE_INDEX = 255


@dataclass(frozen=True)
class RunScores:
    """Scores of one trained network on the held-out scenes: 0 to 1, NaN where a class never occurs."""

    name: str
    miou: float
    border_miou: float  # mIoU over the pixels within 3 pixels of a border
    class_iou: dict[str, float]


@dataclass(frozen=True)
class Example:
    """One held-out scene: all arrays are H×W, the image (H, W, 3) uint8."""

    stem: str
    image: np.ndarray
    truth: np.ndarray  # class ids; 255 is unlabeled
    predictions: dict[str, np.ndarray]  # class ids by the name of the run
    hardness: np.ndarray  # 0 to 1
    ambiguity: np.ndarray  # 0 to 1


@dataclass(frozen=True)
class Findings:
    """All that the page shows.

    `runs` are two: the plain one, then the one with learned hardness. `auroc` and `stability` name the learned map
    first. `examples` are the first held-out scenes as they come, for the page says that none was chosen.
    """

    runs: list[RunScores]
    examples: list[Example]
    class_names: list[str]
    class_colors: list[tuple[int, int, int]]
    auroc: dict[str, float]  # of each map against the known ambiguity
    stability: dict[str, list[float]]  # of each map, the correlation between consecutive epochs
    facts: dict[str, str]  # how it was made

    def check(self) -> None:
        """Raise `ValueError` where the parts do not fit together: not two runs, a map missing or of another size."""
        if len(self.runs) != 2:
            raise ValueError(f"the page compares two runs, the plain one first, but was given {len(self.runs)}")
        if len(self.class_names) != len(self.class_colors):
            raise ValueError(
                f"every class needs a color: {len(self.class_names)} names, {len(self.class_colors)} colors"
            )
        for example in self.examples:
            maps = {"truth": example.truth, "hardness": example.hardness, "ambiguity": example.ambiguity}
            for run in self.runs:
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
