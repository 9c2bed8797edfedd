"""Bands and range of images, against the formula in exact arithmetic and against other readers."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from hardpix.data import (
    DataError,
    EvaluationTransform,
    ImageFormat,
    ImagePaths,
    SegmentationFolder,
    TrainingTransform,
    check_folders,
    collate,
    read_image,
)
from hardpix.data.bands import read_bands
from hardpix.data.image_format import as_picture
from hardpix.data.transforms import normalization

from .raw_files import write_png

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)


def write_tif(path: Path, values: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"photometric": "minisblack", "planarconfig": "contig"} | options
    tifffile.imwrite(path, values, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "u4", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("bands", [(4, 1, 2), (1, 2, 3, 4), (2,), (3, 3)])
def test_bands_in_order_scaled_by_the_range(tmp_path: Path, kind: str, bands: tuple[int, ...]) -> None:
    stored = np.random.default_rng(0).integers(0, 100, (6, 8, 4)).astype(kind)
    path = write_tif(tmp_path / "a.tif", stored)
    found = ImageFormat(bands, (10, 70)).read(path)
    assert (found.dtype, found.shape) == (np.dtype(np.float32), (6, 8, len(bands)))
    for (row, column, place), value in np.ndenumerate(found):
        exact = Fraction(int(stored[row, column, bands[place] - 1]) - 10, 60)
        assert value == pytest.approx(float(min(max(exact, Fraction(0)), Fraction(1))), rel=1e-6)


def test_each_band_has_its_range(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.array([[[0, 50, 7]]], np.uint16))
    ranges = ((-10, 10), (0, 200), (6, 8))
    assert ImageFormat(None, ranges).read(path).tolist() == [[[0.5, 0.25, 0.5]]]
    assert ImageFormat((2, 1), ranges[1::-1]).read(path).tolist() == [[[0.25, 0.5]]]


def test_large_numbers_that_differ_by_little(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.array([[10**9, 10**9 + 5, 10**9 + 10]], np.int64))
    assert ImageFormat((1,), (10**9, 10**9 + 10)).read(path)[0, :, 0].tolist() == [0, 0.5, 1]


def test_without_a_range_8_bits_are_as_they_are_and_16_keep_the_upper_8(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 256, (6, 8, 5)).astype(np.uint8)
    found = ImageFormat((5, 1)).read(write_tif(tmp_path / "a.tif", stored))
    np.testing.assert_array_equal(found, stored[..., [4, 0]])
    found = ImageFormat((5, 1)).read(write_tif(tmp_path / "a.tif", stored.astype(np.uint16) * 256 + 9))
    np.testing.assert_array_equal(found, stored[..., [4, 0]])
    with pytest.raises(DataError, match="8 or 16 bits, found numbers of float64 from 0 to 2") as caught:
        ImageFormat((1,)).read(write_tif(tmp_path / "a.tif", np.array([[0.0, np.nan, 2.0]])))
    assert "--data.value_range" in caught.value.problems[0].advice


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.webp", "a.tif"])
@pytest.mark.parametrize("image_format", [ImageFormat(), ImageFormat((1, 2, 3)), ImageFormat(None, (0, 255))])
def test_plain_pictures_are_the_same_by_every_way(tmp_path: Path, name: str, image_format: ImageFormat) -> None:
    Image.fromarray(RGB).save(tmp_path / name)
    expected = np.array(Image.open(tmp_path / name).convert("RGB"))
    np.testing.assert_array_equal(read_image(tmp_path / name), expected)
    np.testing.assert_array_equal(image_format.picture(tmp_path / name), expected)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("orientation", [None, 6])
def test_png_of_16_bits_keeps_all_of_them(tmp_path: Path, channels: int, orientation: int | None) -> None:
    stored = np.random.default_rng(0).integers(0, 65536, (5, 7, channels))
    write_png(tmp_path / "a.png", stored, 16)
    if orientation is not None:
        content = (tmp_path / "a.png").read_bytes()
        exif = Image.Exif()
        exif[0x0112] = orientation
        body = exif.tobytes().removeprefix(b"Exif\0\0")
        chunk = len(body).to_bytes(4, "big") + b"eXIf" + body
        chunk += crc32(b"eXIf" + body).to_bytes(4, "big")
        (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
        stored = np.rot90(stored, 3)
    np.testing.assert_array_equal(read_bands(tmp_path / "a.png").values, stored)


@pytest.mark.parametrize(
    ("mode", "bands"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3), ("CMYK", 3), ("1", 3)]
)
def test_bands_of_pictures(tmp_path: Path, mode: str, bands: int) -> None:
    image = Image.fromarray(RGB).convert(mode)
    name = "a.tif" if mode == "CMYK" else "a.png"
    image.save(tmp_path / name)
    found = read_bands(tmp_path / name).values
    expected = image.convert("RGB") if mode in ("P", "CMYK", "1") else image
    np.testing.assert_array_equal(found, np.array(expected).reshape(5, 7, bands))


@pytest.mark.parametrize("nodata", ["-9999", "nan"])
def test_no_data_is_black_and_measured_by_nobody(tmp_path: Path, nodata: str) -> None:
    values = np.linspace(100, 200, 101, dtype=np.float32).reshape(1, 101).repeat(20, 0)
    holes = values.copy()
    holes[:7] = float(nodata)
    path = write_tif(tmp_path / "a.tif", holes, extratags=[(42113, "s", 0, nodata, True)])
    measured = ImageFormat((1,), "measured").measured([path])
    assert measured.pairs == ((101.0, 199.0),)
    found = measured.read(path)
    assert (found[:7] == 0).all()
    np.testing.assert_allclose(found[7:, :, 0], ((values[7:] - 101) / 98).clip(0, 1), rtol=1e-5)


def test_measured_over_all_images(tmp_path: Path) -> None:
    """Small images are looked at as a whole, so that the percentiles are numpy's over all pixels."""
    rng = np.random.default_rng(0)
    images = [rng.normal(mean, 30, (40, 50, 2)).astype(np.float32) for mean in (100, 500, 200)]
    paths = [write_tif(tmp_path / f"{k}.tif", image) for k, image in enumerate(images)]
    measured = ImageFormat((2, 1), "measured").measured(paths)
    for pair, band in zip(measured.pairs or (), (1, 0), strict=True):
        expected = np.percentile(np.stack([image[..., band] for image in images]), (1, 99))
        np.testing.assert_allclose(pair, expected, rtol=1e-6)
    large = write_tif(tmp_path / "large.tif", np.arange(1_000_000, dtype=np.float64).reshape(1000, 1000))
    ((low, high),) = ImageFormat((1,), "measured").measured([large]).pairs or ()
    assert (low, high) == (pytest.approx(10_000, abs=9000), pytest.approx(990_000, abs=9000))


