"""``hardpix refine``: correct predictions of any tool by their images."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from inspect import signature
from io import StringIO
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hardpix.cli.arguments import checked_input
from hardpix.cli.output import Output, output_folder
from hardpix.cli.problem_list import NAME, is_long
from hardpix.cli.results import write_whole
from hardpix.commands.legend import legend
from hardpix.commands.refine_input import RefineInput, open_predictions
from hardpix.commands.refined import planned, refined
from hardpix.data import ClassTable, ImageFormat, ImagePaths, describe
from hardpix.data.class_source import class_table, with_ignored
from hardpix.data.image_format import as_picture
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.rewrite_mask import rewrite_mask
from hardpix.data.whole_files import whole_file
from hardpix.data.wording import counted
from hardpix.pixels import DatasetInfo, prepare_all
from hardpix.pixels.percent import in_percent, percent
from hardpix.refiners import Refiner
from hardpix.training.fingerprint import fingerprint_of_files
from hardpix.training.inference import choose_device, console

# Share of a class's pixels that it must lose, gains counted, to be named after the table.
MUCH = 0.2


def refine(
    images: Path,
    predictions: Path,
    refine: Refiner,
    out: Path,
    probabilities: Path | None = None,
    confidence: float = 0.7,
    classes: str | list[str] | None = None,
    label_map: dict[int, int | str] | None = None,
    ignore_index: int | None = None,
    threshold: int | None = None,
    palette: Literal["ids", "colors"] | None = None,
    overlays: bool = True,
    tile: int | None = None,
    overlap: int | None = None,
    image_suffix: str = "",
    mask_suffix: str = "",
    bands: list[int] | None = None,
    value_range: list[float] | list[list[float]] | Literal["measured"] | None = None,
    max_pixels: int = MAX_PIXELS,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Correct predictions of any tool by their images, such as edges that are blurred or displaced.

    Writes OUT/masks, your predictions with some pixels of another class: same names, size, ids and format. OUT/overlays
    shows the image in gray with the changed pixels in the colors of their new classes, which OUT/legend.png names.
    OUT/changes.csv counts the changed pixels of each image by the class before and after. Pixels without a prediction
    stay without. Your own files stay as they are; those that do not pair or cannot be used are listed and left out.

    Args:
        images: Folder of images; searched with its subfolders.
        predictions: Folder of predicted label maps, at the size of their images: ids as gray or palette png (or tif,
            bmp), or colors with a class table that has them. Messages call them masks.
        refine: Class that corrects them, such as PAMR, PAR or DenseCRF, or the path of your own, with settings such
            as --refine.steps 3.
        out: New folder for the results.
        probabilities: Folder of npy or npz files (C, H, W), from 0 to 1, of the same names; they are then refined in
            place of the ids.
        confidence: Probability of the predicted class where no probabilities are given, above 1 / number of classes;
            the others share the rest. Of consequence for DenseCRF alone: linear refiners give the same classes.
        classes: YAML file of the classes (names, ids, colors), the name of a preset, or names of the ids 0, 1, 2 …; by
            default every id that occurs is a class.
        label_map: Stored ids to 0, 1, 2 … or "ignore".
        ignore_index: An id that stands for no prediction; by default that of the class table, else 255.
        threshold: For black and white: numbers at or above it are the second of two classes.
        palette: colors reads palette files by the colors that they show, in place of their indices.
        overlays: Whether to write the pictures of what changed.
        tile: Side in pixels of the parts that are refined one after another, which bounds the memory. By default 1024
            for refiners whose result stays the same by it, and the whole image for others.
        overlap: Margin in pixels around each part; by default as far as the refiner looks.
        image_suffix: Ending of the image file names that is no part of the stem.
        mask_suffix: The same of the predictions.
        bands: Numbers of the bands of the images to use, the first band of a file being 1.
        value_range: Numbers of the images that are black and white, such as [0, 3000], or measured.
        max_pixels: Height × width of the largest file that is read.
        device: Such as cpu or cuda:1; a GPU if there is one.
        overwrite: Whether earlier results of hardpix in OUT may be replaced; other files never are.
    """
    with ExitStack() as until_done:
        with checked_input():
            tile, margin = planned(refine, tile, overlap)
            table = _table(classes, label_map, ignore_index, threshold, palette)
            image_format = ImageFormat(bands, value_range, max_pixels)
            folders = ImagePaths(images, predictions, image_suffix=image_suffix, mask_suffix=mask_suffix)
            options = signature(globals()["refine"]).parameters
            found = open_predictions(folders, table, image_format, probabilities, options, palette)
            _require_confidence(confidence, len(found.classes), probabilities)
            prepare_all(
                refine.modules(), DatasetInfo(found.classes.names, lambda: found.class_pixels, tree=found.classes.tree)
            )
            on = choose_device(device)
            refiner = refine.to(on).eval()
            masks = {
                stem: f"masks/{path.relative_to(predictions)}" for stem, path in found.samples.files["masks"].items()
            }
            pictures = {stem: [f"overlays/{stem}.jpg"] * overlays for stem in found.samples.stems}
            made_by = {
                "command": "refine",
                "images": str(images),
                "predictions": str(predictions),
                "refine": type(refine).__name__,
            }
            settings = [found.classes.to_dict(), confidence, tile, margin, image_format.to_dict(), overlays]
            depends_on = fingerprint_of_files(found.files, {**made_by, "settings": settings}, refine)
            files = {stem: [masks[stem], *pictures[stem]] for stem in found.samples.stems}
            read = [images, predictions, *([] if probabilities is None else [probabilities])]
            shared = ["changes.csv", *["legend.png"] * overlays]
            output = until_done.enter_context(
                output_folder(Output(out, files, shared), read, overwrite, made_by, depends_on, found.problems)
            )
        _say_input(found)
        if overlays:
            with whole_file(out / "legend.png") as file:
                title = "overlays: the image in gray, changed pixels in the colors of their new classes"
                Image.fromarray(legend(found.classes, title=title)).save(file, format="PNG")
        stems = [found.samples.stems[index] for index in output.remaining]
        for stem in track(stems, "refining", console=Console(stderr=True)):
            image = found.samples.image_format.read(found.samples.files["images"][stem])
            before = found.prediction(stem)
            after = refined(
                refiner,
                image,
                before,
                found.scores(stem, before.shape),
                confidence,
                len(found.classes),
                tile=tile,
                overlap=margin,
                device=on,
                stem=stem,
            )
            changed = before != after
            _write_mask(found, stem, out / masks[stem], after, changed)
            for name in pictures[stem]:
                _write_overlay(out / name, image, found.classes.paint(after), changed)
            output.done(stem, _moved(before, after, changed))
        write_whole(out / "changes.csv", changes_table(found.samples.stems, output.notes, found.classes.names))
        _say(found, [output.notes[stem] for stem in found.samples.stems], out)


