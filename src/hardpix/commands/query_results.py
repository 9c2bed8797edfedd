"""Second pass of a query: the results of what was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from hardpix.cli.results import write_whole
from hardpix.commands.query_images import evidence_file, read_offer
from hardpix.data import SegmentationFolder, write_mask
from hardpix.data.whole_files import whole_file
from hardpix.report.page_files import FILES
from hardpix.report.queries.cvat import CVAT, AskedImage, write_cvat
from hardpix.report.queries.label_studio import CONFIG, TASKS, write_config, write_tasks
from hardpix.report.queries.overlay import overlay
from hardpix.report.queries.page import DATA, MOST_SHOWN, picture_files, shown_region, write_page, write_pictures
from hardpix.report.queries.regions import Region, asked_mask, by_score, regions_table
from hardpix.training.labeled_before import ASKED

TABLE = "regions.csv"


def results(samples: SegmentationFolder) -> list[str]:
    """Paths of everything that may be written."""
    files = [f"{ASKED}/{stem}.png" for stem in samples.stems]
    files += [f"overlays/{stem}.jpg" for stem in samples.stems]
    files += [file for number in range(len(samples)) for file in picture_files(number)]
    return [*files, TABLE, CVAT, TASKS, CONFIG, DATA, *FILES]


def write_results(
    out: Path, samples: SegmentationFolder, kept: Mapping[str, int], single: bool, facts: Mapping[str, Any]
) -> dict[str, list[Region]]:
    """Masks, pictures, table, tasks and page of what was chosen; its regions by stem.

    Args:
        out: folder of the results, with what each image offers.
        samples: images of the pool.
        kept: number of regions that each image keeps, by stem.
        single: whether regions are single pixels.
        facts: of the page.
    """
    assert samples.classes is not None
    found: dict[str, list[Region]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for stem in samples.stems:
        offer = read_offer(out / evidence_file(stem), kept[stem])
        write_mask(out / ASKED / f"{stem}.png", asked_mask(offer.regions, offer.open_pixels))
        found[stem], sizes[stem] = offer.regions, (offer.heat.shape[0], offer.heat.shape[1])
    ranked = by_score(found)[:MOST_SHOWN]
    shown = {stem for stem, _ in ranked}
    for number, (stem, regions) in enumerate(found.items()):
        if not regions:
            continue
        picture = samples.image_format.picture(samples.files["images"][stem])
        with whole_file(out / "overlays" / f"{stem}.jpg") as file:
            drawn = overlay(picture, regions, single)
            Image.fromarray(drawn).save(file, format="JPEG", quality=90)
        if stem in shown:
            offer = read_offer(out / evidence_file(stem), 0)
            write_pictures(out, number, picture, samples.classes.paint(offer.predicted), offer.heat)
    write_whole(out / TABLE, regions_table(found, samples.classes.names))
    asked = list(_asked(samples, found, sizes))
    write_cvat(out / CVAT, samples.classes, asked, single)
    write_config(out / CONFIG, samples.classes, single)
    write_tasks(out / TASKS, samples.classes, asked, single, "hardpix query")
    _write_page(out, samples, ranked, sizes, facts)
    return found


def _asked(
    samples: SegmentationFolder, found: Mapping[str, list[Region]], sizes: Mapping[str, tuple[int, int]]
) -> Iterator[AskedImage]:
    for stem, regions in found.items():
        if regions:
            name = samples.files["images"][stem].relative_to(samples.folders.images).as_posix()
            yield AskedImage(name, sizes[stem], regions)


def _write_page(
    out: Path,
    samples: SegmentationFolder,
    ranked: Sequence[tuple[str, Region]],
    sizes: Mapping[str, tuple[int, int]],
    facts: Mapping[str, Any],
) -> None:
    assert samples.classes is not None
    numbers = {stem: number for number, stem in enumerate(samples.stems)}
    images = [{"stem": stem, "width": sizes[stem][1], "height": sizes[stem][0]} for stem in samples.stems]
    write_page(out, facts, samples.classes, images, [shown_region(numbers[stem], region) for stem, region in ranked])