def test_a_band_that_is_not_there(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.zeros((4, 5, 4), np.int16))
    with pytest.raises(DataError, match=r"expected band 5, of the bands \[5, 1\] to use, found 4 bands of int16"):
        ImageFormat((5, 1), (0, 1)).read(path)
    two = write_tif(tmp_path / "two.tif", np.zeros((4, 5, 2), np.uint8))
    for read in (read_image, ImageFormat(None, (0, 1)).read):
        with pytest.raises(DataError, match="expected 1 band, or 3 and more, found 2"):
            read(two)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bands": (0, 1)}, "numbers from 1 on"),
        ({"bands": ()}, "numbers from 1 on"),
        ({"bands": (True,)}, "numbers from 1 on"),
        ({"value_range": (5, 5)}, "low < high"),
        ({"value_range": (0, float("nan"))}, "low < high"),
        ({"value_range": (0, 1, 2)}, r"\[low, high\] or as 3 such pairs"),
        ({"value_range": ((0, 1), (0, 1)), "bands": (1, 2, 3)}, r"\[low, high\] or as 3 such pairs"),
        ({"value_range": ()}, r"\[low, high\] or as 3 such pairs"),
        ({"max_pixels": 0}, "max_pixels of at least 1"),
    ],
)
def test_settings_that_are_none(settings: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ImageFormat(**settings)


def test_pictures_show_the_first_three_channels() -> None:
    image = np.array([[[0.0, 0.5, 1.0, 0.3]]], np.float32)
    assert as_picture(image).tolist() == [[[0, 128, 255]]]
    assert as_picture(image[..., 1:3]).tolist() == [[[128, 128, 128]]]


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_transforms_of_any_number_of_channels(channels: int) -> None:
    """Without jitter: (v − mean) / std of the crop; padding is the mean; evaluation pads with 0, the mean."""
    mean, std = normalization(channels)
    assert mean == pytest.approx([(0.485 + 0.456 + 0.406) / 3] * channels)
    image = torch.rand(channels, 20, 24, generator=torch.Generator().manual_seed(0))
    plain = {"scale": (1, 1), "flip": 0, "brightness": 0, "contrast": 0, "mean": mean, "std": std}
    seen = TrainingTransform((20, 24), **plain)({"image": image})["image"]  # type: ignore[arg-type]
    torch.testing.assert_close(seen.as_subclass(torch.Tensor), (image - mean[0]) / std[0])
    small = TrainingTransform((40, 48), **plain)({"image": image})["image"]  # type: ignore[arg-type]
    outside = (small - (round(255 * mean[0]) / 255 - mean[0]) / std[0]).abs() < 1e-5
    assert outside.sum() >= channels * (40 * 48 - 20 * 24)
    evaluated = EvaluationTransform(1.0, 32, mean, std)({"image": image})
    assert evaluated["image"].shape == (channels, 32, 32)
    assert (evaluated["image"][:, 20:] == 0).all()
    batch = collate([{"image": evaluated["image"]}, {"image": evaluated["image"][:, :16]}])
    assert batch["image"].shape == (2, channels, 32, 32)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels", [1, 4])
def test_jitter_of_bands(channels: int, kind: torch.dtype) -> None:
    """Brightness keeps the ratio of all bands and pixels, contrast each band's mean; both stay in the range."""
    unit = 255 if kind == torch.uint8 else 1.0
    image = (torch.rand(channels, 9, 11) * 0.2 * unit + 0.4 * unit).to(kind)
    plain = {"scale": (1, 1), "flip": 0, "mean": (0.0,) * channels, "std": (1.0,) * channels}
    changes = {"brightness": 0, "contrast": 0}
    for name in changes:
        transform = TrainingTransform((9, 11), **plain, **(changes | {name: 0.5}))  # type: ignore[arg-type]
        torch.manual_seed(0)
        before, count = image.float() / unit, 0
        for _ in range(20):
            after = transform({"image": image})["image"].as_subclass(torch.Tensor)
            assert 0 <= after.min() <= after.max() <= 1
            if torch.allclose(after, before, atol=1e-6):
                continue
            count += 1
            if name == "brightness":
                ratio = after / before
                assert ratio.max() - ratio.min() < (0.02 if kind == torch.uint8 else 1e-5)
            else:
                torch.testing.assert_close(after.mean((1, 2)), before.mean((1, 2)), atol=0.004, rtol=0)
        assert 4 <= count <= 16


class TestDoubts:
    """Said once for all images of a folder, before training."""

    @pytest.fixture
    def check(self, tmp_path: Path) -> Callable[..., dict[str, tuple[str, str]]]:
        def check(image: np.ndarray, image_format: ImageFormat = ImageFormat(), **options: object) -> dict:  # noqa: B008
            for stem in ("a", "b"):
                write_tif(tmp_path / "images" / f"{stem}.tif", image, **options)
            report = check_folders(ImagePaths(tmp_path / "images"), image_format=image_format)
            assert report.problems == ()
            return {warning.kind: (warning.found, warning.advice) for warning in report.warnings}

        return check

    @pytest.mark.parametrize("options", [{}, {"photometric": "rgb"}, {"photometric": "rgb", "extrasamples": [0]}])
    def test_a_fourth_band(self, check: Callable, options: dict) -> None:
        image = np.random.default_rng(0).integers(1, 255, (8, 9, 4)).astype(np.uint8)
        found, advice = check(image, **options)["bands that are not used"]
        assert found.startswith("4 bands in 2 of 2 images (a, b); only the first 3 are used")
        assert "--data.bands [1, 2, 3, 4] uses all" in advice
        for bands in ((1, 2, 3), (4, 1, 2), (1, 2, 3, 4)):
            assert check(image, ImageFormat(bands), **options) == {}

    def test_opacity_is_no_band(self, check: Callable) -> None:
        image = np.full((8, 9, 4), 200, np.uint8)
        image[..., 3] = np.where(np.arange(9) < 4, 255, 0)
        assert check(image, photometric="rgb", extrasamples=[2]) == {}

    def test_reflectance_in_16_bits(self, check: Callable) -> None:
        image = np.random.default_rng(0).integers(300, 2900, (40, 50, 3)).astype(np.uint16)
        image[0, 0] = 9800
        found, advice = check(image)["few gray levels"]
        low, high = np.percentile(image, (1, 99))
        levels = high // 256 - low // 256 + 1
        share = f"{low:.0f} to {high:.0f} at 98 % of the pixels"
        assert found == f"{share}, {levels:.0f} of 256 gray levels, in 2 of 2 images (a, b)"
        assert f"--data.value_range [{low:.0f}, {high:.0f}]" in advice
        assert check(image, ImageFormat(None, (0, 3000))) == {}
        assert check(image, ImageFormat(None, "measured")) == {}
        assert check((image.astype(int) * 20).clip(0, 65535).astype(np.uint16)) == {}

    def test_a_range_that_most_pixels_exceed(self, check: Callable) -> None:
        image = np.arange(300, dtype=np.uint16).reshape(10, 10, 3)
        found, _ = check(image, ImageFormat(None, (0, 60)))["value_range too narrow"]
        assert found == "80 % of the numbers in 2 of 2 images (a, b) at or above white"


def test_a_folder_gives_bands(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 3000, (6, 8, 4)).astype(np.uint16)
    write_tif(tmp_path / "images" / "a.tif", stored)
    data = SegmentationFolder(tmp_path / "images", image_format=ImageFormat((4, 2), (0, 3000)))
    expected = torch.from_numpy(stored[..., [3, 1]].astype(np.float32) / 3000).permute(2, 0, 1)
    torch.testing.assert_close(data[0]["image"].as_subclass(torch.Tensor), expected)
