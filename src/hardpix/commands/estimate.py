"""``hardpix estimate``: how well images without labels are likely to be labeled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch.utils.data import Dataset

from hardpix.cli.arguments import checked_input
from hardpix.cli.folder_lock import OWN
from hardpix.cli.output import Output, output_folder
from hardpix.cli.results import write_whole
from hardpix.commands.quality_evidence import (
    Asked,
    count_given,
    count_labeled,
    fit_temperature,
    given_file,
    labeled_file,
    labeled_key,
)
from hardpix.commands.quality_results import Results, say
from hardpix.commands.signal_maps import over_image
from hardpix.data import SegmentationFolder
from hardpix.data.same_files import same_files
from hardpix.data.wording import counted, first_three, share_of
from hardpix.estimators import Estimator, Predictor, ThresholdedConfidence
from hardpix.report.estimates.page import DATA, picture_files, write_pictures
from hardpix.report.page_files import FILES
from hardpix.signals import Signal
from hardpix.training.fingerprint import fingerprint, identity
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import Prediction, choose_device, console, open_folder, open_run
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask
from hardpix.training.trained_on import trained_on

FEW_LABELED = 10


@dataclass(frozen=True)
class Calibration:
    """Labeled images to fit the estimator on, where those that the run held out are not to be taken.

    Attributes:
        images: folder of the images.
        masks: folder of their masks.
    """

    images: Path | None = None
    masks: Path | None = None

    def __post_init__(self) -> None:
        if (self.images is None) != (self.masks is None):
            raise ValueError(
                "--calibration.images and --calibration.masks go together: give both, or neither for what the run held "
                "out"
            )


def estimate(
    run: Path,
    images: Path,
    out: Path,
    masks: Path | None = None,
    estimator: Estimator | None = None,
    second: Path | None = None,
    calibration: Calibration = Calibration(),
    checkpoint: str = "best",
    device: str | None = None,
    image_suffix: str | None = None,
    mask_suffix: str | None = None,
    label_map: dict[int, int | str] | None = None,
    threshold: int | None = None,
    palette: Literal["ids", "colors"] | None = None,
    max_pixels: int | None = None,
    overwrite: bool = False,
    trust_run: bool = False,
) -> None:
    """Say how well a trained network is likely to label images that have no labels.

    Predicts accuracy, mIoU and the IoU of each class, for the whole folder and each image, with intervals of 90 %. What
    confidence is worth is learned from the images that the run held out. The prediction holds for images of their kind;
    intervals do not cover a change of camera, weather or labels.

    Writes OUT/index.html, which shows the classes, the images with the worst first, and what the network doubts in
    them. OUT/images.csv has the images, with predicted scores and the main reason, OUT/classes.csv the classes, and
    OUT/summary.json all of the set. With --masks the prediction is held against the truth. Images that cannot be read
    are listed and left out.

    Args:
        run: Folder that hardpix fit wrote.
        images: Folder of images; searched with its subfolders.
        out: New folder for the results.
        masks: Folder of masks of these images, to see how good the prediction is; unlabeled pixels count in neither.
        estimator: Class that predicts; by default hardpix.estimators.ThresholdedConfidence. Others are
            DifferenceOfConfidence, ExpectedConfusion, LearnedHardness, and Agreement, which needs --second.
        second: Folder of a second run with the same classes, for Agreement.
        calibration: Labeled images to learn from; by default those that the run held out.
        checkpoint: best, last, or the path of a checkpoint.
        device: Such as cpu or cuda:1; a GPU if there is one.
        image_suffix: Ending of the image file names that is no part of the stem; that of the run if none is given.
        mask_suffix: The same of the mask file names.
        label_map: Ids in these masks → number of the run's class, or "ignore"; where they are not those of training.
        threshold: For masks of black and white: numbers at or above it are the run's class 1, others class 0.
        palette: colors reads palette files by the colors that the run's classes have; ids by their indices, whatever
            colors they show.
        max_pixels: Height × width of the largest file that is read; that of the run if none is given.
        overwrite: Whether earlier results of hardpix in OUT may be replaced; other files never are.
        trust_run: Whether classes of any module may be imported that the runs name; for your own runs and those of
            people you trust.
    """
    folder = Run(run, trust_run)
    estimator = ThresholdedConfidence() if estimator is None else estimator
    by_hardness = estimator.score == "hardness"
    with ExitStack() as until_done:
        with checked_input():
            _require_second(estimator, second)
            given = GivenFiles(images, masks, image_suffix, mask_suffix, label_map, threshold, palette, max_pixels)
            task, samples, checked = open_run(folder, checkpoint, device, given, predict_only=not by_hardness)
            signal = _learned_hardness(task) if by_hardness else None
            other = None if second is None else _open_second(Run(second, trust_run), folder, device)
            labeled = _labeled_images(folder, calibration, task.ignore_index, given)
            count = len(labeled)  # type: ignore[arg-type]
            made_by: dict[str, Any] = {
                "command": "estimate",
                "checkpoint": str(folder.checkpoint(checkpoint)),
                "images": str(images),
                "estimator": type(estimator).__name__,
            }
            files = {labeled_key(k): [labeled_file(k)] for k in range(count)}
            files |= {stem: [given_file(stem), *picture_files(k)] for k, stem in enumerate(samples.stems)}
            beside = None if second is None else identity(Run(second).checkpoint("best"))
            settings = [label_map, threshold, palette, beside]
            depends_on = {**made_by, "settings": [masks, *settings], "labeled": _listed(labeled)}
            read = [*[path for path in (images, masks, second, *vars(calibration).values()) if path is not None]]
            output = until_done.enter_context(
                output_folder(
                    Output(out, files, ["summary.json", "images.csv", "classes.csv", DATA, *FILES]),
                    [*read, *folder.data_folders()],
                    overwrite,
                    made_by,
                    fingerprint(folder, checkpoint, samples, depends_on),
                    checked.everything,
                )
            )
        doubts = _doubts(folder, samples, labeled, count)
        for doubt in doubts:
            console.print(doubt)
        asked = Asked(folder, task, estimator, signal, other)
        temperature = fit_temperature(asked, labeled)
        seen = count_labeled(asked, labeled, count, temperature, output)
        with checked_input():
            predictor = Predictor(estimator, seen)
        numbers = {stem: k for k, stem in enumerate(samples.stems)}

        def draw(found: Prediction) -> None:
            doubt = found.level if found.level is not None else 1 - found.confidence
            picture = samples.image_format.picture(samples.files["images"][found.stem])
            write_pictures(out, numbers[found.stem], picture, over_image(picture, doubt.numpy()))

        count_given(asked, samples, samples.stems, temperature, output, draw)
        results = Results(predictor, folder.read_classes(), samples.stems, out, temperature)
        summary = results.summary(estimator, count, doubts)
        write_whole(out / "summary.json", json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
        write_whole(out / "images.csv", results.images_table())
        write_whole(out / "classes.csv", results.classes_table())
        results.write_page(out, run.name, summary)
        shutil.rmtree(out / f"{OWN}evidence")
        say(console, results, summary, out)


def _require_second(estimator: Estimator, second: Path | None) -> None:
    wanted = estimator.score == "agreement"
    if wanted and second is None:
        raise ValueError(
            f"{type(estimator).__name__} compares two networks, found one: give the folder of a second run with the "
            "same classes (--second), best one that was trained on other images or from another seed"
        )
    if second is not None and not wanted:
        raise ValueError(
            f"--second is for --estimator Agreement, found {type(estimator).__name__}: give that, or leave it out"
        )


def _learned_hardness(task: SegmentationTask) -> Signal:
    signal = task.shown_signal
    if signal is None or signal.reads or signal.needs_target:
        raise ValueError(
            "expected a run that learned hardness, as hardpix fit does by default, found one without: leave "
            "--estimator out, whose default needs the network's confidence alone"
        )
    return signal


def _open_second(second: Run, first: Run, device: str | None) -> tuple[Run, SegmentationTask]:
    task = second.load_task(predict_only=True).to(choose_device(device))
    names, wanted = second.read_classes().names, first.read_classes().names
    if names != wanted:
        raise ValueError(
            f"expected a second run with the same classes ({first_three(wanted)}), found {first_three(names)} in "
            f"{second.path}: give a run on the same classes in the same order"
        )
    return second, task


def _labeled_images(folder: Run, calibration: Calibration, ignore_index: int, given: GivenFiles) -> Dataset:
    """The images to learn from; what of them cannot be read is listed and left out."""
    if calibration.images is None:
        try:
            return folder.validation_set(given.max_pixels)
        except (ValueError, OSError) as error:
            raise ValueError(
                f"{error}\nthe estimator is fitted on labeled images that the network was not trained on: give others "
                "by --calibration.images and --calibration.masks"
            ) from error
    files = GivenFiles(calibration.images, calibration.masks, max_pixels=given.max_pixels)
    classes, image_format = folder.read_classes(), folder.read_image_format(given.max_pixels)
    return open_folder(folder.folders(files), classes, ignore_index, image_format)[0]


def _doubts(folder: Run, samples: SegmentationFolder, labeled: Dataset, count: int) -> list[str]:
    """Sentences on images that were trained on, or learned from here."""
    said = trained_on(folder, samples.files["images"]).sentences(
        "the network is better there than on other images, for which the prediction does not stand"
    )
    if isinstance(labeled, SegmentationFolder):
        own = labeled.files["images"]
        said += [
            f"of the labeled images to learn from, {sentence}"
            for sentence in trained_on(folder, own).sentences(
                "the network is better there than anywhere else, so that predicted scores are too good; give images "
                "that it was not trained on (--calibration.images, --calibration.masks)"
            )
        ]
        if same := same_files(samples.files["images"], own.values()):
            said.append(
                f"{share_of(same, len(samples))} are among the labeled images to learn from ({first_three(same)}): "
                "their scores are known better by hardpix test, and the prediction looks better than it is"
            )
    if count < FEW_LABELED:
        said.append(
            f"{counted(count, 'labeled image')} to learn from: "
            + ("no interval can be told" if count == 1 else "intervals are rough, and too narrow")
        )
    return said


def _listed(labeled: Dataset) -> Sequence[Any]:
    """Paths, sizes and times of the labeled images and masks; none of data sets in code."""
    found = getattr(labeled, "files", {})
    return [[kind, stem, *identity(path)] for kind, paths in found.items() for stem, path in paths.items()]
