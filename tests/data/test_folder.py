"""Images and masks as a dataset."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import tv_tensors

from hardpix.data import (
    ClassTable,
    DataError,
    DepthFormat,
    EvaluationTransform,
    ImagePaths,
    Problem,
    SegmentationFolder,
    TrainingTransform,
    Transformed,
    check_folders,
    collate,
)

Write = Callable[..., tuple[Path, Path]]


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def test_a_sample_holds_what_the_files_hold(write_pairs: Write) -> None:
    images, masks = write_pairs(["a", "b/2", "b/10"], size=(4, 7))
    data = SegmentationFolder(images, masks)
    assert data.stems == ("a", "b/2", "b/10")
    assert len(data) == 3
    for sample, stem in zip(data, ["a", "b/2", "b/10"], strict=False):
        assert sample["stem"] == stem
        assert isinstance(sample["image"], tv_tensors.Image)
        assert isinstance(sample["target"], tv_tensors.Mask)
        assert (sample["image"].dtype, sample["target"].dtype) == (torch.uint8, torch.int64)
        stored = np.asarray(Image.open(images / f"{stem}.png")).transpose(2, 0, 1)
        np.testing.assert_array_equal(sample["image"], stored)
        np.testing.assert_array_equal(sample["target"], np.asarray(Image.open(masks / f"{stem}.png")))


def test_masks_are_mapped_by_the_classes(write_pairs: Write) -> None:
    images, masks = write_pairs(["a"], classes=4)
    table = ClassTable.from_label_map({3: 0, 1: 1, 0: 1, 2: "ignore"})
    target = SegmentationFolder(images, masks, table, ignore_index=-7)[0]["target"]
    stored = np.asarray(Image.open(masks / "a.png"))
    np.testing.assert_array_equal(target, np.array([1, 1, -7, 0])[stored])


def test_without_masks_there_are_only_images(write_pairs: Write) -> None:
    images, _ = write_pairs(["a"])
    data = SegmentationFolder(images)
    assert data.classes is None
    assert set(data[0]) == {"image", "stem"}


def test_cityscapes_names(tmp_path: Path) -> None:
    grey = np.zeros((2, 3), np.uint8)
    for frame in ("ulm/ulm_000_019", "bonn/bonn_001_019"):
        save(tmp_path / f"leftImg8bit/{frame}_leftImg8bit.png", grey)
        save(tmp_path / f"gtFine/{frame}_gtFine_labelIds.png", grey + 7)
        save(tmp_path / f"gtFine/{frame}_gtFine_instanceIds.png", grey)
    data = SegmentationFolder(
        tmp_path / "leftImg8bit",
        tmp_path / "gtFine",
        ClassTable(["road"], [7]),
        image_suffix="_leftImg8bit",
        mask_suffix="_gtFine_labelIds",
    )
    assert data.stems == ("bonn/bonn_001_019", "ulm/ulm_000_019")
    assert data[0]["target"].eq(0).all()


def test_images_and_masks_in_one_folder(tmp_path: Path) -> None:
    save(tmp_path / "1.jpg", np.zeros((2, 3, 3), np.uint8))
    save(tmp_path / "1.png", np.array([[0, 1, 0], [1, 1, 0]], np.uint8))
    with pytest.raises(DataError, match="say how their names end"):
        SegmentationFolder(tmp_path, tmp_path)
    data = SegmentationFolder(tmp_path, tmp_path, image_suffix=".jpg", mask_suffix=".png")
    assert data[0]["target"].tolist() == [[0, 1, 0], [1, 1, 0]]


def test_masks_below_the_images_are_no_images(tmp_path: Path) -> None:
    save(tmp_path / "1.png", np.zeros((2, 3, 3), np.uint8))
    save(tmp_path / "masks" / "1.png", np.zeros((2, 3), np.uint8))
    assert SegmentationFolder(tmp_path, tmp_path / "masks").stems == ("1",)


def test_depth_and_weight_come_along(write_pairs: Write, tmp_path: Path) -> None:
    images, masks = write_pairs(["a"], size=(2, 3))
    save(tmp_path / "depth" / "a.png", np.array([[0, 1000, 2000], [500, 0, 65535]], np.uint16))
    save(tmp_path / "weights" / "a.png", np.array([[0, 65535, 13107], [1, 2, 3]], np.uint16))
    data = SegmentationFolder(
        images, masks, depth=tmp_path / "depth", weights=tmp_path / "weights", depth_format=DepthFormat(scale=0.001)
    )
    sample = data[0]
    assert (sample["depth"].dtype, sample["weight"].dtype) == (torch.float32, torch.float32)
    np.testing.assert_allclose(sample["depth"], [[np.nan, 1, 2], [0.5, np.nan, 65.535]], rtol=1e-6)
    np.testing.assert_allclose(sample["weight"][0], [0, 1, 0.2], rtol=1e-6)


def test_all_that_does_not_pair_up_is_listed(write_pairs: Write) -> None:
    images, masks = write_pairs(["a", "b", "c", "d"])
    (masks / "a.png").unlink()
    (masks / "c.png").unlink()
    save(images / "d.bmp", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(DataError) as caught:
        SegmentationFolder(images, masks)
    assert [(p.kind, p.where) for p in caught.value.problems] == [
        ("several files of one stem", images / "d"),
        ("no mask for an image", images / "a.png"),
        ("no mask for an image", images / "c.png"),
    ]
    assert SegmentationFolder(images, masks, stems=["b"])[0]["stem"] == "b"
    with pytest.raises(DataError, match="z: expected an image, found none"):
        SegmentationFolder(images, masks, stems=["z"])


def test_a_folder_that_is_none(tmp_path: Path, write_pairs: Write) -> None:
    images, _ = write_pairs(["a"])
    with pytest.raises(DataError, match=r"nowhere: expected a folder, found nothing"):
        SegmentationFolder(images, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r'files of .png, .* that end in "_x", found none'):
        SegmentationFolder(tmp_path / "empty", image_suffix="_x")


def test_faults_met_while_loading_name_the_file(write_pairs: Write) -> None:
    images, masks = write_pairs(["a", "b"])
    save(masks / "a.png", np.full((6, 9), 17, np.uint8))
    save(masks / "b.png", np.zeros((9, 6), np.uint8))
    data = SegmentationFolder(images, masks, ClassTable.from_names(["x", "y"]))
    with pytest.raises(DataError, match=r"a\.png: expected ids 0–1, or 255 to ignore, found 17 \(54 pixels\)"):
        data[0]
    with pytest.raises(DataError, match=r"b\.png: expected 6×9 \(height × width\), found 9×6"):
        data[1]


def test_errors_come_out_of_worker_processes() -> None:
    """A worker sends type and text, and the type is called with the text alone; pools of processes pickle."""
    error = DataError.of([Problem("kind", Path("a.png"), "x", "y", "do z")])
    assert str(DataError(f"Caught in worker 0.\n{error}")) == f"Caught in worker 0.\n{error}"
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.problems) == (str(error), error.problems)


def turned(path: Path, values: np.ndarray) -> None:
    """A file as a camera held upright writes it: lying on its side, and a note that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rot90(values)).save(path, exif=exif)


