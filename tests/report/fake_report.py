"""Plausible reports to look at: small street scenes with known faults, and one of many images without pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fake_scenes import (
    CLASSES,
    KINDS,
    ODD_CLASS,
    ODD_NAMES,
    C,
    K,
    confusion,
    image_details,
    ious,
    kinds_of_error,
    scene,
)
from hardpix.report.against import copy_against
from hardpix.report.report_folder import prepare_report
from hardpix.report.report_pictures import write_pictures
from hardpix.report.write_report import write_report

from .fake_summary import IMAGE, summary_of


def fake_report(
    out: Path,
    count: int = 12,
    size: tuple[int, int] = (64, 96),
    *,
    title: str = "DDRNet-23-slim, cross-entropy",
    pictures: bool = True,
    hardness: bool = True,
    probabilities: bool = True,
    better: bool = False,
    against: Path | None = None,
    odd_names: bool = True,
) -> Path:
    """Write one; `count` images of `size`, or of the same few scenes again where there are no pictures.

    `better` takes the better of two predictions; `against` is the folder of another such report.
    """
    prepare_report(out)
    names = list(CLASSES)
    stems = [f"{'night' if k % 4 == 3 else 'day'}_{k:05d}" for k in range(count)]
    if odd_names:
        names[4] = ODD_CLASS
        stems[: len(ODD_NAMES)] = ODD_NAMES[:count]
    colors = {"class_colors": list(CLASSES.values()), "kind_colors": [colour for _, colour, _ in KINDS.values()]}
    matrix, kinds = np.zeros((C, C), int), np.zeros((K, C, C), int)
    details, rows, suspects = [], [], []
    for k in range(count):
        if pictures or k < 40:
            truth, *predictions, image = scene(k, *size)
            prediction = predictions[better]
            found = kinds_of_error(truth, prediction)
            entry = image_details(truth, prediction, found)
        else:
            prediction = np.roll(prediction, k % 7, axis=1)
        one = confusion(truth, prediction)
        matrix += one
        for t, p, kind, pixels in entry["kinds"]:
            kinds[kind, t, p] += pixels
        details.append(entry)
        rows.append(_image_row(one, entry))
        suspect = np.zeros(size, bool)
        if probabilities and k % 3 == 0:
            box = [size[0] // 3, size[1] // 4, size[0] // 6, size[1] // 6]
            suspect[box[0] : box[0] + box[2], box[1] : box[1] + box[3]] = True
            found_at = {"image": k, "given": 1, "suspected": 3, "area": int(suspect.sum()), "margin": 0.9 / (1 + k)}
            # Regions that may as well be hard come last, however large they are.
            mislabelled = k < count - 6
            rank = 1 / (1 + k) if mislabelled else 9
            if k >= count - 3:
                found_at["margin"] *= -1
            suspects.append({**found_at, "box": box, "rank_score": rank, "mislabelled": mislabelled})
        if pictures:
            maps = {
                "hardness": _blurred(found > 0) if hardness else None,
                "suspects": suspect if suspect.any() else None,
            }
            write_pictures(out, k, image=image, truth=truth, prediction=prediction, kinds=found, **maps, **colors)
    summary = summary_of(matrix, kinds, stems, names, probabilities=probabilities, hardness=hardness)
    summary["title"] = title
    if probabilities:
        summary["suspects"] = suspects
        summary["suspect_regions"] = sum(suspect["mislabelled"] for suspect in suspects)
    columns = {column["key"]: [row[column["key"]] for row in rows] for column in IMAGE}
    images = {"stem": stems, "width": [size[1]] * count, "height": [size[0]] * count, "columns": columns}
    if against:
        summary["against"], images["against"] = copy_against(against, out, stems, names)
    write_report(out, summary, images, details)
    return out


def _image_row(matrix: np.ndarray, entry: dict[str, Any]) -> dict[str, float]:
    total = matrix.sum()
    iou = float(np.nanmean(ious(matrix)))
    row = {
        "errors": 1 - float(np.diag(matrix).sum() / total),
        "miou": iou,
        "boundary_iou": iou * (0.7 + 0.013 * (matrix[0, 0] % 17)),
    }
    for k, key in enumerate(KINDS):
        row[key] = sum(pixels for _, _, kind, pixels in entry["kinds"] if kind == k) / total
    return row


def _blurred(mask: np.ndarray) -> np.ndarray:
    value = mask.astype(float)
    for axis in (0, 1):
        for _ in range(3):
            value = (np.roll(value, 1, axis) + value + np.roll(value, -1, axis)) / 3
    return value / max(float(value.max()), 1e-9)
