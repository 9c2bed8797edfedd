"""``hardpix query``: the regions or pixels that a person should label next."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from rich.table import Table

from hardpix.cli.arguments import checked_input
from hardpix.cli.folder_lock import OWN
from hardpix.cli.output import Output, output_folder
from hardpix.commands.query_images import Rule, evidence_file, look, pixels_of, read_picks
from hardpix.commands.query_results import results, write_results
from hardpix.commands.query_score import RIPU, query_score
from hardpix.data import ClassTable
from hardpix.data.annotations import ASK
from hardpix.data.wording import counted
from hardpix.pixels import best_over_images
from hardpix.pixels.percent import percent
from hardpix.report.queries.page import MOST_SHOWN
from hardpix.report.queries.regions import Region
from hardpix.training.fingerprint import fingerprint
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import console, open_run
from hardpix.training.labeled_before import labeled_before
from hardpix.training.run import Run

# Reach of a region that a person can label, where RIPU's own is 1; and of the window around a single pixel, RIPU's own.
REGION, PIXEL = 9, 32
# So many times the budget is the most that one image gives where all share one.
MOST = 5


def query(
    run: Path,
    images: Path,
    out: Path,
    budget: float = 0.02,
    masks: Path | None = None,
    asked: Path | list[Path] | None = None,
    signal: str | list[str] | None = None,
    unit: Literal["regions", "pixels"] = "regions",
    radius: int | None = None,
    budget_over: Literal["image", "pool"] = "image",
    image_share: float | None = None,
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
    """Choose the regions or pixels of a pool of images that a person should label next.

    Writes OUT/ask, a mask for each image that is 255 where a label is asked for. OUT/regions.csv has a row for each
    region by falling score, with the class that the network takes it for. OUT/overlays has pictures of them,
    OUT/index.html walks through them. OUT/cvat.xml is to be imported by CVAT, OUT/label_studio.xml and
    OUT/label_studio.json by Label Studio. hardpix rasterize makes masks of what comes back, and hardpix fit trains on
    them. Images that cannot be read are listed and left out.

    Args:
        run: Folder that hardpix fit wrote.
        images: Folder of images, the pool; searched with its subfolders.
        out: New folder for the results.
        budget: Share of all pixels to ask for in this round, above 0 and at most 1.
        masks: Folder of masks of earlier rounds; pixels that have a label are not asked for again. Some images may have
            none.
        asked: Folder that hardpix query wrote before; what it asked for is not asked again, labeled or not. May be
            given more than once.
        signal: RegionImpurity, Entropy, Margin, or the class or name of a signal of the run, such as HardnessLevel.
            Given more than once, the signals are multiplied. By default RegionImpurity × Entropy (RIPU).
        unit: Whether square regions or single pixels are asked for.
        radius: Reach of a region in pixels, by default 9 for regions of 19 × 19; no two of them overlap. With single
            pixels reach of the neighborhood that one pixel stands for, by default 32.
        budget_over: Whether each image has this budget, or all share one and the highest scores of the pool take it.
        image_share: Most that one image gives, as a share of its pixels, where all images share one budget; by default
            five times the budget.
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
    single = unit == "pixels"
    with ExitStack() as until_done:
        with checked_input():
            reach = (PIXEL if single else REGION) if radius is None else radius
            rule = chosen_rule(budget, single, reach, budget_over, image_share)
            names = RIPU if signal is None else [signal] if isinstance(signal, str) else signal
            earlier = [] if asked is None else [asked] if isinstance(asked, Path) else asked
            given = GivenFiles(images, masks, image_suffix, mask_suffix, label_map, threshold, palette, max_pixels)
            pool = GivenFiles(images, None, image_suffix, None, label_map, threshold, palette, max_pixels)
            task, samples, checked = open_run(folder, checkpoint, device, pool)
            classes = samples.classes
            assert classes is not None
            require_no_class_called_so(classes)
            score = query_score(task, names, rule.radius, reach)
            samples, before = labeled_before(folder, samples, given, earlier)
            made_by = {
                "command": "query",
                "checkpoint": str(folder.checkpoint(checkpoint)),
                "images": str(images),
                "signals": list(score.names),
                "unit": unit,
                "radius": reach,
                "budget": budget,
                "budget_over": budget_over,
            }
            settings = {"masks": [label_map, threshold, palette], "files": before.files, "most": rule.most}
            mark = fingerprint(folder, checkpoint, samples, {**made_by, **settings})
            offers = {stem: [evidence_file(stem)] for stem in samples.stems}
            read = [images, *([] if masks is None else [masks]), *earlier, *folder.data_folders()]
            output = until_done.enter_context(
                output_folder(
                    Output(out, offers, results(samples)),
                    read,
                    overwrite,
                    made_by,
                    mark,
                    [*checked.everything, *before.problems],
                )
            )
        look(task, folder, samples, score, rule, before, output)
        total = sum(output.notes[stem][0] for stem in samples.stems)
        picks = [read_picks(out / evidence_file(stem)) for stem in samples.stems]
        numbers = [len(each) for each in picks]
        if rule.most is not None:
            numbers = best_over_images(picks, pixels_of(total, budget))
        kept = dict(zip(samples.stems, numbers, strict=True))
        pixels = sum(int(each.pixels[:count].sum()) for each, count in zip(picks, numbers, strict=True))
        summary = summarized(pixels, total, numbers, single)
        facts = {"fingerprint": mark, "summary": summary, "single": single, "signals": " × ".join(score.names)}
        found = write_results(out, samples, kept, single, facts)
        shutil.rmtree(out / f"{OWN}evidence")
        if any(numbers):
            console.print(_table(classes, found, pixels))
        console.print(f"{summary}; what to label is in {out / 'ask'}, {out / 'index.html'} walks through it")
        if sum(numbers) > MOST_SHOWN:
            console.print(f"the page shows the first {MOST_SHOWN}; all of them are in {out / 'regions.csv'}")
        if pixels < pixels_of(total, budget):
            console.print(_too_little(pixels, total, rule), style="yellow")


