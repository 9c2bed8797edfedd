"""Every torchmetric of the library, with settings that its counts depend on, and batches to count."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hardpix.metrics import (
    BoundaryErrors,
    BoundaryF,
    BoundaryIoU,
    Calibration,
    ClasswiseCalibration,
    ClDice,
    ConfidentJoint,
    ErrorKindScores,
    ErrorRanking,
    HardnessDeciles,
    ObjectScores,
    SegmentationScores,
    SelfConfidence,
    ThinParts,
)
from hardpix.testing import draw_label_maps

Maps = dict[str, Any]


@dataclass
class Case:
    """``make(C)`` is the metric; ``others(C)`` count something else though their states have the same shapes."""

    make: Callable[..., Any]
    others: Callable[[int], list[Any]]
    takes: tuple[str, ...] = ("prediction", "target")

    def inputs(self, maps: Maps) -> Maps:
        return {name: maps[name] for name in self.takes}


def ignoring(make: Callable[..., Any], **settings: Any) -> Callable[[int], list[Any]]:
    """With ignore_index 0 and, where there are any, with other settings."""
    return lambda classes: [
        make(classes, ignore_index=0),
        *([make(classes, **settings)] if settings else []),
    ]


RANKED = ("hardness", "prediction", "target")
OF_PROBABILITIES = ("probabilities", "target")

CASES = {
    "SegmentationScores": Case(SegmentationScores, ignoring(SegmentationScores, border_radius=1)),
    "BoundaryIoU": Case(
        lambda c, **kw: BoundaryIoU(c, **({"widths": [1, 2]} | kw)), ignoring(BoundaryIoU, widths=[1, 4])
    ),
    "BoundaryF": Case(
        lambda c, **kw: BoundaryF(c, **({"tolerances": [1, 2]} | kw)), ignoring(BoundaryF, tolerances=[1, 4])
    ),
    "BoundaryErrors": Case(
        lambda c, **kw: BoundaryErrors(c, **({"radius": 1} | kw)), ignoring(BoundaryErrors, radius=2)
    ),
    "ThinParts": Case(lambda c, **kw: ThinParts(c, **({"radii": [1, 2]} | kw)), ignoring(ThinParts, radii=[1, 4])),
    "ClDice": Case(
        lambda c, **kw: ClDice(c, **({"classes": list(range(c))} | kw)),
        lambda c: [ClDice(c, list(range(c)), ignore_index=0), ClDice(c, list(reversed(range(c))))],
    ),
    "ErrorKindScores": Case(lambda c, **kw: ErrorKindScores(c, **({"radius": 2} | kw)), ignoring(ErrorKindScores)),
    "ObjectScores": Case(
        lambda c, **kw: ObjectScores(c, **({"limits": [4, 9, 16]} | kw)), ignoring(ObjectScores, limits=[5, 9, 16])
    ),
    "ErrorRanking": Case(ErrorRanking, ignoring(ErrorRanking), RANKED),
    "HardnessDeciles": Case(
        lambda c, **kw: HardnessDeciles(c, **({"parts": 4} | kw)), ignoring(HardnessDeciles), RANKED
    ),
    "Calibration": Case(
        lambda c, **kw: Calibration(c, **({"bins": 7, "masks": ("one", "two")} | kw)),
        lambda c: [Calibration(c, 0, 7, ("one", "two")), Calibration(c, bins=7, masks=("two", "one"))],
        ("confidence", "prediction", "target", "masks"),
    ),
    "ClasswiseCalibration": Case(
        lambda c, **kw: ClasswiseCalibration(c, **({"bins": 7} | kw)),
        ignoring(ClasswiseCalibration),
        OF_PROBABILITIES,
    ),
    "SelfConfidence": Case(SelfConfidence, ignoring(SelfConfidence), OF_PROBABILITIES),
    "ConfidentJoint": Case(
        lambda c, **kw: ConfidentJoint([0.25] * c, **kw),
        lambda c: [ConfidentJoint([0.25] * c, tolerance=1), ConfidentJoint([0.5] * c)],
        OF_PROBABILITIES,
    ),
}


def draw_maps(seed: int, classes: int, images: int = 2, unlabelled: float = 0.1) -> Maps:
    """Everything that a metric takes: label maps and, drawn at random, probabilities, values and masks."""
    maps = draw_label_maps(seed, classes, images, unlabelled)
    return complete(maps["prediction"], maps["target"], classes, torch.Generator().manual_seed(seed + 1000))


def complete(prediction: Tensor, target: Tensor, classes: int, generator: torch.Generator) -> Maps:
    shape = target.shape
    probabilities = torch.rand(shape[0], classes, *shape[1:], generator=generator).softmax(1)
    values = torch.rand(3, *shape, generator=generator)
    return {
        "prediction": prediction,
        "target": target,
        "hardness": values[0],
        "confidence": values[0],
        "probabilities": probabilities,
        "masks": {"one": values[1] > 0.5, "two": values[2] > 0.7},
    }
