"""Three images with everything there is, of which tests spoil one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hardpix.commands.diagnose import diagnose
from small_runs import write_maps

NAMES = ["ground", "thing", "other"]
STEMS = ("first", "second", "subject")


def labels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, (12, 16)).astype(np.uint8)


def three_images(place: Path) -> Path:
    """Everything there is for three images; what tests spoil is the subject's."""
    write_maps(place / "truth", {stem: labels(k) for k, stem in enumerate(STEMS)})
    write_maps(place / "predictions", {stem: labels(k + 9) for k, stem in enumerate(STEMS)})
    write_maps(place / "images", {stem: np.full((12, 16, 3), 90, np.uint8) for stem in STEMS})
    write_maps(place / "hardness", {stem: np.full((12, 16), 40, np.uint8) for stem in STEMS})
    equal = np.full((3, 12, 16), 1 / 3, dtype=np.float32)
    write_maps(place / "probabilities", dict.fromkeys(STEMS, equal), ".npy")
    return place


def diagnosed(folders: Path, **settings: Any) -> dict[str, Any]:
    given = {name: folders / name for name in ("truth", "predictions", "images", "hardness", "probabilities")}
    settings = {"classes": NAMES, "workers": 1, "pictures": False} | given | settings
    return diagnose(out=folders / "report", **settings)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def swap(path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(path)


def with_id(seed: int, wrong: int) -> np.ndarray:
    values = labels(seed)
    values[3, 4:6] = wrong
    return values
