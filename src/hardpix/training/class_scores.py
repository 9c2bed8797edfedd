"""Scores of a run's classes in its validation, and what they say about labels that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardpix.cli.results import read_json
from hardpix.data.wording import counted
from hardpix.pixels.percent import percent
from hardpix.training.run import Run

# Below this IoU most of what is labeled as a class, or most of the class itself, is wrong.
POOR_IOU = 0.3
MOST_NAMED = 5
LOOK_AT_MASKS = (
    "a pixel is labeled where the network is sure, and a poor network is often sure and wrong: look at the masks "
    "before a training on them, or train this network further first"
)


def class_ious(folder: Run, checkpoint: str) -> dict[str, float | None]:
    """IoU of each class in the validation of a checkpoint, by its name, 0 to 1; None where the class did not occur.

    It is that of the run's record, else that of its scores.json. Without either, the result is empty.

    Args:
        folder: of the run.
        checkpoint: best, last, or a path.
    """
    known = _read(folder.record).get("class_iou", {}).get(checkpoint)
    if known is None:
        scores = _read(folder.path / "scores.json")
        known = scores.get("class_iou") if scores.get("checkpoint") == str(folder.checkpoint(checkpoint)) else None
    return known if isinstance(known, dict) else {}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def caution_about_labels(ious: Mapping[str, float | None], advice: str = LOOK_AT_MASKS) -> list[str]:
    """Sentences on classes whose labels by a network will be wrong or missing.

    Args:
        ious: of `class_ious`.
        advice: last sentence, where there is one to caution about.

    Example:
        >>> for sentence in caution_about_labels({"road": 0.9, "pole": 0.04, "sign": None}):
        ...     print(sentence)
        the network hardly finds 1 class: pole (IoU 4 %); most of its labels are wrong or missing (mIoU 47 %)
        no validation image has sign: nobody knows how good its labels are
        a pixel is labeled where the network is sure, and a poor network is often sure and wrong: look at the masks
        before a training on them, or train this network further first
    """
    known = {name: iou for name, iou in ious.items() if iou is not None}
    poor = sorted((iou, name) for name, iou in known.items() if iou < POOR_IOU)
    unknown = [name for name, iou in ious.items() if iou is None]
    said = []
    if poor:
        some = ", ".join(f"{name} (IoU {percent(iou)})" for iou, name in poor[:MOST_NAMED])
        more = f" and {len(poor) - MOST_NAMED} more" if len(poor) > MOST_NAMED else ""
        mean = sum(known.values()) / len(known)
        its = "its" if len(poor) == 1 else "their"
        said.append(
            f"the network hardly finds {counted(len(poor), 'class', 'classes')}: {some}{more}; most of {its} labels "
            f"are wrong or missing (mIoU {percent(mean)})"
        )
    if unknown:
        some = ", ".join(unknown[:MOST_NAMED]) + (" …" if len(unknown) > MOST_NAMED else "")
        its = "its" if len(unknown) == 1 else "their"
        said.append(f"no validation image has {some}: nobody knows how good {its} labels are")
    if said:
        said.append(advice)
    return said
