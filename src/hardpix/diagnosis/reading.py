"""Reading the files of one case, and what is wrong with them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hardpix.data import ClassTable, DataError, ImageFormat, Problem
from hardpix.data.errors import unusable
from hardpix.data.image_format import PLAIN
from hardpix.data.images import image_size, read_numbers, unreadable
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.masks import read_mask
from hardpix.data.problems import unknown_labels, wrong_size
from hardpix.diagnosis.image_counts import ImageMaps
from hardpix.diagnosis.inputs import Case


@dataclass(frozen=True)
class Reader:
    """Reads cases as class indices.

    Attributes:
        classes: of the truth.
        predicted: of the predictions; the same, or 0, 1, 2 … for the classes in their order.
        image_format: how images are shown, and the largest files that are read.
    """

    classes: ClassTable
    predicted: ClassTable
    image_format: ImageFormat = PLAIN

    def labels(self, case: Case) -> tuple[np.ndarray, np.ndarray]:
        """Truth and prediction, (H, W) class indices, the largest value of their type where there is no label.

        Raises:
            DataError: everything that is wrong with the two.
        """
        problems: list[Problem] = []
        stored = {}
        for kind in ("truth", "predictions"):
            try:
                stored[kind] = read_mask(case.files[kind], max_pixels=self.image_format.max_pixels)
            except DataError as error:
                problems += error.problems
        if problems:
            raise DataError.of(problems)
        size, found = stored["truth"].shape[:2], stored["predictions"].shape[:2]
        if size != found:
            raise DataError.of([wrong_size(case.files["predictions"], size, found)])
        truth, known = self.classes.codes(stored["truth"])
        if not known.all():
            unknown = self.classes.unknown(stored["truth"])
            problems.append(unknown_labels(case.files["truth"], self.classes, unknown))
        prediction, known = self.predicted.codes(stored["predictions"])
        void = np.iinfo(truth.dtype).max
        labelled = truth != void
        if (~known & labelled).any():
            unknown = self.predicted.unknown(stored["predictions"][labelled][None])
            problem = unknown_labels(case.files["predictions"], self.predicted, unknown)
            problems.append(replace(problem, advice=self._advice(stored["predictions"], problem.advice)))
        elif empty := int(((prediction == void) & labelled).sum()):
            problems.append(_without_prediction(case.files["predictions"], empty))
        if problems:
            raise DataError.of(problems)
        return truth, prediction

    def _advice(self, stored: np.ndarray, otherwise: str) -> str:
        """What to do about ids of a prediction that are no classes."""
        if self.predicted is not self.classes:
            return (
                "with --prediction-ids index predictions hold 0, 1, 2 … in the order of the classes; leave it out "
                "where they have the ids of the masks"
            )
        in_order = stored.ndim == 2 and int(stored.max()) < len(self.classes)
        if in_order and any(ids != (k,) for k, ids in enumerate(self.classes.ids)):
            return f"if they hold 0, 1, 2 … in the order of the classes, say --prediction-ids index; else {otherwise}"
        return otherwise

    def maps(self, case: Case) -> tuple[ImageMaps, list[Problem]]:
        """All maps of a case; those beside truth and prediction that cannot be used are left out, with the reasons.

        Raises:
            DataError: truth and prediction cannot be used.
        """
        truth, prediction = self.labels(case)
        problems: list[Problem] = []

        def optional(kind: str, read: Callable[[Path], np.ndarray]) -> np.ndarray | None:
            if kind not in case.files:
                return None
            try:
                found = read(case.files[kind])
                size = found.shape[1:] if kind == "probabilities" else found.shape[:2]
                if size != truth.shape:
                    raise DataError.of([wrong_size(case.files[kind], truth.shape, size)])
            except DataError as error:
                problems.extend(error.problems)
                return None
            return found

        maps = ImageMaps(
            truth,
            prediction,
            image=optional("images", self.image_format.picture),
            probabilities=optional("probabilities", lambda path: read_probabilities(path, len(self.classes))),
            hardness=optional("hardness", partial(read_hardness, max_pixels=self.image_format.max_pixels)),
        )
        return maps, problems

    def probabilities(self, case: Case) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities and truth alone.

        Raises:
            DataError: one of them cannot be used.
        """
        truth, _ = self.labels(case)
        found = read_probabilities(case.files["probabilities"], len(self.classes))
        if found.shape[1:] != truth.shape:
            raise DataError.of([wrong_size(case.files["probabilities"], truth.shape, found.shape[1:])])
        return found, truth


