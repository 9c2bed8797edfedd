"""Names that do not pair: what the message advises, done, pairs all files."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.data import DataError, ImagePaths, SegmentationFolder, check_folders
from hardpix.data.files import IMAGE_SUFFIXES
from hardpix.data.name_relations import relations
from hardpix.data.pairs import unread_files

COUNT = 6


def put(folder: Path, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = "PNG" if path.suffix not in (".gif", ".jpg") else None
        Image.fromarray(np.full((4, 6), number % 3, dtype=np.uint8)).save(path, format=kind)


def named(pattern: str, numbers: Sequence[int] = range(COUNT)) -> list[str]:
    return [pattern.format(number) for number in numbers]


def message(images: Path, masks: Path, **settings: str) -> str:
    with pytest.raises(DataError) as caught:
        SegmentationFolder(images, masks, **settings)
    return str(caught.value)


def advised(said: str) -> dict[str, str]:
    """The settings that a message names, as keywords."""
    words = shlex.split(said[said.index("what to do: ") :].splitlines()[0])
    settings = {}
    for place, word in enumerate(words):
        if found := re.fullmatch(r"--data\.(\w+?_suffix)(?:=(.*))?", word):
            settings[found[1]] = words[place + 1] if found[2] is None else found[2]
    return settings


SETTINGS = {
    "ending": ("car{}.jpg", "car{}_mask.png", {"mask_suffix": "_mask"}),
    "labels": ("{}.jpg", "{}_labels.tif", {"mask_suffix": "_labels"}),
    "minus": ("{}.jpg", "{}-mask.png", {"mask_suffix": "-mask"}),
    "without a sign between": ("{}.jpg", "{}mask.png", {"mask_suffix": "mask"}),
    "numbers that begin alike": ("{}.jpg", "{}_1.png", {"mask_suffix": "_1"}),
    "beginning": ("{}.jpg", "mask_{}.png", {"mask_suffix": "mask_*"}),
    "two types": ("a{}.jpg", "a{}.jpg.png", {"mask_suffix": ".jpg.png"}),
    "image's ending": ("a{}_rgb.jpg", "a{}.png", {"image_suffix": "_rgb"}),
    "both endings": ("s/a{}_leftImg8bit.png", "s/a{}_gt.png", {"image_suffix": "_leftImg8bit", "mask_suffix": "_gt"}),
    "both beginnings": ("img_{}.png", "gt_{}.png", {"image_suffix": "img_*", "mask_suffix": "gt_*"}),
    "dots and spaces": ("site.1.{} (é).jpg", "site.1.{} (é)_mask.png", {"mask_suffix": "_mask"}),
    "folders": ("train/{}.jpg", "train/{}_mask.png", {"mask_suffix": "_mask"}),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_the_setting_that_is_named_pairs_all(case: str, tmp_path: Path) -> None:
    image, mask, expected = SETTINGS[case]
    numbers = [1, 2, 10, 11, 12, 101]
    put(tmp_path / "images", named(image, numbers))
    put(tmp_path / "masks", named(mask, numbers))
    said = message(tmp_path / "images", tmp_path / "masks")
    assert said.startswith("1 problem in the data\nmasks that are named otherwise than the images (1)")
    assert f"found {mask.format(1)} for {image.format(1).rpartition('/')[2]}, " in said
    assert "and 3 more (6 of 6 images)" in said
    assert advised(said) == expected
    data = SegmentationFolder(tmp_path / "images", tmp_path / "masks", **advised(said))
    assert len(data) == 6
    for stem in data.stems:
        image_number, mask_number = (
            int(re.findall(r"\d+", data.files[kind][stem].name.replace("Img8bit", "").replace("site.1", ""))[0])
            for kind in ("images", "masks")
        )
        assert image_number == mask_number


@pytest.mark.parametrize("wrong", ["_label", "mask_*", ".tif"])
def test_a_wrong_setting_is_left_out(wrong: str, tmp_path: Path) -> None:
    put(tmp_path / "images", named("{}.jpg"))
    put(tmp_path / "masks", named("{}.png"))
    said = message(tmp_path / "images", tmp_path / "masks", mask_suffix=wrong)
    settings = {}
    if wrong == ".tif":
        settings = advised(said)
        assert settings == {"mask_suffix": ".png"}
    else:
        assert "what to do: leave --data.mask_suffix out" in said
    assert len(SegmentationFolder(tmp_path / "images", tmp_path / "masks", **settings)) == COUNT


def test_the_ending_shows_in_what_is_expected(tmp_path: Path) -> None:
    put(tmp_path / "images", named("{}.jpg"))
    put(tmp_path / "masks", named("{}_mask.png", range(1, COUNT)))
    said = message(tmp_path / "images", tmp_path / "masks", mask_suffix="_mask")
    assert f"0.jpg: expected a mask 0_mask.* in {tmp_path / 'masks'}, found none" in said
    assert f"add the masks ({', '.join(suffix[1:] for suffix in IMAGE_SUFFIXES)}) under the same stems" in said


def test_of_several_endings_one_is_to_be_chosen(tmp_path: Path) -> None:
    put(tmp_path / "images", named("{}.jpg"))
    put(tmp_path / "masks", [*named("{}_color.png"), *named("{}_labelIds.png")])
    said = message(tmp_path / "images", tmp_path / "masks")
    assert "what to do: either give --data.mask_suffix _color; or give --data.mask_suffix _labelIds" in said


def test_names_that_differ_in_case_are_said_and_not_paired(tmp_path: Path) -> None:
    put(tmp_path / "images", named("IMG_{}.JPG"))
    put(tmp_path / "masks", named("img_{}.png"))
    said = message(tmp_path / "images", tmp_path / "masks")
    assert "img_0.png for IMG_0.JPG" in said
    assert "which differ in upper and lower case" in said
    assert "rename the files so that mask and image agree in upper and lower case" in said
    for path in (tmp_path / "masks").iterdir():
        path.rename(path.with_name(path.name.replace("img", "IMG")))
    assert len(SegmentationFolder(tmp_path / "images", tmp_path / "masks")) == COUNT


def test_types_that_are_not_read_are_named(tmp_path: Path) -> None:
    put(tmp_path / "images", named("car{}.jpg"))
    put(tmp_path / "masks", named("car{}_mask.gif"))
    said = message(tmp_path / "images", tmp_path / "masks")
    assert "car0_mask.gif for car0.jpg" in said
    assert "convert the masks to png, because gif is not read (png, jpg" in said
    for path in list((tmp_path / "masks").iterdir()):
        # A gif numbers the grays that it holds anew: its indices are no ids, and palettes of a folder would differ.
        Image.open(path).convert("L").save(path.with_suffix(".png"))
    assert len(SegmentationFolder(tmp_path / "images", tmp_path / "masks", **advised(said))) == COUNT


def test_one_image_of_many_names_its_own_file(tmp_path: Path) -> None:
    put(tmp_path / "images", named("{}.jpg"))
    put(tmp_path / "masks", [*named("{}.png", range(3)), "3_mask.png", "4.gif"])
    (tmp_path / "masks" / "5.png").mkdir()
    said = message(tmp_path / "images", tmp_path / "masks")
    assert "no mask for an image (3)" in said
    assert "3.jpg: expected a mask 3.* in " in said
    assert "found 3_mask.png, named otherwise" in said
    assert "found 4.gif, of a type that is not read as mask" in said
    assert "found 5.png/, a folder" in said
    assert "what to do: take _mask off the names of these masks (--data.mask_suffix is for all masks at once)" in said
    assert "rename the folder that has the name of a mask" in said


def test_masks_in_a_folder_below(tmp_path: Path) -> None:
    put(tmp_path / "images", named("{}.jpg"))
    put(tmp_path / "masks", named("png/{}.png"))
    said = message(tmp_path / "images", tmp_path / "masks")
    assert f"give {tmp_path / 'masks' / 'png'} as the folder of the masks" in said
    assert len(SegmentationFolder(tmp_path / "images", tmp_path / "masks" / "png")) == COUNT


def test_other_numbers_are_no_hint(tmp_path: Path) -> None:
    put(tmp_path / "images", ["1.jpg", "a.jpg"])
    put(tmp_path / "masks", ["10.png", "apple.png"])
    said = message(tmp_path / "images", tmp_path / "masks")
    assert said.count("found none") == 2


def test_files_of_other_types_are_counted(tmp_path: Path) -> None:
    put(tmp_path / "images", named("{}.png"))
    put(tmp_path / "masks", named("{}.png"))
    for number in range(3):
        (tmp_path / "images" / f"{number}.txt").touch()
    folders = ImagePaths(tmp_path / "images", tmp_path / "masks")
    assert unread_files(folders) == []
    for number in range(50):
        (tmp_path / "images" / f"more{number}.gif").touch()
    (tmp_path / "images" / "x.svg").touch()
    folders = ImagePaths(tmp_path / "images", tmp_path / "masks")
    (warning,) = check_folders(folders).warnings[-1:]
    assert (warning.where, warning.found) == (tmp_path / "images", "50 × gif, 1 × svg")


def test_a_folder_of_other_types_alone_says_which(tmp_path: Path) -> None:
    put(tmp_path / "masks", named("{}.png"))
    put(tmp_path / "images", named("{}.gif"))
    said = message(tmp_path / "images", tmp_path / "masks")
    assert "folder without images" in said
    assert "found 6 × gif" in said


def test_subfolders_that_cannot_be_read_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "images", [*named("{}.png"), "closed/7.png"])
    put(tmp_path / "masks", [*named("{}.png"), "closed/7.png"])
    scan = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    # Root may read everything.
    monkeypatch.setattr(os, "scandir", refuse)
    said = message(tmp_path / "images", tmp_path / "masks")
    assert "folder that cannot be read (2)" in said
    assert f"{tmp_path / 'images' / 'closed'}: expected a folder that may be read, found Permission denied" in said


def test_masks_in_a_folder_each(tmp_path: Path) -> None:
    put(tmp_path / "images", named("{}.jpg"))
    put(tmp_path / "masks", named("{0}/{0}.png"))
    said = message(tmp_path / "images", tmp_path / "masks")
    assert "found 0/0.png, named otherwise" in said
    assert "what to do: lay the masks out in the same subfolders, which are part of the stem" in said


MANY = ["{}_mask.png", "mask_{}.png", "x{}y.png", "{}.PNG.gif", "a/b/{}.png", "{0}/{0}.png"]


@pytest.mark.parametrize("mask", MANY)
def test_the_time_grows_with_the_number_of_names_alone(mask: str) -> None:
    stems = [f"{number}_of_many" for number in range(20_000)]
    start = time.process_time()
    found = relations({stem: stem for stem in stems}, [mask.format(stem) for stem in stems], IMAGE_SUFFIXES)
    # A search of every name for every image would take 400 million steps.
    assert time.process_time() - start < 20
    explained = {stem for files in found.values() for stem in files}
    assert len(explained) == (0 if mask == "x{}y.png" else len(stems))


def test_images_and_masks_in_one_folder(tmp_path: Path) -> None:
    put(tmp_path, [*named("{}.jpg"), *named("{}_mask.png")])
    said = message(tmp_path, tmp_path, image_suffix=".jpg", mask_suffix=".png")
    assert advised(said) == {"mask_suffix": "_mask.png"}
    assert len(SegmentationFolder(tmp_path, tmp_path, image_suffix=".jpg", **advised(said))) == COUNT


def test_images_of_two_types(tmp_path: Path) -> None:
    put(tmp_path / "images", [*named("{}.jpg"), *named("{}.png")])
    put(tmp_path / "masks", named("{}.png"))
    twice = message(tmp_path / "images", tmp_path / "masks")
    assert "keep one, or say of which type the images are: --data.image_suffix .jpg or .png" in twice
    assert len(SegmentationFolder(tmp_path / "images", tmp_path / "masks", image_suffix=".jpg")) == COUNT
