"""Tif written by tifffile, with every type, byte order, compression, predictor and arrangement, against the array."""

from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hardpix.data import DataError, read_depth, read_image
from hardpix.data.bands import read_bands
from hardpix.data.images import read_numbers
from hardpix.data.masks import read_mask
from hardpix.data.tif import upright

TYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
# LZW and packbits in more than 8 bits need a package that the others do without.
CODECS = [
    None,
    "zlib",
    pytest.param("lzw", marks=pytest.mark.skipif(find_spec("imagecodecs") is None, reason="needs imagecodecs")),
]


def numbers(kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Ids 0 to 120, which every type holds."""
    return np.random.default_rng(0).integers(0, 121, shape).astype(kind)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", TYPES)
def test_one_band_of_every_type(tmp_path: Path, kind: str, order: str, codec: str | None) -> None:
    """As a mask, as depth and as numbers, in strips and in tiles, with and without differences in place of numbers."""
    stored = numbers(kind, (33, 40))
    predictors = (False,) if codec is None or kind[0] == "f" or kind[1] == "8" else (False, True)
    for tile, predictor in product((None, (16, 16)), predictors):
        tifffile.imwrite(
            tmp_path / "a.tif",
            stored.astype(order + kind),
            byteorder=order,
            compression=codec,
            predictor=predictor,
            tile=tile,
            photometric="minisblack",
        )
        for read in (read_mask, read_numbers):
            found = read(tmp_path / "a.tif")
            np.testing.assert_array_equal(found, stored)
            assert found.dtype.isnative
        assert read_numbers(tmp_path / "a.tif").dtype == np.dtype(kind)
        depth = np.where(stored > 0, stored, np.nan).astype(np.float32)
        np.testing.assert_array_equal(read_depth(tmp_path / "a.tif"), depth)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("count", [2, 4, 13])
def test_bands_of_every_type(
    tmp_path: Path, count: int, kind: str, planes: bool, order: str, codec: str | None
) -> None:
    stored = numbers(kind, (9, 14, count))
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.moveaxis(stored, 2, 0).astype(order + kind) if planes else stored.astype(order + kind),
        byteorder=order,
        compression=codec,
        photometric="minisblack",
        planarconfig="separate" if planes else "contig",
    )
    found = read_bands(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.values, stored)
    assert (found.values.dtype, found.bands) == (np.dtype(kind), count)
    said = rf"a\.tif: expected .*, found {count} bands of {np.dtype(kind)}"
    for read in (read_mask, read_numbers):
        with pytest.raises(DataError, match=said):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "i4", "f4"])
def test_written_by_pillow(tmp_path: Path, kind: str) -> None:
    stored = numbers("i4" if kind == "i2" else kind, (7, 5))
    for options in ({}, {"compression": "tiff_adobe_deflate"}):
        Image.fromarray(stored).save(tmp_path / "a.tif", **options)
        np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), stored)
        np.testing.assert_array_equal(read_numbers(tmp_path / "a.tif"), stored)


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("count", [3, 4, 5])
def test_images_take_the_first_three_bands(tmp_path: Path, count: int, kind: str) -> None:
    stored = np.random.default_rng(1).integers(0, np.iinfo(kind).max, (6, 8, count)).astype(kind)
    for photometric in ("rgb", "minisblack"):
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric, planarconfig="contig")
        shown = stored[..., :3] if kind == "u1" else stored[..., :3] // 256
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), shown)


@pytest.mark.parametrize("read", [read_image, read_mask, read_numbers])
@pytest.mark.parametrize("codec", ["tiff_lzw", "packbits"])
def test_a_codec_that_is_not_installed_is_named(tmp_path: Path, codec: str, read: Callable) -> None:
    stored = numbers("u2", (7, 9)) * 256
    Image.fromarray(stored).save(tmp_path / "a.tif", compression=codec)
    if codec == "tiff_lzw" and find_spec("imagecodecs") is None:
        with pytest.raises(DataError, match="pip install imagecodecs"):
            read(tmp_path / "a.tif")
    else:
        found = read(tmp_path / "a.tif")
        np.testing.assert_array_equal(found, np.dstack([stored // 256] * 3) if read is read_image else stored)


@pytest.mark.skipif(find_spec("imagecodecs") is None, reason="needs imagecodecs")
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_images_of_fewer_bits_than_their_type_keep_their_upper_eight(tmp_path: Path, bits: int) -> None:
    stored = np.array([[0, 2**bits - 1, 2 ** (bits - 1), 2 ** (bits - 8)]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, bitspersample=bits)
    assert read_image(tmp_path / "a.tif")[0, :, 1].tolist() == [0, 255, 128, 1]
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), stored)


def test_gray_whose_0_is_white(tmp_path: Path) -> None:
    stored = np.array([[0, 300, 65535]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == [255, 254, 0]
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), stored)
    np.testing.assert_array_equal(read_numbers(tmp_path / "a.tif"), stored)
    tifffile.imwrite(tmp_path / "b.tif", (stored // 256).astype(np.uint8), photometric="miniswhite")
    assert read_image(tmp_path / "b.tif")[0, :, 0].tolist() == [255, 254, 0]
    assert read_numbers(tmp_path / "b.tif").tolist() == [[0, 1, 255]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, orientation: int) -> None:
    """As Pillow's own transposition turns the same picture; the tag is that of every tif."""
    stored = np.arange(12, dtype=np.uint8).reshape(3, 4)
    transposed = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Image.Transpose
    expected = Image.fromarray(stored)
    if orientation > 1:
        expected = expected.transpose(Image.Transpose(transposed[orientation]))
    np.testing.assert_array_equal(upright(stored, orientation), np.array(expected))
    tag = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", stored.astype(np.int64), extratags=tag)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), np.array(expected))
    tifffile.imwrite(
        tmp_path / "b.tif", np.dstack([stored] * 5), extratags=tag, photometric="minisblack", planarconfig="contig"
    )
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif")[..., 2], np.array(expected))


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_several_pages_are_refused(tmp_path: Path, kind: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers(kind, (3, 6, 7)), photometric="minisblack", metadata=None)
    for read in (read_image, read_mask, read_numbers, read_bands):
        with pytest.raises(DataError, match=r"a\.tif: expected one page, found 3 pages of 6 × 7"):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("options", [{"imagej": True}, {"truncate": True, "photometric": "minisblack"}])
def test_stacks_with_one_header_are_refused(tmp_path: Path, options: dict) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers("u2", (3, 6, 7)), **options)
    for read in (read_image, read_mask, read_numbers, read_bands):
        with pytest.raises(DataError, match=r"a\.tif: expected one page, found .*3.*6 × 7"):
            read(tmp_path / "a.tif")


