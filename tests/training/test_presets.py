"""Data sets described by a YAML file of the user's own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.data import DataError, DepthFormat, SegmentationFolder, split_blocks
from hardpix.training.data_module import SegmentationData
from runs import write_pair

CLASSES = "name: mine\nclasses: [{name: a, id: 0}, {name: b, id: 1}]\n"
STEMS = [f"{k:02}" for k in range(12)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, stems in (("train", STEMS), ("val", STEMS[:3])):
        for stem in stems:
            write_pair(tmp_path / part / "img", tmp_path / part / "lab", stem, rng, (0, 1))
    return tmp_path


def opened(root: Path, parts: str, **settings: object) -> SegmentationData:
    (root / "mine.yaml").write_text(CLASSES + parts)
    return SegmentationData(preset=str(root / "mine.yaml"), root=str(root), workers=0, **settings)  # type: ignore[arg-type]


def stems_of(samples: object) -> list[str]:
    assert isinstance(samples, SegmentationFolder)
    return list(samples.stems)


TRAIN, VAL = "train: {images: train/img, masks: train/lab}\n", "val: {images: val/img, masks: val/lab}\n"


def test_a_part_of_its_own_is_validated_on(root: Path) -> None:
    data = opened(root, TRAIN + VAL)
    assert (stems_of(data.train_set), stems_of(data.val_set)) == (STEMS, STEMS[:3])


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_without_one_blocks_are_held_out(share: float, root: Path) -> None:
    data = opened(root, TRAIN, val_share=share)
    split = split_blocks(STEMS, share)
    assert (stems_of(data.train_set), stems_of(data.val_set)) == (list(split.train), list(split.val))
    assert stems_of(opened(root, TRAIN, val_stems="0[13]").val_set) == ["01", "03"]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (TRAIN + "val: {images: val/img}\n", "masks of the images to validate on, found none for .*val.img: "),
        ("train: {images: train/img}\n" + VAL, "masks of the images to train on, found none for .*train.img: "),
        ("train: {images: train/img}\n", "masks of the images to train on"),
    ],
)
def test_parts_without_masks_are_refused_at_the_start(parts: str, said: str, root: Path) -> None:
    with pytest.raises(DataError, match=said) as caught:
        opened(root, parts)
    assert "name their folder" in str(caught.value)


def test_there_must_be_something_to_train_on(root: Path) -> None:
    with pytest.raises(ValueError, match="expected a part of mine, one of val, found 'train'"):
        opened(root, VAL)


def test_depth_that_the_preset_names_comes_along(root: Path) -> None:
    (root / "train" / "far").mkdir()
    for stem in STEMS:
        Image.fromarray(np.full((48, 64), 7, np.uint16)).save(root / "train" / "far" / f"{stem}.png")
    train = "train: {images: train/img, masks: train/lab, depth: train/far}\n"
    data = opened(root, train + VAL, depth=True)
    assert data.train_set[0]["depth"].eq(7).all()
    assert "depth" not in data.val_set[0]
    half = opened(root, f"{train}{VAL}depth_format: {{scale: 0.5}}\n", depth=True)
    assert half.train_set[0]["depth"].eq(3.5).all()
    own = opened(root, f"{train}{VAL}depth_format: {{scale: 0.5}}\n", depth=True, depth_format=DepthFormat(offset=3))
    assert own.train_set[0]["depth"].eq(10).all()


@pytest.mark.parametrize("depth", [None, False])
def test_depth_that_nobody_asks_for_need_not_be_there(depth: bool | None, root: Path) -> None:
    data = opened(root, "train: {images: train/img, masks: train/lab, depth: nowhere}\n" + VAL, depth=depth)
    assert "depth" not in data.train_set[0]
    with pytest.raises(DataError, match="nowhere: expected a folder, found nothing"):
        opened(root, "train: {images: train/img, masks: train/lab, depth: nowhere}\n" + VAL, depth=True)


def test_depth_of_another_folder_in_the_format_of_the_preset(root: Path, tmp_path: Path) -> None:
    for stem in STEMS:
        path = tmp_path / "elsewhere" / f"{stem}_z.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((48, 64), 70, np.uint16)).save(path)
    named = "train: {images: train/img, masks: train/lab, depth: nowhere, depth_suffix: _z}\n"
    data = opened(root, f"{named}{VAL}depth_format: {{scale: 0.1}}\n", depth=str(tmp_path / "elsewhere"))
    np.testing.assert_allclose(data.train_set[0]["depth"], 7, rtol=1e-6)


def test_depth_of_validation_images_is_not_looked_at(root: Path) -> None:
    for part in ("train", "val"):
        (root / part / "far").mkdir()
    for stem in STEMS:
        Image.fromarray(np.full((48, 64), 7, np.uint16)).save(root / "train" / "far" / f"{stem}.png")
    (root / "val" / "far" / f"{STEMS[0]}.png").write_bytes(b"broken")
    parts = (TRAIN + VAL).replace("train/lab", "train/lab, depth: train/far")
    parts = parts.replace("val/lab", "val/lab, depth: val/far")
    data = opened(root, parts, depth=True)
    assert data.train_set[0]["depth"].eq(7).all()
    assert "depth" not in data.val_set[0]


def test_parts_by_lists_of_stems(root: Path) -> None:
    (root / "few.txt").write_text("\n".join(STEMS[:5]))
    (root / "held_out.txt").write_text("\n".join(STEMS[7:9]))
    lists = [
        "train: {images: train/img, masks: train/lab, stems: few.txt}\n",
        "val: {images: train/img, masks: train/lab, stems: held_out.txt}\n",
    ]
    data = opened(root, "".join(lists))
    assert (stems_of(data.train_set), stems_of(data.val_set)) == (STEMS[:5], STEMS[7:9])
    data = opened(root, lists[0], val_stems="0[13]")
    assert (stems_of(data.train_set), stems_of(data.val_set)) == (["00", "02", "04"], ["01", "03"])
    (root / "held_out.txt").write_text("\n".join(STEMS[4:6]))
    with pytest.raises(DataError, match=r"04\.png: expected an image of one of the two, found it in both"):
        opened(root, "".join(lists))


def test_a_single_image_cannot_be_split(tmp_path: Path) -> None:
    write_pair(tmp_path / "i", tmp_path / "m", "only", np.random.default_rng(0), (0, 1))
    with pytest.raises(ValueError, match="one to train on and one to hold out, found 1: add images") as caught:
        SegmentationData(str(tmp_path / "i"), str(tmp_path / "m"))
    assert "val_images and val_masks" in str(caught.value)
