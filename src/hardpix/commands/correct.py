"""``hardpix correct``: labels that look wrong, to be accepted or rejected one by one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np
from rich.table import Table

from hardpix.cli.arguments import checked_input
from hardpix.cli.errors import UsageError
from hardpix.cli.folder_lock import OWN
from hardpix.cli.output import Output, output_folder
from hardpix.cli.results import write_whole
from hardpix.commands.apply_decisions import apply_decisions
from hardpix.commands.corrected_masks import changes_file, regions_table, write_masks, write_regions_page
from hardpix.commands.label_evidence import look, stored_as
from hardpix.commands.signal_maps import mined_signal
from hardpix.data import ClassTable, SegmentationFolder
from hardpix.data.wording import counted
from hardpix.metrics import confident_thresholds
from hardpix.networks.views import require_views
from hardpix.report.corrections.decisions import PROPOSALS, digest, fingerprint_of
from hardpix.report.corrections.page import DATA, picture_files
from hardpix.report.corrections.precision import precision_from
from hardpix.report.corrections.regions import Region, Rule
from hardpix.report.page_files import FILES
from hardpix.signals import Signal
from hardpix.training.class_scores import caution_about_labels, class_ious
from hardpix.training.fingerprint import fingerprint
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import console, open_run
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask
from hardpix.training.trained_on import trained_on

POOR_NETWORK = (
    "a poor network is often sure and wrong, so that most regions of these classes are errors of its own: do not take "
    "the masks as they are, decide on each region, or train this network further first"
)


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
    most_given: float = 0.015,
    least_right: float = 0.5,
    agreement: float = 0.8,
    scales: Sequence[float] = (1.0, 1.5),
    flip: bool = False,
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
        most_given: Largest mean probability that the network gives to the label of a region; 1 allows any.
        least_right: A class is proposed from the confidence on at which the network is right in this share of the
            pixels where it says the class, by the given labels. 0 asks for none.
        agreement: Share of a region's pixels at which all views of the image say its new class; 0 asks for none.
        scales: Sizes at which each image is looked at, as factors; the probabilities are the mean of all views.
        flip: Whether each of them is looked at mirrored, too.
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
            settings_of_rule = (confidence, min_area, border, min_level, most_given, agreement, least_right)
            rule = Rule(np.empty(0), *settings_of_rule)
            require_views(scales)
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
            settings = [*settings_of_rule, signal, label_map, threshold, palette, list(scales), flip]
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
        if caution := caution_about_labels(class_ious(folder, checkpoint), POOR_NETWORK):
            console.print("\n- ".join(["Caution", *caution]), style="yellow")
        look(task, folder, samples, chosen, output, scales, flip)
        counts, said = (
            np.sum([output.notes[stem][key] for stem in samples.stems], axis=0) for key in ("self_confidence", "said")
        )
        rule = Rule(confident_thresholds(counts), *settings_of_rule, precision_from(said))
        values = stored_as(samples.classes, [output.notes[stem]["stored"] for stem in samples.stems])
        found = write_masks(out, masks, samples, rule, values)
        write_whole(out / "regions.csv", regions_table(found, samples.classes.names, chosen, rule.levels.tolist()))
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
            "thresholds": [level if np.isfinite(level) else None for level in rule.levels.tolist()],
            "files": {stem: str(path.relative_to(masks)) for stem, path in samples.files["masks"].items()},
            "masks": digests,
            "changes": {stem: digest(changes_file(out, stem)) for stem, regions in found.items() if regions},
        }
        write_whole(out / PROPOSALS, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        write_regions_page(out, samples, found, mark, chosen, rule.levels.tolist())
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


def _say(out: Path, classes: ClassTable, found: Mapping[str, list[Region]], rule: Rule) -> None:
    pairs: dict[tuple[int, int], list[int]] = {}
    for region in [region for regions in found.values() for region in regions]:
        pairs.setdefault((region.given, region.suggested), []).append(region.pixels)
    if not pairs:
        console.print(
            f"no label of {counted(len(found), 'image')} looks wrong by these settings; raise --most_given, or lower "
            "--agreement, --least_right or --min_area, for more. The masks in OUT are copies"
        )
        return
    table = Table("label", "looks like", "from confidence", "regions", "pixels")
    for (given, suggested), pixels in sorted(pairs.items(), key=lambda pair: -sum(pair[1])):
        level = f"{rule.levels[suggested]:.2f}"
        row = [classes.names[given], classes.names[suggested], level, str(len(pixels)), str(sum(pixels))]
        table.add_row(*row)
    console.print(table)
    number, changed = sum(map(len, found.values())), sum(1 for regions in found.values() if regions)
    console.print(
        f"{counted(number, 'region')} in {changed} of {counted(len(found), 'image')}; masks with all of them corrected "
        f"are in {out / 'masks'}, and your own are as they were. Accept or reject them one by one in "
        f"{out / 'index.html'}, save the decisions, then:\n  hardpix correct --apply decisions.json --out DIR"
    )
