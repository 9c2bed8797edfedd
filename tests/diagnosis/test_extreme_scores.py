"""Every figure of the report on 300 extreme images: whole counts that add up, and shares from 0 to 1, or NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given

from extreme_batches import CASES, FEW, Case, cases, of_classes
from hardpix.diagnosis.scores import ImageMaps, Score, report_scores
from hardpix.diagnosis.settings import Settings
from hardpix.testing.score_images import joined

pytestmark = pytest.mark.slow

# Counts that depend on where an image ends are not those of one image that holds two: for Boundary IoU the edge is a
# border, thin parts (and Calibration's counts in them) go on beyond it, and Review counts images.
OF_WHOLE_IMAGES = ("BoundaryIoU", "ThinParts", "Calibration", "Review")


def settings_of(classes: int) -> Settings:
    """Lengths in pixels: shares of an image are other lengths in one that is joined of two."""
    pairs = tuple(f"pair {number // 2}" for number in range(classes))
    return Settings(
        classes, lines=(0,), band=2, radius=2, tolerance=2, thin_radius=2, sizes=(4, 9, 16), groups=(pairs,)
    )


NAMES = [type(score).__name__ for score in report_scores(settings_of(2))]


def images_of(case: Case) -> list[ImageMaps]:
    """Images as readers give them: labels in the smallest type, with the mark of the settings."""
    settings = settings_of(case.classes)
    given = case.tensors("prediction", "logits", "weight", "image")
    kind = np.uint8 if case.classes <= 255 else np.uint16
    target, prediction = given["target"].long(), given["prediction"].long()
    target[(target == case.ignore_index) | (target < 0) | (target >= case.classes)] = settings.ignore_index
    floats = torch.float16 if case.floats == torch.float16 else torch.float32
    probabilities = given["logits"].float().softmax(1).to(floats)
    return [
        ImageMaps(
            target[k].numpy().astype(kind),
            prediction[k].numpy().astype(kind),
            settings,
            f"image {k}",
            tuple(f"class {number}" for number in range(case.classes)),
            image=(255 * given["image"][k]).byte().permute(1, 2, 0).numpy(),
            probabilities=probabilities[k].numpy(),
            hardness=given["weight"][k].to(floats).numpy(),
            thresholds=np.full(case.classes, 0.3),
        )
        for k in range(case.size[0])
    ]


def otherwise(maps: ImageMaps) -> ImageMaps:
    """The same image by columns in memory, in float32, with other predictions where nothing is labeled."""
    unlabeled = maps.truth == maps.settings.ignore_index
    prediction = np.where(unlabeled, maps.num_classes - 1 - maps.prediction, maps.prediction)
    assert maps.probabilities is not None
    assert maps.hardness is not None
    return replace(
        maps,
        truth=np.asfortranarray(maps.truth),
        prediction=np.asfortranarray(prediction.astype(maps.prediction.dtype)),
        probabilities=np.asfortranarray(maps.probabilities.astype(np.float32)),
        hardness=np.asfortranarray(maps.hardness.astype(np.float32)),
    )


def total(score: Score, images: Sequence[ImageMaps]) -> np.ndarray:
    counts = [score.count(maps) for maps in images]
    assert all(isinstance(part, np.ndarray) and part.dtype == np.int64 for part in counts)
    return np.sum(counts, axis=0)


@pytest.mark.parametrize("name", NAMES)
@CASES
@given(case=cases(images=(1, 2), classes=FEW))
@example(case=of_classes(255))
@example(case=of_classes(1000))
def test_counts_are_the_same_whatever_must_not_matter(name: str, case: Case) -> None:
    (score,) = (one for one in report_scores(settings_of(case.classes)) if type(one).__name__ == name)
    images = images_of(case)
    counts = total(score, images)
    np.testing.assert_array_equal(total(score, [otherwise(maps) for maps in images]), counts)
    if len(images) > 1 and name not in OF_WHOLE_IMAGES:
        np.testing.assert_array_equal(total(score, [joined(images)]), counts)
    shares = {column.key for column in score.columns if column.unit == "%"}
    for figures in (score.compute(counts), score.compute_image(counts)):
        for key, value in figures.items():
            known = np.asarray(value, dtype=float)
            known = known[~np.isnan(known)]
            assert np.isfinite(known).all(), key
            assert key not in shares or ((known >= 0) & (known <= 1)).all(), (key, value)
    score.tables(counts)
