"""Masks of every kind with a few other labels: everything else is as it was, as Pillow and tifffile see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hardpix.data.errors import DataError
from hardpix.data.masks import read_mask
from hardpix.data.rewrite_mask import rewrite_mask

IDS = np.array([[0, 1, 2, 3], [3, 2, 1, 0]], np.uint8)
PIXELS = np.array([[True, False, False, False], [False, False, True, True]])
COLORS = [(0, 0, 0), (200, 10, 10), (10, 200, 10), (10, 10, 200)]


def palette_image() -> Image.Image:
    image = Image.fromarray(IDS, "P")
    image.putpalette([channel for color in COLORS for channel in color])
    return image


KINDS = {
    "gray.png": lambda: Image.fromarray(IDS),
    "sixteen.png": lambda: Image.fromarray(IDS.astype(np.uint16) * 300),
    "palette.png": palette_image,
    "colors.png": lambda: palette_image().convert("RGB"),
    "transparent.png": lambda: palette_image().convert("RGBA"),
    "alpha.png": lambda: Image.fromarray(IDS).convert("LA"),
    "gray.bmp": lambda: Image.fromarray(IDS),
    "gray.tif": lambda: Image.fromarray(IDS),
    "sixteen.tif": lambda: Image.fromarray(IDS.astype(np.uint16) * 300),
    "integers.tif": lambda: Image.fromarray(IDS.astype(np.int32)),
    "colors.webp": lambda: palette_image().convert("RGB"),
}


@pytest.mark.parametrize("name", KINDS)
def test_only_the_chosen_pixels_change(name: str, tmp_path: Path) -> None:
    source, copy = tmp_path / name, tmp_path / "new" / name
    KINDS[name]().save(source, **({"lossless": True} if name.endswith("webp") else {}))
    content, before = source.read_bytes(), read_mask(source)
    label = tuple(COLORS[3]) if before.ndim == 3 else int(before.max())
    rewrite_mask(source, copy, [(PIXELS, label)])
    assert source.read_bytes() == content
    after = read_mask(copy)
    expected = before.copy()
    expected[PIXELS] = label
    np.testing.assert_array_equal(after, expected)
    assert (after != before).any()
    with Image.open(source) as one, Image.open(copy) as other:
        assert (one.mode, one.size, one.format, one.getpalette()) == (
            other.mode,
            other.size,
            other.format,
            other.getpalette(),
        )


@pytest.mark.parametrize("name", KINDS)
def test_without_changes_the_file_is_copied(name: str, tmp_path: Path) -> None:
    source, copy = tmp_path / name, tmp_path / "new" / name
    KINDS[name]().save(source)
    rewrite_mask(source, copy, [])
    assert copy.read_bytes() == source.read_bytes()


def test_a_palette_read_by_colors_gets_the_index_of_the_color(tmp_path: Path) -> None:
    source, copy = tmp_path / "a.png", tmp_path / "b.png"
    palette_image().save(source)
    rewrite_mask(source, copy, [(PIXELS, COLORS[2])], by_color=True)
    with Image.open(copy) as found:
        np.testing.assert_array_equal(np.array(found), np.where(PIXELS, 2, IDS))
    with pytest.raises(DataError, match="a palette without the color"):
        rewrite_mask(source, tmp_path / "c.png", [(PIXELS, (9, 9, 9))], by_color=True)
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_hold_the_same_ids(bits: int, tmp_path: Path) -> None:
    source, copy = tmp_path / "a.png", tmp_path / "b.png"
    highest = 2**bits - 1
    ids = np.minimum(IDS, highest)
    palette = Image.fromarray(ids, "P")
    if bits == 1:
        Image.fromarray(ids.astype(bool)).save(source)
    else:
        # A gray png of few bits: Pillow writes a palette of few, whose type in the header is made gray.
        write_gray(source, ids, bits)
    np.testing.assert_array_equal(read_mask(source), ids)
    rewrite_mask(source, copy, [(PIXELS, highest)])
    np.testing.assert_array_equal(read_mask(copy), np.where(PIXELS, highest, ids))
    assert palette.size == Image.open(copy).size


def write_gray(path: Path, ids: np.ndarray, bits: int) -> None:
    import struct
    import zlib

    rows = b""
    for row in ids:
        packed = "".join(f"{int(value):0{bits}b}" for value in row)
        packed += "0" * (-len(packed) % 8)
        rows += b"\0" + bytes(int(packed[k : k + 8], 2) for k in range(0, len(packed), 8))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], bits, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_what_cannot_be_written_again_is_refused(tmp_path: Path) -> None:
    """Pillow has no mode for whole numbers of 64 bits."""
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, IDS.astype(np.uint64))
    np.testing.assert_array_equal(read_mask(source), IDS)
    with pytest.raises(DataError, match=r"mask that cannot be rewritten[\s\S]*save the masks as png"):
        rewrite_mask(source, tmp_path / "b.tif", [(PIXELS, 3)])
    assert not (tmp_path / "b.tif").exists()
    rewrite_mask(source, tmp_path / "c.tif", [])
    np.testing.assert_array_equal(read_mask(tmp_path / "c.tif"), IDS)
