"""``hardpix mine``: write the learned hardness, or the map of another signal, of every pixel."""

from __future__ import annotations

import csv
from contextlib import ExitStack, closing
from io import StringIO
from pathlib import Path
from typing import Literal

import numpy as np
from torch.utils.data import Subset

from hardpix.cli.arguments import checked_input
from hardpix.cli.output import Output, output_folder
from hardpix.cli.results import write_whole
from hardpix.commands.map_caution import MapCaution
from hardpix.commands.signal_maps import mined_signal, write_level
from hardpix.data import Transformed
from hardpix.data.wording import counted
from hardpix.training.fingerprint import fingerprint
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import console, infer, open_run
from hardpix.training.run import Run


def mine(
    run: Path,
    images: Path,
    out: Path,
    masks: Path | None = None,
    signal: str | None = None,
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
    """Write the learned hardness of every pixel of every image, or the map of another signal of the run.

    Writes OUT/hardness, 16-bit png of 65535 × sigmoid(D), and OUT/hardness.csv. Its columns are the number of pixels,
    the mean and the 95th percentile of the hardness, per image and class; the class "all" is the whole image. Maps of
    other signals, which have no fixed scale, are float32 npy with the values themselves; folder and table have the
    signal's name. --data.weights of another training takes both kinds as its weight maps.

    Args:
        run: Folder that hardpix fit wrote.
        images: Folder of images; searched with its subfolders.
        out: New folder for the results.
        masks: Folder of masks; the table then goes by their classes, else by the predicted ones. Signals that need
            labels, such as ClassBalance, take them from here.
        signal: Class or name of a signal of the run's objective, such as OnlineHard; by default the learned hardness.
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
        trust_run: Whether classes of any module may be imported that the run names; for your own runs and those of
            people you trust.
    """
    folder = Run(run, trust_run)
    with ExitStack() as until_done:
        with checked_input():
            given = GivenFiles(images, masks, image_suffix, mask_suffix, label_map, threshold, palette, max_pixels)
            task, samples, checked = open_run(folder, checkpoint, device, given)
            chosen = mined_signal(task, signal, masks)
            ending = "png" if chosen.has_level else "npy"
            classes = folder.read_classes()
            made_by = {"command": "mine", "checkpoint": str(folder.checkpoint(checkpoint)), "images": str(images)}
            files = {stem: [f"{chosen.name}/{stem}.{ending}"] for stem in samples.stems}
            depends_on = fingerprint(
                folder,
                checkpoint,
                samples,
                {**made_by, "signal": chosen.name, "masks": [masks, label_map, threshold, palette]},
            )
            named = {"signal": chosen.name, "expects_loss": chosen.expects_loss}
            read = [images, *([] if masks is None else [masks]), *folder.data_folders()]
            output = until_done.enter_context(
                output_folder(
                    Output(out, files, [f"{chosen.name}.csv"]),
                    read,
                    overwrite,
                    made_by | named,
                    depends_on,
                    checked.everything,
                )
            )
        caution = MapCaution(f"{chosen.name} map")
        transformed = Transformed(samples, folder.evaluation_transform())
        found_all = infer(task, Subset(transformed, output.remaining), signal=chosen, label="mining")
        for found in until_done.enter_context(closing(found_all)):
            assert found.level is not None
            level = found.level.numpy()
            write_level(out / files[found.stem][0], level, chosen)
            caution.add(level)
            source, index = ("prediction", found.prediction) if found.target is None else ("mask", found.target)
            rows = []
            for name, pixels in by_class(level, index.numpy(), classes.names):
                row = [len(pixels), f"{pixels.mean(dtype=np.float64):.6f}", f"{np.quantile(pixels, 0.95):.6f}"]
                rows.append([found.stem, name, source, *row])
            output.done(found.stem, rows)
        text = StringIO()
        table = csv.writer(text)
        table.writerow(["image", "class", "class_from", "pixels", "mean", "p95"])
        table.writerows(row for stem in samples.stems for row in output.notes[stem])
        write_whole(out / f"{chosen.name}.csv", text.getvalue())
        console.print(f"{chosen.name} of {counted(len(samples), 'image')} in {out}")
        if said := caution.sentence():
            console.print(said, style="yellow")


def by_class(values: np.ndarray, index: np.ndarray, names: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    """The values of "all" pixels, then those of each class that has any.

    Example:
        >>> by_class(np.array([[0.1, 0.9]]), np.array([[1, 255]]), ("road", "pole"))
        [('all', array([0.1, 0.9])), ('pole', array([0.1]))]
    """
    groups = [("all", values.ravel())] + [(name, values[index == k]) for k, name in enumerate(names)]
    return [(name, pixels) for name, pixels in groups if len(pixels)]
