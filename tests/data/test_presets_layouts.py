"""Known data sets as small trees, written by hand from their documentation: names, folders, encodings, ids, colors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.data import DataError, SegmentationFolder, check_folders, load_preset, read_mask

Write = Callable[[Path], None]
# None stands for pixels without a label.
Names = Sequence[str | None]


def voc_palette() -> list[tuple[int, int, int]]:
    """The 256 colors of the VOC devkit: the bits of an index, three at a time, fill the channels from above."""
    colors = []
    for index in range(256):
        channels = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                channels[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
        colors.append((channels[0], channels[1], channels[2]))
    return colors


def saved(image: Image.Image) -> Write:
    def write(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)

    return write


def photo(width: int) -> Write:
    return saved(Image.new("RGB", (width, 2), (90, 120, 30)))


def gray(*ids: int) -> Write:
    return saved(Image.fromarray(np.array([ids] * 2, np.uint8)))


def indexed(colors: Sequence[tuple[int, int, int]], *ids: int) -> Write:
    image = Image.fromarray(np.array([ids] * 2, np.uint8)).convert("P")
    image.putdata([*ids, *ids])
    image.putpalette([value for color in colors for value in color])
    return saved(image)


def rgb(*colors: tuple[int, int, int]) -> Write:
    return saved(Image.fromarray(np.array([colors] * 2, np.uint8)))


def one_bit(*ids: int) -> Write:
    return saved(Image.fromarray(np.array([ids] * 2, np.uint8) * 255).convert("1", dither=Image.Dither.NONE))


def text(*lines: str) -> Write:
    def write(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    return write


@dataclass(frozen=True)
class Tree:
    """Files by path, and for each part the classes of a row of pixels of every stem."""

    files: Mapping[str, Write]
    parts: Mapping[str, Mapping[str, Names]]
    classes: int


VOC_ROW: Names = ["background", "aeroplane", "person", "tvmonitor", None]
VOC_FILES = {
    "JPEGImages/2007_000032.jpg": photo(5),
    "JPEGImages/2007_000033.jpg": photo(5),
    "JPEGImages/2008_000001.jpg": photo(5),
    "SegmentationClass/2007_000032.png": indexed(voc_palette(), 0, 1, 15, 20, 255),
    "SegmentationClass/2007_000033.png": indexed(voc_palette(), 0, 1, 15, 20, 255),
    "ImageSets/Segmentation/train.txt": text("2007_000032"),
    "ImageSets/Segmentation/val.txt": text("2007_000033"),
}
CONTEXT_FILES = {
    **{f"JPEGImages/{stem}.jpg": photo(4) for stem in ("2008_000002", "2008_000003")},
    **{f"SegmentationClassContext/{stem}.png": gray(0, 1, 30, 59) for stem in ("2008_000002", "2008_000003")},
    "ImageSets/SegmentationContext/train.txt": text("2008_000002"),
    "ImageSets/SegmentationContext/val.txt": text("2008_000003"),
}
CITYSCAPES_ROW: Names = ["road", "sidewalk", "pole", "sky", "bicycle", None]
ISPRS_COLORS = [(255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0), (0, 0, 0)]
ISPRS_ROW: Names = ["impervious surfaces", "building", "low vegetation", "tree", "car", "clutter", None]
POTSDAM = {
    "train": [f"{a}_{b}" for a in (2, 3, 4, 5) for b in (10, 11, 12)]
    + [f"{a}_{b}" for a in (6, 7) for b in range(7, 13)],
    "test": [
        f"{a}_{b}" for a in range(2, 8) for b in (13, 14, 15) if (a, b) not in [(2, 15), (3, 15), (7, 14), (7, 15)]
    ],
}
VAIHINGEN = {
    "train": [1, 3, 5, 7, 11, 13, 15, 17, 21, 23, 26, 28, 30, 32, 34, 37],
    "test": [2, 4, 6, 8, 10, 12, 14, 16, 20, 22, 24, 27, 29, 31, 33, 35, 38],
}
EYES = [f"{number:02d}{side}" for number in range(1, 15) for side in "LR"]

TREES = {
    "camvid32": Tree(
        {
            **{f"701_StillsRaw_full/{stem}.png": photo(5) for stem in ("0001TP_006690", "0016E5_00390")},
            **{
                f"LabeledApproved_full/{stem}_L.png": rgb(
                    (64, 128, 64), (0, 128, 192), (128, 64, 128), (64, 192, 0), (0, 0, 0)
                )
                for stem in ("0001TP_006690", "0016E5_00390")
            },
        },
        {"train": {stem: ["Animal", "Bicyclist", "Road", "Wall", None] for stem in ["0001TP_006690", "0016E5_00390"]}},
        31,
    ),
    "ade20k": Tree(
        {
            "images/training/ADE_train_00000001.jpg": photo(5),
            "annotations/training/ADE_train_00000001.png": gray(0, 1, 13, 90, 150),
            "images/validation/ADE_val_00000001.jpg": photo(3),
            "annotations/validation/ADE_val_00000001.png": gray(2, 66, 0),
        },
        {
            "train": {"ADE_train_00000001": [None, "wall", "person", "television", "flag"]},
            "val": {"ADE_val_00000001": ["building", "toilet", None]},
        },
        150,
    ),
    "voc2012": Tree(VOC_FILES, {"train": {"2007_000032": VOC_ROW}, "val": {"2007_000033": VOC_ROW}}, 21),
    "voc2012_aug": Tree(
        {
            **VOC_FILES,
            "SegmentationClassAug/2007_000032.png": gray(0, 1, 15, 20, 255),
            "SegmentationClassAug/2008_000001.png": gray(0, 1, 15, 20, 255),
            "ImageSets/Segmentation/trainaug.txt": text("2007_000032", "2008_000001"),
        },
        {"train": dict.fromkeys(["2007_000032", "2008_000001"], VOC_ROW), "val": {"2007_000033": VOC_ROW}},
        21,
    ),
    "pascal_context60": Tree(
        CONTEXT_FILES,
        {
            "train": {"2008_000002": ["background", "aeroplane", "ground", "wood"]},
            "val": {"2008_000003": ["background", "aeroplane", "ground", "wood"]},
        },
        60,
    ),
    "pascal_context59": Tree(
        CONTEXT_FILES,
        {
            "train": {"2008_000002": [None, "aeroplane", "ground", "wood"]},
            "val": {"2008_000003": [None, "aeroplane", "ground", "wood"]},
        },
        59,
    ),
    "coco_stuff164k": Tree(
        {
            "images/train2017/000000000009.jpg": photo(6),
            "annotations/train2017/000000000009.png": gray(0, 12, 91, 150, 181, 255),
            # Written beside the masks by mmsegmentation's converter.
            "annotations/train2017/000000000009_labelTrainIds.png": gray(0, 11, 80, 139, 170, 255),
            "images/val2017/000000000139.jpg": photo(2),
            "annotations/val2017/000000000139.png": gray(89, 255),
        },
        {
            "train": {"000000000009": ["person", "stop sign", "banner", "roof", "wood", None]},
            "val": {"000000000139": ["toothbrush", None]},
        },
        171,
    ),
    "coco_stuff10k": Tree(
        {
            f"{folder}/{part}2014/COCO_train2014_000000000{number}{ending}": write
            for part, number in (("train", "077"), ("test", "081"))
            for folder, ending, write in (
                ("images", ".jpg", photo(4)),
                ("annotations", "_labelTrainIds.png", gray(0, 1, 81, 171)),
            )
        },
        {
            "train": {"COCO_train2014_000000000077": [None, "person", "banner", "wood"]},
            "test": {"COCO_train2014_000000000081": [None, "person", "banner", "wood"]},
        },
        171,
    ),
    "bdd100k": Tree(
        {
            f"{folder}/{part}/{stem}{ending}": write
            for part, stem in (("train", "0004a4c0-d4dff0ad"), ("val", "7d06fefd-f7be05a6"))
            for folder, ending, write in (
                ("images/10k", ".jpg", photo(6)),
                ("labels/sem_seg/masks", ".png", gray(0, 1, 5, 10, 18, 255)),
                ("labels/sem_seg/colormaps", ".png", photo(6)),
            )
        },
        {"train": {"0004a4c0-d4dff0ad": CITYSCAPES_ROW}, "val": {"7d06fefd-f7be05a6": CITYSCAPES_ROW}},
        19,
    ),
    "mapillary_v1_2": Tree(
        {
            f"{part}/{folder}/abcDEF{ending}": write
            for part in ("training", "validation")
            for folder, ending, write in (
                ("images", ".jpg", photo(4)),
                ("v1.2/labels", ".png", indexed([(165, 42, 42)] + [(128, 64, 128)] * 64 + [(0, 0, 0)], 0, 13, 13, 65)),
                ("v1.2/instances", ".png", gray(0, 0, 0, 0)),
                ("v2.0/labels", ".png", gray(0, 21, 21, 123)),
            )
        },
        {part: {"abcDEF": ["Bird", "Road", "Road", None]} for part in ("train", "val")},
        65,
    ),
    "mapillary_v2_0": Tree(
        {
            f"{part}/{folder}/abcDEF{ending}": write
            for part in ("training", "validation")
            for folder, ending, write in (
                ("images", ".jpg", photo(4)),
                ("v1.2/labels", ".png", gray(0, 13, 13, 65)),
                # Dashed and straight lines are both white.
                ("v2.0/labels", ".png", indexed([(165, 42, 42), *[(255, 255, 255)] * 123], 0, 35, 36, 123)),
            )
        },
        {
            part: {"abcDEF": ["Bird", "Lane Marking - Dashed Line", "Lane Marking - Straight Line", None]}
            for part in ("train", "val")
        },
        123,
    ),
    "isaid": Tree(
        {
            f"{part}/images/{stem}{ending}": write
            for part, stem in (("train", "P0002"), ("train", "P0002_0_800_0_800"), ("val", "P0003"))
            for ending, write in (
                (".png", photo(4)),
                ("_instance_color_RGB.png", rgb((0, 0, 0), (0, 0, 63), (0, 127, 255), (0, 100, 155))),
                ("_instance_id_RGB.png", rgb((0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0))),
            )
        },
        {
            "train": {stem: ["background", "ship", "plane", "Harbor"] for stem in ["P0002", "P0002_0_800_0_800"]},
            "val": {"P0003": ["background", "ship", "plane", "Harbor"]},
        },
        16,
    ),
    "loveda": Tree(
        {
            f"{part}/{scene}/{kind}_png/{number}.png": write
            for part, scene, number in (("Train", "Urban", 1366), ("Train", "Rural", 0), ("Val", "Rural", 2522))
            for kind, write in (("images", photo(4)), ("masks", gray(0, 1, 2, 7)))
        },
        {
            "train": {stem: [None, "background", "building", "agricultural"] for stem in ["Rural/0", "Urban/1366"]},
            "val": {"Rural/2522": [None, "background", "building", "agricultural"]},
        },
        7,
    ),
    "potsdam": Tree(
        {
            f"{folder}/top_potsdam_{tile}_{ending}.tif": write
            for tiles in POTSDAM.values()
            for tile in tiles
            for folder, ending, write in (
                ("2_Ortho_RGB", "RGB", photo(7)),
                ("5_Labels_all", "label", rgb(*ISPRS_COLORS)),
            )
        },
        {part: {f"top_potsdam_{tile}": ISPRS_ROW for tile in tiles} for part, tiles in POTSDAM.items()},
        6,
    ),
    "vaihingen": Tree(
        {
            **{f"top/top_mosaic_09cm_area{k}.tif": photo(7) for part in VAIHINGEN.values() for k in part},
            **{f"gts_for_participants/top_mosaic_09cm_area{k}.tif": rgb(*ISPRS_COLORS) for k in VAIHINGEN["train"]},
            **{f"top_mosaic_09cm_area{k}.tif": rgb(*ISPRS_COLORS) for part in VAIHINGEN.values() for k in part},
        },
        {part: {f"top_mosaic_09cm_area{k}": ISPRS_ROW for k in numbers} for part, numbers in VAIHINGEN.items()},
        6,
    ),
    "drive": Tree(
        {
            f"{part}/{folder}/{number}_{ending}": write
            for part, number in (("training", 21), ("test", "01"))
            for folder, ending, write in (
                ("images", f"{part}.tif", photo(3)),
                ("1st_manual", "manual1.gif", gray(0, 255, 0)),
                ("mask", f"{part}_mask.gif", gray(255, 255, 0)),
            )
        },
        {
            "train": {"21": ["background", "vessel", "background"]},
            "test": {"01": ["background", "vessel", "background"]},
        },
        2,
    ),
    "chase_db1": Tree(
        {
            f"Image_{eye}{ending}": write
            for eye in EYES
            for ending, write in ((".jpg", photo(2)), ("_1stHO.png", one_bit(0, 1)), ("_2ndHO.png", one_bit(1, 1)))
        },
        {
            "train": {f"Image_{eye}": ["background", "vessel"] for eye in EYES[:20]},
            "test": {f"Image_{eye}": ["background", "vessel"] for eye in EYES[20:]},
        },
        2,
    ),
    "foodseg103": Tree(
        {
            f"Images/{folder}/{part}/{stem}{ending}": write
            for part, stem in (("train", "00000000"), ("test", "00000048"))
            for folder, ending, write in (("img_dir", ".jpg", photo(4)), ("ann_dir", ".png", gray(0, 1, 66, 103)))
        },
        {
            "train": {"00000000": ["background", "candy", "rice", "other ingredients"]},
            "test": {"00000048": ["background", "candy", "rice", "other ingredients"]},
        },
        104,
    ),
}


def opened(name: str, root: Path, part: str) -> SegmentationFolder:
    preset = load_preset(name)
    folders = preset.folders(root, part)
    check_folders(folders, preset.classes).require()
    return SegmentationFolder.of(folders, preset.classes)


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for name, tree in TREES.items() for part in tree.parts], ids=lambda value: value
)
def test_pixels_come_out_as_the_classes_they_are(name: str, part: str, tmp_path: Path) -> None:
    tree = TREES[name]
    for path, write in tree.files.items():
        write(tmp_path / path)
    samples = opened(name, tmp_path, part)
    names = load_preset(name).classes.names
    assert len(names) == tree.classes
    assert set(samples.stems) == set(tree.parts[part])
    for sample in samples:
        rows = [[None if k == 255 else names[k] for k in row] for row in sample["target"].tolist()]
        assert rows == [list(tree.parts[part][sample["stem"]])] * 2


def test_each_part_of_a_preset_is_in_a_tree() -> None:
    for name, tree in TREES.items():
        assert set(load_preset(name).parts) == set(tree.parts)


def test_voc_colors_are_those_of_the_devkit() -> None:
    palette = voc_palette()
    for name in ("voc2012", "voc2012_aug"):
        classes = load_preset(name).classes
        assert [color for (color,) in classes.colors] == palette[:21]
        assert classes.ignore_colors == (palette[255],)


def test_coco_stuff_leaves_out_the_classes_without_pixels() -> None:
    """By its README: street sign, hat, shoe, eye glasses, plate, mirror, window, desk, door, blender, hair brush."""
    unused = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91}
    large, small = (load_preset(f"coco_stuff{size}").classes for size in ("164k", "10k"))
    assert [i for (i,) in large.ids] == [label - 1 for label in range(1, 183) if label not in unused]
    assert [i for (i,) in small.ids] == list(range(1, 172))
    assert large.names == small.names


@pytest.mark.parametrize("name", ["bdd100k", "cityscapes"])
def test_bdd100k_has_the_classes_of_cityscapes(name: str) -> None:
    other = load_preset("cityscapes" if name == "bdd100k" else "bdd100k").classes
    assert (load_preset(name).classes.names, load_preset(name).classes.colors) == (other.names, other.colors)


def test_chase_copies_of_8_bits_are_read_alike(tmp_path: Path) -> None:
    for path, write in TREES["chase_db1"].files.items():
        (gray(0, 255) if path.endswith("_1stHO.png") else write)(tmp_path / path)
    assert opened("chase_db1", tmp_path, "test")[0]["target"].tolist() == [[0, 1]] * 2


def test_eroded_labels_have_black_borders_without_a_label(tmp_path: Path) -> None:
    rgb((0, 0, 0), (255, 255, 255))(tmp_path / "a.tif")
    assert load_preset("potsdam").classes.indices(read_mask(tmp_path / "a.tif")).tolist() == [[255, 0]] * 2


class TestGif:
    def test_the_colors_count_and_not_the_indices(self, tmp_path: Path) -> None:
        """White is index 0 in one file and index 1 in the other."""
        masks = []
        for name, colors, ids in (("a", [255] * 3 + [0] * 3, (0, 1)), ("b", [0] * 3 + [255] * 3, (1, 0))):
            image = Image.new("P", (2, 1))
            image.putdata(ids)
            image.putpalette(colors)
            image.save(tmp_path / f"{name}.gif")
            masks.append(load_preset("drive").classes.indices(read_mask(tmp_path / f"{name}.gif")).tolist())
        assert masks == [[[1, 0]]] * 2

    def test_animations_are_refused(self, tmp_path: Path) -> None:
        frames = [Image.new("L", (2, 2), value) for value in (0, 255)]
        frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
        with pytest.raises(DataError, match="expected one image, found an animation of 2 frames"):
            read_mask(tmp_path / "a.gif")
