"""Palette files whose colors contradict each other, the class table, or what the network learned from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image

from hardpix.data import ClassTable, DataError, ImagePaths, ProblemReport, SegmentationFolder, check_folders
from hardpix.data.class_source import class_table, read_by, read_otherwise
from hardpix.data.file_forms import file_form
from hardpix.data.mask_palettes import colors_by_index
from hardpix.data.masks import read_mask

BLACK, RED, GREEN, BLUE = (0, 0, 0), (255, 0, 0), (0, 200, 0), (0, 0, 142)
SIZE = (6, 10)


def painted(index: np.ndarray, palette: Sequence[tuple[int, int, int]]) -> Image.Image:
    image = Image.fromarray(index.astype(np.uint8), mode="P")
    image.putpalette([value for color in palette for value in color])
    return image


def index(k: int, classes: int = 3) -> np.ndarray:
    return (np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) * (k + 1) // 7) % classes


def write(root: Path, masks: Sequence[Image.Image], kind: str = "png") -> ImagePaths:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for k, mask in enumerate(masks):
        Image.fromarray(np.full((*SIZE, 3), 99, np.uint8)).save(root / "images" / f"f{k}.png")
        mask.save(root / "masks" / f"f{k}.{kind}")
    return ImagePaths(root / "images", root / "masks")


def labels(folders: ImagePaths, table: ClassTable | None) -> np.ndarray:
    assert folders.masks is not None
    samples = SegmentationFolder(folders.images, folders.masks, table)
    return np.stack([sample["target"].numpy() for sample in samples])  # type: ignore[attr-defined]


def refused(report: ProblemReport) -> str:
    assert report.refusals
    with pytest.raises(DataError) as caught:
        report.require()
    return str(caught.value)


ORDERED, SWAPPED = (BLACK, RED, GREEN), (BLACK, GREEN, RED)
TABLE = [{"name": name, "id": k, "colour": list(ORDERED[k])} for k, name in enumerate(("none", "car", "tree"))]


@pytest.mark.parametrize("kind", ["png", "tif", "bmp"])
def test_palettes_that_contradict_each_other(kind: str, tmp_path: Path) -> None:
    palettes = [ORDERED, SWAPPED, ORDERED, SWAPPED]
    folders = write(tmp_path, [painted(index(k), palette) for k, palette in enumerate(palettes)], kind)
    message = refused(check_folders(folders))
    share = 100 * sum((index(k) > 0).sum() for k in (1, 3)) / (4 * SIZE[0] * SIZE[1])
    assert f"index 1 in the color (255, 0, 0) in all masks, as in f0.{kind}" in message
    assert f"(0, 200, 0) in f1.{kind}" in message
    assert f"{share:.3g} % of the pixels, in 2 of 4 masks (f1.{kind}, f3.{kind})" in message
    assert "say --data.palette colors" in message
    with pytest.raises(DataError, match="palettes that contradict each other"):
        SegmentationFolder(folders.images, folders.masks)
    # The remedy: red is one class and green another, whatever their index.
    report = check_folders(folders, class_table(None, palette="colors"), palette="colors").require()
    assert report.classes is not None
    assert report.classes.names == ("#000000", "#00c800", "#ff0000")
    colors = np.stack([np.array(palette)[index(k)] for k, palette in enumerate(palettes)])
    expected = np.select([(colors == RED).all(-1), (colors == GREEN).all(-1)], [2, 1], 0)
    np.testing.assert_array_equal(labels(folders, report.classes), expected)
    assert report.class_pixels() == [int((expected == k).sum()) for k in range(3)]
    # And with a class file that has colors, as training and diagnosis read it.
    file = tmp_path / "classes.yaml"
    file.write_text(yaml.safe_dump({"classes": TABLE}))
    table = class_table(str(file), palette="colors")
    assert table is not None
    assert check_folders(folders, table).problems == ()
    in_order = np.select([expected == 2, expected == 1], [1, 2], 0)
    np.testing.assert_array_equal(labels(folders, table), in_order)
    file.write_text(yaml.safe_dump({"classes": TABLE, "palette": "colors"}))
    np.testing.assert_array_equal(labels(folders, class_table(str(file))), in_order)
    assert ClassTable.from_dict(table.to_dict()) == table


def test_only_indices_that_are_used_matter(tmp_path: Path) -> None:
    longer = (BLACK, RED, GREEN, BLUE)
    folders = write(
        tmp_path,
        [painted(index(0), ORDERED), painted(index(1), longer), painted(index(2, 2), (BLACK, RED, BLUE))],
    )
    report = check_folders(folders).require()
    assert report.doubts == ()
    np.testing.assert_array_equal(labels(folders, report.classes), np.stack([index(0), index(1), index(2, 2)]))


@pytest.mark.parametrize("palette", [[(k, k, k) for k in range(256)], [(k, k, k) for k in range(3)]])
def test_gray_palettes_say_nothing(palette: list, tmp_path: Path) -> None:
    gray = Image.fromarray(index(2).astype(np.uint8))
    folders = write(tmp_path, [painted(index(0), ORDERED), painted(index(1), palette), gray])
    table = ClassTable.from_dict({"classes": TABLE})
    for asked in (None, table):
        report = check_folders(folders, asked).require()
        assert report.doubts == ()
        np.testing.assert_array_equal(labels(folders, report.classes), np.stack([index(k) for k in range(3)]))


def test_an_empty_mask_speaks_by_its_palette_too(tmp_path: Path) -> None:
    """Index 0 is black there, while it is red where there is something."""
    folders = write(tmp_path, [painted(index(0, 2), (RED, BLACK)), painted(index(0, 1), (BLACK, RED))])
    message = refused(check_folders(folders))
    assert "(0, 0, 0) in f1.png; such indices hold 50 % of the pixels, in 1 of 2 masks" in message


def test_a_palette_that_contradicts_the_class_table(tmp_path: Path) -> None:
    folders = write(tmp_path, [painted(index(k), SWAPPED) for k in range(3)])
    table = ClassTable.from_dict({"classes": TABLE})
    message = refused(check_folders(folders, table))
    share = 100 * np.mean([index(k) > 0 for k in range(3)])
    assert "index 1 (car) in (0, 200, 0), the color of tree, in f0.png" in message
    assert f"{share:.3g} % of the pixels, in 3 of 3 masks (f0.png, f1.png, f2.png)" in message
    assert "--data.palette colors" in message
    expected = np.array([0, 2, 1])[np.stack([index(k) for k in range(3)])]
    np.testing.assert_array_equal(labels(folders, read_by(table, "colors")), expected)


def test_colors_that_the_class_table_lacks_are_said(tmp_path: Path) -> None:
    folders = write(tmp_path, [painted(index(k), (BLACK, BLUE, GREEN)) for k in range(2)])
    report = check_folders(folders, ClassTable.from_dict({"classes": TABLE})).require()
    (doubt,) = report.doubts
    assert "index 1 (car) in (0, 0, 142), no color of the table, in f0.png" in doubt.found


def test_colors_that_are_ignored(tmp_path: Path) -> None:
    folders = write(tmp_path, [painted(index(k), (BLUE, RED, GREEN)) for k in range(2)])
    table = ClassTable.from_dict({"classes": TABLE, "palette": "colors", "ignore_colours": [list(BLUE)]})
    np.testing.assert_array_equal(labels(folders, table), np.array([255, 1, 2])[np.stack([index(0), index(1)])])


def test_a_run_remembers_the_palette_that_it_learned_from(tmp_path: Path) -> None:
    learned = check_folders(write(tmp_path / "a", [painted(index(k), ORDERED) for k in range(2)])).require()
    assert learned.classes is not None
    table = learned.classes.with_palette_seen(colors_by_index(learned.masks.values()))
    table = ClassTable.from_dict(yaml.safe_load(yaml.safe_dump(table.to_dict())))
    assert dict(table.palette_seen) == dict(enumerate(ORDERED))
    other = write(tmp_path / "b", [painted(index(k), SWAPPED) for k in range(2)])
    message = refused(check_folders(other, table, option="--"))
    assert "index 1 in the color (255, 0, 0) in all masks, as in the training" in message
    assert "say --palette colors" in message
    by_color = read_otherwise(table, None, None, "colors")
    assert check_folders(other, by_color).problems == ()
    np.testing.assert_array_equal(labels(other, by_color), np.array([0, 2, 1])[np.stack([index(0), index(1)])])


@pytest.mark.parametrize("kind", ["png", "tif", "bmp"])
def test_the_palette_of_a_file_without_decoding_it(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    rng = np.random.default_rng(0)
    palette = [tuple(map(int, color)) for color in rng.integers(0, 256, (5, 3))]
    painted(index(0, 5), palette).save(path)
    form = file_form(path)
    assert form.name == f"{kind}, palette"
    assert form.shown(range(5)) == dict(enumerate(palette))
    np.testing.assert_array_equal(read_mask(path, by_color=True), np.array(palette)[index(0, 5)])
    np.testing.assert_array_equal(read_mask(path), index(0, 5))


@pytest.mark.parametrize(
    ("mode", "kind", "name"),
    [
        ("1", "png", "png, gray, 1 bit"),
        ("L", "tif", "tif, gray, 8 bits"),
        ("I;16", "png", "png, gray, 16 bits"),
        ("RGB", "jpg", "jpg, RGB, 8 bits"),
        ("RGBA", "png", "png, RGB and alpha, 8 bits"),
    ],
)
def test_forms_in_words(mode: str, kind: str, name: str, tmp_path: Path) -> None:
    Image.new(mode, (3, 2)).save(tmp_path / f"a.{kind}")
    assert file_form(tmp_path / f"a.{kind}").name == name


@pytest.mark.parametrize("kind", ["int16", "uint32", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("bands", [1, 5])
def test_forms_of_numbers_in_words(kind: str, bands: int, tmp_path: Path) -> None:
    """Pillow has one mode for integers of several widths, and reads no head of the others."""
    several = {"photometric": "minisblack", "planarconfig": "contig"} if bands > 1 else {}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 2, bands)[: 2 + (bands > 1)], kind), **several)
    assert file_form(tmp_path / "a.tif").name == f"tif, {bands} band{'s' if bands > 1 else ''} of {kind}"


@pytest.mark.parametrize(
    "settings",
    [
        {"label_map": {0: 0, 1: 1}, "palette": "colors"},
        {"threshold": 9, "palette": "colors"},
        {"classes": ["a", "b"], "palette": "colors"},
    ],
)
def test_palettes_by_color_need_colors(settings: dict) -> None:
    with pytest.raises(ValueError, match="palette colors goes with"):
        class_table(**{"classes": None, **settings})


@pytest.mark.parametrize(("kind", "name"), [("png", "png, palette"), ("tif", "tif, palette"), ("bmp", "bmp, palette")])
def test_the_form_of_a_large_file(kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's limit of pixels, made small here, hides neither the type nor the palette, and nothing warns."""
    palette = [BLACK, RED, GREEN]
    path = tmp_path / f"a.{kind}"
    painted(index(0), palette).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        form = file_form(path)
    assert form.name == name
    assert form.shown(range(3)) == dict(enumerate(palette))


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    image = painted(index(0), [BLACK, RED, GREEN])
    image.save(tmp_path / "a.png", transparency=bytes([0, 255, 128]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert file_form(tmp_path / "a.png").shown(range(3)) == dict(enumerate([BLACK, RED, GREEN]))


def test_masks_of_ids_say_nothing_of_classes_found_by_color(tmp_path: Path) -> None:
    report = check_folders(write(tmp_path / "a", [painted(index(k), ORDERED) for k in range(3)]), palette="colors")
    table = report.require().classes
    assert table is not None
    table = replace(ClassTable.from_dict(yaml.safe_load(yaml.safe_dump(table.to_dict()))), learned=True)
    gray = [Image.fromarray(index(k).astype(np.uint8)) for k in range(3)]
    other = write(tmp_path / "b", [painted(index(0), SWAPPED), *gray[1:]])
    message = refused(check_folders(other, table))
    assert "expected the colors by which the classes were found (#000000, #00c800, #ff0000 …)" in message
    assert "ids 0–2 in 2 of 3 masks (f1.png, f2.png), 66.7 % of the pixels" in message
    assert "--data.label_map '{0: 0, 1: 1, 2: 2}'" in message
    with pytest.raises(DataError, match="ids among masks of colors"):
        _ = SegmentationFolder(other.images, other.masks, table)[1]
    # Masks of the network's own predictions are read by that map.
    by_ids = read_otherwise(table, {0: 0, 1: 1, 2: 2}, None, None)
    assert check_folders(ImagePaths(other.images, other.masks, stems=("f1", "f2")), by_ids).problems == ()
    # A class table of the user's has ids of its own.
    own = ClassTable.from_dict({"classes": TABLE, "palette": "colors"})
    assert check_folders(other, own).problems == ()
    np.testing.assert_array_equal(labels(other, own)[1:], np.stack([index(k) for k in (1, 2)]))
    # Ids that have no class are not listed file by file as well, while colors are.
    nine = Image.fromarray(np.full(SIZE, 9, np.uint8))
    strange = write(tmp_path / "c", [painted(index(0), (BLACK, RED, BLUE)), nine])
    found = check_folders(strange, table)
    assert sorted(problem.kind for problem in found.problems if problem.where != strange.masks) == [
        "color outside the classes"
    ]
    assert any("ids 9 in 1 of 2 masks (f1.png)" in problem.found for problem in found.problems)


@pytest.mark.parametrize("asked", [None, ClassTable.from_dict({"classes": TABLE})])
def test_palettes_that_mean_nothing(asked: ClassTable | None, tmp_path: Path) -> None:
    """Each file shows its indices in colors of its own."""
    colors = np.random.default_rng(0).integers(1, 256, (4, 3, 3)).tolist()
    masks = [painted(index(k), [tuple(color) for color in colors[k]]) for k in range(3)]
    folders = write(tmp_path, [*masks, painted(index(3), SWAPPED)])
    message = refused(check_folders(folders, asked))
    assert "say --data.palette ids" in message
    assert "say --data.palette colors" in message
    table = None if asked is None else read_by(asked, "ids")
    report = check_folders(folders, table, palette="ids").require()
    assert report.doubts == ()
    np.testing.assert_array_equal(labels(folders, report.classes), np.stack([index(k) for k in range(4)]))
    # The run remembers that palettes mean nothing, and no color.
    assert report.classes is not None
    assert report.classes.palette == "ids"
    assert colors_by_index(report.masks.values()) == {}
    run = ClassTable.from_dict(yaml.safe_load(yaml.safe_dump(report.classes.to_dict())))
    assert check_folders(folders, run, option="--").problems == ()


def test_masks_of_colors_for_a_run_on_palettes(tmp_path: Path) -> None:
    """The run knows the colors of its classes only by the palettes that it learned from."""
    learned = check_folders(write(tmp_path / "a", [painted(index(k), ORDERED) for k in range(2)])).require()
    assert learned.classes is not None
    table = learned.classes.with_palette_seen(colors_by_index(learned.masks.values()))
    colored = [Image.fromarray(np.array(ORDERED, np.uint8)[index(k)]) for k in range(2)]
    other = write(tmp_path / "b", colored)
    message = refused(check_folders(other, table, option="--"))
    assert "say --palette colors" in message
    by_color = read_otherwise(table, None, None, "colors")
    np.testing.assert_array_equal(labels(other, by_color), np.stack([index(k) for k in range(2)]))
    message = refused(check_folders(other, learned.classes, option="--"))
    assert "palette colors" not in message
    assert "expected ids 0–2, for the class table has no colors" in message


def test_colors_are_advised_only_where_they_are_known(tmp_path: Path) -> None:
    folders = write(tmp_path, [painted(index(k), palette) for k, palette in enumerate((ORDERED, SWAPPED))])
    for table in (ClassTable.from_names(["none", "car", "tree"]), ClassTable.from_ids(range(3))):
        message = refused(check_folders(folders, table, option="--"))
        assert "say --palette ids" in message
        assert "--palette colors" not in message
        assert "can be read only with a class file that has the color of each class" in message
        with pytest.raises(ValueError, match="found none for"):
            read_otherwise(table, None, None, "colors")
        assert check_folders(folders, read_otherwise(table, None, None, "ids"), option="--").problems == ()
