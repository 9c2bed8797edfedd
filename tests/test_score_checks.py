"""Faults of figures of the report that ``check_score`` finds, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from hardpix.diagnosis.scores import Column, ImageMaps, Score, report_scores
from hardpix.diagnosis.settings import Settings
from hardpix.testing import check_score


class Sure(Score):
    """Wrong pixels of high confidence, where it is known: right."""

    columns = (Column("sure", "Sure and wrong", {"set", "image"}, "count", "low", "Wrong pixels of high confidence."),)

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        if maps.predicted_confidence is None:
            return None
        wrong = maps.pair.prediction != maps.pair.target
        return np.array([np.count_nonzero(wrong & (maps.predicted_confidence > 0.5))])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"sure": counts[0]}


class Recall(Score):
    """Share of each class's pixels that are found: right, and of which each fault is one change."""

    columns = (Column("found", "Found", {"set", "class", "image"}, "%", "high", "Share of its pixels found."),)

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        right = maps.confusion.diagonal()
        return np.stack([right, maps.confusion.sum(1)])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"found": counts[0] / np.where(counts[1] > 0, counts[1], np.nan)}


def recall(images: Sequence[ImageMaps]) -> dict[str, Any]:
    """One pixel after the other."""
    right, pixels = np.zeros((2, images[0].num_classes))
    for maps in images:
        for truth, prediction in zip(maps.truth.ravel(), maps.prediction.ravel(), strict=True):
            if truth < images[0].num_classes:
                pixels[truth] += 1
                right[truth] += truth == prediction
    return {"found": right / pixels}


class NoColumns(Recall):
    columns = ()


class TwiceOneKey(Recall):
    columns = (*Recall.columns, *Recall.columns)


class Share(Recall):
    def count(self, maps: ImageMaps) -> np.ndarray | None:
        right, pixels = super().count(maps)
        return right / pixels


class Short(Recall):
    def count(self, maps: ImageMaps) -> np.ndarray | None:
        return super().count(maps).astype(np.int32)


class Percent(Recall):
    """A share of each image in whole numbers, which do not add up."""

    columns = (Column("found", "Found", {"set", "image"}, "%", "high", "Share of pixels found."),)

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        right, pixels = super().count(maps).sum(1)
        return np.array([50 * right // max(pixels, 1)])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"found": counts[0] / 100}


class OfIdsInTheImage(Recall):
    def count(self, maps: ImageMaps) -> np.ndarray | None:
        return super().count(maps)[:, np.unique(maps.truth[maps.pair.valid])]


class NeedsHardness(Recall):
    def count(self, maps: ImageMaps) -> np.ndarray | None:
        weighed = (maps.hardness * 255).astype(np.int64) * (maps.pair.prediction == maps.pair.target)
        return super().count(maps) + 0 * weighed.sum()


class NeverCounts(Recall):
    def count(self, maps: ImageMaps) -> np.ndarray | None:
        return None


class ChangesMaps(Recall):
    def count(self, maps: ImageMaps) -> np.ndarray | None:
        maps.prediction[:] = 0
        return super().count(maps)


class Remembers(Recall):
    seen = 0

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        self.seen += 1
        return super().count(maps) * self.seen


class OtherKey(Recall):
    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"recall": super().compute(counts)["found"]}


class OneMore(Recall):
    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {**super().compute(counts), "pixels": counts[1]}


class HundredPercent(Recall):
    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"found": 100 * super().compute(counts)["found"]}


class OneNumber(Recall):
    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"found": 0.5}


class Unlabeled(Recall):
    def count(self, maps: ImageMaps) -> np.ndarray | None:
        return super().count(maps) + np.bincount(maps.prediction.ravel(), minlength=maps.num_classes)


class Unpicklable(Recall):
    def __init__(self) -> None:
        self.rule = lambda values: values


class TablesOfSomething(Sure):
    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        return {"twice": (2 * counts).tolist()}


class Precision(Recall):
    """Adds up, and is another figure than the reference says."""

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        return np.stack([maps.confusion.diagonal(), maps.confusion.sum(0)])


class ImagesWithErrors(Score):
    """Right, of whole images."""

    columns = (Column("wrong", "Images with errors", {"set"}, "count", "low", "Images with a wrong pixel."),)

    def count(self, maps: ImageMaps) -> np.ndarray:
        return np.array([int((maps.pair.prediction != maps.pair.target).any())])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"wrong": counts[0]}


FAULTY = {
    NoColumns: r"its columns: .*expected columns, a tuple of Column, found \(\)",
    TwiceOneKey: "its columns: .*expected a key that no other column of the .* has, found found",
    Share: "one image: expected counts in int64 or None, found an array of float64",
    Short: "one image: expected counts in int64 or None, found an array of int32",
    Percent: r"counts of two images, added, are not those of one image that holds both",
    OfIdsInTheImage: r"expected counts of one shape from every image, found .*\(2, 1\), \(2, 3\)",
    NeedsHardness: r"without further maps .*: count raises TypeError: .* Return None where the image lacks a map",
    NeverCounts: "its count is None for every image",
    ChangesMaps: "one image: count raises ValueError: assignment destination is read-only",
    Remembers: "one image: counted again, the same image gives other counts",
    OtherKey: r"one image: .*compute: expected figures named found, found recall",
    OneMore: r"one image: compute gives 'pixels', which is no key of its columns \(found\)",
    HundredPercent: "one image: expected shares from 0 to 1, or NaN, as found, whose unit is %, found",
    OneNumber: "one image: .*expected 3 numbers, one for each class as found, found 0.5",
    Unlabeled: "other predictions at unlabeled pixels change its counts",
    Unpicklable: "a pickle must count as the original does",
    TablesOfSomething: "where no image has counts: .*tables: TypeError",
    Precision: "found of one image beside the reference",
    ImagesWithErrors: "say joins=False",
}


@pytest.mark.parametrize("classes", [3, 2])
def test_a_right_score_passes_and_stays_as_it_is(classes: int) -> None:
    score = Recall()
    check_score(score, recall, num_classes=classes)
    assert vars(score) == {}


def test_scores_of_whole_images_and_those_that_need_a_map_pass() -> None:
    check_score(ImagesWithErrors(), joins=False)
    check_score(Sure())


@pytest.mark.parametrize("kind", FAULTY, ids=lambda kind: kind.__name__)
def test_faulty_scores_do_not(kind: type[Score]) -> None:
    with pytest.raises(AssertionError, match=f"(?s)^{kind.__name__}, .*({FAULTY[kind]})"):
        check_score(kind(), recall if issubclass(kind, Recall) else None)


def test_a_reference_must_say_something() -> None:
    with pytest.raises(AssertionError, match="expected at least one key of the reference"):
        check_score(Recall(), lambda images: {})


@pytest.mark.parametrize(
    "score",
    [score for score in report_scores(Settings(3, groups=(("a", "a", "b"),))) if score.columns],
    ids=lambda score: type(score).__name__,
)
def test_the_figures_of_every_report_pass(score: Score) -> None:
    """Lengths and sizes that are shares of the image differ in a joined image."""
    check_score(score, joins=False)
