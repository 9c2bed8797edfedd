"""Properties of figures of the report."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hardpix.testing.bench import is_importable
from hardpix.testing.complaints import during, named, require
from hardpix.testing.score_images import joined, score_images

if TYPE_CHECKING:
    from hardpix.diagnosis.scores import ImageMaps, Score


def check_score(
    score: Score,
    reference: Callable[[Sequence[ImageMaps]], Mapping[str, Any]] | None = None,
    *,
    num_classes: int = 3,
    joins: bool = True,
    rtol: float = 1e-6,
) -> None:
    """Hold a figure of the report against what every figure must be. It needs the packages of the extra [diagnose].

    - Its columns are declared, and ``compute`` and ``compute_image`` give a figure for each of them and no other one.
    - ``count`` gives int64 of one shape for images of any size, with and without labels, or None where the image lacks
      a map that it needs. It gives the same again, and does not change the maps.
    - Counts add up: those of two images, added, are those of one image that holds both.
    - Predictions at unlabeled pixels change nothing; where nothing is labeled, a share is NaN or from 0 to 1.
    - A pickle counts alike: several processes count.

    Args:
        score: it stays as it is; copies are tried.
        reference: figures by column key of all the images together, computed in another way, such as pixel by pixel.
            Keys that it leaves out are not compared.
        num_classes: of the maps that it is tried on.
        joins: False for a figure of whole images, such as the number of images with an error, or of lengths that are
            shares of the image.
        rtol: relative difference to the reference that is allowed.

    Raises:
        AssertionError: what does not hold, and what to do.

    Example:
        >>> from hardpix.diagnosis.scores import Column, Score
        >>> class Accuracy(Score):
        ...     columns = (Column("right", "Right", {"set", "image"}, "%", "high", "Share of right pixels."),)
        ...     def count(self, maps):
        ...         return np.array([(maps.pair.prediction == maps.pair.target).mean()])
        ...     def compute(self, counts):
        ...         return {"right": counts[0]}
        >>> check_score(Accuracy())
        Traceback (most recent call last):
        ...
        AssertionError: Accuracy, one image: expected counts in int64 or None, found an array of float64: count parts \
