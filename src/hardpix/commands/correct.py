"""``hardpix correct``: labels that look wrong, to be accepted or rejected one by one."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.table import Table
from torch.utils.data import Subset

from hardpix.cli.arguments import checked_input
from hardpix.cli.errors import UsageError
from hardpix.cli.folder_lock import OWN
from hardpix.cli.output import Output, output_folder
from hardpix.cli.results import write_whole
from hardpix.commands.apply_decisions import apply_decisions
from hardpix.commands.signal_maps import mined_signal
from hardpix.data import ClassTable, SegmentationFolder, Transformed, write_mask
from hardpix.data.labels import Label
from hardpix.data.masks import read_mask
from hardpix.data.rewrite_mask import rewrite_mask
from hardpix.data.whole_files import whole_file
from hardpix.data.wording import counted
from hardpix.metrics import confident_thresholds, self_confidence_counts
from hardpix.report.corrections.decisions import PROPOSALS, digest, fingerprint_of
from hardpix.report.corrections.page import DATA, FILES, picture_files, shown_region, write_page, write_pictures
from hardpix.report.corrections.regions import Evidence, Region, Rule, find_regions
from hardpix.signals import Signal
from hardpix.training.fingerprint import fingerprint
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import console, infer, open_run
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask
from hardpix.training.trained_on import trained_on

COLUMNS = ("image", "region", "top", "left", "bottom", "right", "pixels", "from", "to", "confidence", "margin")


def correct(
    out: Path,
    run: Path | None = None,
    images: Path | None = None,
    masks: Path | None = None,
    apply: Path | None = None,
    proposals: Path | None = None,
    confidence: float = 0.5,
    min_area: int = 20,
    border: int = 2,
    signal: str | None = None,
    min_level: float = 0.0,
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
    """Find labels of which a trained network is sure that they are wrong, and write corrected masks beside them.

    With --run, --images and --masks it writes OUT/masks, your masks with all regions corrected: same names, size, ids
    and format, and copies of those without a region. OUT/changes holds 16-bit png with the number of the region at each
    changed pixel, OUT/regions.csv a row for each region. OUT/index.html shows them one by one, to accept or reject
    each; its decisions are a file. With --apply it writes your masks with the accepted regions alone. Your own masks
    stay as they are.

    Args:
        out: New folder for the results.
        run: Folder that hardpix fit wrote; best one that was not trained on these images.
        images: Folder of images; searched with its subfolders.
        masks: Folder of their masks.
        apply: File of decisions that the page saved, instead of a run, images and masks.
        proposals: Folder that the page lies in, where it was moved since.
        confidence: Least mean probability of a class that a label is corrected to. Each class has a threshold of its
            own, the mean probability that the network gives to it where it is the label, which holds where it is
            higher.
        min_area: Smaller regions are left alone, in pixels.
        border: Regions within so many pixels of labels of their new class are left alone, for there people and networks
            draw borders differently. 0 takes them too.
        signal: Class or name of a signal of the run whose mean each region gets, such as OnlineHard; by default the
            learned hardness, if the run has it.
        min_level: Regions whose mean of that signal is lower are left alone; above 0, the label must be hard and the
            network sure.
        checkpoint: best, last, or the path of a checkpoint. An early one has learned fewer wrong labels by heart.
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
    if apply is not None:
        also = [f"--{name}" for name, value in (("run", run), ("images", images), ("masks", masks)) if value]
        if also:
            raise UsageError(f"expected either --apply or --run, --images and --masks, found both: leave out {also[0]}")
        apply_decisions(apply, out, proposals, overwrite)
        return
    if run is None or images is None or masks is None:
        needed = {"--run": run, "--images": images, "--masks": masks}
        raise UsageError(
            "expected --run, --images and --masks to look for wrong labels, or --apply FILE with decisions on them, "
            f"found no {', no '.join(option for option, value in needed.items() if value is None)}"
        )
    folder = Run(run, trust_run)
    with ExitStack() as until_done:
        with checked_input():
            rule = Rule(np.empty(0), confidence, min_area, border, min_level)
            given = GivenFiles(images, masks, image_suffix, mask_suffix, label_map, threshold, palette, max_pixels)
            task, samples, checked = open_run(folder, checkpoint, device, given)
            assert samples.classes is not None
            chosen = _signal(task, signal, masks)
            if chosen is None and min_level > 0:
                raise ValueError(
                    "expected a run that learned hardness for --min_level, found one without: leave it out, or name "
                    "another signal of the run (--signal)"
                )
            made_by = {
                "command": "correct",
                "checkpoint": str(folder.checkpoint(checkpoint)),
                "images": str(images),
                "masks": str(masks),
            }
            settings = [confidence, min_area, border, signal, min_level, label_map, threshold, palette]
            evidence = {stem: [f"{OWN}evidence/{stem}.npz"] for stem in samples.stems}
            read = [images, masks, *folder.data_folders()]
            output = until_done.enter_context(
                output_folder(
                    Output(out, evidence, _results(samples, masks)),
                    read,
                    overwrite,
                    made_by,
                    fingerprint(folder, checkpoint, samples, {**made_by, "settings": settings}),
                    checked.everything,
                )
            )
        seen = trained_on(folder, samples.files["images"])
        for sentence in seen.sentences(
            "a network learns wrong labels there by heart and then agrees with them, so that few are found. Train on "
            "one half and correct the other, give an early checkpoint (--checkpoint), or train with "
            "hardpix.labelers.EarlyLearning"
        ):
            console.print(sentence)
        _look(task, folder, samples, chosen, output)
        counts = np.sum([output.notes[stem]["self_confidence"] for stem in samples.stems], axis=0)
        rule = Rule(confident_thresholds(counts), confidence, min_area, border, min_level)
        values = _stored_as(samples.classes, [output.notes[stem]["stored"] for stem in samples.stems])
        found = _write(out, masks, samples, rule, values)
        write_whole(out / "regions.csv", regions_table(found, samples.classes.names, chosen))
        digests = {stem: digest(path) for stem, path in samples.files["masks"].items()}
        rows = [[stem, *vars(region).values()] for stem, regions in found.items() for region in regions]
        mark = fingerprint_of(digests, rows)
        record = {
            "fingerprint": mark,
            "mask_folder": str(masks.absolute()),
            "by_color": samples.classes.by_color,
            "max_pixels": samples.image_format.max_pixels,
            "values": values,
            "names": samples.classes.names,
            "thresholds": [None if np.isnan(level) else level for level in rule.thresholds.tolist()],
            "files": {stem: str(path.relative_to(masks)) for stem, path in samples.files["masks"].items()},
            "masks": digests,
            "changes": {stem: digest(_changes(out, stem)) for stem, regions in found.items() if regions},
        }
        write_whole(out / PROPOSALS, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        _write_page(out, samples, found, mark, chosen)
        shutil.rmtree(out / f"{OWN}evidence")
        _say(out, samples.classes, found, rule)


def _signal(task: SegmentationTask, name: str | None, masks: Path) -> Signal | None:
    if name is not None:
        return mined_signal(task, name, masks)
    shown = task.shown_signal
    return None if shown is None or shown.reads or shown.needs_target else shown


def _results(samples: SegmentationFolder, masks: Path) -> list[str]:
    """Paths of everything that may be written."""
    files = [f"masks/{path.relative_to(masks)}" for path in samples.files["masks"].values()]
    files += [f"changes/{stem}.png" for stem in samples.stems]
    files += [file for number in range(len(samples)) for file in picture_files(number)]
    return [*files, "regions.csv", PROPOSALS, DATA, *FILES]


def _changes(out: Path, stem: str) -> Path:
    return out / "changes" / f"{stem}.png"


def _look(
    task: SegmentationTask, folder: Run, samples: SegmentationFolder, signal: Signal | None, output: Output
) -> None:
    """Ask the network about every image, and keep what it says for when all have been asked."""
    assert samples.classes is not None
    transformed = Transformed(samples, folder.evaluation_transform())
    asked = infer(task, Subset(transformed, output.remaining), signal=signal, probabilities=True, label="looking")
    with closing(asked) as found_all:
        for found in found_all:
            assert found.target is not None
            assert found.probabilities is not None
            target, shares = found.target.numpy(), found.probabilities.float().numpy()
            inside = np.where(target == task.ignore_index, 0, target)[None]
            maps = {
                "target": target.astype(np.int32),
                "predicted": found.prediction.numpy().astype(np.int32),
                "confidence": found.confidence.numpy(),
                "own": np.take_along_axis(shares, inside, 0)[0],
            }
            if found.level is not None:
                maps["level"] = found.level.numpy()
            with whole_file(output.folder / output.files[found.stem][0]) as file:
                np.savez(file, **maps)
            path = samples.files["masks"][found.stem]
            by_color = samples.classes.by_color
            stored = read_mask(path, by_color=by_color, max_pixels=samples.image_format.max_pixels)
            note = {
                "self_confidence": self_confidence_counts(shares, target, task.ignore_index).tolist(),
                "stored": [[label, count] for label, count in samples.classes.count(stored).items()],
            }
            output.done(found.stem, note)


def _stored_as(classes: ClassTable, found: Sequence[Sequence[Any]]) -> list[Any]:
    """For each class the id or color that most pixels of the given masks have for it; None where none has any."""
    counts: list[Counter[Label]] = [Counter() for _ in classes.names]
    for label, count in [pair for image in found for pair in image]:
        # JSON has no tuples.
        stored = tuple(label) if isinstance(label, list) else label
        index = classes.index_of(stored)
        if index is not None and index >= 0:
            counts[index][stored] += count
    return [each.most_common(1)[0][0] if each else None for each in counts]


def _write(
    out: Path, masks: Path, samples: SegmentationFolder, rule: Rule, values: Sequence[Any]
) -> dict[str, list[Region]]:
    """Masks, maps of changes and pictures of every image; its regions by stem."""
    assert samples.classes is not None
    found = {}
    for number, stem in enumerate(samples.stems):
        with np.load(out / f"{OWN}evidence/{stem}.npz") as maps:
            evidence = Evidence(**{name: maps[name] for name in maps.files if name != "target"})
            target = maps["target"]
        regions, changes = find_regions(target, target != samples.ignore_index, evidence, rule)
        path = samples.files["masks"][stem]
        edits = [(changes == region.number, values[region.suggested]) for region in regions]
        by_color, limit = samples.classes.by_color, samples.image_format.max_pixels
        rewrite_mask(path, out / "masks" / path.relative_to(masks), edits, by_color=by_color, max_pixels=limit)
        write_mask(_changes(out, stem), changes)
        if regions:
            picture = samples.image_format.picture(samples.files["images"][stem])
            write_pictures(out, number, picture, samples.classes.paint(target))
        found[stem] = regions
    return found


def _write_page(
    out: Path, samples: SegmentationFolder, found: Mapping[str, list[Region]], mark: str, signal: Signal | None
) -> None:
    assert samples.classes is not None
    images, shown = [], []
    for number, (stem, regions) in enumerate(found.items()):
        changes = read_mask(_changes(out, stem))
        images.append({"stem": stem, "width": changes.shape[1], "height": changes.shape[0]})
        shown += [shown_region(number, region, changes) for region in regions]
    facts = {"proposals": str(out.absolute()), "fingerprint": mark, "signal": None if signal is None else signal.name}
    write_page(out, facts, samples.classes, images, shown)


def regions_table(found: Mapping[str, list[Region]], names: Sequence[str], signal: Signal | None) -> str:
    """Table of the regions as text; the last column has the name of the signal, if there is one.

    Example:
        >>> region = Region(1, 0, 1, 40, (0, 2, 4, 12), 0.75, 0.5)
        >>> print(regions_table({"a": [region]}, ["road", "pole"], None), end="")
        image,region,top,left,bottom,right,pixels,from,to,confidence,margin
        a,1,0,2,4,12,40,road,pole,0.7500,0.5000
    """
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, *([] if signal is None else [signal.name])])
    for stem, regions in found.items():
        for region in regions:
            row = [stem, region.number, *region.box, region.pixels, names[region.given], names[region.suggested]]
            row += [f"{region.confidence:.4f}", f"{region.margin:.4f}"]
            table.writerow([*row, *([] if region.level is None else [f"{region.level:.4f}"])])
    return text.getvalue()


