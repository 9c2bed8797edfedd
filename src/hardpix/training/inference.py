"""Running a trained network on images, each result at the image's own size."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hardpix.cli.errors import UsageError
from hardpix.cli.problem_list import NAME, is_long
from hardpix.cli.terminal import Terminal
from hardpix.data import (
    ClassTable,
    DataError,
    ImageFormat,
    ImagePaths,
    Problem,
    SegmentationFolder,
    check_folders,
    describe,
    restore,
)
from hardpix.data.image_doubts import BELOW_BLACK, FEW_GRAYS, NEARLY_ALL_BLACK, TOO_NARROW, UNUSED_BANDS
from hardpix.data.pairs import unread_files
from hardpix.data.problem_report import ProblemReport
from hardpix.data.problems import NEVER_OCCURS
from hardpix.data.remedies import SETTING, with_own_settings
from hardpix.data.sample import Sample
from hardpix.data.unlabeled import unlabeled_line
from hardpix.data.unlabeled_classes import FEW_CLASSES, settled
from hardpix.data.wording import counted
from hardpix.labelers import Labeler, PseudoLabels
from hardpix.networks.views import views_of
from hardpix.pixels import PixelBatch, valid_mask
from hardpix.pixels.percent import percent
from hardpix.refiners import Refiner
from hardpix.signals import Signal
from hardpix.training.finite import NotFinite
from hardpix.training.given_files import SETTINGS, GivenFiles
from hardpix.training.loader_worker import start_worker
from hardpix.training.loading import ErrorsAsSamples
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask

IMAGE_KINDS = (BELOW_BLACK, FEW_GRAYS, NEARLY_ALL_BLACK, TOO_NARROW, UNUSED_BANDS)
AS_TRAINED = (
    "give images as the run was trained on: unit, bands, bits and range are those of its images.yaml, or plain 8 bits"
)

IF_NONE = "nothing if these images show none of it; else check how the masks are stored (--label_map, --threshold)"

console = Terminal(highlight=False, markup=False, soft_wrap=True)


@dataclass
class Prediction:
    """Prediction of a network for one image of H×W pixels."""

    stem: str
    prediction: Tensor
    """(H, W) int64, class indices."""
    confidence: Tensor
    """(H, W) float32, probability of the predicted class."""
    level: Tensor | None
    """(H, W) float32, the map of a signal for files and pictures; None unless asked for."""
    target: Tensor | None
    """(H, W) int64, where the data has labels."""
    probabilities: Tensor | None = None
    """(C, H, W) float16; None unless asked for."""
    true_confidence: Tensor | None = None
    """(H, W) float32, probability of the label's class, anything without a label; None unless a signal is asked for."""
    labels: PseudoLabels | None = None
    """(1, H, W), what a labeler makes of it; None unless asked for."""
    score: Tensor | None = None
    """(H, W) float32, map of a signal of the class scores at the image's own size; None unless asked for."""
    agreed: Tensor | None = None
    """(H, W) boolean, whether all views say the predicted class; None of one view."""
    logits: Tensor | None = None
    """(C, H, W) float32; None unless asked for."""


def open_run(
    folder: Run, checkpoint: str, device: str | None, given: GivenFiles, *, predict_only: bool = False
) -> tuple[SegmentationTask, SegmentationFolder, ProblemReport]:
    """A trained network on its device, the images that are given for it, and a report on their files.

    Without its objective where it is to predict only.

    Raises:
        ValueError, OSError: what of it cannot be used.
    """
    task = folder.load_task(checkpoint, predict_only=predict_only).to(choose_device(device))
    # Runs of earlier versions did not settle it themselves.
    classes = replace(settled(given.classes_of(folder.read_classes()), []), learned=True)
    image_format = folder.read_image_format(given.max_pixels)
    return task, *open_folder(folder.folders(given), classes, task.ignore_index, image_format)


