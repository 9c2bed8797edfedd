"""Maps on disk, a diagnosis of them in this process, and scores of them in plain numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hardpix.commands.diagnose import diagnose

Maps = Mapping[str, np.ndarray]


def write_maps(folder: Path, maps: Maps, suffix: str = ".png") -> Path:
    """One file a stem: png of ids or colors, npy or npz."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, values in maps.items():
        path = folder / f"{stem}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".npy":
            np.save(path, values)
        elif suffix == ".npz":
            np.savez_compressed(path, values)
        else:
            Image.fromarray(values).save(path)
    return folder


def run(place: Path, truth: Maps, predictions: Maps, **settings: Any) -> dict[str, Any]:
    """Write both as png below a folder and diagnose them; the report is `place / "report"`."""
    settings = {"workers": 1, "pictures": False} | settings
    return diagnose(
        truth=write_maps(place / "truth", truth),
        predictions=write_maps(place / "predictions", predictions),
        out=place / "report",
        **settings,
    )


def confusion(truths: Sequence[np.ndarray], predictions: Sequence[np.ndarray], classes: int) -> np.ndarray:
    """(C, C), row true class; one pixel after the other, those of 255 in the truth left out."""
    matrix = np.zeros((classes, classes), dtype=int)
    for truth, prediction in zip(truths, predictions, strict=True):
        known = truth != 255
        np.add.at(matrix, (truth[known], prediction[known]), 1)
    return matrix


def ious(matrix: np.ndarray) -> np.ndarray:
    """(C,), NaN for classes in neither map."""
    hits = np.diag(matrix).astype(float)
    with np.errstate(invalid="ignore"):
        return hits / (matrix.sum(0) + matrix.sum(1) - hits)


def miou_of(truth: np.ndarray, prediction: np.ndarray, classes: int) -> float:
    """Files of one image."""
    return float(np.nanmean(ious(confusion([truth], [prediction], classes))))
