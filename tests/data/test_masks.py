"""Masks as they are stored, written by other means than they are read."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.data import DataError, write_mask
from hardpix.data.labels import count_labels
from hardpix.data.masks import read_mask


def write_grey_png(path: Path, values: np.ndarray, bits: int) -> None:
    """A grey png of any bit depth after the specification, without an imaging library."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = values.shape
    rows = b""
    for row in values.tolist():
        digits = "".join(f"{v:0{bits}b}" for v in row)
        digits += "0" * (-len(digits) % 8)
        rows += b"\0" + int(digits, 2).to_bytes(len(digits) // 8, "big")
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_ids_of_every_bit_depth(tmp_path: Path, bits: int) -> None:
    ids = np.random.default_rng(bits).integers(0, 2**bits, (5, 7))
    write_grey_png(tmp_path / "a.png", ids, bits)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), ids)


@pytest.mark.parametrize("highest", [1, 3, 11, 200])
def test_palette_indices_are_the_ids(tmp_path: Path, highest: int) -> None:
    ids = np.random.default_rng(0).integers(0, highest + 1, (6, 5)).astype(np.uint8)
    image = Image.fromarray(ids)
    image.putpalette(np.random.default_rng(1).integers(0, 256, 3 * (highest + 1)).tolist())
    image.save(tmp_path / "a.png", bits=8 if highest > 15 else 4)
    assert Image.open(tmp_path / "a.png").mode == "P"
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), ids)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32])
def test_tif_of_whole_numbers(tmp_path: Path, kind: type) -> None:
    ids = np.array([[0, 7], [100, 255]], kind)
    Image.fromarray(ids).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), ids)


def test_colours_and_alpha(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (3, 4, 4)).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), colours[..., :3])
    Image.fromarray(colours[..., :2], mode="LA").save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "b.png"), colours[..., 0])


@pytest.mark.parametrize("values", [[[0.5]], [[-1.0]], [[70000.0]], [[float("nan")]]])
def test_numbers_that_are_no_ids(tmp_path: Path, values: list) -> None:
    Image.fromarray(np.array(values, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a.tif: expected whole numbers in 0…65535"):
        read_mask(tmp_path / "a.tif")


def test_jpg_invents_labels(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="save the masks as png"):
        read_mask(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_what_is_written_is_read_back(tmp_path: Path, kind: type) -> None:
    ids = np.random.default_rng(0).integers(0, np.iinfo(kind).max + 1, (4, 9)).astype(kind)
    write_mask(tmp_path / "deep" / "a.png", ids)
    stored = read_mask(tmp_path / "deep" / "a.png")
    assert stored.dtype == kind
    np.testing.assert_array_equal(stored, ids)


@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (4, 6, 3)])
def test_counts_against_a_loop(shape: tuple[int, ...]) -> None:
    stored = np.random.default_rng(0).integers(0, 3, shape).astype(np.uint8)
    expected: dict = {}
    for place in np.ndindex(shape[:2]):
        label = int(stored[place]) if len(shape) == 2 else tuple(int(v) for v in stored[place])
        expected[label] = expected.get(label, 0) + 1
    assert count_labels(stored) == expected
