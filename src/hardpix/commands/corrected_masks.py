"""Corrected masks, their maps of changes, and the table and page of the regions."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from hardpix.cli.folder_lock import OWN
from hardpix.data import SegmentationFolder, write_mask
from hardpix.data.masks import read_mask
from hardpix.data.rewrite_mask import rewrite_mask
from hardpix.report.corrections.page import shown_region, write_page, write_pictures
from hardpix.report.corrections.regions import Evidence, Region, Rule, find_regions
from hardpix.signals import Signal

COLUMNS = ("image", "region", "top", "left", "bottom", "right", "pixels", "from", "to", "confidence", "margin", "why")


def changes_file(out: Path, stem: str) -> Path:
    """Place of the map of changes of an image."""
    return out / "changes" / f"{stem}.png"


def write_masks(
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
        write_mask(changes_file(out, stem), changes)
        if regions:
            picture = samples.image_format.picture(samples.files["images"][stem])
            write_pictures(out, number, picture, samples.classes.paint(target))
        found[stem] = regions
    return found


def write_regions_page(
    out: Path,
    samples: SegmentationFolder,
    found: Mapping[str, list[Region]],
    mark: str,
    signal: Signal | None,
    levels: Sequence[float],
) -> None:
    """Page that shows the regions one by one, and saves decisions that carry the mark of these masks and regions."""
    assert samples.classes is not None
    images, shown = [], []
    for number, (stem, regions) in enumerate(found.items()):
        changes = read_mask(changes_file(out, stem))
        images.append({"stem": stem, "width": changes.shape[1], "height": changes.shape[0]})
        names = samples.classes.names
        why = [region.why(names, levels[region.suggested]) for region in regions]
        shown += [shown_region(number, each, changes, text) for each, text in zip(regions, why, strict=True)]
    facts = {"proposals": str(out.absolute()), "fingerprint": mark, "signal": None if signal is None else signal.name}
    write_page(out, facts, samples.classes, images, shown)


def regions_table(
    found: Mapping[str, list[Region]], names: Sequence[str], signal: Signal | None, levels: Sequence[float]
) -> str:
    """Table of the regions as text; the last column has the name of the signal, if there is one.

    Example:
        >>> region = Region(1, 0, 1, 40, (0, 2, 4, 12), 0.75, 0.5)
        >>> print(regions_table({"a": [region]}, ["road", "pole"], None, [0.5, 0.6]), end="")
        image,region,top,left,bottom,right,pixels,from,to,confidence,margin,why
        a,1,0,2,4,12,40,road,pole,0.7500,0.5000,"sure of pole: 75 %, believed from 60 %; road has 25 %"
    """
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, *([] if signal is None else [signal.name])])
    for stem, regions in found.items():
        for region in regions:
            row = [stem, region.number, *region.box, region.pixels, names[region.given], names[region.suggested]]
            row += [f"{region.confidence:.4f}", f"{region.margin:.4f}", region.why(names, levels[region.suggested])]
            table.writerow([*row, *([] if region.level is None else [f"{region.level:.4f}"])])
    return text.getvalue()
