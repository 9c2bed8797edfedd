"""``hardpix test``: score a trained network on labeled images, and report where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.table import Table
from torch import Tensor
from torch.utils.data import Dataset

from hardpix.cli.arguments import checked_input
from hardpix.cli.results import require_no_links, require_outside, write_whole
from hardpix.data import ClassTable, Problem, SegmentationFolder, Transformed
from hardpix.data.image_format import as_picture
from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores import Score, report_scores
from hardpix.diagnosis.scores.loading import load_scores
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import SegmentationScores
from hardpix.report.against import require_comparable
from hardpix.report.diagnose_image import PartialReport, PictureWriter, diagnose_image
from hardpix.report.report_builder import Collector, finish_report
from hardpix.report.report_folder import new_report
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import Prediction, choose_device, console, infer, open_run
from hardpix.training.run_folder import RunFolder
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
        scores: Class paths of figures of your own for the report, with commas, such as my_module.MyScore; with settings
            as '[{class_path: my_module.MyScore, init_args: {radius: 5}}]'.
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
    folder = RunFolder(run, trust_run)
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
            settings = Settings.of(classes.names, lines)
            figures = load_scores(scores, report_scores(settings), len(classes))
            page = folder.path / "report" if report is None and images is None else report
            if page is not None and (missing := [name for name in REPORT_NEEDS if find_spec(name) is None]):
                console.print(f"no report: it needs {' and '.join(missing)}, pip install '.[diagnose]' in the checkout")
                page = None
            if page is not None:
                # The run's own report is replaced by the next one.
                apart = [path for path in [*read, against] if path is not None]
                place = until_whole.enter_context(new_report(page, apart, overwrite=report is None))
        for doubt in doubts:
            console.print(doubt)
        total = SegmentationScores(task.num_classes, task.ignore_index)
        writer = None
        if page is not None:
            writer = ReportWriter(place, classes, samples, task.ignore_index, settings, figures, pictures)
        transformed = Transformed(samples, folder.evaluation_transform())
        signal = None if writer is None else task.shown_signal
        count = 0
        for found in infer(task, transformed, signal=signal, label="testing"):
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


class ReportWriter:
    """A report of what a network says, image by image.

    Args:
        out: the place that `new_report` gave.
        classes: of the network.
        samples: the images, in the order in which they come, as `Prediction` numbers them.
        ignore_index: the id of unlabeled pixels.
        settings: of the diagnosis.
        scores: the figures.
        pictures: of every image, or else thumbnails alone.
    """

    def __init__(
        self,
        out: Path,
        classes: ClassTable,
        samples: Dataset,
        ignore_index: int,
        settings: Settings,
        scores: Sequence[Score],
        pictures: bool = True,
    ) -> None:
        self.out = out
        self.classes = classes
        self.samples = samples
        self.ignore_index = ignore_index
        self.settings = settings
        self.drawing = PictureWriter(out, classes.shown_colors, thumbnails_alone=not pictures)
        self.collector = Collector(settings, scores)

    def add(self, found: Prediction) -> None:
        """The next image."""
        assert found.target is not None
        number = len(self.collector.stems)
        maps = ImageMaps(
            truth=self._codes(torch.where(found.target == self.ignore_index, self.settings.ignore_index, found.target)),
            prediction=self._codes(found.prediction),
            settings=self.settings,
            stem=found.stem,
            class_names=self.classes.names,
            image=_picture(self.samples[number]["image"], found.target),
            confidence=found.confidence.numpy(),
            hardness=None if found.level is None else found.level.numpy(),
        )
        counts, image = diagnose_image(number, maps, self.collector.scores, self.drawing)
        self.collector.add(PartialReport(counts, [image]))

    def finish(
        self,
        title: str,
        inputs: dict[str, str],
        against: Path | None = None,
        left_out: int = 0,
        problems: Sequence[Problem] = (),
        unused: Sequence[Problem] = (),
        doubts: Sequence[str] = (),
    ) -> list[str]:
        """Write the report; its sentences beside the doubts.

        Args:
            title: of the report.
            inputs: where truth and predictions come from.
            against: the report of another run on the same images.
            left_out: how many images could not be used.
            problems: why.
            unused: what other files were not used.
            doubts: in sentences, for the top of the report.
        """
        images = str(self.samples.folders.images) if isinstance(self.samples, SegmentationFolder) else None
        summary = finish_report(
            self.out,
            self.collector,
            self.classes,
            title=title,
            inputs={**inputs, "images": images},
            images_left_out=left_out,
            left_out=problems,
            unused=unused,
            against=against,
            doubts=doubts,
        )
        return [sentence["text"] for sentence in summary["sentences"][len(doubts) :]]

    def _codes(self, labels: Tensor) -> np.ndarray:
        kind = np.uint8 if self.settings.ignore_index == 255 else np.uint16
        return labels.numpy().astype(kind)


def _picture(image: Any, target: Tensor) -> np.ndarray | None:
    """The image of a sample as (H, W, 3) uint8, where it is one and has the size of its labels."""
    pixels = torch.as_tensor(image)
    if pixels.ndim != 3 or pixels.shape[1:] != target.shape:
        return None
    pixels = pixels.permute(1, 2, 0)
    return as_picture((pixels if pixels.is_floating_point() else pixels.to(torch.uint8)).numpy())


def score_table(runs: dict[str, dict[str, Any]]) -> Table:
    """Scores of one or more runs side by side, in percent."""
    table = Table("", *runs)
    rows = {"mIoU": "miou", "mIoU near borders": "border_miou", "accuracy": "accuracy"}
    for label, key in rows.items():
        table.add_row(label, *(_percent(scores[key]) for scores in runs.values()), end_section=key == "accuracy")
    for name in next(iter(runs.values()))["class_iou"]:
        table.add_row(name, *(_percent(scores["class_iou"][name]) for scores in runs.values()))
    return table


def _number(value: float) -> float | None:
    # JSON has no NaN.
    return None if value != value else value


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"
