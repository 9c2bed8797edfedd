"""``hardpix test``: score a trained network on labeled images, and report where it is wrong."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from torch.utils.data import Dataset

from hardpix.cli.arguments import checked_input
from hardpix.cli.results import require_no_links, require_outside, write_whole
from hardpix.commands.report_of_run import ReportWriter
from hardpix.commands.score_table import score_table
from hardpix.data import Problem, Transformed
from hardpix.diagnosis.scores import report_scores
from hardpix.diagnosis.scores.boundary_iou import TWO_BORDER_SCORES
from hardpix.diagnosis.scores.loading import load_scores
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.shown_signal import HARDNESS, ShownSignal
from hardpix.metrics import SegmentationScores
from hardpix.report.against import require_comparable, score_settings, settings_taken
from hardpix.report.report_folder import new_report
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import choose_device, console, infer, open_run
from hardpix.training.run import Run
from hardpix.training.trained_on import trained_on

# Packages that the report needs and a training does not.
REPORT_NEEDS = ("plotly", "pyarrow", "skimage")


def evaluate(
    run: Path,
    images: Path | None = None,
    masks: Path | None = None,
    checkpoint: str = "best",
    out: Path | None = None,
    report: Path | None = None,
    against: Path | None = None,
    lines: str | None = None,
    scores: str | list[str | dict[str, Any]] | None = None,
    pictures: bool = True,
    device: str | None = None,
    image_suffix: str | None = None,
    mask_suffix: str | None = None,
    label_map: dict[int, int | str] | None = None,
    threshold: int | None = None,
    palette: Literal["ids", "colors"] | None = None,
    max_pixels: int | None = None,
    trust_run: bool = False,
) -> dict[str, Any]:
    """Score a trained network on labeled images, and report where it is wrong.

    Prints and writes mIoU, mIoU within 3 pixels of a border, accuracy, and the IoU of every class. All are computed at
    the size of the labels, from one confusion matrix over all images. Without folders, the images that the run was
    validated on are scored. The scores are written to scores.json in the run's folder, and a report to its folder
    report. The report's page shows where and why the network is wrong, and the mIoU if each kind of error were
    corrected.

    Args:
        run: Folder that hardpix fit wrote.
        images: Folder of labeled images.
        masks: Folder of their masks, with the same ids as in training.
        checkpoint: best, last, or the path of a checkpoint.
        out: New file for the scores as JSON.
        report: New folder for the report. By default that of the run's own images is written to the run's folder, in
            place of an earlier one, and other images have none.
        against: The report of another run on the same images, to compare with.
        pictures: Whether the report has pictures of every image, or else thumbnails alone.
        lines: Names of the classes that are line-like, with commas, such as pole,fence; for clDice in the report.
        scores: Class paths of figures of your own for the report, with commas, such as my_module.MyScore; its settings
            after it, such as --scores.radius 5.
        device: Such as cpu or cuda:1; a GPU if there is one.
        image_suffix: Ending of the image file names that is no part of the stem; that of the run if none is given.
        mask_suffix: The same of the mask file names.
        label_map: Ids in these masks → number of the run's class, or "ignore"; where they are not those of training.
        threshold: For masks of black and white: numbers at or above it are the run's class 1, others class 0.
        palette: colors reads palette files by the colors that the run's classes have; ids by their indices, whatever
            colors they show.
        max_pixels: Height × width of the largest file that is read; that of the run if none is given.
        trust_run: Whether classes of any module may be imported that the run names; for your own runs and those of
            people you trust.

    Returns:
        The scores, from 0 to 1; None for a class that is neither in the truth nor predicted.
    """
    folder = Run(run, trust_run)
    with ExitStack() as until_whole:
        with checked_input():
            if (images is None) != (masks is None):
                raise ValueError("--images and --masks go together: give both, or neither for what the run held out")
            if images is None and not (label_map is None and threshold is None and palette is None):
                raise ValueError("--label_map, --threshold and --palette say how --masks are read: give these, too")
            if images is None and not (image_suffix is None and mask_suffix is None):
                raise ValueError("--image_suffix and --mask_suffix are about --images and --masks: give these, too")
            if out is not None and out.exists():
                raise FileExistsError(f"expected a new file for the scores, found {out}; give another name as --out")
            samples: Dataset
            left_out = 0
            problems: tuple[Problem, ...] = ()
            unused: tuple[Problem, ...] = ()
            doubts: list[str] = []
            if images is not None and masks is not None:
                given = GivenFiles(images, masks, image_suffix, mask_suffix, label_map, threshold, palette, max_pixels)
                task, samples, checked = open_run(folder, checkpoint, device, given)
                left_out, problems, unused = len(checked.stems) - len(samples), checked.problems, checked.alone
                seen = trained_on(folder, samples.files["images"])
                doubts = seen.sentences("scores there are too good")
            else:
                task = folder.load_task(checkpoint).to(choose_device(device))
                samples = folder.validation_set(max_pixels)
            read = [images, masks, *folder.data_folders()]
            # Scores of other images than the run's own would pass for those.
            file = folder.path / "scores.json" if out is None and images is None else out
            if images is None:
                require_no_links(folder.path, ["scores.json", "report"])
            if file is not None:
                require_outside(file, [path for path in read if path is not None])
                file.parent.mkdir(parents=True, exist_ok=True)
            classes = folder.read_classes()
            if against is not None:
                require_comparable(against, classes.names, getattr(samples, "stems", None))
            settings = Settings.of(classes.names, lines, tree=classes.tree)
            signal = task.shown_signal
            named = HARDNESS if signal is None else ShownSignal(signal.name, signal.expects_loss)
            figures = load_scores(scores, report_scores(settings, named), len(classes), score_settings(against))
            page = folder.path / "report" if report is None and images is None else report
            if page is not None and (missing := [name for name in REPORT_NEEDS if find_spec(name) is None]):
                console.print(f"no report: it needs {' and '.join(missing)}, pip install '.[diagnose]' in the checkout")
                page = None
            if page is not None:
                # The run's own report is replaced by the next one.
                apart = [path for path in [*read, against] if path is not None]
                place = until_whole.enter_context(new_report(page, apart, overwrite=report is None))
        for line in settings_taken(figures, against):
            console.print(line)
        for doubt in doubts:
            console.print(doubt)
        total = SegmentationScores(task.num_classes, task.ignore_index)
        writer = None
        if page is not None:
            writer = ReportWriter(place, classes, samples, task.ignore_index, settings, figures, pictures)
        transformed = Transformed(samples, folder.evaluation_transform())
        count = 0
        found_all = infer(task, transformed, signal=signal if writer else None, label="testing")
        for found in until_whole.enter_context(closing(found_all)):
            assert found.target is not None
            total.update(found.prediction[None], found.target[None])
            if writer is not None:
                writer.add(found)
            count += 1
        values = total.compute()
        by_class = values.pop("class_iou").reshape(-1).tolist()
        result: dict[str, Any] = {
            "images": count,
            "of": "what the run held out" if images is None else str(images.absolute()),
            "checkpoint": str(folder.checkpoint(checkpoint)),
            **{name: _number(float(value)) for name, value in values.items()},
            "class_iou": {name: _number(iou) for name, iou in zip(task.class_names, by_class, strict=True)},
        }
        sentences: list[str] = []
        if writer is not None:
            of_masks = result["of"] if masks is None else str(masks.absolute())
            inputs = {"truth": of_masks, "predictions": result["checkpoint"]}
            sentences = writer.finish(run.name, inputs, against, left_out, problems, unused, doubts)
    console.print(score_table({run.name: result}))
    console.print(TWO_BORDER_SCORES)
    if file is None:
        console.print("not written; --out FILE writes the scores of other images than the run's own")
    else:
        write_whole(file, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
        console.print(f"written to {file}")
    for sentence in sentences:
        console.print(f"- {sentence}")
    if page is not None:
        console.print(f"report: {page / 'index.html'}")
    return result


def _number(value: float) -> float | None:
    # JSON has no NaN.
    return None if value != value else value