def chosen_rule(budget: float, single: bool, reach: int, budget_over: str, image_share: float | None) -> Rule:
    """The rule of these settings.

    Args:
        budget: share of the pixels.
        single: whether single pixels are asked for, and not regions.
        reach: of a region, or of the neighborhood of a single pixel.
        budget_over: "image" or "pool".
        image_share: most that one image gives; None is five times the budget.

    Raises:
        ValueError: settings outside their range, or without an effect.

    Example:
        >>> chosen_rule(0.02, False, 1, "image", None)
        Rule(radius=1, apart=2, budget=0.02, most=None)
    """
    if not 0 < budget <= 1:
        raise ValueError(
            f"expected budget as a share of the pixels, above 0 and at most 1, found {budget:g}; 2 % is --budget 0.02"
        )
    if reach < 1:
        raise ValueError(f"expected radius ≥ 1 pixel, found {reach}; --unit pixels asks for single pixels")
    if image_share is not None and budget_over == "image":
        raise ValueError("expected --budget_over pool for --image_share, found image: each image has the same budget")
    if image_share is not None and not budget <= image_share <= 1:
        raise ValueError(f"expected image_share from the budget, {budget:g}, to 1, found {image_share:g}")
    most = None
    if budget_over == "pool":
        most = min(1.0, MOST * budget) if image_share is None else image_share
    return Rule(0, reach, budget, most) if single else Rule(reach, 2 * reach, budget, most)


def require_no_class_called_so(classes: ClassTable) -> None:
    """No class has the name of what is to be labeled.

    Raises:
        ValueError: one has.
    """
    if ASK in classes.names:
        raise ValueError(f"expected classes of other names than {ASK!r}, which marks what is to be labeled: rename it")


def summarized(pixels: int, total: int, numbers: list[int], single: bool) -> str:
    """A sentence on all that is asked for.

    Example:
        >>> summarized(200, 10_000, [2, 0], single=False)
        '2 regions in 1 of 2 images ask for 200 pixels, 2 % of all'
    """
    what = counted(sum(numbers), "single pixel" if single else "region")
    verb = "asks" if sum(numbers) == 1 else "ask"
    share = percent(pixels / total)
    images = f"{sum(map(bool, numbers))} of {counted(len(numbers), 'image')}"
    return f"{what} in {images} {verb} for {counted(pixels, 'pixel')}, {share} of all"


def _too_little(pixels: int, total: int, rule: Rule) -> str:
    why = "no more is left that has no label and lies apart from what has"
    more = "take a smaller --radius"
    if rule.most is not None:
        why += f", and no image gives more than {percent(rule.most)}"
        more += " or a larger --image_share"
    return f"fewer than the budget of {percent(rule.budget)}: {why}; for more {more}"


def _table(classes: ClassTable, found: Mapping[str, list[Region]], pixels: int) -> Table:
    """Classes that the network takes the regions for, and how sure it is there."""
    table = Table("network says", "regions", "of the pixels asked for, %", "mean confidence")
    for index, name in enumerate(classes.names):
        own = [region for regions in found.values() for region in regions if region.predicted == index]
        if own:
            count = sum(region.pixels for region in own)
            sure = sum(region.confidence * region.pixels for region in own) / count
            table.add_row(name, str(len(own)), f"{100 * count / pixels:.1f}", f"{sure:.2f}")
    return table
