"""Codecs that change labels are refused by the content of the file, and lossless ones read, whatever its name."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hardpix.data import DataError, SegmentationFolder, read_image
from hardpix.data.images import read_numbers
from hardpix.data.masks import read_mask

IDS = np.random.default_rng(0).integers(0, 3, (24, 32)).astype(np.uint8)
COLORS = np.array([[0, 0, 0], [200, 10, 10], [10, 10, 200]], np.uint8)[IDS]

LOSSY = {
    "jpg": ("JPEG", {"quality": 95}),
    "lossy webp": ("WEBP", {"quality": 90}),
    "jpeg 2000": ("JPEG2000", {"irreversible": True}),
    "avif": ("AVIF", {}),
    "jpg, two pictures": ("MPO", {"save_all": True, "append_images": [Image.fromarray(COLORS)]}),
    "jpeg 2000, reversible but cut": (
        "JPEG2000",
        {"irreversible": False, "quality_mode": "rates", "quality_layers": [10]},
    ),
    "jpeg 2000, lossless": ("JPEG2000", {"irreversible": False}),
    "tif with": ("TIFF", {"compression": "jpeg"}),
}


@pytest.mark.parametrize("codec", LOSSY)
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_lossy_masks_are_refused(tmp_path: Path, name: str, codec: str) -> None:
    kind, options = LOSSY[codec]
    Image.fromarray(COLORS).save(tmp_path / name, format=kind, **options)
    with pytest.raises(DataError, match=rf"{name}: expected a lossless file, found {codec.partition(',')[0]}"):
        read_mask(tmp_path / name)
    # As images they are what cameras write.
    assert read_image(tmp_path / name).shape == COLORS.shape


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_lossy_numbers_are_refused(tmp_path: Path, kind: str) -> None:
    Image.fromarray(IDS).save(tmp_path / "a.png", format=kind, **({"compression": "jpeg"} if kind == "TIFF" else {}))
    with pytest.raises(DataError, match=r"a\.png: expected a lossless file, found"):
        read_numbers(tmp_path / "a.png")


@pytest.mark.parametrize("compression", ["jpeg", "webp", "jpeg2000", "jpegxl", "jpegxr", "lerc"])
@pytest.mark.parametrize("values", [IDS, COLORS, IDS.astype(np.uint16)], ids=["ids", "colors", "16 bits"])
def test_codecs_inside_a_tif_are_refused(tmp_path: Path, compression: str, values: np.ndarray) -> None:
    if compression in ("jpeg", "webp") and (values.dtype != np.uint8 or (compression == "webp" and values.ndim == 2)):
        pytest.skip("which it does not hold")
    options = {"compressionargs": {"level": 1.5}} if compression == "lerc" else {}
    kind = "minisblack" if values.ndim == 2 else "rgb"
    tifffile.imwrite(tmp_path / "a.tif", values, compression=compression, photometric=kind, **options)
    for read in (read_mask,) if values.ndim == 3 else (read_mask, read_numbers):
        with pytest.raises(DataError, match=r"a\.tif: expected a lossless file, found"):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("WEBP", {"lossless": True}),
        ("WEBP", {"lossless": True, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}),
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "lzma"}),
        ("TIFF", {"compression": "zstd"}),
        ("TIFF", {}),
        ("TIFF", {"compression": "packbits"}),
    ],
)
def test_lossless_masks_are_read(tmp_path: Path, kind: str, options: dict) -> None:
    Image.fromarray(COLORS).save(tmp_path / "a.png", format=kind, **options)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), COLORS)


def test_webp_pairs_up(tmp_path: Path) -> None:
    for folder, values in (("images", COLORS), ("masks", np.dstack([IDS] * 3))):
        (tmp_path / folder).mkdir()
        Image.fromarray(values).save(tmp_path / folder / "a.webp", lossless=True)
    sample = SegmentationFolder(tmp_path / "images", tmp_path / "masks")[0]
    np.testing.assert_array_equal(sample["target"], IDS)
    np.testing.assert_array_equal(sample["image"].permute(1, 2, 0), COLORS)


def test_animations_are_refused(tmp_path: Path) -> None:
    first, second = (Image.fromarray(np.full((9, 9, 3), value, np.uint8)) for value in (0, 200))
    first.save(tmp_path / "a.webp", save_all=True, append_images=[second], lossless=True)
    for read in (read_image, read_mask):
        with pytest.raises(DataError, match="expected one image, found an animation of 2 frames"):
            read(tmp_path / "a.webp")
