"""Predicted scores with intervals, for single images and for a set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hardpix.estimators.base import Estimator
from hardpix.estimators.evidence import Evidence
from hardpix.estimators.quality import Quality, expected_quality, missed_share, quality_of

LEVEL = 0.9
ROUNDS = 200


@dataclass(frozen=True)
class Predicted:
    """Predicted scores and the limits of their intervals, which are NaN where a single labeled image tells none."""

    scores: Quality
    low: Quality
    high: Quality


class Predictor:
    """An estimator that is fitted on labeled images, and the errors that it makes on others of their kind.

    Intervals hold 90 % of the true scores where the other images are like the labeled ones. They come from 200 drawings
    of the labeled images with replacement. For a single image: the errors on the images that were not drawn. For a set
    of n images: the errors on n further drawings, which tell the spread of the fit and that of n images.

    A class that occurs in no labeled image has no IoU, and does not count in a mean.

    Args:
        estimator: to be fitted.
        seen: evidence with labels, with a first axis of N images.
        seed: of the drawings.

    Raises:
        ValueError: no labeled pixel.
    """

    def __init__(self, estimator: Estimator, seen: Evidence, seed: int = 0) -> None:
        if seen.confusion is None or not seen.confusion.sum():
            raise ValueError("expected labeled images to fit an estimator on, found no labeled pixel")
        self.estimator, self.seen, self.seed = estimator, seen, seed
        self.known = seen.confusion.sum((0, 2)) > 0
        self.missed = missed_share(seen.predicted, seen.confusion)
        self.estimate = estimator.fit(seen.total())
        self._of_images: tuple[Quality, Quality] | None = None

    def images(self, given: Evidence) -> Predicted:
        """Scores of images, (N, …) or one."""
        if self._of_images is None:
            self._of_images = self._errors_of_images()
        return self._with(given, self.missed, self._of_images)

    def whole(self, given: Evidence, count: int) -> Predicted:
        """Scores of a set of `count` images from its summed evidence."""
        return self._with(given, _in_some(self.missed, count), self._errors_of_sets(count))

    def _with(self, given: Evidence, missed: np.ndarray, errors: tuple[Quality, Quality]) -> Predicted:
        scores = expected_quality(self.estimate(given), given.predicted, missed, self.known)
        low, high = (
            Quality(
                *(np.clip(getattr(scores, name) + getattr(limit, name), 0, 1) for name in ("accuracy", "miou", "iou"))
            )
            for limit in errors
        )
        return Predicted(scores, low, high)

    def _errors_of_images(self) -> tuple[Quality, Quality]:
        """Limits of the errors on images that were not drawn."""
        random = np.random.default_rng(self.seed)
        predicted, confusion = self.seen.predicted, self.seen.confusion
        assert confusion is not None
        found = []
        for _ in range(ROUNDS):
            times = self._draw(random, len(self.seen.levels))
            if times.all():
                continue
            drawn, others = times > 0, self.seen.take(times == 0)
            missed = missed_share(predicted[drawn], confusion[drawn])
            estimate = self.estimator.fit(self.seen.total(times))
            scores = expected_quality(estimate(others), predicted[~drawn], missed, self.known)
            found.append(_difference(quality_of(confusion[~drawn]), scores))
        return _limits(found)

    def _errors_of_sets(self, count: int) -> tuple[Quality, Quality]:
        """Limits of the errors on sets of so many images."""
        random = np.random.default_rng([self.seed, count])
        found = []
        if len(self.seen.levels) > 1:
            predicted, confusion = self.seen.predicted, self.seen.confusion
            assert confusion is not None
            for _ in range(ROUNDS):
                times = self._draw(random, len(self.seen.levels))
                estimate = self.estimator.fit(self.seen.total(times))
                others = self.seen.total(self._draw(random, count))
                assert others.confusion is not None
                missed = _in_some(missed_share(predicted[times > 0], confusion[times > 0]), count)
                scores = expected_quality(estimate(others), others.predicted, missed, self.known)
                error = _difference(quality_of(others.confusion), scores)
                found.append(Quality(*(each[None] for each in vars(error).values())))
        return _limits(found)

    def _draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        images = len(self.seen.levels)
        return random.multinomial(count, np.full(images, 1 / images))


def _in_some(share: np.ndarray, count: int) -> np.ndarray:
    """Chance that at least one of some images has what each has with a chance of its own."""
    return 1 - (1 - share) ** count


def _difference(truth: Quality, scores: Quality) -> Quality:
    return Quality(*(true - found for true, found in zip(vars(truth).values(), vars(scores).values(), strict=True)))


def _limits(found: list[Quality]) -> tuple[Quality, Quality]:
    """The quantiles of errors with a first axis; NaN where there is none."""
    low, high = [], []
    for name in ("accuracy", "miou", "iou"):
        errors = np.concatenate([getattr(each, name) for each in found]) if found else np.full(1, np.nan)
        known = np.where(np.isnan(errors).all(0), 0.0, errors)
        limits = np.nanquantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        limits = np.where(np.isnan(errors).all(0), np.nan, limits)
        low.append(limits[0])
        high.append(limits[1])
    return Quality(*low), Quality(*high)
