"""Data of a report to a folder that opens from disk by a double click."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from hardpix.diagnosis.error_index import ErrorIndex
from hardpix.report.data_scripts import as_script, assign
from hardpix.report.report_folder import PICTURES, is_report

PAGE = Path(__file__).parent / "page"
# Details of this many images are loaded at once.
CHUNK = 100


def write_report(
    out: Path, summary: Mapping[str, Any], images: Mapping[str, Any], details: Iterable[Mapping[str, Any]]
) -> None:
    """Write the page and its data into a folder that `prepare_report` made, after the pictures have been written.

    The page shows the pictures and thumbnails that lie in the folder by then.

    Args:
        out: the folder.
        summary: what holds for the whole set.
        images: `stem`, `width`, `height`: one entry an image; `columns`: name → the same; `against` likewise, of the
            report compared with.
        details: one dict an image, in order, read once: `kinds`, `bands`, `objects`, `class_iou`.

    Raises:
        FileNotFoundError: the folder has not been prepared.
        ValueError: lengths differ from the number of images.
    """
    if not is_report(out):
        raise FileNotFoundError(f"expected a folder that prepare_report made, found {out}")
    count = len(images["stem"])
    columns = {"width": images["width"], "height": images["height"]}
    columns |= {**images["columns"], **{f"against {key}": values for key, values in images.get("against", {}).items()}}
    if wrong := [f"{len(values)} of {name}" for name, values in columns.items() if len(values) != count]:
        raise ValueError(f"expected one value for each of the {count} images, found {', '.join(wrong)}")
    data = out / "data"
    (data / "details").mkdir(parents=True, exist_ok=True)
    index = ErrorIndex()
    seen = 0
    remaining = iter(details)
    while group := list(islice(remaining, CHUNK)):
        for number, entry in enumerate(group, seen):
            index.add(number, entry)
        chunk = seen // CHUNK
        # The index has the bands.
        shown = [{name: value for name, value in entry.items() if name != "bands"} for entry in group]
        script = f"hardpixData({as_script(shown)});\n"
        (data / "details" / f"{chunk:04d}.js").write_text(script, encoding="ascii")
        seen += len(group)
    if seen != count:
        raise ValueError(f"expected details of {count} images, found those of {seen}")
    assign(data / "summary.js", "hardpixReport", summary)
    pictures = {
        "layers": _layers(out / "pictures", count),
        "against_layers": _layers(out / "against" / "pictures", count),
        "thumbnails": _thumbnails(out / "thumbnails", count),
        "errors": index.as_dict(),
    }
    assign(data / "images.js", "hardpixImages", {**images, **pictures})
    _copy_page(out)


def _layers(pictures: Path, count: int) -> list[int] | None:
    """Image by image which of `PICTURES` there are, a bit each, the first the lowest; None where no image has any."""
    if not pictures.is_dir():
        return None
    return [
        sum(1 << PICTURES.index(name) for name in _names(pictures / f"{k:06d}") & set(PICTURES)) for k in range(count)
    ]


def _thumbnails(folder: Path, count: int) -> list[int] | None:
    """Image by image: 1 where there is a thumbnail, 3 with one of its errors; None where no image has any."""
    names = _names(folder)
    return [(f"{k:06d}.jpg" in names) | (f"{k:06d}.png" in names) << 1 for k in range(count)] if names else None


def _names(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()


def _copy_page(out: Path) -> None:
    from plotly.offline import get_plotlyjs

    for name in ("index.html", "report.css"):
        shutil.copyfile(PAGE / name, out / name)
    (out / "scripts").mkdir(exist_ok=True)
    for script in PAGE.glob("scripts/*.js"):
        shutil.copyfile(script, out / "scripts" / script.name)
    (out / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
