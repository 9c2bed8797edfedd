"""Copies of mask files in which some pixels have another label, and nothing else is changed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hardpix.data.errors import DataError, Problem
from hardpix.data.images import opened
from hardpix.data.labels import Label
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.masks import read_mask
from hardpix.data.whole_files import whole_file

# Tags of GeoTIFF: where on earth the pixels lie, and what stands for no data.
_PLACE = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113)


def rewrite_mask(
    source: Path,
    copy: Path,
    changes: Sequence[tuple[np.ndarray, Label]],
    *,
    by_color: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Write a mask with other labels at some pixels: same format, mode, palette and size.

    Without changes the bytes are copied. The copy is read again, and refused where it holds other labels than meant.

    Args:
        source: a mask as :func:`read_mask` reads it; it stays as it is.
        copy: the file to write.
        changes: pixels, (H, W) boolean, and the id or color that they are given.
        by_color: whether a palette file is read as the colors that its palette shows.
        max_pixels: as in read_mask.

    Raises:
        DataError: a format that cannot be written so that the same labels are read again.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.fromarray(np.array([[3, 4]], np.uint8)).save(f"{folder}/a.png")
        ...     rewrite_mask(Path(folder, "a.png"), Path(folder, "b.png"), [(np.array([[True, False]]), 9)])
        ...     read_mask(f"{folder}/b.png")
        array([[9, 4]], dtype=uint8)
    """
    if not changes:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(copy) as file, source.open("rb") as original:
            shutil.copyfileobj(original, file)
        return
    expected = read_mask(source, by_color=by_color, max_pixels=max_pixels)
    for pixels, label in changes:
        expected[pixels] = label
    try:
        with opened(source, max_pixels) as image:
            changed = _changed(image, expected, changes, by_color)
            with whole_file(copy) as file:
                changed.save(file, format=image.format, **_settings(image))
        found = read_mask(copy, by_color=by_color, max_pixels=max_pixels)
        same = found.shape == expected.shape and bool((found == expected).all())
    except (OSError, ValueError, KeyError) as error:
        raise _cannot(source, str(error)) from error
    if not same:
        copy.unlink()
        raise _cannot(source, "other labels when it was read again")


def _changed(
    image: Image.Image, expected: np.ndarray, changes: Sequence[tuple[np.ndarray, Label]], by_color: bool
) -> Image.Image:
    bits = image.info["stored_as"].partition(";")[2][:1]
    if image.mode == "L" and bits.isdigit() and int(bits) < 8:
        # Pillow stretches 2 and 4 bits, which it cannot write: the same ids in 8.
        return Image.fromarray(expected.astype(np.uint8))
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        return Image.fromarray(expected.astype(np.array(image).dtype))
    changed = image.copy()
    for pixels, label in changes:
        value: Any = label
        if image.mode in ("P", "PA") and by_color:
            value = _index(image, label)
        elif image.mode == "1":
            value = 255 * int(label)  # type: ignore[arg-type]
        elif image.mode in ("RGB", "RGBA") and not isinstance(label, tuple):
            value = (label,) * 3
        if image.mode in ("LA", "PA", "RGBA"):
            value = (*(value if isinstance(value, tuple) else (value,)), 255)
        changed.paste(value, mask=Image.fromarray(pixels))
    return changed


def _index(image: Image.Image, color: Label) -> int:
    table = np.array(image.getpalette("RGB"), dtype=int).reshape(-1, 3)
    places = np.flatnonzero((table == np.array(color)).all(1))
    if not len(places):
        raise ValueError(f"a palette without the color {color}")
    return int(places[0])


def _settings(image: Image.Image) -> dict[str, Any]:
    if image.format == "WEBP":
        return {"lossless": True, "exact": True}
    if image.format == "TIFF":
        tags = {tag: image.tag_v2[tag] for tag in _PLACE if tag in image.tag_v2}  # type: ignore[attr-defined]
        return {"compression": image.info.get("compression"), "tiffinfo": tags}
    return {}


def _cannot(path: Path, found: str) -> DataError:
    advice = "save the masks as png, or correct this one by hand"
    return DataError.of(
        [Problem("mask that cannot be rewritten", path, "a format that is written again", found, advice)]
    )