def _say(out: Path, classes: ClassTable, found: Mapping[str, list[Region]], rule: Rule) -> None:
    pairs: dict[tuple[int, int], list[int]] = {}
    for region in [region for regions in found.values() for region in regions]:
        pairs.setdefault((region.given, region.suggested), []).append(region.pixels)
    if not pairs:
        console.print(
            f"no label of {counted(len(found), 'image')} looks wrong by these settings; lower --min_area or "
            "--confidence for more. The masks in OUT are copies"
        )
        return
    table = Table("label", "looks like", "from confidence", "regions", "pixels")
    for (given, suggested), pixels in sorted(pairs.items(), key=lambda pair: -sum(pair[1])):
        level = max(rule.thresholds[suggested], rule.confidence)
        row = [classes.names[given], classes.names[suggested], f"{level:.2f}", str(len(pixels)), str(sum(pixels))]
        table.add_row(*row)
    console.print(table)
    number, changed = sum(map(len, found.values())), sum(1 for regions in found.values() if regions)
    console.print(
        f"{counted(number, 'region')} in {changed} of {counted(len(found), 'image')}; masks with all of them corrected "
        f"are in {out / 'masks'}, and your own are as they were. Accept or reject them one by one in "
        f"{out / 'index.html'}, save the decisions, then:\n  hardpix correct --apply decisions.json --out DIR"
    )
