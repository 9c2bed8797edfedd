"""``hardpix mine``: write the learned hardness, or the map of another signal, of every pixel."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Literal

import numpy as np
from torch.utils.data import Subset

from hardpix.cli.arguments import checked_input
from hardpix.cli.errors import UsageError
from hardpix.cli.output import Output, output_folder
from hardpix.cli.results import write_whole
from hardpix.commands.predict import to_16_bit
from hardpix.data import Transformed, write_mask
from hardpix.data.whole_files import whole_file
from hardpix.data.wording import counted
from hardpix.objectives import signal_named, signals_in
from hardpix.signals import Signal
from hardpix.training.fingerprint import fingerprint
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import console, infer, open_run
from hardpix.training.run_folder import RunFolder
from hardpix.training.task import SegmentationTask


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
    folder = RunFolder(run, trust_run)
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
        transformed = Transformed(samples, folder.evaluation_transform())
        for found in infer(task, Subset(transformed, output.remaining), signal=chosen, label="mining"):
            assert found.level is not None
            level = found.level.numpy()
            write_level(out / files[found.stem][0], level, chosen)
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


def mined_signal(task: SegmentationTask, name: str | None, masks: Path | None) -> Signal:
    """The signal of a run whose map is written.

    Raises:
        ValueError: the run has none of that name; one whose map cannot be computed from images, or without masks; one
            whose name is no name of a folder.
    """
    signal = task.shown_signal if name is None else signal_named(getattr(task.recipe, "objective", task.recipe), name)
    if signal is None:
        raise ValueError(
            "expected a run that learned hardness, found one whose objective has no HardnessLevel signal; "
            + _instead(task, masks)
        )
    kind = type(signal).__name__
    if signal.reads:
        raise ValueError(
            f"{kind} reads {' and '.join(sorted(signal.reads))} maps, found images alone; {_instead(task, masks)}"
        )
    if signal.needs_target and masks is None:
        raise ValueError(f"{kind} needs labels, found images without: give the folder of their masks (--masks)")
    if signal.name in ("", ".", "..") or Path(signal.name).name != signal.name:
        raise ValueError(
            f"expected a name for a folder as the name of {kind}, found {signal.name!r}; rename the signal"
        )
    return signal


def _instead(task: SegmentationTask, masks: Path | None) -> str:
    """Advice: the signals of the run that can be mined, or how to train a run that has one."""
    others = {type(each).__name__: each for each in signals_in(task.recipe) if not each.reads}
    options = [
        f"--signal {name}" + (" --masks DIR" if each.needs_target and masks is None else "")
        for name, each in others.items()
    ]
    if options:
        return f"mine another signal that it has: {' or '.join(options)}"
    return (
        "it has no signal that images alone give: train one with --model.objective WeightedCrossEntropy "
        "--model.objective.signal HardnessLevel, which is what hardpix fit does by default"
    )


def write_level(file: Path, level: np.ndarray, signal: Signal) -> None:
    """A map on the scale 0 to 1 as 16-bit png, another one as float32 npy; folders are made as needed.

    Raises:
        UsageError: a level outside 0 to 1; a map that is not finite, or negative.
    """
    if not signal.has_level:
        faulty = ~np.isfinite(level) | (level < 0)
        if faulty.any():
            raise UsageError(
                f"expected a finite map ≥ 0 of {type(signal).__name__}, found NaN, infinity or values below 0 in "
                f"{100 * faulty.mean():.3g} % of the pixels of {file.stem}: mend the signal's forward; "
                "hardpix.testing.check_signal looks for the batches that do it"
            )
        with whole_file(file) as written:
            np.save(written, level.astype(np.float32))
        return
    # Resizing may leave the scale by a rounding.
    if not (level.min() >= -1e-6 and level.max() <= 1 + 1e-6):
        raise UsageError(
            f"expected {type(signal).__name__}.level from 0 to 1, found {level.min():g} to {level.max():g} in "
            f"{file.stem}: give another scale, or leave level out and the map itself is written"
        )
    write_mask(file, to_16_bit(level))


def by_class(values: np.ndarray, index: np.ndarray, names: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    """The values of "all" pixels, then those of each class that has any.

    Example:
        >>> by_class(np.array([[0.1, 0.9]]), np.array([[1, 255]]), ("road", "pole"))
        [('all', array([0.1, 0.9])), ('pole', array([0.1]))]
    """
    groups = [("all", values.ravel())] + [(name, values[index == k]) for k, name in enumerate(names)]
    return [(name, pixels) for name, pixels in groups if len(pixels)]
