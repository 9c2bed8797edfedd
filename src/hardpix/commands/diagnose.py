"""``hardpix diagnose``: where and why label maps of any tool are wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from inspect import signature
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console

from hardpix.cli.arguments import checked_input
from hardpix.cli.errors import UsageError
from hardpix.data import ClassTable, DataError, ImageFormat, Problem, describe
from hardpix.data.class_source import class_table, with_ignored
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.problems import ranges
from hardpix.data.remedies import with_own_settings
from hardpix.diagnosis.agreement import Pairs
from hardpix.diagnosis.channel_order import CONTRADICT, channel_problem
from hardpix.diagnosis.checks import Checked, PairTotal, check_cases, with_label_problems
from hardpix.diagnosis.doubts import find_doubts
from hardpix.diagnosis.file_pairs import ImageFiles, Inputs
from hardpix.diagnosis.parallel import in_chunks, worker_count
from hardpix.diagnosis.probability_counts import ProbabilityCounts, count_probabilities
from hardpix.diagnosis.readers import Reader
from hardpix.diagnosis.readings import Readings
from hardpix.diagnosis.scores import report_scores
from hardpix.diagnosis.scores.loading import load_scores
from hardpix.diagnosis.scores.own import try_scores
from hardpix.diagnosis.settings import Settings, line_numbers
from hardpix.diagnosis.side_settings import SideSettings, with_table
from hardpix.metrics import confident_thresholds
from hardpix.report.against import require_comparable
from hardpix.report.diagnose_image import DiagnoseImages, PictureWriter
from hardpix.report.report_builder import Collector, finish_report
from hardpix.report.report_folder import prepare_report, require_report, require_room

console = Console(highlight=False, markup=False, soft_wrap=True)
# Keys in the summary and views that the report has only if a folder was given.
PARTS = {"hardness": ("hardness", "Hardness"), "probabilities": ("calibration", "Calibration and no Suspects")}


def diagnose(
    truth: Path,
    predictions: Path,
    out: Path,
    images: Path | None = None,
    probabilities: Path | None = None,
    hardness: Path | None = None,
    classes: str | list[str] | None = None,
    label_map: dict[int, int | str] | None = None,
    ignore_index: int | None = None,
    prediction_ids: Literal["stored", "index"] | None = None,
    prediction_map: dict[int, int] | None = None,
    prediction_threshold: int | None = None,
    truth_ids: Literal["stored", "index"] | None = None,
    truth_threshold: int | None = None,
    lines: str | list[str] | None = None,
    scores: str | list[str | dict[str, Any]] | None = None,
    against: Path | None = None,
    title: str | None = None,
    band: float = 0.02,
    radius: int = 3,
    thin_radius: int = 3,
    sizes: list[float] | None = None,
    pictures: bool = True,
    picture_size: int = 1024,
    truth_suffix: str = "",
    prediction_suffix: str = "",
    image_suffix: str = "",
    bands: list[int] | None = None,
    value_range: list[float] | list[list[float]] | Literal["measured"] | None = None,
    max_pixels: int = MAX_PIXELS,
    workers: int | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Show where and why label maps are wrong, and the mIoU to gain from each kind of error.

    Writes a report into OUT: index.html, which opens by a double click, and summary.json, classes.csv and
    images.parquet for other tools. Maps may come from any tool; what belongs together has the same file name up to its
    type. Files that do not pair or cannot be used are listed, and the rest is diagnosed.

    Args:
        truth: Folder of masks: ids as gray or palette png (or tif, bmp), or colors with a class table that has them.
        predictions: Folder of predicted label maps, at the size of the masks and with their ids.
        out: New folder for the report.
        images: Folder of the images, to look at.
        probabilities: Folder of npy or npz files (C, H, W), from 0 to 1, for calibration and suspect labels. Out of
            sample: of a network that was not trained on these images.
        hardness: Folder of maps from 0 to 1 (png of 8 or 16 bits, npy), such as hardpix mine writes.
        classes: YAML file of the classes (names, ids, colors), the name of a preset, or names of the ids 0, 1, 2 …; by
            default every id that occurs is a class.
        label_map: Stored ids to 0, 1, 2 … or "ignore".
        ignore_index: The id that stands for unlabeled in the masks; by default that of the class table, else 255.
        prediction_ids: stored if predictions have the ids of the masks; index if they hold 0, 1, 2 … for the classes.
            These come in the order of the class table, or else of the ids in the masks. By default stored, and refused
            where the files say otherwise.
        prediction_map: Stored ids of predictions to the ids of the masks, such as {1: 255}; other ids stay.
        prediction_threshold: Values from here on are the second of two classes, such as 128 for a score as gray of 8
            bits.
        truth_ids: index if the masks hold 0, 1, 2 … in the order of the class table, as trainIds do.
        truth_threshold: The same as prediction_threshold for masks, such as 128 for edges that were smoothed.
        lines: Names of the classes that are line-like, with commas, such as pole,fence; for clDice.
        scores: Class paths of figures of your own, with commas, such as my_module.MyScore; with settings as
            '[{class_path: my_module.MyScore, init_args: {radius: 5}}]'.
        against: The report of another run on the same images, to compare with.
        title: Of the report; by default the folder of predictions.
        band: Width of Boundary IoU's band, as a share of the diagonal below 1, else in pixels.
        radius: Pixels by which a border may be displaced.
        thin_radius: In pixels; thin is what a disc of that radius has no room in.
        sizes: Limits of the size bands of objects, such as [100, 2500] in pixels, or shares of the image below 1.
        pictures: Whether to write pictures of every image, or else thumbnails alone.
        picture_size: Longest side of these pictures in pixels.
        truth_suffix: Ending of the mask file names that is no part of the stem, such as _gtFine_labelIds.
        prediction_suffix: The same of the predictions.
        image_suffix: The same of the images.
        bands: Numbers of the bands of the images to show as red, green and blue, the first band of a file being 1.
        value_range: Numbers of the images that are black and white, such as [0, 3000], or measured for the 1st and 99th
            percentile of each band.
        max_pixels: Height × width of the largest file that is read.
        workers: Processes; by default as many as there are cores.
        overwrite: Whether an earlier report in OUT may be replaced; other files never are.

    Returns:
        What summary.json holds.
    """
    folders = {"truth": truth, "predictions": predictions, "images": images}
    folders |= {"probabilities": probabilities, "hardness": hardness}
    endings = {"truth": truth_suffix, "predictions": prediction_suffix, "images": image_suffix}
    inputs = Inputs({kind: path for kind, path in folders.items() if path is not None}, endings)
    with checked_input():
        if images is None and (bands is not None or value_range is not None):
            raise ValueError("--bands and --value-range are about the images: give their folder as --images, too")
        image_format = ImageFormat(bands, value_range, max_pixels)
        names = classes.split(",") if isinstance(classes, str) and "," in classes else classes
        given = class_table(names, label_map)
        table = given if given is None or ignore_index is None else with_ignored(given, ignore_index)
        sides = SideSettings(truth_ids, prediction_ids, prediction_map, truth_threshold, prediction_threshold)
        if sides.predictions_by_index and given is not None and table is not None and len(table) < len(given):
            raise ValueError(
                f"expected an ignore_index that is no class where predictions hold indices of classes, found "
                f"{ignore_index}, which would shift them; leave that class in the table, or write predictions by ids"
            )
        found_classes = table is None
        if against is not None:
            require_report(against)
        if picture_size < 1:
            raise ValueError(f"expected a picture_size of at least 1 pixel, found {picture_size}")
        read = [*inputs.folders.values(), *([] if against is None else [against])]
        require_room(out, read, overwrite)
        cases, *unpaired = inputs.pair()
        lost, alone = map(_own, unpaired)
        everything = inputs.count()
        if not cases:
            raise _nothing_left(inputs, [*lost, *alone])
        many = worker_count(len(cases), workers)
        if table is not None:
            settings = _settings(table, lines, band, radius, thin_radius, sizes)
        image_format = image_format.measured([case.files["images"] for case in cases if "images" in case.files])
        reader = sides.reader(table, image_format)
        checked, pairs, counts = _checked(cases, reader, many)
        if table is None:
            if all(entry.problems for entry in checked):
                raise DataError.of([problem for entry in checked for problem in entry.problems])
            table = sides.classes_in(pairs)
            table = table if ignore_index is None else with_ignored(table, ignore_index)
            settings = _settings(table, lines, band, radius, thin_radius, sizes)
            sides.require_indices(pairs, table)
            reader = with_table(reader, sides, table)
        readings = Readings(pairs, table, reader.truth, reader.predictions, found_classes)
        doubts = find_doubts(readings, checked, sides.answered)
        if refused := [doubt.text for doubt in doubts if doubt.refused]:
            raise DataError("\n".join(refused))
        if found_classes:
            checked = list(with_label_problems(checked, reader))
        cases = [entry.case for entry in checked if not entry.problems]
        lost += _own(problem for entry in checked for problem in entry.problems)
        if not cases:
            title = f"nothing is left to diagnose: no pair of mask and prediction of {everything} can be used"
            raise DataError(f"{title}\n{describe([*lost, *alone])}", [*lost, *alone])
        if against is not None:
            require_comparable(against, table.names, [case.stem for case in cases])
        figures = load_scores(scores, report_scores(settings), len(table))
        if scores:
            try_scores(figures, reader.maps(cases[0], settings)[0])
        prepare_report(out, read, overwrite)
    for doubt in doubts:
        console.print(f"doubt: {doubt.text}")
    unused = [*_own(problem for case in cases for problem in case.problems), *alone]
    if lost or unused:
        if everything > len(cases):
            console.print(f"{everything - len(cases)} of {_images(everything)} left out:\n{describe(lost)}")
        if unused:
            console.print(f"missing or not used, while no image is left out for it:\n{describe(unused)}")
    with_probabilities = [case for case in cases if "probabilities" in case.files]
    if found_classes and with_probabilities:
        count = partial(count_probabilities, reader=reader)
        for found in in_chunks(count, with_probabilities, many, "reading probabilities"):
            counts.add(found)
    thresholds, cases, unusable = _thresholds(counts, cases, table.names, probabilities)
    drawing = PictureWriter(out, table.shown_colors, picture_size, thumbnails_alone=not pictures)
    collector = Collector(settings, figures)
    work = DiagnoseImages(reader, settings, figures, drawing, thresholds)
    try:
        for part in in_chunks(work, list(enumerate(cases)), many, "diagnosing"):
            collector.add(part)
    except DataError as error:
        raise UsageError(f"a file has changed since it was checked\n{error}") from error
    late = _own([*unusable, *collector.problems])
    # Probabilities that contradict the predictions were reported before the work.
    if unsaid := [problem for problem in late if problem.kind != CONTRADICT]:
        console.print(f"not used, while their images are diagnosed without:\n{describe(unsaid)}")
    summary = finish_report(
        out,
        collector,
        table,
        title=title or "/".join(predictions.resolve().parts[-2:]),
        inputs={**folders, **sides.said()},
        images_left_out=everything - len(cases),
        left_out=lost,
        unused=[*unused, *late],
        against=against,
        doubts=[doubt.text for doubt in doubts],
    )
    # Doubts have been said already.
    for sentence in summary["sentences"][len(doubts) :]:
        console.print(f"- {sentence['text']}")
    for kind, (entry, views) in PARTS.items():
        if folders[kind] is not None and summary[entry] is None:
            console.print(f"no file of {folders[kind]} could be used, so the report has no {views}")
    # Where the sides may be read otherwise, an id that is never predicted is likely a class.
    if found_classes and not doubts and (odd := _never_predicted(summary)):
        console.print(odd)
    console.print(f"report of {_images(len(cases))}: {out / 'index.html'}")
    return summary


