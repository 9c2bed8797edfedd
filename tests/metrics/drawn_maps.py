"""Small pairs of label maps: blocks of classes, unlabeled pixels, and a prediction that is shifted and noised."""

import numpy as np
from hypothesis import strategies as st

CLASSES = 4
IGNORED = 255


def draw_pair(
    seed: int, height: int = 13, width: int = 17, block: int = 4, classes: int = CLASSES, unlabelled: float = 0.15
) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth, (H, W) int64."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, classes, (height // block + 1, width // block + 1))
    target = np.kron(coarse, np.ones((block, block), dtype=np.int64))[:height, :width]
    prediction = np.roll(target, tuple(rng.integers(-2, 3, 2)), axis=(0, 1))
    prediction = np.where(rng.random(target.shape) < 0.1, rng.integers(0, classes, target.shape), prediction)
    target = np.where(rng.random(target.shape) < unlabelled, IGNORED, target)
    return prediction, target


def pairs(unlabelled: tuple[float, ...] = (0.0, 0.2, 0.6, 1.0)) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    """From one pixel and one class on; one pixel high, not square, wholly unlabeled and with absent classes too."""
    return st.builds(
        draw_pair,
        seed=st.integers(0, 2**32 - 1),
        height=st.integers(1, 14),
        width=st.integers(1, 14),
        block=st.integers(1, 6),
        classes=st.integers(1, CLASSES),
        unlabelled=st.sampled_from(unlabelled),
    )


def windows(shape: tuple[int, int], reach: int) -> list[tuple[tuple[int, int], list[tuple[int, int]]]]:
    """Every pixel with the pixels at most ``reach`` rows and columns away, within the image."""
    rows, columns = shape
    return [
        (
            (i, j),
            [
                (y, x)
                for y in range(max(i - reach, 0), min(i + reach + 1, rows))
                for x in range(max(j - reach, 0), min(j + reach + 1, columns))
            ],
        )
        for i, j in np.ndindex(shape)
    ]
