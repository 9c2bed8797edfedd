"""Doubts about images that are to be read in a range measured in others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from hardpix.data.errors import Problem
from hardpix.data.image_doubts import BELOW_BLACK, TOO_NARROW, BandsSeen, image_doubts, look, nearly_black
from hardpix.data.image_format import MOST_IMAGES, ImageFormat

ADVICE = (
    "check the unit of these images, which is most likely another one than that of the training images; save them in "
    "the same unit"
)


def range_doubts(folder: Path, files: Mapping[str, Path], image_format: ImageFormat) -> list[Problem]:
    """Doubts about images whose numbers lie far outside a range, or in its darkest part alone.

    Of more than 500 images, 500 evenly spaced ones are read.

    Args:
        folder: of the images.
        files: stem → file; all can be read.
        image_format: with a range.

    Example:
        >>> import tifffile
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "a.tif"
        ...     tifffile.imwrite(file, np.full((2, 2, 3), 0.5, np.float32), photometric="rgb")
        ...     range_doubts(Path(folder), {"a": file}, ImageFormat(value_range=(300, 3000)))[-1].found
        '100 % of the numbers in 1 of 1 images (a) below black'
    """
    if image_format.pairs is None or not files:
        return []
    stems = [*files]
    chosen = [stems[k] for k in np.unique(np.linspace(0, len(stems) - 1, MOST_IMAGES).astype(int))]
    seen: dict[str, BandsSeen] = {}
    doubts: list[Problem] = []
    for stem in chosen:
        image = image_format.read(files[stem])
        facts = look(files[stem], image_format, image)
        if facts is not None:
            seen[stem] = facts
        doubts += filter(None, [nearly_black(files[stem], image_format, image, facts)])
    doubts += image_doubts(folder, seen, len(chosen), image_format)
    said = (TOO_NARROW, BELOW_BLACK)
    return [replace(doubt, advice=ADVICE) for doubt in doubts if doubt.kind in said or doubt.where != folder]