def _table(
    classes: str | list[str] | None,
    label_map: dict[int, int | str] | None,
    ignore_index: int | None,
    threshold: int | None,
    palette: str | None,
) -> ClassTable | None:
    names = classes.split(",") if isinstance(classes, str) and "," in classes else classes
    # Without classes, the palette says how they are found.
    alone = names is None and label_map is None and threshold is None
    table = None if alone else class_table(names, label_map, threshold, palette)
    if ignore_index is not None and table is None:
        raise ValueError(
            f"expected classes beside ignore_index {ignore_index}, found none: give --classes, or --label_map with "
            f"{ignore_index}: ignore"
        )
    return table if table is None or ignore_index is None else with_ignored(table, ignore_index)


def _require_confidence(confidence: float, num_classes: int, probabilities: Path | None) -> None:
    if probabilities is None and num_classes > 1 and not 1 / num_classes < confidence <= 1:
        raise ValueError(
            f"expected a confidence above 1 / {num_classes} and up to 1, found {confidence}: the predicted class would "
            "not be the most probable one"
        )


def _say_input(found: RefineInput) -> None:
    if found.left_out:
        console.print(f"{found.left_out} of {counted(found.left_out + len(found.samples), 'image')} left out:")
    if found.problems:
        console.print(describe(found.problems) if found.left_out else f"not used:\n{describe(found.problems)}")
    for remark in found.remarks:
        console.print(remark)
    if is_long(found.problems):
        console.print(f"the whole list is written to {NAME} among the results")


