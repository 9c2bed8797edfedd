"""Regions to label as annotations that CVAT imports: its format "CVAT for images 1.1"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from hardpix.data import ClassTable
from hardpix.data.annotations import ASK
from hardpix.data.printable import printable
from hardpix.data.whole_files import whole_file
from hardpix.report.queries.regions import Region

CVAT = "cvat.xml"
_COLOR = "#ffd400"


@dataclass(frozen=True)
class AskedImage:
    """An image with its regions to label.

    Attributes:
        name: path of its file below the folder of the images.
        size: height and width.
        regions: to label, best first.
    """

    name: str
    size: tuple[int, int]
    regions: Sequence[Region]


def write_cvat(path: Path, classes: ClassTable, images: Sequence[AskedImage], single: bool) -> None:
    """Write a box for each region, or a point for each single pixel, with the label "label me".

    The labels of the task are that one and the classes. A person changes the label of a box to its class, or draws
    shapes of classes over it. ``hardpix rasterize`` makes masks of the export, without shapes that still say
    "label me".

    Args:
        path: of the file.
        classes: names and colors.
        images: in the order of the file.
        single: whether pixels are asked for, and not windows.
    """
    with whole_file(path) as file:
        for line in _lines(classes, images, single):
            file.write(f"{line}\n".encode())


def _lines(classes: ClassTable, images: Sequence[AskedImage], single: bool) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield "<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>\n      <name>What to label next</name>"
    yield f"      <size>{len(images)}</size>\n      <mode>annotation</mode>\n      <labels>"
    yield from _label(ASK, _COLOR, ("network", "score"))
    for name, color in zip(classes.names, classes.shown_colors, strict=True):
        yield from _label(name, f"#{bytes(color).hex()}")
    yield "      </labels>\n    </task>\n  </meta>"
    for number, image in enumerate(images):
        height, width = image.size
        yield f'  <image id="{number}" name={_quoted(image.name)} width="{width}" height="{height}">'
        for region in image.regions:
            kind, place = _shape(region, single)
            yield f'    <{kind} label="{ASK}" source="auto" occluded="0" {place} z_order="0">'
            yield f'      <attribute name="network">{_text(_guess(region, classes))}</attribute>'
            yield f'      <attribute name="score">{region.score:.6g}</attribute>'
            yield f"    </{kind}>"
        yield "  </image>"
    yield "</annotations>"


def _label(name: str, color: str, attributes: Sequence[str] = ()) -> Iterator[str]:
    yield f"        <label>\n          <name>{_text(name)}</name>\n          <color>{color}</color>"
    yield "          <type>any</type>\n          <attributes>"
    for attribute in attributes:
        yield f"            <attribute>\n              <name>{attribute}</name>\n              <mutable>False</mutable>"
        yield "              <input_type>text</input_type>\n              <default_value></default_value>"
        yield "              <values></values>\n            </attribute>"
    yield "          </attributes>\n        </label>"


def _shape(region: Region, single: bool) -> tuple[str, str]:
    """Kind of shape, and its place: coordinates count from the corner of the image, not from a pixel's center."""
    if single:
        row, column = region.center
        return "points", f'points="{column + 0.5:.2f},{row + 0.5:.2f}"'
    top, left, bottom, right = region.box
    return "box", f'xtl="{left:.2f}" ytl="{top:.2f}" xbr="{right:.2f}" ybr="{bottom:.2f}"'


def _guess(region: Region, classes: ClassTable) -> str:
    return f"{classes.names[region.predicted]} {region.confidence:.2f}"


def _text(text: str) -> str:
    return escape(printable(text))


def _quoted(text: str) -> str:
    return quoteattr(printable(text))
