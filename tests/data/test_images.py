"""Images, depth maps and weight maps as they are stored."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.data import DataError, DepthFormat, read_depth
from hardpix.data.images import read_image, read_weight

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.tiff"])
def test_lossless_files(tmp_path: Path, name: str) -> None:
    Image.fromarray(RGB).save(tmp_path / name)
    np.testing.assert_array_equal(read_image(tmp_path / name), RGB)


def test_grey_palette_and_alpha_become_rgb(tmp_path: Path) -> None:
    Image.fromarray(RGB[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), RGB[..., [0, 0, 0]])
    alpha = np.concatenate([RGB, RGB[..., :1]], axis=2)
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.png"), RGB)
    indexed = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8))
    indexed.putpalette([10, 20, 30, 40, 50, 60])
    indexed.save(tmp_path / "indexed.png")
    assert read_image(tmp_path / "indexed.png").tolist() == [[[10, 20, 30], [40, 50, 60]], [[40, 50, 60], [10, 20, 30]]]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_keep_their_upper_eight(tmp_path: Path, name: str) -> None:
    values = np.array([[0, 255, 256], [4095, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / name)
    expected = [[int(v) // 256 for v in row] for row in values]
    for channel in range(3):
        np.testing.assert_array_equal(read_image(tmp_path / name)[..., channel], expected)


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(RGB, turn))


@pytest.mark.parametrize("exif", [b"nonsense", b"MM", b"MM\0*\0"])
def test_exif_that_is_broken_turns_nothing(tmp_path: Path, exif: bytes) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif"])
@pytest.mark.parametrize("left", [0.0, 0.02, 0.5])
def test_what_is_not_complete_is_an_error_that_names_the_file(tmp_path: Path, name: str, left: float) -> None:
    path = tmp_path / name
    Image.fromarray(np.tile(RGB, (20, 20, 1))).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole))])
    with pytest.raises(DataError, match="expected a file that can be read to its end") as caught:
        read_image(path)
    assert caught.value.problems[0].where == path


def test_float_images_have_no_fixed_range(tmp_path: Path) -> None:
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match="8 or 16 bits, found numbers of float32 from 1 to 1"):
        read_image(tmp_path / "a.tif")


def test_depth_in_metres_with_unknown(tmp_path: Path) -> None:
    stored = np.array([[0, 1500], [65535, 2]], np.uint16)
    Image.fromarray(stored).save(tmp_path / "a.png")
    expected = np.array([[np.nan, 1.5], [65.535, 0.002]], np.float32)
    np.testing.assert_allclose(read_depth(tmp_path / "a.png", DepthFormat(scale=0.001)), expected, rtol=1e-6)
    floats = np.array([[np.inf, -1.0, np.nan], [2.5, 0.0, 80.0]])
    expected = np.array([[np.nan, np.nan, np.nan], [2.5, np.nan, 80.0]], np.float32)
    np.save(tmp_path / "b.npy", floats)
    Image.fromarray(floats.astype(np.float32)).save(tmp_path / "b.tif")
    for name in ("b.npy", "b.tif"):
        depth = read_depth(tmp_path / name)
        assert depth.dtype == np.float32
        np.testing.assert_array_equal(depth, expected)


def test_weights_of_integers_are_shares_of_the_full_range(tmp_path: Path) -> None:
    sixteen = np.array([[0, 65535, 32768]], np.uint16)
    Image.fromarray(sixteen).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_weight(tmp_path / "a.png"), [[0, 1, 32768 / 65535]], rtol=1e-6)
    Image.fromarray(np.array([[51]], np.uint8)).save(tmp_path / "b.png")
    np.testing.assert_allclose(read_weight(tmp_path / "b.png"), [[0.2]], rtol=1e-6)
    np.save(tmp_path / "c.npy", np.array([[3.5, 0.0]]))
    np.testing.assert_array_equal(read_weight(tmp_path / "c.npy"), [[3.5, 0.0]])


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.int16])
def test_weights_of_integers_without_a_known_range_are_refused(tmp_path: Path, dtype: type) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 30000]], dtype))
    with pytest.raises(DataError, match=f"integers of 8 or 16 bits without sign, or floats, found {dtype.__name__}"):
        read_weight(tmp_path / "a.npy")


@pytest.mark.parametrize("values", [[[1.0, np.nan]], [[-0.1, 1.0]], [[np.inf, 0.0]]])
def test_weights_that_are_none(tmp_path: Path, values: list) -> None:
    np.save(tmp_path / "a.npy", np.array(values))
    with pytest.raises(DataError, match="finite and not negative"):
        read_weight(tmp_path / "a.npy")


def test_indices_of_a_palette_and_what_is_no_number_are_no_map(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 2))
    palette.putpalette([200, 50, 9])
    palette.save(tmp_path / "palette.png")
    np.save(tmp_path / "complex.npy", np.ones((2, 2), dtype=complex))
    np.save(tmp_path / "words.npy", np.array([["a", "b"]]))
    for name, said in (
        ("palette.png", "the indices of a palette"),
        ("complex.npy", "complex128"),
        ("words.npy", "<U1"),
    ):
        with pytest.raises(DataError, match=said):
            read_weight(tmp_path / name)


def test_maps_have_one_number_a_pixel(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((2, 2, 3)))
    (tmp_path / "b.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match=r"one number a pixel, found an array of shape \(2, 2, 3\)"):
        read_depth(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"b\.npy: expected an array that can be read"):
        read_weight(tmp_path / "b.npy")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_images_are_the_same_in_parts(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against Pillow's conversion of the whole; parts of three rows, and a last one of two."""
    stored = Image.fromarray(np.random.default_rng(0).integers(0, 255, (11, 7, 3)).astype(np.uint8)).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    stored.save(path)
    monkeypatch.setattr("hardpix.data.images.PART", 21)
    np.testing.assert_array_equal(read_image(path), np.asarray(stored.convert("RGB")))