def _own(problems: Iterable[Problem]) -> list[Problem]:
    """Problems whose advice names the options of this command."""
    options = signature(diagnose).parameters
    return [with_own_settings(problem, options) for problem in problems]


def _checked(
    cases: Sequence[ImageFiles], reader: Reader, workers: int
) -> tuple[list[Checked], Pairs, ProbabilityCounts]:
    """Every case as far as it can be used, how often ids occur together, and counts of the probabilities."""
    checked: list[Checked] = []
    total, probabilities = PairTotal(), ProbabilityCounts()
    for part in in_chunks(partial(check_cases, reader=reader), cases, workers, "checking"):
        checked += part.cases
        total.add(part.pairs)
        probabilities.add(part.probabilities)
    return checked, total.pairs, probabilities


def _thresholds(
    counts: ProbabilityCounts, cases: list[ImageFiles], names: tuple[str, ...], folder: Path | None
) -> tuple[np.ndarray | None, list[ImageFiles], list[Problem]]:
    """Thresholds of confident learning; the cases without unusable probabilities; why these are unusable."""
    problems = list(chain.from_iterable(counts.unusable.values()))
    cases = [case.without("probabilities") if case.stem in counts.unusable else case for case in cases]
    if folder is None or not isinstance(counts.channels, np.ndarray) or not isinstance(counts.confidence, np.ndarray):
        return None, cases, problems
    if contradiction := channel_problem(counts.channels, names, folder):
        console.print(f"probabilities are not used:\n{describe([contradiction])}")
        return None, [case.without("probabilities") for case in cases], [contradiction, *problems]
    return confident_thresholds(counts.confidence), cases, problems


