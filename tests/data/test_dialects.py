"""One number that means two things in a folder of masks, and one thing that is written as two numbers."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageFilter

from hardpix.data import ClassTable, DataError, ImagePaths, ProblemReport, SegmentationFolder, check_folders
from hardpix.data.class_source import class_table
from hardpix.data.dialects import find_dialects
from hardpix.data.mask_facts import MaskFacts

SIZE = (40, 60)


def disc(seed: int) -> np.ndarray:
    """A drawing of a disc, True inside."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (y - rng.integers(12, 28)) ** 2 + (x - rng.integers(12, 48)) ** 2 <= rng.integers(25, 90)


class Drawn:
    """A folder of masks, and of images of the same size."""

    def __init__(self, root: Path, masks: Sequence[np.ndarray | Image.Image]) -> None:
        self.images, self.masks = root / "images", root / "masks"
        for folder in (self.images, self.masks):
            folder.mkdir()
        for k, mask in enumerate(masks):
            Image.fromarray(np.full((*SIZE, 3), 99, np.uint8)).save(self.images / f"f{k}.png")
            image = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
            image.save(self.masks / f"f{k}.png")

    def check(self, classes: ClassTable | None = None) -> ProblemReport:
        return check_folders(ImagePaths(self.images, self.masks), classes)

    def refused(self, classes: ClassTable | None = None) -> str:
        """The message of the refusal."""
        report = self.check(classes)
        assert report.refusals
        with pytest.raises(DataError) as caught:
            report.require()
        return str(caught.value)

    def read(self, classes: ClassTable | None = None) -> np.ndarray:
        """The labels of all masks, once nothing stands in the way."""
        report = self.check(classes).require()
        samples = SegmentationFolder(self.images, self.masks, report.classes)
        return np.stack([sample["target"].numpy() for sample in samples])  # type: ignore[attr-defined]


def remedies(message: str, names: list[str] | None = None) -> list[ClassTable]:
    """The class tables that the settings mean which a message offers."""
    found = []
    for option, value in re.findall(r"--data\.(label_map|threshold) ('[^']*'|\d+)", message):
        given = yaml.safe_load(shlex.split(value)[0])
        table = class_table(names, **{option: given})
        assert table is not None
        found.append(table)
    return found


def test_masks_of_0_and_255_for_classes_0_and_1(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, [disc(k) * np.uint8(255) for k in range(4)])
    names = ["background", "lesion"]
    message = drawn.refused(ClassTable.from_names(names))
    share = 100 * np.mean([disc(k) for k in range(4)])
    assert f"255 holds {share:.3g} % of the pixels in 4 of 4 masks (f0.png, f1.png, f2.png and 1 more)" in message
    assert "--data.label_map '{0: 0, 255: 1}'" in message
    as_class, unlabeled = remedies(message, names)
    expected = np.stack([disc(k) for k in range(4)])
    np.testing.assert_array_equal(drawn.read(as_class), expected)
    np.testing.assert_array_equal(drawn.read(unlabeled), np.where(expected, 255, 0))
    assert as_class.names == ("background", "lesion")


def test_masks_of_0_and_255_alone_are_two_classes(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, [disc(k) * np.uint8(255) for k in range(3)])
    np.testing.assert_array_equal(drawn.read(), np.stack([disc(k) for k in range(3)]))
    assert drawn.check().warnings == ()


@pytest.mark.parametrize(("one", "other"), [(1, 255), (255, 1), (1, 65535), (255, 65535), (15, 255)])
@pytest.mark.parametrize("names", [None, ["background", "lesion"]])
def test_a_foreground_written_as_two_ids(one: int, other: int, names: list[str] | None, tmp_path: Path) -> None:
    kinds = [np.uint8 if white < 256 else np.uint16 for white in (one, other)]
    drawn = Drawn(tmp_path, [disc(k) * kinds[k % 2]((one, other)[k % 2]) for k in range(6)])
    asked = None if names is None else ClassTable.from_names(names)
    message = drawn.refused(asked)
    assert "f0.png, f2.png, f4.png" in message
    assert "f1.png, f3.png, f5.png" in message
    for k in (0, 1):
        share = 100 * sum(disc(i).sum() for i in range(k, 6, 2)) / (6 * SIZE[0] * SIZE[1])
        assert f"{share:.3g} % of the pixels" in message
    as_class, _ = remedies(message, names)[:2]
    np.testing.assert_array_equal(drawn.read(as_class), np.stack([disc(k) for k in range(6)]))


