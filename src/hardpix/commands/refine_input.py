"""Predictions of any tool, the images they are of, and probabilities: checked before any of them is refined."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from hardpix.commands.label_evidence import stored_as
from hardpix.data import ClassTable, DataError, ImageFormat, ImagePaths, Problem, SegmentationFolder, check_folders
from hardpix.data.arrays import array_head
from hardpix.data.files import list_files
from hardpix.data.labels import Label
from hardpix.data.masks import read_mask
from hardpix.data.problems import ranges
from hardpix.data.remedies import with_own_settings
from hardpix.data.unlabeled import unlabeled_line
from hardpix.data.wording import first_three
from hardpix.diagnosis.channel_order import channel_problem, count_channels
from hardpix.diagnosis.file_pairs import PROBABILITY_SUFFIXES
from hardpix.diagnosis.readers import read_probabilities
from hardpix.pixels.percent import percent

# Probabilities of half types and of 8 bits sum to 1 up to so much.
ROUNDING = 0.02
# With a larger share of pixels whose class is not the most probable one, files are said not to go together.
DISAGREEING = 0.005


@dataclass(frozen=True)
class RefineInput:
    """Files of the images that can be refined, and everything that is said of them.

    Attributes:
        samples: images and predictions, the latter as masks.
        probabilities: file of each stem; empty where none are given.
        values: the id or color that each class is written with.
        class_pixels: predicted pixels of each class.
        problems: with files that are left out, for the list of problems.
        left_out: the number of images left out.
        remarks: doubts, and the share of unlabeled pixels, in sentences.
    """

    samples: SegmentationFolder
    probabilities: Mapping[str, Path]
    values: list[Label]
    class_pixels: list[int]
    problems: list[Problem]
    left_out: int
    remarks: list[str] = field(default_factory=list)

    @property
    def classes(self) -> ClassTable:
        """The classes of the predictions."""
        assert self.samples.classes is not None
        return self.samples.classes

    @property
    def files(self) -> dict[str, dict[str, Path]]:
        """All files that are read, by kind and stem."""
        return {**self.samples.files, "probabilities": dict(self.probabilities)}

    def prediction(self, stem: str) -> np.ndarray:
        """Class indices (H, W) of the prediction of an image; the largest value of their type where it has none."""
        stored = read_mask(
            self.samples.files["masks"][stem],
            by_color=self.classes.by_color,
            max_pixels=self.samples.image_format.max_pixels,
        )
        return self.classes.codes(stored)[0]

    def scores(self, stem: str, size: tuple[int, ...]) -> np.ndarray | None:
        """Probabilities (C, H, W) of an image, read as they are needed; None where none are given.

        Raises:
            DataError: they are not those that were checked.
        """
        if stem not in self.probabilities:
            return None
        return read_probabilities(self.probabilities[stem], len(self.classes), size, mapped=True)


def open_predictions(
    folders: ImagePaths,
    classes: ClassTable | None,
    image_format: ImageFormat,
    probabilities: Path | None,
    options: Collection[str],
    palette: str | None = None,
) -> RefineInput:
    """Check everything that is given; what cannot be used is listed and left out.

    Args:
        folders: of images and predictions, the latter as masks.
        classes: of the predictions; None takes the ids found.
        image_format: the way to read images.
        probabilities: folder of their files.
        options: names of the command's options, in whose words problems advise.
        palette: without classes, "colors" reads palette files by their colors, "ids" by their indices.

    Raises:
        DataError: nothing is left, or it would be a guess how the predictions are meant.
    """
    report = check_folders(
        folders, classes, image_format=image_format, ignore_index=-1, progress=True, palette=palette, option="--"
    )
    problems = [with_own_settings(problem, options) for problem in report.problems]
    if any(problem.whole_folder for problem in problems):
        raise DataError.of(problems)
    bad = {problem.where for problem in problems}
    usable = [stem for stem in report.stems if bad.isdisjoint(_paths(folders, stem))]
    if problems and not usable:
        raise DataError.of(problems)
    assert report.classes is not None
    samples = SegmentationFolder(
        folders.images,
        folders.masks,
        report.classes,
        image_suffix=folders.image_suffix,
        mask_suffix=folders.mask_suffix,
        image_format=image_format.measured([folders.files["images"][stem][0] for stem in usable]),
        ignore_index=-1,
        stems=usable,
    )
    found = RefineInput(samples, {}, _values(report.classes, report.labels), report.class_pixels(usable), [], 0)
    remarks = [
        *(f"doubt: {_line(with_own_settings(doubt, options))}" for doubt in report.doubts),
        *filter(None, [unlabeled_line({"": list(report.masks.values())}, report.classes)]),
    ]
    if probabilities is not None:
        if not probabilities.is_dir():
            raise FileNotFoundError(
                f"expected a folder of probabilities, found none at {probabilities}: check --probabilities"
            )
        if classes is None:
            _require_all_classes(found.classes, probabilities)
        found, more, said = _with_probabilities(found, probabilities)
        problems += more
        remarks += said
    problems += [with_own_settings(problem, options) for problem in report.alone]
    left_out = len(report.stems) - len(found.samples.stems)
    return replace(found, problems=problems, left_out=left_out, remarks=remarks)


def _with_probabilities(found: RefineInput, folder: Path) -> tuple[RefineInput, list[Problem], list[str]]:
    """The same with the probabilities that can be used, and without the images that have none."""
    known, problems = list_files(folder).by_stem("", PROBABILITY_SUFFIXES), []
    files: dict[str, Path] = {}
    counts = np.zeros((len(found.classes), len(found.classes)), dtype=np.int64)
    odd: dict[str, float] = {}
    bar = track(found.samples.stems, "Reading the probabilities", console=Console(stderr=True), transient=True)
    for stem in bar:
        paths = known.get(stem, [])
        if len(paths) != 1:
            problems.append(_not_one(found.samples.files["masks"][stem], folder, stem, paths))
            continue
        prediction = found.prediction(stem)
        try:
            values = read_probabilities(paths[0], len(found.classes), prediction.shape)
        except DataError as error:
            problems += error.problems
            continue
        files[stem] = paths[0]
        counts += count_channels(values, prediction)
        sums = as_shares(values[:, ::4, ::4]).sum(0)
        if share := float((np.abs(sums - 1) > max(ROUNDING, _steps(values))).mean()):
            odd[stem] = share
    if not files:
        raise DataError.of(problems)
    if contradiction := channel_problem(counts, found.classes.names, folder):
        raise DataError.of([contradiction])
    doubts = []
    if odd:
        doubts.append(
            "doubt: expected probabilities that sum to 1 over the classes, found other sums in up to "
            f"{percent(max(odd.values()))} of the pixels ({first_three(list(odd))}): each pixel is divided by its sum; "
            "if they are scores of one class each, such as of sigmoids, give softmax probabilities instead"
        )
    wrong = 1 - counts.trace() / max(int(counts.sum()), 1)
    if wrong > DISAGREEING:
        doubts.append(
            f"doubt: at {percent(wrong)} of the pixels the prediction is not the most probable class: what is refined "
            "are the probabilities, so that these pixels may change without a reason in the image; give the "
            "probabilities that the predictions were made of"
        )
    kept = SegmentationFolder.of(
        replace_stems(found.samples.folders, list(files)),
        found.samples.classes,
        image_format=found.samples.image_format,
        ignore_index=-1,
    )
    return replace(found, samples=kept, probabilities=files), problems, doubts


def _require_all_classes(classes: ClassTable, folder: Path) -> None:
    """Refuse probabilities of more classes than the predictions hold: which one is missing cannot be known.

    Raises:
        DataError: so it is by the first file.
    """
    first = next(iter(list_files(folder).by_stem("", PROBABILITY_SUFFIXES).values()), None)
    channels = 0 if first is None else array_head(first[0], archives=True).shape[0]
    if channels > len(classes):
        raise DataError(
            f"expected probabilities of the {len(classes)} classes that the predictions hold (ids "
            f"{ranges(ids[0] for ids in classes.ids)}), found {channels} channels in {first[0] if first else folder}: "
            "a class was never predicted, so that their order cannot be known; name all classes (--classes, or "
            "--label_map '{ID: 0, ID: 1, …}')"
        )


def replace_stems(folders: ImagePaths, stems: list[str]) -> ImagePaths:
    """The same folders with some of their stems alone."""
    return ImagePaths(
        folders.images,
        folders.masks,
        image_suffix=folders.image_suffix,
        mask_suffix=folders.mask_suffix,
        stems=stems,
    )


def as_shares(values: np.ndarray) -> np.ndarray:
    """Stored probabilities as float32: of integers the largest number means 1.

    Example:
        >>> as_shares(np.array([0, 255], np.uint8))
        array([0., 1.], dtype=float32)
    """
    shares = values.astype(np.float32)
    return shares if values.dtype.kind == "f" else shares / np.float32(np.iinfo(values.dtype).max)


def _steps(values: np.ndarray) -> float:
    """The largest error of a sum of rounded probabilities."""
    return 0.0 if values.dtype.kind == "f" else len(values) / float(np.iinfo(values.dtype).max)


def _values(classes: ClassTable, labels: Mapping[str, Mapping[Label, int]]) -> list[Label]:
    """The id or color that most pixels of each class have; its first one for a class that was never predicted."""
    seen = stored_as(classes, [list(counts.items()) for counts in labels.values()])
    in_colors = any(isinstance(label, tuple) for counts in labels.values() for label in counts)
    first: list[Label] = [entry[0] for entry in (classes.colors if in_colors and classes.colors else classes.ids)]
    return [own if value is None else value for value, own in zip(seen, first, strict=True)]


def _not_one(prediction: Path, folder: Path, stem: str, found: list[Path]) -> Problem:
    kind = "no probabilities for a prediction" if not found else "several files of probabilities"
    return Problem(
        kind,
        prediction,
        f"one file {stem}.npy or .npz in {folder}",
        "none" if not found else ", ".join(path.name for path in found),
        "add the file, or leave --probabilities out" if not found else "remove all but one",
    )


def _line(doubt: Problem) -> str:
    return f"{doubt.kind} ({doubt.where}): expected {doubt.expected}, found {doubt.found}; {doubt.advice}"


def _paths(folders: ImagePaths, stem: str) -> set[Path]:
    files = {path for found in folders.files.values() for path in found.get(stem, [])}
    return files | {folder / stem for folder in folders.given.values()}
