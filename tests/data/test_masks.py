"""Masks as they are stored, written by other means than they are read."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.data import DataError, read_image, write_mask
from hardpix.data.labels import count_labels
from hardpix.data.masks import read_mask

from .raw_files import write_png, write_tif


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_ids_of_every_bit_depth(tmp_path: Path, bits: int) -> None:
    ids = np.random.default_rng(bits).integers(0, 2**bits, (5, 7))
    write_png(tmp_path / "a.png", ids, bits)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), ids)


@pytest.mark.parametrize("deflated", [False, True])
@pytest.mark.parametrize(
    ("bits", "zero_is_white"), [*((bits, white) for bits in (1, 2, 4, 8) for white in (False, True)), (16, False)]
)
def test_ids_in_tif_are_the_stored_numbers(tmp_path: Path, bits: int, zero_is_white: bool, deflated: bool) -> None:
    """Not what a viewer shows: Pillow stretches 2 and 4 bits to 0…255, and turns 8 bits whose 0 is white around."""
    ids = np.random.default_rng(bits).integers(0, 2**bits, (5, 7))
    write_tif(tmp_path / "a.tif", ids, bits, zero_is_white=zero_is_white, deflated=deflated)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), ids)


@pytest.mark.parametrize(("write", "name"), [(write_png, "a.png"), (write_tif, "a.tif")])
def test_colours_of_16_bits_are_refused_and_of_8_read(tmp_path: Path, write: Callable, name: str) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (3, 4, 3))
    write(tmp_path / name, colors, 8)
    np.testing.assert_array_equal(read_mask(tmp_path / name), colors)
    write(tmp_path / name, 257 * colors, 16)
    with pytest.raises(DataError, match=rf"{name}: expected colors of 8 bits a channel, found 16"):
        read_mask(tmp_path / name)


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bits_beside_alpha_are_refused(tmp_path: Path, channels: int) -> None:
    write_png(tmp_path / "a.png", np.full((2, 3, channels), 300), 16)
    with pytest.raises(DataError, match=r"found 16"):
        read_mask(tmp_path / "a.png")


@pytest.mark.parametrize("deflated", [False, True])
def test_colours_in_separate_planes(tmp_path: Path, deflated: bool) -> None:
    """Colors of 16 bits are no mask, and images have their upper 8, whatever the file's compression."""
    colors = np.random.default_rng(0).integers(0, 256, (3, 4, 3))
    path = tmp_path / "a.tif"
    write_tif(path, colors, 8, planes=True, deflated=deflated)
    np.testing.assert_array_equal(read_mask(path), colors)
    np.testing.assert_array_equal(read_image(path), colors)
    write_tif(path, 256 * colors + 7, 16, planes=True, deflated=deflated)
    with pytest.raises(DataError, match=r"a.tif: expected .*, found .*16"):
        read_mask(path)
    np.testing.assert_array_equal(read_image(path), colors)


@pytest.mark.parametrize("highest", [1, 3, 11, 200])
def test_palette_indices_are_the_ids(tmp_path: Path, highest: int) -> None:
    ids = np.random.default_rng(0).integers(0, highest + 1, (6, 5)).astype(np.uint8)
    image = Image.fromarray(ids)
    image.putpalette(np.random.default_rng(1).integers(0, 256, 3 * (highest + 1)).tolist())
    image.save(tmp_path / "a.png", bits=8 if highest > 15 else 4)
    assert Image.open(tmp_path / "a.png").mode == "P"
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), ids)


@pytest.mark.parametrize("transparency", [0, b"\x00\xff\x80"])
def test_palettes_with_transparency(tmp_path: Path, transparency: int | bytes) -> None:
    ids = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    image = Image.fromarray(ids)
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "a.png", transparency=transparency)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), ids)
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.array(image.convert("RGB")))


def test_palette_beside_alpha(tmp_path: Path) -> None:
    ids = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    image = Image.fromarray(ids)
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.convert("PA").save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), ids)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_masks_are_turned_as_their_own_exif_says(tmp_path: Path, name: str, orientation: int) -> None:
    """The orientations as the standard draws them: which corner of the picture the first stored pixel is."""
    ids = np.arange(12, dtype=np.uint16).reshape(3, 4)
    upright = {
        1: ids,
        2: ids[:, ::-1],
        3: ids[::-1, ::-1],
        4: ids[::-1],
        5: ids.T,
        6: ids[::-1].T,
        7: ids[::-1, ::-1].T,
        8: ids.T[::-1],
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    for stored in (ids, ids.astype(np.uint8)):
        Image.fromarray(stored).save(tmp_path / name, exif=exif)
        mask = read_mask(tmp_path / name)
        assert mask.dtype == stored.dtype
        np.testing.assert_array_equal(mask, upright[orientation])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32])
def test_tif_of_whole_numbers(tmp_path: Path, kind: type) -> None:
    ids = np.array([[0, 7], [100, 255]], kind)
    Image.fromarray(ids).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), ids)


def test_colours_and_alpha(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (3, 4, 4)).astype(np.uint8)
    Image.fromarray(colors).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), colors[..., :3])
    Image.fromarray(colors[..., :2], mode="LA").save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "b.png"), colors[..., 0])


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
