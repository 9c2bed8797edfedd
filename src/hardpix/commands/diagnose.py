"""``hardpix diagnose``: where and why label maps of any tool are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, Literal

from hardpix.cli.arguments import checked_input
from hardpix.cli.errors import UsageError
from hardpix.cli.results import read_record
from hardpix.cli.terminal import Terminal
from hardpix.commands.diagnose_screen import in_brief, print_examined, print_summary
from hardpix.data import DataError, ImageFormat, describe
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.wording import first_three, share_of
from hardpix.diagnosis.channel_order import CONTRADICT
from hardpix.diagnosis.examine import Asked, examine
from hardpix.diagnosis.file_pairs import Inputs
from hardpix.diagnosis.parallel import in_chunks
from hardpix.diagnosis.scores import report_scores
from hardpix.diagnosis.scores.loading import load_scores
from hardpix.diagnosis.scores.own import try_scores
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.shown_signal import signal_of
from hardpix.diagnosis.side_settings import Sides, SideSettings
from hardpix.diagnosis.usable_probabilities import usable_probabilities
from hardpix.report.against import require_comparable, score_settings, settings_taken
from hardpix.report.diagnose_image import DiagnoseImages, PictureWriter
from hardpix.report.report_builder import Collector, finish_report
from hardpix.report.report_folder import new_report, require_report, require_room

console = Terminal(highlight=False, markup=False, soft_wrap=True)


def diagnose(
    truth: Path,
    predictions: Path,
    out: Path,
    images: Path | None = None,
    probabilities: Path | None = None,
    hardness: Path | None = None,
    signal: str | None = None,
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
        signal: Name of the signal that these maps are of; by default the one that hardpix mine recorded, else hardness.
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
        scores: Class paths of figures of your own, with commas, such as my_module.MyScore; its settings after it, such
            as --scores.radius 5.
        against: The report of another run on the same images, to compare with; figures of your own take the settings
            that they have there.
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
    with ExitStack() as until_whole:
        with checked_input():
            shown = signal_of(hardness, signal)
            inputs = Inputs({kind: path for kind, path in folders.items() if path is not None}, endings, shown)
            if images is None and (bands is not None or value_range is not None):
                raise ValueError("--bands and --value_range are about the images: give their folder as --images, too")
            image_format = ImageFormat(bands, value_range, max_pixels)
            sides = Sides(
                SideSettings("truth", truth_ids, truth_threshold),
                SideSettings("prediction", prediction_ids, prediction_threshold, prediction_map),
            )
            table = sides.table(classes, label_map, ignore_index)
            if against is not None:
                require_report(against)
            if picture_size < 1:
                raise ValueError(f"expected a picture_size of at least 1 pixel, found {picture_size}")
            read = [*inputs.folders.values(), *([] if against is None else [against])]
            require_room(out, read, overwrite)
            options = signature(diagnose).parameters
            settings = partial(
                Settings.of,
                lines=lines,
                sizes=sizes,
                tree=None if table is None else table.tree,
                band=band,
                radius=radius,
                thin_radius=thin_radius,
            )
            asked = Asked(inputs, sides, image_format, table, ignore_index, settings, workers, options)
            found = examine(asked)
            if against is not None:
                require_comparable(against, found.table.names, [case.stem for case in found.cases])
            figures = load_scores(
                scores, report_scores(found.settings, shown), len(found.table), score_settings(against)
            )
            if scores:
                try_scores(figures, found.reader.maps(found.cases[0], found.settings)[0])
            place = until_whole.enter_context(new_report(out, read, overwrite))
        for line in settings_taken(figures, against):
            console.print(line)
        print_examined(console, found)
        doubts = [*found.doubts, *_trained_on(predictions, [case.stem for case in found.cases])]
        for doubt in doubts[len(found.doubts) :]:
            console.print(f"doubt: {doubt}")
        usable = usable_probabilities(found, probabilities)
        if usable.contradiction is not None:
            console.print(f"probabilities are not used:\n{describe([usable.contradiction])}")
        drawing = PictureWriter(place, found.table.shown_colors, picture_size, thumbnails_alone=not pictures)
        collector = Collector(found.settings, figures)
        work = DiagnoseImages(found.reader, found.settings, figures, drawing, usable.thresholds)
        try:
            for part in in_chunks(work, list(enumerate(usable.cases)), found.workers, "diagnosing"):
                collector.add(part)
        except DataError as error:
            raise UsageError(f"a file has changed since it was checked\n{error}") from error
        late = asked.own([*usable.problems, *collector.problems])
        # Probabilities that contradict the predictions were reported before the work.
        if unsaid := [problem for problem in late if problem.kind != CONTRADICT]:
            console.print(f"not used, while their images are diagnosed without:\n{in_brief(unsaid)}")
        summary = finish_report(
            place,
            collector,
            found.table,
            title=title or "/".join(predictions.resolve().parts[-2:]),
            inputs={**folders, **sides.said()},
            images_left_out=found.total - len(found.cases),
            left_out=found.left_out,
            unused=[*found.unused, *late],
            against=against,
            doubts=doubts,
        )
    print_summary(console, found, summary, folders, out, said=len(doubts))
    return summary


def _trained_on(predictions: Path, stems: Sequence[str]) -> list[str]:
    """A sentence on the images that the network of ``hardpix predict`` was trained on, where its record tells."""
    record = read_record(predictions.parent) or {}
    known = record.get("trained_on") if record.get("command") == "predict" else None
    trained = {stem for stem in known if isinstance(stem, str)} if isinstance(known, list) else set()
    seen = [stem for stem in stems if stem in trained]
    if not seen:
        return []
    return [
        f"{share_of(seen, len(stems))} are images that the network was trained on ({first_three(seen)}): scores there "
        "are too good"
    ]
