"""Tables on screen and JSON of one part of the data, for ``hardpix check``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hardpix.data import ClassTable, ImagePaths, ProblemReport
from hardpix.data.errors import Problem
from hardpix.data.file_forms import file_form
from hardpix.data.labels import Label
from hardpix.data.mask_facts import MaskFacts, pixels_of
from hardpix.data.unlabeled import unlabeled_line, unlabeled_pixels
from hardpix.pixels.percent import in_percent

# Rows of a table on screen; the JSON has all of them.
MOST_ROWS = 60


def print_part(console: Console, name: str, folders: ImagePaths, report: ProblemReport) -> None:
    """Tables of sizes, file types and labels, and the line on unlabeled pixels."""
    masks = list(report.masks.values())
    where = " and ".join(str(folder) for folder in dict.fromkeys(filter(None, (folders.images, folders.masks))))
    console.print(escape(f"{name + ': ' if name else ''}{where}"), style="bold")
    counts = {"images": Counter(_forms(folders)), "masks": Counter(mask.form for mask in masks)}
    counts["sizes"] = Counter(f"{width}×{height}" for height, width in report.sizes.values())
    table = Table("", "", "files")
    for kind, title in (("sizes", "width × height"), ("images", "image type"), ("masks", "mask type")):
        for what, count in counts[kind].most_common(MOST_ROWS):
            table.add_row(title, escape(what), str(count))
            title = ""
    console.print(table)
    if masks:
        console.print(_labels(masks, report.classes))
    if report.classes is not None and (line := unlabeled_line({"": masks}, report.classes)):
        console.print(escape(line))


def _labels(masks: list[MaskFacts], classes: ClassTable | None) -> Table:
    total = pixels_of(masks)
    whole = sum(total.values())
    files = Counter(label for mask in masks for label in mask.labels)
    table = Table("id or color", "class", "% of the pixels", "masks", "color in the palette")
    for label in sorted(total, key=_order)[:MOST_ROWS]:
        shown = sorted({mask.palette[label] for mask in masks if isinstance(label, int) and label in mask.palette})
        share = in_percent(total[label] / whole)
        colors = ", ".join(map(str, shown[:3])) + (" …" if len(shown) > 3 else "")
        table.add_row(str(label), escape(class_name(label, classes)), share, str(files[label]), colors)
    if len(total) > MOST_ROWS:
        table.add_row("…", f"{len(total) - MOST_ROWS} more", "", "", "")
    return table


def class_name(label: Label, classes: ClassTable | None) -> str:
    """The class of a stored id or color, in words.

    Example:
        >>> table = ClassTable.from_names(["road", "car"])
        >>> [class_name(i, table) for i in (1, 255, 9)]
        ['car', 'unlabeled', 'no class']
    """
    index = None if classes is None else classes.index_of(label)
    if classes is None or index is None:
        return "no class"
    return "unlabeled" if index < 0 else classes.names[index]


def _order(label: Label) -> tuple[int, ...]:
    return (0, label) if isinstance(label, int) else (1, *label)


def _forms(folders: ImagePaths) -> list[str]:
    if folders.images == folders.masks:
        return []
    return [file_form(path).name for paths in folders.files["images"].values() for path in paths]


def as_json(
    folders: ImagePaths, report: ProblemReport, problems: Iterable[Problem], warnings: Iterable[Problem]
) -> dict[str, Any]:
    """All that is known of one part, of plain lists and numbers."""
    masks = list(report.masks.values())
    total = pixels_of(masks)
    files = Counter(label for mask in masks for label in mask.labels)
    classes = report.classes
    return {
        "folders": {kind: str(folder) for kind, folder in folders.given.items()},
        "files": len(report.stems),
        "sizes": {f"{w}x{h}": n for (h, w), n in Counter(report.sizes.values()).items()},
        "image_types": dict(Counter(_forms(folders))),
        "mask_types": dict(Counter(mask.form for mask in masks)),
        "labels": [
            {
                "label": list(label) if isinstance(label, tuple) else label,
                "class": class_name(label, classes),
                "pixels": total[label],
                "share": total[label] / sum(total.values()),
                "masks": files[label],
            }
            for label in sorted(total, key=_order)
        ],
        "unlabeled_share": sum(unlabeled_pixels(masks, classes).values()) / max(1, sum(total.values()))
        if classes
        else None,
        "classes": classes.to_dict() if classes else None,
        "problems": [_plain(problem) for problem in problems],
        "warnings": [_plain(problem) for problem in warnings],
    }


def _plain(problem: Problem) -> dict[str, Any]:
    return {
        "kind": problem.kind,
        "where": str(problem.where),
        "expected": problem.expected,
        "found": problem.found,
        "advice": problem.advice,
        "whole_folder": problem.whole_folder,
    }
