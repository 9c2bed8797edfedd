"""Small folders of images and masks, written for each test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def write_pairs(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Writes images/STEM.png, whose pixels tell their place, and masks/STEM.png of random ids 0…classes−1."""

    def write(stems: list[str], size: tuple[int, int] = (6, 9), classes: int = 3) -> tuple[Path, Path]:
        height, width = size
        rng = np.random.default_rng(0)
        for number, stem in enumerate(stems):
            image = np.zeros((height, width, 3), np.uint8)
            image[..., 0], image[..., 1] = np.arange(width), np.arange(height)[:, None]
            image[..., 2] = 20 + number
            save(tmp_path / "images" / f"{stem}.png", image)
            save(tmp_path / "masks" / f"{stem}.png", rng.integers(0, classes, size).astype(np.uint8))
        return tmp_path / "images", tmp_path / "masks"

    return write


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
