"""``hardpix predict``: label images with a trained network."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import Subset

from hardpix.cli.arguments import checked_input
from hardpix.cli.output import Output, output_folder
from hardpix.data import Transformed, write_mask
from hardpix.data.whole_files import whole_file
from hardpix.data.wording import counted
from hardpix.pixels import prepare_all
from hardpix.refiners import Refiner
from hardpix.training.fingerprint import fingerprint
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import console, infer, open_run
from hardpix.training.run_folder import RunFolder
from hardpix.training.trained_on import trained_on


def predict(
    run: Path,
    images: Path,
    out: Path,
    overlays: bool = True,
    confidence: bool = False,
    probabilities: bool = False,
    checkpoint: str = "best",
    device: str | None = None,
    image_suffix: str | None = None,
    max_pixels: int | None = None,
    refine: Refiner | None = None,
    overwrite: bool = False,
    trust_run: bool = False,
) -> None:
    """Label every image of a folder.

    Writes OUT/labels, png with the ids of your own masks, and OUT/overlays, the image under the classes' colors. If
    asked for, OUT/confidence holds 16-bit png of 65535 × the probability of the predicted class. OUT/probabilities,
    likewise, holds npy of float16, classes × height × width. Each map has the image's own size and name. Images that
    cannot be read are listed and left out.

    Args:
        run: Folder that hardpix fit wrote.
        images: Folder of images; searched with its subfolders.
        out: New folder for the results.
        overlays: Whether to write colored overlays.
        confidence: Whether to write confidence maps.
        probabilities: Whether to write the probabilities of all classes, which hardpix diagnose finds suspect labels
            by; they take 2 bytes a class and pixel.
        checkpoint: best, last, or the path of a checkpoint.
        device: Such as cpu or cuda:1; a GPU if there is one.
        image_suffix: Ending of the image file names that is no part of the stem; that of the run if none is given.
        max_pixels: Height × width of the largest file that is read; that of the run if none is given.
        refine: Class that corrects the probabilities by the image before labels are taken, such as
            hardpix.refiners.PAMR or PAMR, with settings such as --refine.steps 3; none by default.
        overwrite: Whether earlier results of hardpix in OUT may be replaced; other files never are.
        trust_run: Whether classes of any module may be imported that the run names; for your own runs and those of
            people you trust.
    """
    folder = RunFolder(run, trust_run)
    with ExitStack() as until_done:
        with checked_input():
            given = GivenFiles(images, image_suffix=image_suffix, max_pixels=max_pixels)
            task, samples, checked = open_run(folder, checkpoint, device, given, predict_only=True)
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
            kinds = [("labels", "png")] + [("overlays", "jpg")] * overlays + [("confidence", "png")] * confidence
            kinds += [("probabilities", "npy")] * probabilities
            files = {stem: [f"{kind}/{stem}.{ending}" for kind, ending in kinds] for stem in samples.stems}
            depends_on = fingerprint(
                folder, checkpoint, samples, {**made_by, "kinds": kinds}, *([refine] if refine else [])
            )
            read = [images, *folder.data_folders()]
            output = until_done.enter_context(
                output_folder(Output(out, files), read, overwrite, made_by, depends_on, checked.everything)
            )
        for sentence in seen.sentences("predictions there are better than on other images"):
            console.print(sentence)
        transformed = Transformed(samples, folder.evaluation_transform(keep_original=refine is not None))
        if refine is not None:
            refine = refine.to(task.device).eval()
        for found in infer(task, Subset(transformed, output.remaining), probabilities=probabilities, refiner=refine):
            index = found.prediction.numpy()
            write_mask(out / "labels" / f"{found.stem}.png", classes.stored(index))
            if overlays:
                picture = samples.image_format.picture(samples.files["images"][found.stem])
                blended = (0.45 * picture + 0.55 * classes.paint(index)).astype(np.uint8)
                with whole_file(out / "overlays" / f"{found.stem}.jpg") as file:
                    Image.fromarray(blended).save(file, format="JPEG", quality=92)
            if confidence:
                write_mask(out / "confidence" / f"{found.stem}.png", to_16_bit(found.confidence.numpy()))
            if found.probabilities is not None:
                with whole_file(out / "probabilities" / f"{found.stem}.npy") as file:
                    np.save(file, found.probabilities.numpy())
            output.done(found.stem)
        console.print(f"{counted(len(samples), 'image')} labeled in {out}")


def to_16_bit(share: np.ndarray) -> np.ndarray:
    """round(65535 · v) of values from 0 to 1, as uint16.

    Example:
        >>> to_16_bit(np.array([0.0, 0.5, 1.0]))
        array([    0, 32768, 65535], dtype=uint16)
    """
    return np.round(65535 * share.astype(np.float64)).astype(np.uint16)
