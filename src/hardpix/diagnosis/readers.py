"""Reading the files of one case, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from hardpix.data import ClassTable, DataError, ImageFormat, Problem
from hardpix.data.arrays import array_head, map_array, read_array
from hardpix.data.errors import unusable
from hardpix.data.image_format import PLAIN
from hardpix.data.images import image_size, read_numbers
from hardpix.data.labels import Label
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.problems import unknown_labels, wrong_size
from hardpix.diagnosis.agreement import UNKNOWN, Pairs, count_pairs
from hardpix.diagnosis.file_pairs import NEEDED, ImageFiles
from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.sides import SideReader


@dataclass(frozen=True)
class Reader:
    """Reads cases as class indices.

    Attributes:
        truth: the way to read the masks; its table has the classes of the report.
        predictions: the way to read the predictions.
        image_format: the way to show images, and the largest files that are read.
    """

    truth: SideReader
    predictions: SideReader
    image_format: ImageFormat = PLAIN

    @property
    def classes(self) -> ClassTable:
        """The classes of the masks."""
        return self.truth.table

    def load(self, case: ImageFiles) -> tuple[np.ndarray, np.ndarray]:
        """Truth and prediction as they are stored.

        Raises:
            DataError: a file cannot be read, or the two differ in size.
        """
        problems: list[Problem] = []
        stored = {}
        for kind, side in zip(NEEDED, (self.truth, self.predictions), strict=True):
            try:
                stored[kind] = side.load(case.files[kind], self.image_format.max_pixels)
            except DataError as error:
                problems += error.problems
        if problems:
            raise DataError.of(problems)
        truth, prediction = (stored[kind] for kind in NEEDED)
        if truth.shape[:2] != prediction.shape[:2]:
            raise DataError.of([wrong_size(case.files["predictions"], truth.shape, prediction.shape)])
        return truth, prediction

    def pairs(self, truth: np.ndarray, prediction: np.ndarray) -> Pairs:
        """Counts of the pairs of ids in two maps as they are stored."""
        return count_pairs(self.truth.ids(truth), self.predictions.ids(prediction))

    def codes(self, stored: tuple[np.ndarray, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Class indices of truth and prediction as they are stored, and which labels are known."""
        return [side.codes(values) for side, values in zip((self.truth, self.predictions), stored, strict=True)]

    def labels(self, case: ImageFiles) -> tuple[np.ndarray, np.ndarray]:
        """Truth and prediction, (H, W) class indices, the largest value of their type where there is no label.

        Raises:
            DataError: everything that is wrong with the two.
        """
        stored = self.load(case)
        (truth, of_truth), (prediction, _) = self.codes(stored)
        ignore_index = np.iinfo(truth.dtype).max
        missing = (truth != ignore_index) & (prediction == ignore_index)
        if not of_truth.all() or missing.any():
            raise DataError.of(self.label_problems(case, self.pairs(*stored), stored))
        return truth, prediction

    def label_problems(
        self, case: ImageFiles, pairs: Pairs, stored: tuple[np.ndarray, np.ndarray] | None = None
    ) -> list[Problem]:
        """Labels outside the classes, and labeled pixels without a prediction.

        Args:
            case: the two files.
            pairs: counts of their ids.
            stored: the maps as stored, which tell the colors that are not in the table.
        """
        problems = []
        if unknown := _unknown(self.truth, pairs.of_truth):
            if UNKNOWN in unknown and stored is not None:
                unknown = self.truth.table.unknown(stored[0])
            problems.append(unknown_labels(case.files["truth"], self.truth.table, unknown))
        labeled = pairs.where(np.isin(pairs.truth, list(self.truth.reading(pairs.of_truth))))
        if unknown := _unknown(self.predictions, labeled.of_predictions):
            if UNKNOWN in unknown and stored is not None:
                codes, _ = self.truth.codes(stored[0])
                chosen = codes != np.iinfo(codes.dtype).max
                unknown = self.predictions.table.unknown(stored[1][chosen][None])
            problem = unknown_labels(case.files["predictions"], self.predictions.table, unknown)
            problems.append(replace(problem, advice=self._advice(pairs, problem.advice)))
        elif empty := sum(n for i, n in labeled.of_predictions.items() if self.predictions.index_of(i) == -1):
            problems.append(_without_prediction(case.files["predictions"], empty))
        return problems

    def _advice(self, pairs: Pairs, otherwise: str) -> str:
        """Advice about ids of a prediction that are no classes."""
        predicted = self.predictions.table
        if predicted is not self.classes:
            return (
                "with --prediction_ids index predictions hold 0, 1, 2 … in the order of the classes; leave it out "
                "where they have the ids of the masks"
            )
        in_order = max(pairs.of_predictions) < len(predicted)
        if in_order and any(ids != (k,) for k, ids in enumerate(predicted.ids)):
            return f"if they hold 0, 1, 2 … in the order of the classes, say --prediction_ids index; else {otherwise}"
        return otherwise

    def maps(
        self, case: ImageFiles, settings: Settings, thresholds: np.ndarray | None = None
    ) -> tuple[ImageMaps, list[Problem]]:
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
            settings,
            case.stem,
            self.classes.names,
            image=optional("images", self.image_format.picture),
            probabilities=optional(
                "probabilities", partial(read_probabilities, num_classes=len(self.classes), size=truth.shape)
            ),
            hardness=optional("hardness", partial(read_hardness, max_pixels=self.image_format.max_pixels)),
            thresholds=thresholds,
        )
        return maps, problems

    def probabilities(self, case: ImageFiles, size: tuple[int, ...]) -> np.ndarray:
        """The probabilities of a case, (C, H, W), at the size (H, W) of its labels.

        Raises:
            DataError: they cannot be used.
        """
        return read_probabilities(case.files["probabilities"], len(self.classes), size)


