"""Small label maps with a 16-bit map beside them, drawn by hypothesis."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

CLASSES = 3
IGNORED = 255

few_values = st.sampled_from([0, 1, 4369, 20000, 20001, 65534, 65535])


class Maps(NamedTuple):
    values: np.ndarray
    prediction: np.ndarray
    target: np.ndarray
    mask: np.ndarray


@st.composite
def maps(draw: st.DrawFn, largest: int = 8, values: st.SearchStrategy[int] = few_values) -> Maps:
    """Few values, so that ties are common; classes may be absent, and all pixels unlabeled or one pixel high."""
    shape = draw(st.tuples(st.integers(1, largest), st.integers(1, largest)))
    return Maps(
        draw(drawn.arrays(np.uint16, shape, elements=values)),
        draw(drawn.arrays(np.uint8, shape, elements=st.integers(0, CLASSES - 1))),
        draw(drawn.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 1, CLASSES - 1, IGNORED]))),
        draw(drawn.arrays(bool, shape)),
    )


def in_parts(height: int, data: st.DataObject) -> list[slice]:
    """Some rows and the others, neither empty; all of them where there is one."""
    cut = data.draw(st.integers(1, height))
    return [slice(cut), slice(cut, None)][: 1 + (cut < height)]


def labelled(drawing: Maps) -> list[tuple[int, int, int]]:
    """(value, prediction, target) of the labeled pixels, row by row."""
    triples = zip(drawing.values.flat, drawing.prediction.flat, drawing.target.flat, strict=True)
    return [(int(value), int(guess), int(truth)) for value, guess, truth in triples if truth != IGNORED]
