"""A user's own figures, held to the contract: every error names the class and the image."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from hardpix.cli.errors import UsageError
from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Level, Score

R = TypeVar("R")


class ScoreError(UsageError):
    """A score broke the contract; the message begins with its class path."""


class OwnScore(Score):
    """A score of a user's own, whose every result is checked.

    Args:
        score: of the user.
        num_classes: C.
        settings: all that it was made with; None where that is not known.
        taken: those of them that came from the report to compare with.

    Raises (from its methods):
        ScoreError: the score raised, or returned something else than the contract says.
    """

    def __init__(
        self,
        score: Score,
        num_classes: int,
        settings: dict[str, Any] | None = None,
        taken: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.score, self.num_classes = score, num_classes
        self.settings, self.taken = settings, dict(taken)
        self.columns = score.columns

    @property
    def path(self) -> str:
        return self.score.path

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        counts = self._called(lambda: self.score.count(maps), "count")
        if counts is None:
            return None
        if not isinstance(counts, np.ndarray) or counts.dtype.kind not in "iu":
            raise ScoreError(f"{self.path}.count: expected an array of integers (int64) or None, found {_kind(counts)}")
        return counts.astype(np.int64)

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        found = self._called(lambda: self.score.compute(counts), "compute")
        return self._checked(found, "compute", ("set", "class"))

    def compute_image(self, counts: np.ndarray) -> dict[str, Any]:
        found = self._called(lambda: self.score.compute_image(counts), "compute_image")
        return self._checked(found, "compute_image", ("image",))

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        """Under the class path, so that no entry of the report is replaced."""
        found = self._called(lambda: self.score.tables(counts), "tables")
        return {self.path: found} if found else {}

    def _called(self, method: Callable[[], R], name: str) -> R:
        try:
            return method()
        except Exception as error:
            # The first frames are those of this method and of the call.
            frame = traceback.extract_tb(error.__traceback__)[2:3]
            where = "".join(f" ({entry.filename}, line {entry.lineno})" for entry in frame)
            raise ScoreError(f"{self.path}.{name}: {type(error).__name__}: {error}{where}") from error

    def _checked(self, found: Any, name: str, levels: Sequence[Level]) -> dict[str, Any]:
        columns = [column for column in self.columns if set(column.of) & set(levels)]
        keys = list(dict.fromkeys(column.key for column in columns))
        if not isinstance(found, Mapping) or set(keys) - set(found):
            shown = ", ".join(map(str, found)) or "none" if isinstance(found, Mapping) else _kind(found)
            raise ScoreError(f"{self.path}.{name}: expected figures named {', '.join(keys)}, found {shown}")
        for key in keys:
            by_class = "class" in levels and any(column.key == key and "class" in column.of for column in columns)
            shape, expected = np.shape(found[key]), "a number"
            if by_class:
                expected = f"{self.num_classes} numbers, one for each class"
            fits = shape == (self.num_classes,) or (shape == () and not by_class)
            if not fits or np.asarray(found[key]).dtype.kind not in "iufb":
                raise ScoreError(f"{self.path}.{name}: expected {expected} as {key}, found {_kind(found[key])}")
        return dict(found)


@contextmanager
def naming(images: str) -> Iterator[None]:
    """Name the images in errors of a score."""
    try:
        yield
    except ScoreError as error:
        raise UsageError(f"{error}\n  in {images}") from error


def try_scores(scores: Sequence[Score], maps: ImageMaps) -> None:
    """Run a user's own scores on one image, before anything is written.

    Raises:
        UsageError: one of them breaks the contract.
    """
    with naming(f"the image {maps.stem}"):
        for score in scores:
            if isinstance(score, OwnScore) and (counts := score.count(maps)) is not None:
                score.compute_image(counts)
                score.compute(counts)


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of the shape {value.shape}"
    return f"{value!r}, {type(value).__name__}"