def _unknown(side: SideReader, counts: Mapping[int, int]) -> dict[Label, int]:
    """Pixels of the ids that the side's table does not have."""
    return {i: n for i, n in counts.items() if side.index_of(i) is None}


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


def read_probabilities(
    path: Path, num_classes: int, size: tuple[int, ...] | None = None, *, mapped: bool = False
) -> np.ndarray:
    """Probabilities of all classes, (C, H, W): floats, or unsigned integers whose largest number means 1.

    Args:
        path: of a npy, or of a npz of one array.
        num_classes: C.
        size: H and W, if they are known; an array of another size is refused by its head.
        mapped: leaves the numbers of a npy in the file, to be read where they are looked at.

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    head = array_head(path, archives=True)
    if len(head.shape) != 3 or head.shape[0] != num_classes or 0 in head.shape:
        expected = f"an array ({num_classes}, H, W), the probability of every class"
        raise DataError.of([unusable(path, expected, f"one of the shape {head.shape}")])
    if size is not None and head.shape[1:] != size:
        raise DataError.of([wrong_size(path, size, head.shape[1:])])
    if head.dtype.kind != "f" and head.dtype not in (np.uint8, np.uint16):
        raise DataError.of([unusable(path, "floats, or integers of 8 or 16 bits without sign", str(head.dtype))])
    found = map_array(path) if mapped else read_array(path, archives=True)
    if found.dtype.kind == "f":
        low, high = float(found.min()), float(found.max())
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            held = _span(low, high) if np.isnan(low) else f"{_span(low, high)}; logits?"
            raise DataError.of([unusable(path, "probabilities from 0 to 1", held)])
    return found


def size_problem(case: ImageFiles, kind: str, size: tuple[int, int], *, max_pixels: int = MAX_PIXELS) -> Problem | None:
    """Problem with the size of a map beside truth and prediction, as far as the head of its file tells."""
    path = case.files[kind]
    try:
        if path.suffix.lower() in (".npy", ".npz"):
            shape = array_head(path, archives=path.suffix.lower() == ".npz").shape
            if len(shape) != (3 if kind == "probabilities" else 2) or 0 in shape:
                return None  # Reading it says what is wrong with its shape.
            if kind == "probabilities" and shape[:2] == size:
                expected = f"an array (classes, {size[0]}, {size[1]})"
                return unusable(path, expected, f"{shape}, with the classes last: transpose(2, 0, 1)")
            found = (shape[-2], shape[-1])
        else:
            found = image_size(path, max_pixels=max_pixels)
            if found == size[::-1]:
                return None  # EXIF may turn it; to tell, a png has to be decoded.
    except DataError as error:
        return error.problems[0]
    return None if found == size else wrong_size(path, size, found)


def _without_prediction(path: Path, pixels: int) -> Problem:
    return Problem(
        "pixels without a prediction",
        path,
        "a class at every labeled pixel",
        f"none at {pixels}",
        "predict a class everywhere, or give the id that stands there a name in the class table",
    )
