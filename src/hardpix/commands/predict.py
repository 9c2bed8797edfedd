"""``hardpix predict``: label images with a trained network."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from contextlib import ExitStack, closing
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import Subset

from hardpix.cli.arguments import checked_input
from hardpix.cli.output import Output, output_folder
from hardpix.cli.results import write_whole
from hardpix.commands.legend import legend
from hardpix.commands.map_caution import MapCaution
from hardpix.commands.signal_maps import over_image, to_16_bit, write_level
from hardpix.data import Transformed, write_mask
from hardpix.data.whole_files import whole_file
from hardpix.data.wording import counted
from hardpix.objectives import connectivity_of
from hardpix.pixels import prepare_all
from hardpix.refiners import Refiner
from hardpix.signals import Signal
from hardpix.training.fingerprint import fingerprint
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import console, infer, open_run
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask
from hardpix.training.trained_on import trained_on


def predict(
    run: Path,
    images: Path,
    out: Path,
    overlays: bool = True,
    confidence: bool = False,
    probabilities: bool = False,
    hardness: bool = False,
    checkpoint: str = "best",
    device: str | None = None,
    image_suffix: str | None = None,
    max_pixels: int | None = None,
    refine: Refiner | None = None,
    connectivity: bool = False,
    overwrite: bool = False,
    trust_run: bool = False,
) -> None:
    """Label every image of a folder.

    Writes OUT/labels, png with the ids of your own masks, and OUT/overlays, the image under the classes' colors, which
    OUT/legend.png names. If asked for, OUT/confidence holds 16-bit png of 65535 × the probability of the predicted
    class. OUT/probabilities, likewise, holds npy of float16, classes × height × width. OUT/hardness, likewise, holds
    16-bit png of 65535 × the learned hardness, which says where a person should look. OUT/hardness_overlays shows it
    over the image, bright where the network expects to be wrong, and OUT/hardness.csv lists the images, hardest first.
    Each map has the image's own size and name. Images that cannot be read are listed and left out.

    Args:
        run: Folder that hardpix fit wrote.
        images: Folder of images; searched with its subfolders.
        out: New folder for the results.
        overlays: Whether to write colored overlays.
        confidence: Whether to write confidence maps.
        probabilities: Whether to write the probabilities of all classes, which hardpix diagnose finds suspect labels
            by; they take 2 bytes a class and pixel.
        hardness: Whether to write the learned hardness, of a run that learned it.
        checkpoint: best, last, or the path of a checkpoint.
        device: Such as cpu or cuda:1; a GPU if there is one.
        image_suffix: Ending of the image file names that is no part of the stem; that of the run if none is given.
        max_pixels: Height × width of the largest file that is read; that of the run if none is given.
        refine: Class that corrects the probabilities by the image before labels are taken, such as
            hardpix.refiners.PAMR or PAMR, with settings such as --refine.steps 3; none by default.
        connectivity: Whether classes are told by connections of neighboring pixels, of a run that learned them by the
            objective Connectivity, in place of the network's own probabilities of these classes.
        overwrite: Whether earlier results of hardpix in OUT may be replaced; other files never are.
        trust_run: Whether classes of any module may be imported that the run names; for your own runs and those of
            people you trust.
    """
    folder = Run(run, trust_run)
    with ExitStack() as until_done:
        with checked_input():
            given = GivenFiles(images, image_suffix=image_suffix, max_pixels=max_pixels)
            task, samples, checked = open_run(
                folder, checkpoint, device, given, predict_only=not (hardness or connectivity)
            )
            signal = _learned_hardness(task) if hardness else None
            connections = connectivity_of(task.recipe) if connectivity else None
            classes = folder.read_classes()
            made_by: dict[str, Any] = {
                "command": "predict",
                "checkpoint": str(folder.checkpoint(checkpoint)),
                "images": str(images),
            }
            seen = trained_on(folder, samples.files["images"])
            # For hardpix diagnose, which knows the predictions alone.
            made_by["trained_on"] = seen.same
            if refine is not None:
                made_by["refine"] = type(refine).__name__
                prepare_all(refine.modules(), folder.dataset_info())
            if connectivity:
                made_by["connectivity"] = True
            kinds = [("labels", "png")] + [("overlays", "jpg")] * overlays + [("confidence", "png")] * confidence
            kinds += [("probabilities", "npy")] * probabilities + [("hardness", "png")] * hardness
            kinds += [("hardness_overlays", "jpg")] * (hardness and overlays)
            files = {stem: [f"{kind}/{stem}.{ending}" for kind, ending in kinds] for stem in samples.stems}
            tables = ["hardness.csv"] * hardness + ["legend.png"] * overlays
            depends_on = fingerprint(
                folder, checkpoint, samples, {**made_by, "kinds": kinds}, *([refine] if refine else [])
            )
            read = [images, *folder.data_folders()]
            output = until_done.enter_context(
                output_folder(Output(out, files, tables), read, overwrite, made_by, depends_on, checked.everything)
            )
        for sentence in seen.sentences("predictions there are better than on other images"):
            console.print(sentence)
        if overlays:
            with whole_file(out / "legend.png") as file:
                Image.fromarray(legend(classes, "hardness" if hardness else None)).save(file, format="PNG")
        caution = MapCaution("hardness map")
        transformed = Transformed(samples, folder.evaluation_transform(keep_original=refine is not None))
        if refine is not None:
            refine = refine.to(task.device).eval()
        found_all = infer(
            task,
            Subset(transformed, output.remaining),
            signal=signal,
            probabilities=probabilities,
            answer=None if connections is None else connections.probabilities,
            refiner=refine,
        )
        for found in until_done.enter_context(closing(found_all)):
            index = found.prediction.numpy()
            write_mask(out / "labels" / f"{found.stem}.png", classes.stored(index))
            if overlays:
                picture = samples.image_format.picture(samples.files["images"][found.stem])
                blended = (0.45 * picture + 0.55 * classes.paint(index)).astype(np.uint8)
                _write_picture(out / "overlays" / f"{found.stem}.jpg", blended)
            if confidence:
                write_mask(out / "confidence" / f"{found.stem}.png", to_16_bit(found.confidence.numpy()))
            if found.probabilities is not None:
                with whole_file(out / "probabilities" / f"{found.stem}.npy") as file:
                    np.save(file, found.probabilities.numpy())
            row = None
            if signal is not None and found.level is not None:
                level = found.level.numpy()
                write_level(out / "hardness" / f"{found.stem}.png", level, signal)
                caution.add(level)
                if overlays:
                    _write_picture(out / "hardness_overlays" / f"{found.stem}.jpg", over_image(picture, level))
                row = [float(level.mean(dtype=np.float64)), float(np.quantile(level, 0.95))]
            output.done(found.stem, row)
        if hardness:
            write_whole(out / "hardness.csv", hardest_first(output.notes))
        colors = f"; what the overlays' colors mean is in {out / 'legend.png'}" if overlays else ""
        console.print(f"{counted(len(samples), 'image')} labeled in {out}{colors}")
        if said := caution.sentence():
            console.print(said, style="yellow")


def _learned_hardness(task: SegmentationTask) -> Signal:
    signal = task.shown_signal
    if signal is None or signal.reads or signal.needs_target:
        raise ValueError(
            "expected a run that learned hardness, as hardpix fit does by default, found one without: "
            "leave --hardness out; --confidence true gives the probability of each predicted class instead"
        )
    return signal


def _write_picture(file: Path, picture: np.ndarray) -> None:
    with whole_file(file) as written:
        Image.fromarray(picture).save(written, format="JPEG", quality=92)


def hardest_first(found: Mapping[str, tuple[float, float]]) -> str:
    """Table of the mean and the 95th percentile of the hardness of images, from their stems.

    Example:
        >>> print(hardest_first({"a": (0.25, 0.5), "b": (0.5, 0.75)}), end="")
        image,mean,p95
        b,0.500000,0.750000
        a,0.250000,0.500000
    """
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", "mean", "p95"])
    for stem, (mean, p95) in sorted(found.items(), key=lambda item: item[1][0], reverse=True):
        table.writerow([stem, f"{mean:.6f}", f"{p95:.6f}"])
    return text.getvalue()