def _write_mask(found: RefineInput, stem: str, copy: Path, after: np.ndarray, changed: np.ndarray) -> None:
    edits = [(changed & (after == k), found.values[k]) for k in np.unique(after[changed]).tolist()]
    rewrite_mask(
        found.samples.files["masks"][stem],
        copy,
        edits,
        by_color=found.classes.by_color,
        max_pixels=found.samples.image_format.max_pixels,
    )


def _write_overlay(path: Path, image: np.ndarray, colors: np.ndarray, changed: np.ndarray) -> None:
    gray = as_picture(image).mean(2, keepdims=True).astype(np.uint8)
    picture = np.where(changed[..., None], colors, 40 + gray // 2).astype(np.uint8)
    with whole_file(path) as file:
        Image.fromarray(picture).save(file, format="JPEG", quality=92)


def _moved(before: np.ndarray, after: np.ndarray, changed: np.ndarray) -> list[list[int]]:
    """Class before, class after, and number of pixels, of all pixels with a prediction; those of one class, too."""
    known = before < np.iinfo(before.dtype).max
    pairs, counts = np.unique(np.stack([before[known], after[known]]), axis=1, return_counts=True)
    return [[int(a), int(b), int(n)] for (a, b), n in zip(pairs.T, counts, strict=True)]


def changes_table(stems: Sequence[str], moved: dict[str, list[list[int]]], names: Sequence[str]) -> str:
    """Table of the changed pixels of each image as text.

    Example:
        >>> print(changes_table(["a"], {"a": [[0, 0, 9], [0, 1, 4]]}, ["road", "pole"]), end="")
        image,from,to,pixels
        a,road,pole,4
    """
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", "from", "to", "pixels"])
    for stem in stems:
        table.writerows([stem, names[a], names[b], n] for a, b, n in moved[stem] if a != b)
    return text.getvalue()


def _say(found: RefineInput, notes: Sequence[list[list[int]]], out: Path) -> None:
    names = found.classes.names
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    for before, after, pixels in [entry for note in notes for entry in note]:
        counts[before, after] += pixels
    lost, won = counts.sum(1) - counts.diagonal(), counts.sum(0) - counts.diagonal()
    table = Table("class", "pixels before", "lost, %", "won, %", "pixels after", "change, %")
    shrunk = []
    for k, name in enumerate(names):
        before, after = int(counts[k].sum()), int(counts[:, k].sum())
        shares = [value / before if before else float("nan") for value in (lost[k], won[k], after - before)]
        table.add_row(
            name, str(before), in_percent(shares[0]), in_percent(shares[1]), str(after), in_percent(shares[2])
        )
        if before and after < (1 - MUCH) * before:
            shrunk.append(f"{name} ({percent(1 - after / before)})")
    console.print(table)
    total, changed = int(counts.sum()), int(lost.sum())
    number = sum(any(a != b for a, b, _ in note) for note in notes)
    console.print(
        f"{percent(changed / total if total else 0.0)} of the pixels changed, in {number} of "
        f"{counted(len(notes), 'image')}; refined masks are in {out / 'masks'}, and your own are as they were"
    )
    if shrunk:
        console.print(
            f"Caution: {', '.join(shrunk)} of their pixels are lost: refiners erase parts that are few pixels wide. "
            f"Look at {out / 'overlays'}, or score both with hardpix diagnose if you have labels",
            style="yellow",
        )
