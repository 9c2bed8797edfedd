"""Sentences on the differences from another run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hardpix.diagnosis.saying import WORTH_SAYING, Sentence, points, said

# Number of classes that are named.
CLASSES = 3
SETTINGS = {
    "num_classes": "number of classes",
    "lines": "line-like classes",
    "band": "width of the band along borders",
    "radius": "radius of displaced borders",
    "tolerance": "tolerance of the boundary F-score",
    "thin_radius": "radius of thin parts",
    "sizes": "limits of object sizes",
    "suspect_tolerance": "tolerance of suspect labels",
    "groups": "class tree",
}


def compared(summary: Mapping[str, Any], against: Mapping[str, Any]) -> list[Sentence]:
    """Differences from another run: the mIoU, the classes that changed most, and whether the images are the same."""
    before, after = against["scores"]["miou"], summary["scores"]["miou"]
    if before is None or np.isnan(after):
        return []
    text = f"mIoU is {_by(after - before, against['title'])}"
    names = [entry["name"] for entry in summary["classes"]]
    other = np.array([np.nan if value is None else value for value in against["class_scores"]["iou"]], dtype=float)
    ours = np.asarray(summary["class_scores"]["iou"], dtype=float)
    change = np.nan_to_num(ours - other)
    # Scores of the other run come from its report, where they have six digits.
    largest = [k for k in np.argsort(-np.abs(change), kind="stable")[:2].tolist() if abs(change[k]) >= WORTH_SAYING / 2]
    if largest:
        text += f"; the largest changes of IoU: {', '.join(f'{names[k]} {points(change[k])}' for k in largest)}"
    both = ~np.isnan(ours) & ~np.isnan(other)
    alone = [names[k] for k in np.flatnonzero(np.isnan(ours) != np.isnan(other)).tolist()]
    if alone and both.any():
        some = ", ".join(alone[:CLASSES]) + (f" and {len(alone) - CLASSES} more" if len(alone) > CLASSES else "")
        text += (
            f". The two are means over different classes: {some} {'is' if len(alone) == 1 else 'are'} in the truth or "
            f"predicted in one of them alone; over the classes of both, mIoU is "
            f"{_by(float(ours[both].mean() - other[both].mean()))}"
        )
    count = summary["inputs"]["count"]
    if not against["shared"] == count == against["count"]:
        text += (
            f". Its scores are of other images: {against['shared']} of the {count} here are among its "
            f"{against['count']}, so the differences are not those of the networks alone"
        )
    if names := _other_settings(summary["settings"], against.get("settings")):
        text += f". It was counted with other settings ({', '.join(names)}), so that not every score can be compared"
    return [said(f"{text}.", "classes")]


def _other_settings(ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> list[str]:
    """Settings that differ, in words; one that a report of before has not is like one that is empty."""
    if theirs is None:
        return []
    return [SETTINGS[key] for key, value in ours.items() if (theirs.get(key) or None) != (value or None)]


def _by(difference: float, title: str = "") -> str:
    """A difference of two mIoU in words; the title of the other one may be left out.

    Example:
        >>> _by(-0.048, "the other"), _by(0.0001)
        ('4.8 points lower than that of the other', 'the same')
    """
    if abs(difference) < WORTH_SAYING / 2:
        return f"as high as that of {title}" if title else "the same"
    than = f" than that of {title}" if title else ""
    return f"{abs(100 * difference):.1f} points {'lower' if difference < 0 else 'higher'}{than}"
