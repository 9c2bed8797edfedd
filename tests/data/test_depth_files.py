"""Folders of depth maps: which are missing, of another unit, or without a known depth."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hardpix.data import (
    DataError,
    DepthFormat,
    ImagePaths,
    ProblemReport,
    SegmentationFolder,
    TrainingTransform,
    Transformed,
    check_folders,
    collate,
    describe,
)

from .conftest import save

Pairs = Callable[..., tuple[Path, Path]]
STEMS = ["a", "b", "c", "d"]
MILLIMETRES = DepthFormat(scale=0.001)


@pytest.fixture
def folders(write_pairs: Pairs, tmp_path: Path) -> ImagePaths:
    """Four images of 6×9 with depth of 1 to 4 meters, in millimeters."""
    images, masks = write_pairs(STEMS)
    for k, stem in enumerate(STEMS, 1):
        save(tmp_path / "depth" / f"{stem}.png", np.full((6, 9), 1000 * k, np.uint16))
    return ImagePaths(images, masks, tmp_path / "depth")


def depth_file(folders: ImagePaths, stem: str) -> Path:
    assert folders.depth is not None
    return folders.depth / f"{stem}.png"


def check(folders: ImagePaths, depth_format: DepthFormat = MILLIMETRES) -> ProblemReport:
    return check_folders(folders, depth_format=depth_format)


def opened(folders: ImagePaths, **settings: object) -> SegmentationFolder:
    return SegmentationFolder(
        folders.images,
        folders.masks,
        depth=folders.depth,
        depth_format=MILLIMETRES,
        **settings,  # type: ignore[arg-type]
    )


def test_sound_depth_says_nothing(folders: ImagePaths) -> None:
    report = check(folders)
    assert (report.problems, report.warnings, report.without_depth) == ((), (), ())
    assert [sample["depth"][0, 0].item() for sample in opened(folders)] == pytest.approx([1, 2, 3, 4])  # type: ignore[attr-defined]


def test_images_without_depth_are_used_and_counted(folders: ImagePaths) -> None:
    depth_file(folders, "b").unlink()
    save(depth_file(folders, "c"), np.zeros((6, 9), np.uint16))
    report = check(folders)
    assert (report.problems, report.without_depth) == ((), ("b", "c"))
    assert set(report.depth_seen) == {"a", "d"}
    assert [(w.kind, w.where.name) for w in report.warnings] == [("depth map without a known depth", "c.png")]
    data = opened(folders)
    assert [bool(data[k]["depth"].isnan().all()) for k in range(4)] == [False, True, True, False]
    assert {tuple(data[k]["depth"].shape) for k in range(4)} == {(6, 9)}
    assert {data[k]["depth"].dtype for k in range(4)} == {torch.float32}
    batch = collate(list(Transformed(data, TrainingTransform(8, scale=(1, 1)))))  # type: ignore[attr-defined]
    assert batch["depth"].shape == (4, 8, 8)
    assert batch["depth"].isfinite().flatten(1).any(1).tolist() == [True, False, False, True]


def test_depth_of_no_image_is_an_error_that_names_the_folder(folders: ImagePaths, tmp_path: Path) -> None:
    for stem in STEMS:
        depth_file(folders, stem).rename(tmp_path / "depth" / f"{stem}_far.png")
    expected = r"depth: expected a depth map \(png, tif, tiff, bmp, npy\) of at least one image, such as a.png, "
    expected += r"found others, such as a_far.png \(4 in all\)"
    with pytest.raises(DataError, match=expected) as caught:
        opened(folders)
    assert "depth_suffix" in str(caught.value)
    with pytest.raises(DataError, match=expected):
        check(folders).require()
    assert opened(folders, depth_suffix="_far")[3]["depth"][0, 0] == pytest.approx(4)
    with pytest.raises(DataError, match=r"such as a_near\.png"):
        opened(folders, depth_suffix="_near")


def test_depth_of_no_image_of_a_part_is_an_error_too(folders: ImagePaths) -> None:
    depth_file(folders, "a").unlink()
    depth_file(folders, "b").unlink()
    assert opened(folders, stems=["b", "c"]).files["depth"].keys() == {"c"}
    with pytest.raises(DataError, match="at least one image"):
        opened(folders, stems=["a", "b"])


def test_depth_that_is_nowhere_known_is_an_error(folders: ImagePaths) -> None:
    (problem,) = check(folders, DepthFormat(scale=0.001, offset=-70)).problems
    assert (problem.kind, problem.where) == ("no known depth", folders.depth)
    assert "depth_format" in problem.advice


@pytest.mark.parametrize(
    ("stored", "depth_format", "advised"),
    [
        (1500.0, DepthFormat(), "0.001 for millimeters"),
        (1500.0, DepthFormat(), "0.01 for centimeters"),
        (2560.0, DepthFormat(), "0.00390625 for 1/256 m"),
        (1.5, MILLIMETRES, "1 for meters"),
        (1e9, DepthFormat(), "set the scale of depth_format; if it is disparity, baseline and focal, too;"),
        (1.0, DepthFormat(baseline=0.2, focal=2000), "baseline in meters, focal in pixels"),
        (201.0, DepthFormat(), "another unit than meters"),
        (0.049, DepthFormat(), "another unit than meters"),
    ],
)
def test_depth_in_another_unit_is_named_with_the_scale(
    stored: float, depth_format: DepthFormat, advised: str, folders: ImagePaths
) -> None:
    """In one of the files, by the middle of what is known in it."""
    values = np.full((6, 9), stored, np.float32)
    values[0, :4], values[1] = (2.0, 90.0, 150.0, 1e5), np.nan
    for stem in STEMS:
        depth_file(folders, stem).unlink()
        np.save(depth_file(folders, stem).with_suffix(".npy"), np.full((6, 9), 10 / depth_format.scale))
        if depth_format.baseline:
            np.save(depth_file(folders, stem).with_suffix(".npy"), np.full((6, 9), 40.0))
    np.save(depth_file(folders, "c").with_suffix(".npy"), values)
    (problem,) = check(folders, depth_format).problems
    assert (problem.kind, problem.where.name) == ("depth in another unit", "c.npy")
    assert problem.expected == "a median of 0.05 to 200 m"
    assert advised in problem.advice


@pytest.mark.parametrize("meters", [0.05, 199.0])
def test_depth_at_the_bounds_is_taken(meters: float, folders: ImagePaths) -> None:
    for stem in STEMS:
        depth_file(folders, stem).unlink()
        np.save(depth_file(folders, stem).with_suffix(".npy"), np.full((6, 9), meters + 1e-6))
    assert check(folders, DepthFormat()).problems == ()


def test_everything_wrong_with_depth_comes_in_one_list(folders: ImagePaths) -> None:
    save(depth_file(folders, "a"), np.full((9, 6), 1500, np.uint16))
    save(depth_file(folders, "b"), np.full((6, 9, 3), 15, np.uint8))
    depth_file(folders, "c").write_bytes(b"")
    assert folders.depth is not None
    np.save(folders.depth / "d.npy", np.full((6, 9), 1500))
    np.save(folders.depth / "left.npy", np.ones((6, 9)))
    report = check(folders)
    found = {(p.kind, p.where.name, p.found.partition(":")[0]) for p in report.problems}
    assert found == {
        ("map of another size than its image", "a.png", "9×6"),
        ("file that cannot be used", "b.png", "an array of shape (6, 9, 3)"),
        ("file that cannot be used", "c.png", "an empty file"),
        ("several files of one stem", "d", "d.npy and d.png"),
    }
    assert [w.where.name for w in report.warnings] == ["left.npy"]
    assert "6×9 (height × width)" in describe(report.problems)
    assert report.without_depth == ()


def test_without_a_folder_of_depth_nothing_is_asked(folders: ImagePaths) -> None:
    report = check(ImagePaths(folders.images, folders.masks))
    assert (report.problems, report.without_depth) == ((), ())
    assert "depth" not in SegmentationFolder(folders.images, folders.masks)[0]


def test_weight_maps_stay_strict(folders: ImagePaths) -> None:
    """An image without its weight would be trained on with another weight than meant."""
    depth_file(folders, "b").unlink()
    with pytest.raises(DataError, match="no weight map for an image"):
        SegmentationFolder(folders.images, folders.masks, weights=folders.depth)
    assert Image.open(depth_file(folders, "a")).size == (9, 6)