@torch.inference_mode()
def infer(
    task: SegmentationTask,
    samples: Dataset,
    *,
    signal: Signal | None = None,
    probabilities: bool = False,
    answer: Callable[[PixelBatch], Tensor] | None = None,
    refiner: Refiner | None = None,
    labeler: Labeler | None = None,
    score: Signal | None = None,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    logits: bool = False,
    label: str | None = "predicting",
) -> Generator[Prediction, None, None]:
    """Run the network over all samples, one at a time, with a progress bar.

    Args:
        task: in evaluation mode, on the device to use.
        samples: dicts as an evaluation transform leaves them.
        signal: also compute the map of this signal of the task; one that needs labels sees those of the samples.
        probabilities: also keep those of all classes.
        answer: gives probabilities (B, C, h, w) of a batch that stand in place of the network's, for a single view.
        refiner: corrects the probabilities by the image, both at the image's own size.
        labeler: also makes labels of the logits at the image's own size.
        score: also compute the map of this signal of the logits at the image's own size; it needs nothing else.
        scales: of the image; the prediction is that of the mean probabilities of all views. Maps of signals, and what
            a labeler sees, are of the image as it is.
        flip: each scale is seen mirrored, too.
        logits: also keep the network's outputs at the image's own size.
        label: what the progress bar says; no bar without it.

    With a refiner or a labeler the samples hold `original_image`.

    Raises:
        UsageError: a file that cannot be used.
        NotFinite: outputs of the network or a map of the signal that hold NaN or infinity.
    """
    loader = DataLoader(ErrorsAsSamples(samples), batch_size=None, num_workers=1, worker_init_fn=start_worker)
    bar = track(loader, description=label or "", total=len(loader), console=Console(stderr=True), disable=label is None)
    for index, sample in enumerate(bar):
        if isinstance(sample, DataError):
            raise UsageError(str(sample))
        image = sample["image"].unsqueeze(0).to(task.device)
        needs_labels = signal is not None and signal.needs_target
        labels_seen = labels_as_seen(sample, task.ignore_index, image) if needs_labels else None
        px = task.deployed.pixels(image, labels_seen, inside=_inside(sample["content_size"], image))
        stem = sample.get("stem", str(index))
        _require_finite(px.logits, "outputs of the network", samples, stem)
        sizes = (sample["content_size"], sample["original_size"])
        scores = restore(px.logits[0].float(), *sizes)
        shares = scores.softmax(0)
        # The class of the highest logit, as in validation: probabilities may round to a tie.
        prediction = scores.argmax(0)
        if answer is not None:
            shares = restore(answer(px)[0], *sizes)
            _require_finite(shares, "probabilities", samples, stem)
            prediction = shares.argmax(0)
        agreed = None
        if flip or tuple(scales) != (1.0,):

            def predict(view: Tensor, whole: Tensor = image, logits: Tensor = px.logits) -> Tensor:
                return (logits if view is whole else task.deployed.pixels(view).logits).float()

            views = views_of(predict, image, scales, flip)
            _require_finite(torch.stack(views), "outputs of the network", samples, stem)
            of_views = [restore(view[0], *sizes).softmax(0) for view in views]
            shares = torch.stack(of_views).mean(0)
            prediction = shares.argmax(0)
            agreed = torch.stack([view.argmax(0) == prediction for view in of_views]).all(0).cpu()
        own_image = sample["original_image"].unsqueeze(0).to(task.device) if refiner or labeler else None
        if refiner is not None:
            shares = refiner(shares[None], own_image)[0]
            prediction = shares.argmax(0)
        labels = None
        if labeler is not None:
            seen = PixelBatch(scores[None], ignore_index=task.ignore_index, sample={"image": own_image})
            labels = _checked(labeler(seen), seen, labeler)
        confidence = shares.amax(0)
        true_confidence = None
        if signal is not None and "target" in sample:
            index = sample["target"].clamp(0, len(shares) - 1).to(shares.device)
            true_confidence = shares.gather(0, index[None].long())[0].cpu()
        level = None if signal is None else restore(signal.level(px), *sizes)[0].cpu()
        if level is not None:
            _require_finite(level, f"map of {type(signal).__name__}", samples, stem)
        yield Prediction(
            stem,
            prediction.cpu(),
            confidence.cpu(),
            level,
            sample.get("target"),
            shares.half().cpu() if probabilities else None,
            true_confidence,
            None if labels is None else PseudoLabels(labels.target.cpu(), labels.weight.cpu()),
            None if score is None else score(PixelBatch(scores[None], ignore_index=task.ignore_index))[0].cpu(),
            agreed,
            scores.cpu() if logits else None,
        )


def _inside(content_size: tuple[int, int], image: Tensor) -> Tensor | None:
    """Pixels (1, H, W) that are no padding; None where all are."""
    if tuple(content_size) == tuple(image.shape[-2:]):
        return None
    inside = torch.zeros(1, *image.shape[-2:], dtype=torch.bool, device=image.device)
    inside[:, : content_size[0], : content_size[1]] = True
    return inside


def _require_finite(values: Tensor, what: str, samples: Dataset, stem: str) -> None:
    if bool(values.isfinite().all()):
        return
    while (inner := getattr(samples, "dataset", getattr(samples, "samples", None))) is not None:
        samples = inner
    files = getattr(samples, "files", {}).get("images", {})
    share = float((~values.isfinite()).double().mean())
    raise NotFinite(
        f"expected finite {what} for {files.get(stem, stem)}, found NaN or infinity in {percent(share)} of the values: "
        "leave the image out if it holds such numbers itself, else give another checkpoint (--checkpoint) or train "
        "again with a lower learning rate"
    )