def _settings(
    table: ClassTable,
    lines: str | Sequence[str] | None,
    band: float,
    radius: int,
    thin_radius: int,
    sizes: Sequence[float] | None,
) -> Settings:
    numbers = line_numbers(lines, table.names)
    settings = Settings(len(table), numbers, band=band, radius=radius, thin_radius=thin_radius)
    return settings if sizes is None else replace(settings, sizes=tuple(sizes))


def _never_predicted(summary: dict[str, Any]) -> str:
    """A hint where an id that was taken for a class may stand for "unlabeled"."""
    confusion = np.asarray(summary["confusion"])
    never = (confusion.sum(0) == 0) & (confusion.sum(1) > 0)
    ids = [entry["id"] for entry, odd in zip(summary["classes"], never, strict=True) if odd]
    if not ids:
        return ""
    named = ranges(ids)
    if len(ids) == 1:
        return f"in the masks but never predicted: id {named}; if it stands for unlabeled, say --ignore-index {named}"
    return f"in the masks but never predicted: ids {named}; if one of them stands for unlabeled, say --ignore-index ID"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _nothing_left(inputs: Inputs, problems: Sequence[Problem]) -> DataError:
    examples = f"such as {inputs.example('truth')} and {inputs.example('predictions')}"
    title = (
        f"nothing is left to diagnose: expected masks and predictions of the same names, {examples}; endings that "
        "differ are named by --truth-suffix and --prediction-suffix"
        + "".join(
            f"; files of the masks' names are in {' and '.join(map(str, folders))} (for --{kind})"
            for kind, folders in inputs.nested().items()
        )
    )
    return DataError(f"{title}\n{describe(problems)}" if problems else title, problems)
