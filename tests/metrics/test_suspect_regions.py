"""Connected suspects, against scipy's labeling of every pair of classes."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

from hardpix.metrics import SuspectRegion, suspect_regions

CLASSES = 3


@st.composite
def scenes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    labels = draw(drawn.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2, 255])))
    suspected = draw(drawn.arrays(np.int16, shape, elements=st.sampled_from([-1, 1, 1, 2])))
    suspected[(labels == 255) | (suspected == labels)] = -1
    eighths = draw(drawn.arrays(np.float32, (CLASSES, *shape), elements=st.integers(0, 8).map(float)))
    return suspected, eighths / 8, labels


def regions_by_scipy(
    suspected: np.ndarray, probabilities: np.ndarray, labels: np.ndarray, min_area: int
) -> list[SuspectRegion]:
    found = []
    for i, j in np.ndindex(CLASSES, CLASSES):
        parts, number = scipy.ndimage.label((labels == i) & (suspected == j), structure=np.ones((3, 3)))
        for part in range(1, number + 1):
            inside = parts == part
            if inside.sum() >= min_area:
                y, x = np.nonzero(inside)
                margin = (probabilities[j].astype(float) - probabilities[i])[inside]
                box = (int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)
                found.append(SuspectRegion(i, j, int(inside.sum()), box, margin.mean(), margin.sum()))
    return found


def in_order(regions: list[SuspectRegion]) -> list[SuspectRegion]:
    return sorted(regions, key=lambda r: (r.box, r.given, r.suspected, r.area))


@given(scenes(), st.integers(1, 4))
def test_regions_are_those_of_scipy(scene: tuple[np.ndarray, np.ndarray, np.ndarray], min_area: int) -> None:
    found = suspect_regions(*scene, min_area=min_area)
    expected = regions_by_scipy(*scene, min_area)
    assert len(found) == len(expected)
    for mine, theirs in zip(in_order(found), in_order(expected), strict=True):
        assert (mine.given, mine.suspected, mine.area, mine.box) == (
            theirs.given,
            theirs.suspected,
            theirs.area,
            theirs.box,
        )
        assert mine.margin == pytest.approx(theirs.margin, abs=1e-12)
        assert mine.score == pytest.approx(theirs.score, abs=1e-12)
    scores = [region.score for region in found]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.uint8, np.uint16])
def test_scene_of_which_everything_is_known(kind: type) -> None:
    labels = np.zeros((12, 20), dtype=np.uint8)
    labels[:, 10:] = 1
    suspected = np.full((12, 20), -1, dtype=np.int16)
    suspected[2:5, 8:12] = 2
    suspected[7:9, 0:3] = 1
    suspected[11, 19] = 0
    shares = np.zeros((3, 12, 20))
    shares[0], shares[1], shares[2] = 0.2, 0.2, 0.6
    shares[:, 7:9, 0:3] = np.array([0, 1, 0])[:, None, None]
    probabilities = shares.astype(kind) if kind in (np.float16, np.float32) else np.rint(shares * np.iinfo(kind).max)
    found = suspect_regions(suspected, probabilities.astype(kind), labels, min_area=2)
    # Pixels of two labels are two regions, and the smaller region of a surer network comes first.
    assert [(r.given, r.suspected, r.area, r.box) for r in found] == [
        (0, 1, 6, (7, 0, 9, 3)),
        (0, 2, 6, (2, 8, 5, 10)),
        (1, 2, 6, (2, 10, 5, 12)),
    ]
    np.testing.assert_allclose([r.margin for r in found], [1, 0.4, 0.4], atol=2e-3)
    np.testing.assert_allclose([r.score for r in found], [6, 2.4, 2.4], atol=1e-2)


def test_an_image_without_suspects_has_no_regions() -> None:
    for min_area in (0, 20):
        assert suspect_regions(np.full((3, 4), -1), np.zeros((2, 3, 4)), np.zeros((3, 4), int), min_area=min_area) == []


@pytest.mark.parametrize(
    "suspected", [np.full((2, 4), -1), np.array([[-1, 2, -1], [-1, -1, -1]]), np.array([[-1, -1, -1], [-1, -1, 1]])]
)
def test_suspects_that_do_not_fit_are_refused(suspected: np.ndarray) -> None:
    labels = np.array([[0, 0, 0], [0, 0, 255]])
    with pytest.raises(ValueError, match=r"expected suspected classes up to 1 of shape \(2, 3\)"):
        suspect_regions(suspected, np.zeros((2, 2, 3)), labels)
