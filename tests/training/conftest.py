"""A small data set in CamVid's layout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIZE = (48, 64)


def write_pair(images: Path, masks: Path, stem: str, rng: np.random.Generator, ids: int = 11) -> None:
    """A noisy picture whose blocks have the brightness of their class, and its mask."""
    index = np.kron(rng.integers(0, ids + 1, (SIZE[0] // 8, SIZE[1] // 8)), np.ones((8, 8), dtype=np.int64))
    picture = 20 * index[..., None] + rng.integers(0, 12, (*SIZE, 3))
    images.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.astype(np.uint8)).save(images / f"{stem}.png")
    Image.fromarray(index.astype(np.uint8)).save(masks / f"{stem}.png")


@pytest.fixture(scope="session")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with train, trainannot, val and valannot; ids 0 to 10, 11 unlabelled."""
    root = tmp_path_factory.mktemp("camvid")
    rng = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 3)):
        for k in range(count):
            write_pair(root / part, root / f"{part}annot", f"0001TP_{k:06d}", rng)
    return root
