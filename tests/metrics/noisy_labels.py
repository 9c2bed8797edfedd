"""Probabilities with labels of which some are wrong, drawn by hypothesis or by a generator."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

CLASSES = 4


@st.composite
def scenes(draw: st.DrawFn, ignored: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities in steps of 1/8 or 1/65535, which sum to 1, so that ties and equal pixels are common; labels."""
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    parts = draw(drawn.arrays(np.int64, (CLASSES, *shape), elements=st.sampled_from([0, 1, 1, 2, 5, 8, 1000])))
    parts[0] += parts.sum(0) == 0
    classes = st.sampled_from([0, 0, 1, 2, 3, 255] if ignored else [0, 0, 1, 2, 3])
    return parts / parts.sum(0), draw(drawn.arrays(np.uint8, shape, elements=classes))


def make_scene(seed: int, shape: tuple[int, int] = (70, 45), kind: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of classes, a network that is mostly right, some wrong labels and some ignored; taller than a few rows."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, CLASSES, (-(-shape[0] // 10), -(-shape[1] // 10))), np.ones((10, 10), dtype=int))
    truth = blocks[: shape[0], : shape[1]]
    logits = rng.normal(size=(CLASSES, *shape)) + 2.5 * (truth == np.arange(CLASSES)[:, None, None])
    probabilities = np.exp(logits) / np.exp(logits).sum(0)
    labels = np.where(rng.random(shape) < 0.1, rng.integers(0, CLASSES, shape), truth)
    labels[rng.random(shape) < 0.1] = 255
    if kind in (np.uint8, np.uint16):
        return np.rint(probabilities * np.iinfo(kind).max).astype(kind), labels
    return probabilities.astype(kind), labels