def test_all_files_of_a_sample_are_turned_upright(tmp_path: Path) -> None:
    """Each file says so itself: a mask without a note is taken as it is, and refused if it lies on its side."""
    place = np.arange(24, dtype=np.uint8).reshape(4, 6)
    turned(tmp_path / "images" / "a.jpg", np.full((4, 6, 3), 90, np.uint8))
    turned(tmp_path / "images" / "b.png", np.repeat(place[..., None], 3, axis=2))
    turned(tmp_path / "masks" / "a.png", place)
    save(tmp_path / "masks" / "b.png", place)
    for folder in ("depth", "weights"):
        turned(tmp_path / folder / "a.png", place.astype(np.uint16))
        turned(tmp_path / folder / "b.tif", place.astype(np.float32))
    more = {"depth": tmp_path / "depth", "weights": tmp_path / "weights"}
    data = SegmentationFolder(
        tmp_path / "images", tmp_path / "masks", ClassTable.from_names([str(i) for i in range(24)]), **more
    )
    for sample in (data[0], data[1]):
        np.testing.assert_array_equal(sample["target"], place)
        np.testing.assert_array_equal(sample["depth"].nan_to_num(0), place)
    np.testing.assert_array_equal(data[1]["image"][0], place)
    np.testing.assert_allclose(data[0]["weight"], place / 65535, rtol=1e-6)
    assert check_folders(data.folders, data.classes).problems == ()
    save(tmp_path / "masks" / "a.png", np.rot90(place))
    (problem,) = check_folders(data.folders, data.classes).problems
    assert (problem.where.name, problem.expected, problem.found) == ("a.png", "4×6 (height × width)", "6×4")
    assert "EXIF" in problem.advice


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(6, 6), (4, 6)])
def test_masks_that_fit_turned_photographs_both_ways_are_doubted(
    orientation: int, size: tuple[int, int], tmp_path: Path
) -> None:
    """A tool that does not know EXIF shows the pixels as stored; only a size that is swapped tells."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = size[::-1] if orientation > 4 else size
    (tmp_path / "images").mkdir()
    for stem in ("a", "b", "c"):
        options = {} if stem == "c" else {"exif": exif}
        shape = size if stem == "c" else stored
        Image.fromarray(np.full((*shape, 3), 90, np.uint8)).save(tmp_path / "images" / f"{stem}.png", **options)
        save(tmp_path / "masks" / f"{stem}.png", (np.arange(size[0] * size[1]).reshape(size) % 2).astype(np.uint8))
    folders = ImagePaths(tmp_path / "images", tmp_path / "masks")
    report = check_folders(folders)
    assert report.problems == ()
    fits_one_way_alone = orientation == 1 or (orientation > 4 and size[0] != size[1])
    if fits_one_way_alone:
        assert report.warnings == ()
        return
    (doubt,) = report.doubts
    assert doubt.found.endswith("EXIF turns: 2 of 3 (a.png, b.png), 66.7 % of the pixels")
    # A photograph on its side tells for all of them, and so does a mask's own word.
    turned(tmp_path / "images" / "d.png", np.full((8, 6, 3), 90, np.uint8))
    save(tmp_path / "masks" / "d.png", (np.arange(48).reshape(8, 6) % 2).astype(np.uint8))
    assert check_folders(ImagePaths(*folders.given.values())).warnings == ()


def test_ignore_index_is_no_class(write_pairs: Write) -> None:
    with pytest.raises(ValueError, match="found 2 with 3 classes"):
        SegmentationFolder(*write_pairs(["a"]), ignore_index=2)


def test_nothing_in_the_folders_is_written_to(write_pairs: Write, tmp_path: Path) -> None:
    images, masks = write_pairs(["a", "b"], size=(20, 30))

    def snapshot() -> dict[Path, tuple]:
        return {
            path: (
                path.stat().st_mtime_ns,
                path.stat().st_size,
                path.is_file() and hashlib.sha256(path.read_bytes()).digest(),
            )
            for path in [tmp_path, *tmp_path.rglob("*")]
        }

    before = snapshot()
    data = SegmentationFolder(images, masks)
    check_folders(data.folders).require()
    list(DataLoader(Transformed(data, TrainingTransform(16)), batch_size=2, num_workers=1, collate_fn=collate))
    Transformed(SegmentationFolder(images), EvaluationTransform())[0]
    assert snapshot() == before


NAMES = st.text("ab1_", min_size=1, max_size=4)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAMES, unique=True, min_size=1, max_size=5), st.lists(NAMES, unique=True, max_size=5))
def test_images_find_their_masks_by_stem(tmp_path_factory: pytest.TempPathFactory, images: list, masks: list) -> None:
    root = tmp_path_factory.mktemp("pairs")
    (root / "masks").mkdir()
    for stem in images:
        save(root / "images" / f"{stem}.bmp", np.zeros((1, 2, 3), np.uint8))
    for stem in masks:
        save(root / "masks" / f"{stem}.png", np.array([[0, 1]], np.uint8))
    if set(images) <= set(masks):
        data = SegmentationFolder(root / "images", root / "masks")
        assert sorted(data.stems) == sorted(images)
        assert all(path.stem == stem for stem, path in data.files["masks"].items())
    else:
        with pytest.raises(DataError) as caught:
            SegmentationFolder(root / "images", root / "masks")
        assert sorted(p.where.stem for p in caught.value.problems) == sorted(set(images) - set(masks))
