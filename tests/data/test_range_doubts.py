"""Images of one unit that would be read in the range of another one are said, with the share and the files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hardpix.data import ImageFormat
from hardpix.data.range_doubts import range_doubts


def write_tif(path: Path, values: np.ndarray) -> None:
    tifffile.imwrite(path, values, photometric="minisblack", planarconfig="contig")


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str, list[np.ndarray]], dict[str, Path]]:
    def files(name: str, images: list[np.ndarray]) -> dict[str, Path]:
        paths = {f"{name}{k}": tmp_path / f"{name}{k}.tif" for k in range(len(images))}
        for path, image in zip(paths.values(), images, strict=True):
            write_tif(path, image)
        return paths

    return files


def reflectance(count: int, low: float = 0.02) -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [rng.uniform(low, 0.4, (20, 30, 3)).astype(np.float32) for _ in range(count)]


def found_in(files: Callable, training: list[np.ndarray], others: list[np.ndarray]) -> list[tuple[str, str]]:
    image_format = ImageFormat(None, "measured").measured([*files("t", training).values()])
    paths = files("v", others)
    folder = next(iter(paths.values())).parent
    return [(doubt.kind, doubt.found) for doubt in range_doubts(folder, paths, image_format)]


def test_one_unit(files: Callable) -> None:
    assert found_in(files, reflectance(6), reflectance(4)) == []


def test_integers_in_the_range_of_shares(files: Callable) -> None:
    others = [image * 10_000 for image in reflectance(4)]
    found = "100 % of the numbers in 4 of 4 images (v0, v1, v2 …) at or above white"
    assert found_in(files, reflectance(6), others) == [("value_range too narrow", found)]


def test_shares_in_the_range_of_integers(files: Callable) -> None:
    training = [image * 10_000 for image in reflectance(6)]
    doubts = found_in(files, training, reflectance(4))
    found = "100 % of the numbers in 4 of 4 images (v0, v1, v2 …) below black"
    assert doubts[-1] == ("numbers below value_range", found)


def test_shares_in_a_range_from_nought(files: Callable) -> None:
    """All lie inside, and all are black."""
    training = [image * 10_000 for image in reflectance(6, low=0.0)]
    for image in training:
        image[:5] = 0
    doubts = found_in(files, training, reflectance(2))
    assert doubts == [("image all but black", "a brightest value of 0 out of 255")] * 2


def test_one_image_of_many(files: Callable) -> None:
    """In the mean of all images its share would be lost."""
    others = reflectance(20)
    others[7] = others[7] * 10_000
    found = "100 % of the numbers in 1 of 20 images (v7) at or above white"
    assert found_in(files, reflectance(6), others) == [("value_range too narrow", found)]


def test_margins_without_data_are_no_other_unit(files: Callable) -> None:
    others = reflectance(3)
    for image in others:
        image[:14] = 0
    assert found_in(files, reflectance(6, low=0.1), others) == []


def test_the_share_is_that_of_the_numbers(files: Callable) -> None:
    """The first 480 of 600 pixels are of another unit: 80 %."""
    others = reflectance(1)
    others[0][:16] *= 10_000
    _, high = np.percentile(np.stack(reflectance(6)), (1, 99), axis=(0, 1, 2))
    share = 100 * float((others[0] >= high).mean())
    ((kind, found),) = found_in(files, reflectance(6), others)
    assert kind == "value_range too narrow"
    assert found == f"{share:.3g} % of the numbers in 1 of 1 images (v0) at or above white"