def test_previews_and_transparency_masks_are_no_pages(tmp_path: Path) -> None:
    for kind in ("u1", "u2", "f8"):
        stored = numbers(kind, (16, 16))
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            file.write(stored, metadata=None)
            file.write(stored[::2, ::2], subfiletype=1, metadata=None)
            file.write(stored > 9, subfiletype=4, photometric="mask", metadata=None)
        np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), stored)


@pytest.mark.parametrize("codec", [None, "zlib"])
@pytest.mark.parametrize("left", [0.3, 0.6, 0.95])
def test_what_is_not_complete_is_no_image_of_zeros(tmp_path: Path, left: float, codec: str | None) -> None:
    path = tmp_path / "a.tif"
    values = np.random.default_rng(0).integers(0, 60_000, (64, 64, 4)).astype(np.uint16)
    tifffile.imwrite(path, values, photometric="minisblack", planarconfig="contig", rowsperstrip=4, compression=codec)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole))])
    for read in (read_image, read_mask, read_bands):
        with pytest.raises(DataError, match=r"a\.tif: expected a file that can be read to its end, found"):
            read(path)


def test_types_that_are_no_number(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 4), np.complex64))
    with pytest.raises(DataError, match=r"a\.tif: expected integers or floats, found tif of complex64"):
        read_image(tmp_path / "a.tif")


def test_cmyk_of_16_bits_is_no_rgb(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers("u2", (5, 6, 4)), photometric="separated", planarconfig="contig")
    for read in (read_image, read_bands):
        with pytest.raises(DataError, match=r"expected gray, RGB, .*found 4 bands of uint16, photometric 5"):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([[1, -9999, 3, 4]], np.int16), "numbers from -9999 to 4; others at 25 % of the pixels"),
        (np.array([[-1, 2]], np.int8), "numbers from -1 to 2; others at 50 %"),
        (np.array([[1, np.nan]], np.float16), "numbers from 1.0 to 1.0, and NaN; others at 50 %"),
        (np.array([[np.nan, np.nan]], np.float64), "NaN alone; others at 100 %"),
        (np.array([[2**40, 1]], np.int64), f"numbers from 1 to {2**40}; others at 50 %"),
        (np.array([[0.5, 1, 2, 3]], np.float32), "numbers from 0.5 to 3.0; others at 25 %"),
    ],
)
def test_masks_of_other_numbers_than_ids(tmp_path: Path, values: np.ndarray, said: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.raises(DataError, match=f"expected whole numbers in 0…65535, found {said}"):
        read_mask(tmp_path / "a.tif")
