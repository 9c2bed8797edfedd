"""Legend of overlays: the classes' colors with their names, and the scale of a map with its numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hardpix.data import ClassTable
from hardpix.data.heat import heat_colors
from hardpix.data.printable import printable

# All in pixels.
MARGIN, ROW, SWATCH, GAP, TEXT = 16, 26, 18, 10, 15
ROWS = 24  # of a column
SCALE = (384, 20)  # width and height
INK, SOFT, PAPER = (20, 20, 20), (95, 95, 95), (255, 255, 255)


TITLE = "overlays: the image under the colors of the predicted classes"


def legend(classes: ClassTable, map_name: str | None = None, title: str = TITLE) -> np.ndarray:
    """A picture that says what the colors of overlays mean, (H, W, 3) uint8.

    Args:
        classes: with the colors and names that the overlays have.
        map_name: of the map from 0 to 1 that further overlays show; None where there are none.
        title: what overlays show.

    Example:
        >>> picture = legend(ClassTable(["road", "car"], [0, 7], [(128, 64, 128), (0, 0, 142)]), "hardness")
        >>> bool((picture == (0, 0, 142)).all(axis=2).any())
        True
    """
    names = [_named(classes, index) for index in range(len(classes))]
    columns = [range(start, min(start + ROWS, len(names))) for start in range(0, len(names), ROWS)]
    font = ImageFont.load_default(TEXT)
    widths = [SWATCH + GAP + max(int(font.getlength(names[k])) for k in column) + 2 * MARGIN for column in columns]
    titles = [title]
    scale = None
    if map_name is not None:
        scale = f"{map_name}_overlays: the image in gray under the {map_name} map"
        titles += [
            scale,
            f"dark: expected to be right; bright: where a person should look ({map_name}.csv ranks images)",
        ]
    width = max(
        MARGIN + sum(widths), SCALE[0] + 3 * MARGIN, *(int(font.getlength(each)) + 2 * MARGIN for each in titles)
    )
    rows = min(ROWS, len(names)) + 1
    height = 2 * MARGIN + rows * ROW + (0 if scale is None else MARGIN + 4 * ROW)
    picture = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((MARGIN, MARGIN), titles[0], INK, font)
    left = MARGIN
    for column, wide in zip(columns, widths, strict=True):
        for row, index in enumerate(column):
            top = MARGIN + (row + 1) * ROW
            box = (left, top, left + SWATCH - 1, top + SWATCH - 1)
            draw.rectangle(box, fill=tuple(classes.shown_colors[index]))
            # A white class would be lost on the paper.
            draw.rectangle((box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), outline=SOFT)
            draw.text((left + SWATCH + GAP, top), names[index], INK, font)
        left += wide
    if scale is not None:
        _draw_scale(picture, draw, font, 2 * MARGIN + rows * ROW, titles[1:])
    return np.asarray(picture)


def _named(classes: ClassTable, index: int) -> str:
    # Without control characters, which a font has no picture of.
    return f"{printable(classes.names[index])} ({', '.join(map(str, classes.ids[index]))})"


def _draw_scale(
    picture: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    top: int,
    titles: Sequence[str],
) -> None:
    draw.text((MARGIN, top), titles[0], INK, font)
    width, height = SCALE
    steps = np.linspace(0, 255, width).round().astype(int)
    bar = np.broadcast_to(heat_colors()[steps], (height, width, 3))
    picture.paste(Image.fromarray(np.ascontiguousarray(bar)), (MARGIN, top + ROW))
    for value in (0, 0.25, 0.5, 0.75, 1):
        x, text = MARGIN + round(value * (width - 1)), f"{value:g}"
        draw.line((x, top + ROW + height, x, top + ROW + height + 4), SOFT)
        draw.text((x - font.getlength(text) / 2, top + ROW + height + 5), text, INK, font)
    draw.text((MARGIN, top + 3 * ROW), titles[1], SOFT, font)