def test_files_of_1_bit_beside_files_of_0_and_255(tmp_path: Path) -> None:
    masks = [Image.fromarray(disc(k)) if k % 2 else Image.fromarray(disc(k) * np.uint8(255)) for k in range(4)]
    assert [mask.mode for mask in masks] == ["L", "1", "L", "1"]
    drawn = Drawn(tmp_path, masks)
    as_class, unlabeled = remedies(drawn.refused())
    expected = np.stack([disc(k) for k in range(4)])
    np.testing.assert_array_equal(drawn.read(as_class), expected)
    expected = expected.astype(int)
    expected[::2][expected[::2] == 1] = 255
    np.testing.assert_array_equal(drawn.read(unlabeled), expected)


def test_classes_in_code_are_refused_alike(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, [disc(k) * np.uint8((1, 255)[k % 2]) for k in range(4)])
    with pytest.raises(DataError, match="one class written as two ids"):
        SegmentationFolder(drawn.images, drawn.masks)


def test_255_around_the_things_is_unlabeled(tmp_path: Path) -> None:
    """Classes 0 and 1, and 255 in the same files, are read as they stand."""
    masks = []
    for k in range(4):
        mask = disc(k).astype(np.uint8)
        mask[0] = 255
        masks.append(mask)
    drawn = Drawn(tmp_path, masks)
    np.testing.assert_array_equal(drawn.read(), np.stack(masks))
    np.testing.assert_array_equal(drawn.read(ClassTable.from_names(["a", "b"])), np.stack(masks))
    assert drawn.check().warnings == ()


def test_many_classes_with_255_unlabeled(tmp_path: Path) -> None:
    """Classes 0 to 18 of which no file has all, 1 is rare and never beside 255, 17 is in no file."""
    rng = np.random.default_rng(0)
    masks = []
    for k in range(10):
        mask = rng.choice([i for i in range(19) if i not in (1, 17)], SIZE).astype(np.uint8)
        mask[:3] = 1 if k == 0 else 255
        masks.append(mask)
    drawn = Drawn(tmp_path, masks)
    table = ClassTable.from_names([f"c{k}" for k in range(19)])
    np.testing.assert_array_equal(drawn.read(table), np.stack(masks))
    assert [warning.kind for warning in drawn.check(table).warnings] == ["class that never occurs"]
    assert drawn.check().problems == ()


def test_a_mask_of_255_alone_on_black_among_masks_that_have_1_and_255(tmp_path: Path) -> None:
    masks = []
    for k in range(4):
        mask = disc(k).astype(np.uint8) * (255 if k == 2 else 1)
        if k != 2:
            mask[0] = 255
        masks.append(mask)
    (warning,) = Drawn(tmp_path, masks).check().warnings
    share = 100 * disc(2).sum() / (4 * SIZE[0] * SIZE[1])
    assert warning.found == f"255 without 1 in 1 of 4 masks (f2.png), {share:.3g} % of the pixels"


def soft(k: int) -> Image.Image:
    return Image.fromarray(disc(k) * np.uint8(255)).filter(ImageFilter.GaussianBlur(0.7))


def once_jpg(k: int) -> Image.Image:
    file = io.BytesIO()
    Image.fromarray(disc(k) * np.uint8(255)).save(file, "JPEG", quality=80)
    return Image.open(file).convert("L")


