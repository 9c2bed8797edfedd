"""``hardpix mine``: write the learned hardness of every pixel."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np

from hardpix.console.arguments import checked_input
from hardpix.console.results import prepare_output
from hardpix.data import Transformed, write_mask
from hardpix.training.inference import console, infer, learned_hardness, open_run
from hardpix.training.predict import to_16_bit
from hardpix.training.run_folder import RunFolder


def mine(
    run: Path,
    images: Path,
    out: Path,
    masks: Path | None = None,
    checkpoint: str = "best",
    device: str | None = None,
    image_suffix: str | None = None,
    mask_suffix: str | None = None,
    label_map: dict[int, int | str] | None = None,
    threshold: int | None = None,
    palette: Literal["ids", "colors"] | None = None,
    max_pixels: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write the learned hardness of every pixel of every image.

    Writes OUT/hardness (16-bit png: 65535 × sigmoid(D), which --data.weights of another training takes as its weight
    maps) and OUT/hardness.csv: per image and class the number of pixels, the mean and the 95th percentile of the
    hardness; the class "all" is the whole image.

    Args:
        run: Folder that hardpix fit wrote.
        images: Folder of images; searched with its subfolders.
        out: New folder for the results.
        masks: Folder of masks; the table then goes by their classes, else by the predicted ones.
        checkpoint: best, last, or the path of a checkpoint.
        device: Such as cpu or cuda:1; a GPU if there is one.
        image_suffix: Ending of the image file names that is no part of the stem; that of the run if none is given.
        mask_suffix: The same of the mask file names.
        label_map: Ids in these masks → number of the run's class, or "ignore"; where they are not those of training.
        threshold: For masks of black and white: numbers at or above it are the run's class 1, others class 0.
        palette: colors reads palette files by the colors that the run's classes have.
        max_pixels: Height × width of the largest file that is read; that of the run if none is given.
        overwrite: Whether earlier results of hardpix in OUT may be replaced; other files never are.
    """
    folder = RunFolder(run)
    with checked_input():
        task, samples, _ = open_run(
            folder,
            checkpoint,
            device,
            images,
            masks,
            image_suffix,
            mask_suffix,
            label_map,
            threshold,
            palette,
            max_pixels,
        )
        learned_hardness(task)
        classes = folder.read_classes()
        made_by = {"command": "mine", "checkpoint": str(folder.checkpoint(checkpoint)), "images": str(images)}
        files = ["hardness.csv", *(f"hardness/{stem}.png" for stem in samples.stems)]
        read = [images, *([] if masks is None else [masks]), *folder.data_folders()]
        prepare_output(out, files, read, overwrite, made_by)
    with (out / "hardness.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "class", "class_from", "pixels", "mean", "p95"])
        for found in infer(task, Transformed(samples, folder.evaluation_transform()), hardness=True, label="mining"):
            assert found.hardness is not None
            hardness = found.hardness.numpy()
            write_mask(out / "hardness" / f"{found.stem}.png", to_16_bit(hardness))
            source, index = ("prediction", found.prediction) if found.target is None else ("mask", found.target)
            for name, pixels in by_class(hardness, index.numpy(), classes.names):
                row = [len(pixels), f"{pixels.mean(dtype=np.float64):.6f}", f"{np.quantile(pixels, 0.95):.6f}"]
                table.writerow([found.stem, name, source, *row])
    console.print(f"hardness of {len(samples)} images in {out}")


def by_class(values: np.ndarray, index: np.ndarray, names: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    """The values of "all" pixels, then those of each class that has any.

    Example:
        >>> by_class(np.array([[0.1, 0.9]]), np.array([[1, 255]]), ("road", "pole"))
        [('all', array([0.1, 0.9])), ('pole', array([0.1]))]
    """
    groups = [("all", values.ravel())] + [(name, values[index == k]) for k, name in enumerate(names)]
    return [(name, pixels) for name, pixels in groups if len(pixels)]
