"""Files of too many pixels are refused by their header, and what Pillow's own limit refuses is read."""

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from time import sleep
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from hardpix.data import DataError, ImageFormat, ImagePaths, SegmentationFolder, check_folders, read_depth, read_image
from hardpix.data.bands import read_bands
from hardpix.data.images import image_size, read_numbers, read_weight
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.mask_checks import read_masks
from hardpix.data.masks import read_mask

GRAY = np.ones((30, 50), np.uint8)
READERS = [read_image, read_mask, read_numbers, read_weight, read_depth, read_bands, image_size]


def write(path: Path) -> None:
    if path.suffix == ".npy":
        np.save(path, GRAY)
    elif path.name == "int64.tif":
        tifffile.imwrite(path, GRAY.astype(np.int64))
    else:
        Image.fromarray(GRAY).save(path)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "int64.tif", "a.npy"])
def test_the_limit_is_that_of_the_call(tmp_path: Path, read: Callable, name: str) -> None:
    if name == "a.npy" and read not in (read_numbers, read_weight, read_depth):
        pytest.skip("images and masks are no npy")
    write(tmp_path / name)
    said = rf"{name}: expected at most 0.0014 megapixels, found 0.0015 \(height 30 × width 50\)"
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path / name, max_pixels=1400)
    assert "--data.max_pixels" in caught.value.problems[0].advice
    if (name, read) not in (("int64.tif", read_image), ("int64.tif", read_weight)):
        read(tmp_path / name, max_pixels=1500)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_nothing_behind_the_header_is_read(tmp_path: Path, name: str) -> None:
    """Only the start of a gigapixel's file is there; the message is that of its size."""
    Image.fromarray(np.zeros((3000, 3000), np.uint8)).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    keep = 60 if name == "a.png" else len(whole)
    (tmp_path / name).write_bytes(whole[:keep])
    with pytest.raises(DataError, match="expected at most 1 megapixels, found 9"):
        read_image(tmp_path / name, max_pixels=1_000_000)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp", "gray.tif", "bits.tif"])
def test_pillows_limit_is_not_ours(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made small here, so that the file may be; neither its error nor its warning comes, and the limit stays."""
    kinds = {"gray.tif": GRAY * 40, "bits.tif": GRAY > 0}
    stored = kinds.get(name, np.dstack([GRAY * 40] * 3))
    Image.fromarray(stored).save(tmp_path / name)
    for limit in (1000, 100):  # a warning up to twice the limit, then an error
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = read_image(tmp_path / name)
            assert found.shape == (30, 50, 3)
            if name != "a.jpg":
                assert np.unique(found).tolist() == [255 if name == "bits.tif" else 40]
                mask = read_mask(tmp_path / name)
                np.testing.assert_array_equal(mask, stored)
        assert limit == Image.MAX_IMAGE_PIXELS


def test_the_setting_reaches_every_file_of_a_folder(tmp_path: Path) -> None:
    for folder in ("images", "masks", "depth", "weights"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.png")
    folders = {name: tmp_path / name for name in ("images", "masks", "depth", "weights")}
    small = ImageFormat(max_pixels=1499)
    report = check_folders(ImagePaths(**folders), image_format=small)
    found = [problem.where.parent.name for problem in report.problems if problem.kind == "image of too many pixels"]
    assert sorted(found) == sorted(folders)
    check = check_folders(ImagePaths(**folders), image_format=ImageFormat(max_pixels=1500))
    assert "image of too many pixels" not in {problem.kind for problem in check.problems}
    with pytest.raises(DataError, match=r"at most 0\.001499 megapixels"):
        SegmentationFolder(**folders, image_format=small)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system does not say what memory was used")
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_an_image_at_the_limit_takes_less_than_three_gigabytes(tmp_path: Path, name: str) -> None:
    """By the bytes that one of 16 megapixels takes, in a process of its own."""
    Image.new("RGB", (4000, 4000)).save(tmp_path / name)
    receiver, sender = os.pipe()
    if (child := os.fork()) == 0:
        try:
            # Memory that stays, such as that of libraries, is not counted.
            read_image(tmp_path / name)
            peak_memory()
            before = peak_memory()
            found = read_image(tmp_path / name)
            os.write(sender, str((peak_memory() - before) / (found.size / 3)).encode())
        finally:
            os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as taken:
        each = float(taken.read())
    os.waitpid(child, 0)
    assert each >= 3
    assert each * MAX_PIXELS < 3e9


def peak_memory() -> int:
    """Most bytes that this process has held since it was last asked."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    Path("/proc/self/clear_refs").write_text("5")
    assert found is not None
    return 1024 * int(found[1])


def test_bands_count(tmp_path: Path) -> None:
    """200 bands of 30 × 50 pixels are 300,000 numbers, as many as 75,000 pixels of four bands have."""
    stored = np.zeros((30, 50, 200), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig="contig", compression="deflate")
    said = r"expected at most 0\.074999 megapixels, found 0\.075 \(height 30 × width 50 × 200 bands / 4\)"
    with pytest.raises(DataError, match=said):
        read_bands(tmp_path / "a.tif", max_pixels=74_999)
    assert read_bands(tmp_path / "a.tif", max_pixels=75_000).bands == 200


@pytest.mark.parametrize("masks_alone", [True, False])
def test_large_images_are_read_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, masks_alone: bool
) -> None:
    """Eight readers and room for 4,000 pixels: two files of 1,500 at once, and one of 9,000 alone."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(12):
        values = np.full((90, 100) if number % 4 == 0 else (30, 50), 1 + number % 2, np.uint8)
        Image.fromarray(values).save(tmp_path / "masks" / f"{number}.png")
        Image.new("RGB", values.shape[::-1], (200, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    lock, held, most = Lock(), [0], []

    def counted(path: Path, **settings: Any) -> np.ndarray:
        found = read_mask(path, **settings)
        with lock:
            held[0] += found.size
            most.append(held[0])
        sleep(0.02)
        with lock:
            held[0] -= found.size
        return found

    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("hardpix.data.room.Room.__init__.__defaults__", (4_000 if masks_alone else 8_000,))
    monkeypatch.setattr("hardpix.data.mask_checks.read_mask", counted)
    monkeypatch.setattr("hardpix.data.checks.read_mask", counted)
    if masks_alone:
        facts, problems = read_masks(sorted((tmp_path / "masks").iterdir()))
        assert (len(facts), problems) == (12, [])
    else:
        assert check_folders(ImagePaths(tmp_path / "images", tmp_path / "masks")).problems == ()
    assert len(most) == 12
    assert max(most) == 9_000
    assert 3_000 in most