and wholes as whole numbers (np.int64), and divide in compute
    """
    from hardpix.diagnosis.scores.own import OwnScore

    with named(type(score).__name__):
        _check_columns(score)
        own = OwnScore(copy.deepcopy(score), num_classes)
        images = score_images(num_classes)
        counted = {what: _counted(own, maps, what) for what, maps in images.items()}
        shapes = {counts.shape for counts in counted.values() if counts is not None}
        require(
            len(shapes) <= 1,
            f"expected counts of one shape from every image, found {', '.join(map(str, sorted(shapes)))}: take the "
            "number of classes from maps.num_classes",
        )
        require(bool(shapes), "its count is None for every image that was tried, also with every map that there is")
        for what, counts in counted.items():
            if counts is not None:
                with during(what):
                    _check_figures(own, counts)
        if any(counts is None for counts in counted.values()):
            with during("where no image has counts"):
                own.tables(None)
        _check_unlabeled(own, images["one image"])
        _check_pickle(score, own, images["one image"])
        pair = [images["one image"], images["another image"]]
        if joins:
            _check_joined(own, pair)
        if reference is not None:
            _check_reference(own, pair, reference, rtol)


def _check_columns(score: Score) -> None:
    from hardpix.diagnosis.scores.loading import load_scores

    try:
        load_scores([score], [], 2)
    except ValueError as error:
        raise AssertionError(f"its columns: {error}") from error


def _counted(own: Score, maps: ImageMaps, what: str) -> np.ndarray | None:
    """Counts of an image: int64, twice the same, the maps as they were."""
    lacks = " Return None where the image lacks a map that it needs" if maps.hardness is None else ""
    with during(what):
        try:
            found = own.score.count(replace(maps))  # type: ignore[attr-defined]
        except Exception as error:
            raise AssertionError(f"count raises {type(error).__name__}: {error}.{lacks}") from error
        require(
            found is None or (isinstance(found, np.ndarray) and found.dtype == np.int64),
            f"expected counts in int64 or None, found {_kind(found)}: count parts and wholes as whole "
            "numbers (np.int64), and divide in compute",
        )
        again = own.score.count(replace(maps))  # type: ignore[attr-defined]
        require(
            (found is None) == (again is None) and (found is None or np.array_equal(found, again)),
            f"counted again, the same image gives other counts, {again} after {found}: nothing that count keeps in "
            "self may matter",
        )
        return found


def _check_figures(own: Score, counts: np.ndarray) -> None:
    """One figure for each column and no other one; shares from 0 to 1."""
    keys = {column.key for column in own.columns}
    with np.errstate(all="ignore"):
        for method in (own.compute, own.compute_image):
            for key, value in method(counts).items():
                require(
                    key in keys,
                    f"{method.__name__} gives {key!r}, which is no key of its columns ({', '.join(sorted(keys))}): "
                    "declare a Column of it, or give it from tables(counts)",
                )
                share = any(column.key == key and column.unit == "%" for column in own.columns)
                values = np.asarray(value, dtype=float)
                known = values[~np.isnan(values)]
                require(
                    not share or bool(((known >= 0) & (known <= 1)).all()),
                    f"expected shares from 0 to 1, or NaN, as {key}, whose unit is %, found {values.tolist()}",
                )
        own.tables(counts)


def _check_unlabeled(own: Score, maps: ImageMaps) -> None:
    unlabeled = maps.truth == maps.settings.ignore_index
    expected = own.count(replace(maps))
    for filling in (0, maps.num_classes - 1):
        found = own.count(replace(maps, prediction=np.where(unlabeled, filling, maps.prediction).astype(np.uint8)))
        require(
            np.array_equal(found, expected),  # type: ignore[arg-type]
            "other predictions at unlabeled pixels change its counts: take maps.pair, which holds one mark in both "
            "maps there, or maps.pair.valid",
        )


def _check_pickle(score: Score, own: Score, maps: ImageMaps) -> None:
    if not is_importable(score):
        return
    with during("a pickle must count as the original does, for several processes count"):
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(score)).count(replace(maps)), own.count(replace(maps)))


def _check_joined(own: Score, images: Sequence[ImageMaps]) -> None:
    counts = [own.count(replace(maps)) for maps in images]
    if any(part is None for part in counts):
        return
    expected = own.count(joined(images))
    found = sum(part for part in counts if part is not None)
    require(
        np.array_equal(found, expected),  # type: ignore[arg-type]
        "counts of two images, added, are not those of one image that holds both: expected "
        f"{_shown(expected)}, found {_shown(found)}. Count parts and wholes as whole numbers and divide in compute, or "
        "say joins=False",
    )


def _check_reference(
    own: Score, images: Sequence[ImageMaps], reference: Callable[[Sequence[ImageMaps]], Mapping[str, Any]], rtol: float
) -> None:
    for what, some in (("one image", images[:1]), ("two images", images)):
        counts = [own.count(replace(maps)) for maps in some]
        known = [part for part in counts if part is not None]
        require(len(known) == len(some), f"{what}: its count is None, so that nothing is held against the reference")
        found = own.compute(np.sum(known, axis=0))
        expected = reference([replace(maps) for maps in some])
        require(
            bool(expected) and set(expected) <= set(found),
            f"expected at least one key of the reference that compute gives, found {sorted(expected)} of the reference "
            f"and {sorted(found)} of compute",
        )
        for key, value in expected.items():
            with during(f"{key} of {what} beside the reference"):
                np.testing.assert_allclose(found[key], value, rtol=rtol)


def _shown(counts: Any) -> str:
    values = np.asarray(counts).ravel().tolist()
    return str(values) if len(values) <= 12 else f"{values[:12]} …"


def _kind(value: Any) -> str:
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"{value!r}, {type(value).__name__}"