def enlarged(k: int) -> Image.Image:
    small = Image.fromarray(disc(k) * np.uint8(255)).resize((SIZE[1] // 4, SIZE[0] // 4), Image.Resampling.NEAREST)
    return small.resize((SIZE[1], SIZE[0]), Image.Resampling.BILINEAR)


def reduced(k: int) -> Image.Image:
    large = Image.fromarray(disc(k) * np.uint8(255)).resize(
        (2 * SIZE[1] - 1, 2 * SIZE[0] - 1), Image.Resampling.NEAREST
    )
    return large.resize((SIZE[1], SIZE[0]), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("drawing", [soft, once_jpg, enlarged, reduced])
@pytest.mark.parametrize("names", [None, ["background", "lesion"]])
def test_soft_edges_are_said_and_a_threshold_reads_them(drawing, names: list[str] | None, tmp_path: Path) -> None:
    masks = [drawing(k) for k in range(5)]
    stored = np.stack([np.asarray(mask) for mask in masks])
    drawn = Drawn(tmp_path, masks)
    message = drawn.refused(None if names is None else ClassTable.from_names(names))
    grays = np.unique(stored[(stored > 0) & (stored < 255)])
    assert f"{len(grays)} grays between black and white along edges" in message
    assert "in 5 of 5 masks (f0.png, f1.png, f2.png and 2 more)" in message
    assert "id outside the classes" not in message
    (table,) = remedies(message, names)
    assert table.names == tuple(names or ("class 0", "class 1"))
    labels = drawn.read(table)
    np.testing.assert_array_equal(labels, stored >= 128)
    assert drawn.check(table).class_pixels() == [(stored < 128).sum(), (stored >= 128).sum()]


def test_soft_edges_of_16_bits(tmp_path: Path) -> None:
    stored = [np.asarray(soft(k)).astype(np.uint16) * 257 for k in range(3)]
    drawn = Drawn(tmp_path, stored)
    (table,) = remedies(drawn.refused())
    np.testing.assert_array_equal(drawn.read(table), np.stack(stored) >= 32768)
    assert table.stored(np.array([0, 1])).tolist() == [0, 65535]


def test_one_file_with_soft_edges_is_enough(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, [soft(k) if k == 3 else Image.fromarray(disc(k) * np.uint8(255)) for k in range(5)])
    message = drawn.refused()
    assert "in 1 of 5 masks (f3.png)" in message
    (table,) = remedies(message)
    expected = np.stack([disc(k) for k in range(5)])
    expected[3] = np.asarray(soft(3)) >= 128
    np.testing.assert_array_equal(drawn.read(table), expected)


@pytest.mark.parametrize(
    "values",
    [
        [0, 3, 7, 9, 255],  # objects within an unlabeled border, as in Pascal VOC
        [0, 60, 130, 200, 254],
    ],
)
def test_classes_in_the_middle_of_things_are_no_soft_edges(values: list[int], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    masks = []
    for _ in range(3):
        mask = np.zeros((80, 120), np.uint8)
        for value in values[1:-1]:
            y, x = rng.integers(0, 50), rng.integers(0, 80)
            mask[y : y + 30, x : x + 40] = values[-1]
            mask[y + 1 : y + 29, x + 1 : x + 39] = value
        masks.append(mask)
    root = Drawn(tmp_path, [])
    for k, mask in enumerate(masks):
        Image.fromarray(np.zeros((80, 120, 3), np.uint8) + 99).save(root.images / f"f{k}.png")
        Image.fromarray(mask).save(root.masks / f"f{k}.png")
    assert root.check().problems == ()


def test_a_threshold_does_not_hide_masks_of_0_and_1(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, [disc(k) * np.uint8(1 if k == 2 else 255) for k in range(4)])
    message = drawn.refused(ClassTable.from_threshold(128))
    assert "all on one side of it in 1 of 4 masks (f2.png)" in message
    np.testing.assert_array_equal(drawn.read(ClassTable.from_threshold(1)), np.stack([disc(k) for k in range(4)]))


def test_a_mask_that_stays_below_the_threshold_is_said(tmp_path: Path) -> None:
    faint = (np.asarray(soft(2)) // 4).astype(np.uint8)
    drawn = Drawn(tmp_path, [soft(0), soft(1), Image.fromarray(faint)])
    report = drawn.check(ClassTable.from_threshold(128)).require()
    (warning,) = report.doubts
    assert f"grays up to {faint.max()} in 1 of 3 masks (f2.png)" in warning.found


def levels(values: Sequence[int], k: int) -> np.ndarray:
    index = disc(k).astype(int) + disc(k + 50)
    index[:3] = 0
    index[3:6, :6] = 1
    index[6:9, :6] = 2
    return np.array(values, np.uint8)[index]


@pytest.mark.parametrize("values", [(255, 128, 0), (0, 127, 255), (0, 128, 255)])
def test_evenly_spread_grays_up_to_white_are_classes(values: tuple[int, ...], tmp_path: Path) -> None:
    """REFUGE: 0 is the optic cup, 128 the disc, and 255 the background of most pixels."""
    masks = [levels(values, k) for k in range(4)]
    drawn = Drawn(tmp_path, masks)
    order = np.sort(values)
    np.testing.assert_array_equal(drawn.read(), np.searchsorted(order, np.stack(masks)))
    (warning,) = drawn.check().doubts
    share = 100 * np.mean(np.stack(masks) == 255)
    assert f"255 holds {share:.3g} % of the pixels in 4 of 4 masks" in warning.found
    (unlabeled,) = remedies(warning.advice)
    expected = np.searchsorted(order, np.stack(masks))
    np.testing.assert_array_equal(drawn.read(unlabeled), np.where(expected == 2, 255, expected))


def test_white_that_a_label_map_forgets(tmp_path: Path) -> None:
    masks = [levels((255, 128, 0), k) for k in range(4)]
    drawn = Drawn(tmp_path, masks)
    message = drawn.refused(ClassTable.from_label_map({0: 0, 128: 1}))
    as_class, unlabeled = remedies(message)
    expected = np.searchsorted([0, 128, 255], np.stack(masks))
    np.testing.assert_array_equal(drawn.read(as_class), expected)
    np.testing.assert_array_equal(drawn.read(unlabeled), np.where(expected == 2, 255, expected))


def test_one_class_beside_255(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, [np.where(disc(k), 1, 255).astype(np.uint8) for k in range(3)])
    (table,) = remedies(drawn.refused())
    np.testing.assert_array_equal(drawn.read(table), np.stack([~disc(k) for k in range(3)]))


def test_much_that_is_unlabeled_by_default_is_said(tmp_path: Path) -> None:
    masks = []
    for _ in range(3):
        mask = np.full(SIZE, 255, np.uint8)
        mask[:8] = 0
        mask[8:12] = 1
        masks.append(mask)
    drawn = Drawn(tmp_path, masks)
    (warning,) = drawn.check().doubts
    assert "255 holds 70 % of the pixels in 3 of 3 masks" in warning.found
    as_class, unlabeled = remedies(warning.advice)
    np.testing.assert_array_equal(drawn.read(as_class), np.where(np.stack(masks) == 255, 2, np.stack(masks)))
    np.testing.assert_array_equal(drawn.read(unlabeled), np.stack(masks))
    assert drawn.check(unlabeled).doubts == ()


def test_a_stray_id(tmp_path: Path) -> None:
    masks = [disc(k).astype(np.uint8) for k in range(5)]
    masks[3][0, :6] = 9
    masks[4][1] = 255
    drawn = Drawn(tmp_path, masks)
    (warning,) = drawn.check().doubts
    share = 100 * 6 / (5 * SIZE[0] * SIZE[1])
    assert warning.found == f"class 9: in the mask of f3 alone; a stray id? ({share:.3g} % of the pixels)"
    (table,) = remedies(warning.advice)
    expected = np.stack(masks)
    np.testing.assert_array_equal(drawn.read(table), np.where(expected == 9, 255, expected))
    assert drawn.check(table).doubts == ()


@pytest.mark.parametrize("value", [255, 65535])
def test_nothing_but_unlabeled_pixels(value: int, tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, [np.full(SIZE, value, np.uint8 if value < 256 else np.uint16)] * 4)
    (problem,) = drawn.check().problems
    assert problem.found == f"ids {value} alone, which is unlabeled"
    with pytest.raises(DataError):
        SegmentationFolder(drawn.images, drawn.masks)


@pytest.mark.parametrize(("ids", "expected"), [((1, 2), (0, 1)), ((0, 1, 2), (255, 0, 1)), ((4, 9), (0, 1))])
def test_ids_that_are_not_those_of_the_names(ids: tuple[int, ...], expected: tuple[int, ...], tmp_path: Path) -> None:
    index = [np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % len(ids)] * 3
    drawn = Drawn(tmp_path, [np.array(ids, np.uint8)[each] for each in index])
    names = ["good", "bad"]
    report = drawn.check(ClassTable.from_names(names))
    with pytest.raises(DataError) as caught:
        report.require()
    table, *others = remedies(str(caught.value), names)
    np.testing.assert_array_equal(drawn.read(table), np.array(expected)[np.stack(index)])
    # The first or the last of three numbers may be unlabeled.
    assert len(others) == len(ids) - 2
    for other in others:
        np.testing.assert_array_equal(drawn.read(other), np.array((0, 1, 255))[np.stack(index)])


@pytest.mark.parametrize(
    ("trained", "tested"), [((0, 1), (0, 255)), ((0, 255), (0, 1)), ((0, 1), (0, 65535)), ((0, 1), (0, 128))]
)
def test_masks_of_another_dialect_than_the_training(trained: tuple, tested: tuple, tmp_path: Path) -> None:
    table = ClassTable.from_dict(ClassTable.from_ids(trained).to_dict())
    kind = np.uint8 if tested[1] < 256 else np.uint16
    drawn = Drawn(tmp_path, [np.where(disc(k), *reversed(tested)).astype(kind) for k in range(3)])
    report = drawn.check(table)
    assert report.refusals
    as_class = remedies("\n".join(problem.advice for problem in report.refusals))[0]
    np.testing.assert_array_equal(drawn.read(as_class), np.stack([disc(k) for k in range(3)]))


def test_a_table_that_reads_by_threshold_survives_yaml() -> None:
    table = ClassTable.from_threshold(100, ["dark", "bright"])
    again = ClassTable.from_dict(yaml.safe_load(yaml.safe_dump(table.to_dict())))
    assert again == table
    stored = np.array([[0, 99, 100, 255]], np.uint8)
    np.testing.assert_array_equal(again.indices(stored), [[0, 0, 1, 1]])
    np.testing.assert_array_equal(again.codes(stored)[0], [[0, 0, 1, 1]])
    np.testing.assert_array_equal(again.indices(again.stored(np.array([[0, 1]]))), [[0, 1]])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"threshold": 0}, "a threshold in 1…65535, found 0"),
        ({"threshold": "high"}, "found 'high'"),
        ({"threshold": 300}, "ids at or above it"),
        ({"threshold": 9, "ignore_ids": [3]}, "no ignore_ids beside a threshold"),
        ({"palette": "colours"}, "palette to be ids or colors"),
        ({"palette": "colors"}, "a color for every class"),
        ({"assumed_ids": [7]}, "assumed_ids among ignore_ids"),
    ],
)
def test_tables_that_cannot_read_so(content: dict, said: str) -> None:
    classes = [{"name": "a", "id": 0}, {"name": "b", "id": 255}]
    with pytest.raises(ValueError, match=said):
        ClassTable.from_dict({"classes": classes, **content})


def test_a_drawn_id_beside_white_under_a_threshold_is_refused(tmp_path: Path) -> None:
    facts = [MaskFacts(tmp_path / "a.png", {0: 60, 1: 20, 255: 20})]
    found = find_dialects(tmp_path, facts, ClassTable.from_threshold(128))
    assert [problem.kind for problem in found.problems] == ["masks that the threshold does not part"]
    # Grays along edges are what a threshold is for.
    soft = [MaskFacts(tmp_path / "a.png", {0: 60, 7: 1, 255: 39}, soft=1)]
    assert not find_dialects(tmp_path, soft, ClassTable.from_threshold(128)).problems


def test_a_threshold_that_no_mask_reaches_is_refused(tmp_path: Path) -> None:
    facts = [MaskFacts(tmp_path / f"{k}.png", {0: 60, 1: 20, 2: 20}) for k in range(2)]
    found = find_dialects(tmp_path, facts, ClassTable.from_threshold(128))
    assert "threshold that no mask reaches" in [problem.kind for problem in found.problems]


@pytest.mark.parametrize("gray", [200, 255])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_labels_drawn_in_the_opacity_alone(gray: int, mode: str, tmp_path: Path) -> None:
    masks = []
    for k in range(3):
        bands = [np.full(SIZE, gray)] * (len(mode) - 1) + [disc(k) * 255]
        masks.append(Image.fromarray(np.dstack(bands).astype(np.uint8), mode))
    message = str(DataError.of(Drawn(tmp_path, masks).check().problems))
    assert "3 of 3 masks, such as f0.png, have an alpha channel, which is not read" in message
    # Opacity beside labels is no news.
    masks = [
        Image.fromarray(np.dstack([disc(k)] * (len(mode) - 1) + [disc(k) * 200]).astype(np.uint8), mode)
        for k in range(3)
    ]
    (tmp_path / "labeled").mkdir()
    np.testing.assert_array_equal(Drawn(tmp_path / "labeled", masks).read(), np.stack([disc(k) for k in range(3)]))
