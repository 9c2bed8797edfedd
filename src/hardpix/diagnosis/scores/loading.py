"""Loading a user's own figures by their class paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from hardpix.diagnosis.scores.base import Column, Level, Score
from hardpix.diagnosis.scores.given_settings import all_settings, settings_like
from hardpix.diagnosis.scores.own import OwnScore

NO_SETTINGS: Mapping[str, Mapping[str, Any]] = {}
Given = str | Mapping[str, Any] | Score
# Columns that tables have beside those of the scores.
TAKEN: list[tuple[str, Level]] = [
    ("id", "class"),
    ("class", "class"),
    ("stem", "image"),
    ("width", "image"),
    ("height", "image"),
]


def load_scores(
    given: str | Iterable[Given] | None,
    others: Sequence[Score],
    num_classes: int,
    like: Mapping[str, Mapping[str, Any]] = NO_SETTINGS,
) -> tuple[Score, ...]:
    """The scores of a report and a user's own.

    Args:
        given: class paths with commas between them, or a list of class paths, of mappings with `class_path` and
            `init_args`, and of scores.
        others: the scores that the report has already.
        num_classes: C.
        like: settings that scores have in a report to compare with, by class path: taken where none are given.

    Raises:
        ValueError: a class that cannot be found or made, or whose columns cannot be told from others; a setting that it
            has not, or that is another one in the report to compare with.

    Example:
        >>> load_scores("hardpix.diagnosis.scores.Nothing", [], 2)
        Traceback (most recent call last):
        ...
        ValueError: expected a class in hardpix.diagnosis.scores, found no Nothing
    """
    entries: list[Given] = [given] if isinstance(given, str) else list(given or ())
    own = [_made(part, num_classes, like) for entry in entries for part in _parts(entry)]
    taken = {*TAKEN, *((column.key, level) for score in others for column in score.columns for level in column.of)}
    for score in own:
        for key, level in _places(score):
            if (key, level) in taken:
                raise ValueError(f"{score.path}: expected a key that no other column of the {level} has, found {key}")
            taken.add((key, level))
    return (*others, *own)


def _parts(entry: Given) -> Sequence[Given]:
    return [path.strip() for path in entry.split(",")] if isinstance(entry, str) else [entry]


def _made(entry: Given, num_classes: int, like: Mapping[str, Mapping[str, Any]]) -> OwnScore:
    if isinstance(entry, Score):
        return OwnScore(entry, num_classes)
    given: dict[str, Any] = {"class_path": entry} if isinstance(entry, str) else dict(entry)
    path, settings = str(given.pop("class_path", "")), given.pop("init_args", None) or {}
    module, _, name = path.rpartition(".")
    if not module or given:
        raise ValueError(f"expected the class path of a score, such as my_module.MyScore, found {entry}")
    try:
        found = getattr(import_module(module), name, None)
    except Exception as error:
        advice = "modules are looked for in the folder where the command is called, too"
        found_instead = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"expected to import {module} for the score {path}, found {found_instead}; {advice}"
        ) from error
    if found is None:
        raise ValueError(f"expected a class in {module}, found no {name}")
    if not (isinstance(found, type) and issubclass(found, Score)):
        raise ValueError(f"expected a subclass of hardpix.diagnosis.scores.Score, found {path}")
    taken = settings_like(settings, like.get(path, {}), found, path)
    try:
        score = found(**settings | taken)
    except Exception as error:
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
    return OwnScore(score, num_classes, all_settings(found, settings | taken, path), taken)


def _places(score: Score) -> Iterator[tuple[str, Level]]:
    """The key and level of each column."""
    if not score.columns or not all(isinstance(column, Column) for column in score.columns):
        raise ValueError(f"{score.path}: expected columns, a tuple of Column, found {score.columns!r}")
    for column in score.columns:
        for level in column.of:
            yield column.key, level
