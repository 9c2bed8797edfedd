"""Figures of a report over all their images: counts added up, then the tables of the set, the classes, the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Level, Score
from hardpix.diagnosis.scores.own import ScoreError
from hardpix.metrics.counting import mean_of_defined

Counts = list[np.ndarray | None]
"""One entry a score, in their order; None where no image had what the score needs."""


def count_image(scores: Sequence[Score], maps: ImageMaps) -> Counts:
    """The counts of one image."""
    return [score.count(maps) for score in scores]


def add_counts(scores: Sequence[Score], total: Counts, counts: Counts) -> Counts:
    """The sum of the counts of some images and of others; an empty total holds none yet.

    Raises:
        ScoreError: a score's counts differ in shape.
    """
    if not total:
        return [None if new is None else new.copy() for new in counts]
    return [_sum(*entry) for entry in zip(scores, total, counts, strict=True)]


def _sum(score: Score, old: np.ndarray | None, new: np.ndarray | None) -> np.ndarray | None:
    if old is None or new is None:
        return old if new is None else new.copy()
    if new.shape != old.shape:
        expected = "expected counts of one shape from every image"
        raise ScoreError(f"{score.path}.count: {expected}, found {new.shape} after {old.shape}")
    old += new
    return old


def columns_of(scores: Sequence[Score], counts: Counts, level: Level) -> list[Column]:
    """The columns of a table: those of the scores that were counted, headlines first."""
    return columns_at([score for score, counted in zip(scores, counts, strict=True) if counted is not None], level)


def columns_at(scores: Sequence[Score], level: Level) -> list[Column]:
    """The columns that scores have at a level, headlines first."""
    found = [column for score in scores for column in score.columns if level in column.of]
    return sorted(found, key=lambda column: column.headline or len(found))


def as_dict(column: Column) -> dict[str, Any]:
    """A column for the page and for summary.json."""
    names = ("key", "title", "unit", "better", "group", "about")
    return {name: getattr(column, name) for name in names}


def summarize(scores: Sequence[Score], counts: Counts) -> dict[str, Any]:
    """Scores of the set by column, of the classes by column, and what the scores have for views of their own."""
    computed: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for score, counted in zip(scores, counts, strict=True):
        if counted is not None and any({"set", "class"} & set(column.of) for column in score.columns):
            computed |= score.compute(counted)
        tables |= score.tables(counted)
    return {
        "scores": {column.key: float(_mean(computed[column.key])) for column in columns_of(scores, counts, "set")},
        "class_scores": {
            column.key: np.asarray(computed[column.key]) for column in columns_of(scores, counts, "class")
        },
        **tables,
    }


def image_row(scores: Sequence[Score], counts: Counts) -> dict[str, float]:
    """Scores of one image by column, of those that were counted in it."""
    row: dict[str, float] = {}
    for score, counted in zip(scores, counts, strict=True):
        keys = [column.key for column in score.columns if "image" in column.of]
        if counted is not None and keys:
            found = score.compute_image(counted)
            row |= {key: _mean(found[key]).item() for key in keys}
    return row


def _mean(value: Any) -> np.ndarray:
    """A number as it is; the mean over the classes that have one."""
    values = np.asarray(value)
    return mean_of_defined(values) if values.ndim else values