def read_hardness(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """A map from 0 to 1, (H, W): integers as v / 255 or v / 65535, floats as they are.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    stored = read_numbers(path, max_pixels=max_pixels)
    if stored.dtype in (np.uint8, np.uint16):
        return stored
    if stored.dtype.kind != "f":
        raise DataError.of([unusable(path, "integers of 8 or 16 bits without sign, or floats", str(stored.dtype))])
    values = stored.astype(np.float32)
    if not (values.min() >= -1e-3 and values.max() <= 1 + 1e-3):
        raise DataError.of([unusable(path, "numbers from 0 to 1", _span(values.min(), values.max()))])
    return values.clip(0, 1)


def _span(low: float, high: float) -> str:
    """From the lowest to the highest number, in words; both are NaN where any number is."""
    return "NaN among its numbers" if np.isnan(low) else f"{low:.4g} to {high:.4g}"


def read_probabilities(path: Path, num_classes: int) -> np.ndarray:
    """Probabilities of all classes, (C, H, W): floats, or unsigned integers whose largest number means 1.

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    expected = f"an array ({num_classes}, H, W), the probability of every class"
    try:
        found: Any = np.load(path, allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            with found:
                if len(found.files) != 1:
                    raise DataError.of([unusable(path, expected, f"{len(found.files)} arrays")])
                found = found[found.files[0]]
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError.of([unusable(path, expected, f"{type(error).__name__}: {error}")]) from error
    if found.ndim != 3 or len(found) != num_classes or not found.size:
        raise DataError.of([unusable(path, expected, f"one of the shape {found.shape}")])
    if found.dtype.kind != "f" and found.dtype not in (np.uint8, np.uint16):
        raise DataError.of([unusable(path, "floats, or integers of 8 or 16 bits without sign", str(found.dtype))])
    if found.dtype.kind == "f":
        low, high = float(found.min()), float(found.max())
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            held = _span(low, high) if np.isnan(low) else f"{_span(low, high)}; logits?"
            raise DataError.of([unusable(path, "probabilities from 0 to 1", held)])
    return found


def size_problem(case: Case, kind: str, size: tuple[int, int], *, max_pixels: int = MAX_PIXELS) -> Problem | None:
    """What is wrong with the size of a map beside truth and prediction, as far as the head of its file tells."""
    path = case.files[kind]
    try:
        if path.suffix.lower() == ".npy":
            stored: Any = np.load(path, mmap_mode="r", allow_pickle=False)
            if not isinstance(stored, np.ndarray):
                return unusable(path, "one array", "an archive")
            if stored.ndim != (3 if kind == "probabilities" else 2):
                return None  # Reading it says what is wrong with its shape.
            if kind == "probabilities" and stored.shape[:2] == size:
                expected = f"an array (classes, {size[0]}, {size[1]})"
                return unusable(path, expected, f"{stored.shape}, with the classes last: transpose(2, 0, 1)")
            found = tuple(stored.shape[-2:])
        elif path.suffix.lower() == ".npz":
            return None
        else:
            found = image_size(path, max_pixels=max_pixels)
            if found == size[::-1]:
                return None  # EXIF may turn it; to tell, a png has to be decoded.
    except DataError as error:
        return error.problems[0]
    except (OSError, ValueError, EOFError) as error:
        return unusable(path, "a file that can be read", unreadable(path, error))
    return None if found == size else wrong_size(path, size, found)


def _without_prediction(path: Path, pixels: int) -> Problem:
    return Problem(
        "pixels without a prediction",
        path,
        "a class at every labelled pixel",
        f"none at {pixels}",
        "predict a class everywhere, or give the id that stands there a name in the class table",
    )