def _checked(labels: PseudoLabels, px: PixelBatch, labeler: Labeler) -> PseudoLabels:
    """Hold the labels of a labeler to the contract.

    Raises:
        UsageError: something else than labels and trust of each pixel, or ids that are no class.
    """
    made = f"from {type(labeler).__name__}.forward(px)"
    if not isinstance(labels, PseudoLabels):
        raise UsageError(f"expected PseudoLabels(target, weight) {made}, found {type(labels).__name__}")
    found = [tuple(part.shape) for part in (labels.target, labels.weight)]
    if found != [px.shape, px.shape]:
        raise UsageError(f"expected labels and trust of shape {px.shape} {made}, found {found[0]} and {found[1]}")
    known = valid_mask(labels.target, px.logits.shape[1], px.ignore_index) | (labels.target == px.ignore_index)
    if not known.all():
        share, ids = (~known).double().mean().item(), labels.target[~known]
        raise UsageError(
            f"expected classes from 0 to {px.logits.shape[1] - 1} or {px.ignore_index} (px.ignore_index) {made}, found "
            f"ids from {ids.min()} to {ids.max()} in {percent(share)} of the pixels of an image"
        )
    return labels


def labels_as_seen(sample: Sample, ignore_index: int, image: Tensor) -> Tensor:
    """Labels of a sample on the grid of its image (1, C, H, W) as the network sees it: (1, H, W), none in the padding.

    Example:
        >>> sample = {"target": torch.tensor([[0, 1], [2, 3]]), "content_size": (2, 2)}
        >>> labels_as_seen(sample, 255, torch.zeros(1, 3, 2, 4))
        tensor([[[  0,   1, 255, 255],
                 [  2,   3, 255, 255]]])
    """
    height, width = sample["content_size"]
    # Class ids are far below 2²⁴, up to which float32 holds integers exactly.
    labels = F.interpolate(sample["target"][None, None].float(), (height, width), mode="nearest-exact")
    padding = (0, image.shape[-1] - width, 0, image.shape[-2] - height)
    return F.pad(labels[0], padding, value=ignore_index).long().to(image.device)


def open_folder(
    folders: ImagePaths, classes: ClassTable, ignore_index: int, image_format: ImageFormat
) -> tuple[SegmentationFolder, ProblemReport]:
    """The images of a folder, with masks if there are any; what cannot be used is listed and left out.

    Raises:
        DataError: nothing is left, or it would be a guess how the masks are meant.
    """
    report = check_folders(
        folders,
        classes if folders.masks else None,
        image_format=image_format,
        ignore_index=ignore_index,
        progress=True,
    )
    problems, warnings = (tuple(map(_advised, found)) for found in (report.problems, report.warnings))
    report = replace(report, problems=problems, warnings=warnings)
    if report.refusals:
        raise DataError.of(problems)
    bad = {problem.where for problem in problems}
    usable = [stem for stem in report.stems if bad.isdisjoint(_paths(folders, stem))]
    if problems:
        if not usable:
            raise DataError.of(problems)
        left_out, of = len(report.stems) - len(usable), counted(len(report.stems), "image")
        console.print(f"{left_out} of {of} left out:" if left_out else "not read:")
        console.print(describe(problems))
    if seen := [warning for warning in report.warnings if warning.kind in IMAGE_KINDS]:
        console.print(describe(seen))
    if unused := [*report.alone, *map(_advised, unread_files(folders))]:
        console.print(f"not used, while no image is left out for it:\n{describe(unused)}")
    if len(classes) <= FEW_CLASSES:
        for warning in report.warnings:
            if warning.kind == NEVER_OCCURS:
                console.print(describe([replace(warning, advice=IF_NONE)]))
    if report.doubts:
        console.print(f"Warnings\n{describe(report.doubts)}")
    if is_long(report.everything):
        console.print(f"the whole list is written to {NAME} among the results")
    if report.masks and (unlabeled := unlabeled_line({"": list(report.masks.values())}, classes)):
        console.print(unlabeled)
    samples = SegmentationFolder(
        folders.images,
        folders.masks,
        classes,
        image_suffix=folders.image_suffix,
        mask_suffix=folders.mask_suffix,
        image_format=image_format,
        ignore_index=ignore_index,
        stems=usable,
    )
    return samples, report


def _advised(problem: Problem) -> Problem:
    """A problem with advice that can be followed here: how images are read is fixed by the training."""
    if problem.kind in IMAGE_KINDS or not set(SETTING.findall(problem.advice)) <= {*SETTINGS}:
        return replace(problem, advice=AS_TRAINED)
    return with_own_settings(problem, SETTINGS)


def _paths(folders: ImagePaths, stem: str) -> set:
    """Whatever a problem of one stem may be about: its files, and the stem itself where it has several."""
    files = {path for found in folders.files.values() for path in found.get(stem, [])}
    return files | {folder / stem for folder in folders.given.values()}


def choose_device(name: str | None) -> torch.device:
    """The device of that name; without one, a GPU if there is one.

    Raises:
        ValueError: there is no such device.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"expected a device such as cpu or cuda:0, found {name!r}, which cannot be used: {reason}"
        ) from error
