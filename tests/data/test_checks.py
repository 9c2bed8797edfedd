"""Faults of a user's folders, all of them in one list."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.data import (
    ClassTable,
    DataError,
    ImagePaths,
    Problem,
    ProblemReport,
    SegmentationFolder,
    check_folders,
    describe,
)

Write = Callable[..., tuple[Path, Path]]


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def kinds(problems: tuple[Problem, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in problems:
        found.setdefault(problem.kind, []).append(problem.where.name)
    return found


def check(images: Path, masks: Path | None = None, classes: ClassTable | None = None, **more: Path) -> ProblemReport:
    return check_folders(ImagePaths(images, masks, **more), classes)


def test_sound_folders_give_statistics(write_pairs: Write) -> None:
    images, masks = write_pairs(["a", "b", "c"], size=(5, 8), classes=4)
    table = ClassTable(["p", "q"], [[0, 3], 1], ignore_ids=[2])
    report = check(images, masks, table).require()
    assert (report.problems, report.stems) == ((), ("a", "b", "c"))
    assert report.sizes == dict.fromkeys("abc", (5, 8))
    stored = {stem: Counter(np.asarray(Image.open(masks / f"{stem}.png")).ravel().tolist()) for stem in "abc"}
    assert report.labels == stored
    total = stored["a"] + stored["b"] + stored["c"]
    assert report.class_pixels() == [total[0] + total[3], total[1]]
    assert report.class_pixels(["b"]) == [stored["b"][0] + stored["b"][3], stored["b"][1]]


def test_classes_are_found_in_the_masks(write_pairs: Write) -> None:
    images, masks = write_pairs(["a", "b"], classes=3)
    save(masks / "b.png", np.array([[255, 9]] * 6, np.uint8).repeat([5, 4], axis=1))
    report = check(images, masks).require()
    assert report.classes is not None
    assert report.classes.ids == ((0,), (1,), (2,), (9,))
    assert check(images).classes is None


def test_everything_wrong_comes_in_one_list(write_pairs: Write, tmp_path: Path) -> None:
    stems = ["bare", "good", "huge", "odd", "torn", "torn_mask", "twice"]
    images, masks = write_pairs(stems, size=(30, 40))
    depth = tmp_path / "depth"
    for stem in stems:
        save(depth / f"{stem}.png", np.ones((30, 40), np.uint16))
    (masks / "bare.png").unlink()
    save(masks / "huge.png", np.zeros((60, 80), np.uint8))
    save(masks / "odd.png", np.full((30, 40), 77, np.uint8))
    (images / "torn.png").write_bytes((images / "torn.png").read_bytes()[:-60])
    (masks / "torn_mask.png").write_bytes(b"")
    save(images / "twice.jpg", np.full((30, 40, 3), 99, np.uint8))
    save(masks / "left.png", np.zeros((3, 4), np.uint8))
    save(depth / "good.png", np.ones((10, 10), np.uint16))
    (depth / "odd.png").unlink()
    report = check(images, masks, ClassTable.from_names(["x", "y", "z"]), depth=depth)
    assert kinds(report.problems) == {
        "several files of one stem": ["twice"],
        "no mask for an image": ["bare.png"],
        "map of another size than its image": ["good.png", "huge.png"],
        "file that cannot be used": ["torn.png", "torn_mask.png"],
        "id outside the classes": ["odd.png"],
    }
    assert kinds(report.warnings) == {"file without an image": ["left.png"]}
    with pytest.raises(DataError) as caught:
        report.require()
    message = str(caught.value)
    assert message.startswith("7 problems in the data\n")
    assert report.without_depth == ("odd",)
    for problem in report.problems:
        assert f"{problem.where}: expected {problem.expected}, found {problem.found}" in message
        assert f"what to do: {problem.advice}" in message
    assert "expected 30×40 (height × width), found 60×80" in message
    assert "expected ids 0–2, or 255 to ignore, found 77 (1200 pixels)" in message


def test_folders_that_are_not_there_or_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    report = check(tmp_path / "none", tmp_path / "file")
    assert [(p.where.name, p.found) for p in report.problems] == [("none", "nothing"), ("file", "a file")]
    assert kinds(check(tmp_path / "empty").problems) == {"folder without images": ["empty"]}


def test_colours_without_a_table_and_colours_outside_it(write_pairs: Write) -> None:
    images, masks = write_pairs(["a"], size=(2, 3))
    save(masks / "a.png", np.array([[[9, 0, 0]] * 3, [[0, 9, 0], [0, 0, 9], [0, 9, 0]]], np.uint8))
    (problem,) = check(images, masks).problems
    assert problem.found == "3 colors: (0, 0, 9), (0, 9, 0), (9, 0, 0)"
    table = ClassTable(["a", "b"], [0, 1], [(9, 0, 0), (0, 0, 9)])
    (problem,) = check(images, masks, table).problems
    assert (problem.kind, problem.found) == ("color outside the classes", "(0, 9, 0) (2 pixels)")
    both = ClassTable(["a", "b"], [0, 1], [(9, 0, 0), (0, 0, 9)], ignore_colors=[(0, 9, 0)])
    assert check(images, masks, both).require().class_pixels() == [3, 1]


def test_a_black_mask_among_masks_of_colours(write_pairs: Write) -> None:
    images, masks = write_pairs(["a", "b"], size=(2, 3))
    save(masks / "a.png", np.array([[[9, 0, 0]] * 3, [[0, 0, 9]] * 3], np.uint8))
    save(masks / "b.png", np.zeros((2, 3, 3), np.uint8))
    colors = [(9, 0, 0), (0, 0, 9)]
    (problem,) = check(images, masks, ClassTable(["a", "b"], [0, 1], colors)).problems
    assert (problem.kind, problem.where.name) == ("color outside the classes", "b.png")
    assert problem.found == "(0, 0, 0) (6 pixels)"
    assert "if these are ids, leave the colors out of the class table" in problem.advice
    report = check(images, masks, ClassTable(["a", "b"], [0, 1], colors, ignore_colors=[(0, 0, 0)])).require()
    assert [(p.kind, p.where.name) for p in report.warnings] == [("mask without a label", "b")]
    assert report.class_pixels() == [3, 3]


@pytest.mark.parametrize("classes", [None, ClassTable(["a", "b"], [0, 1], [(9, 0, 0), (0, 0, 9)])])
def test_photographs_given_as_masks_are_named_and_their_colours_not_kept(
    classes: ClassTable | None, write_pairs: Write
) -> None:
    images, masks = write_pairs(["a", "b"], size=(80, 90), classes=2)
    noise = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    colors = len(np.unique(noise.reshape(-1, 3), axis=0))
    save(masks / "b.png", noise)
    report = check(images, masks, classes)
    problem = next(p for p in report.problems if p.kind == "file that is no mask")
    assert problem.where == masks / "b.png"
    assert problem.found == f"{colors} colors, as a photograph has"
    assert set(report.labels) == {"a"}


@pytest.mark.parametrize("classes", [None, ClassTable.from_names([str(k) for k in range(300)])])
def test_depth_maps_given_as_masks_are_named_and_their_numbers_not_kept(
    classes: ClassTable | None, write_pairs: Write
) -> None:
    images, masks = write_pairs(["a", "b"], size=(80, 90), classes=2)
    save(masks / "b.png", np.arange(7200, dtype=np.uint16).reshape(80, 90))
    report = check(images, masks, classes)
    problem = next(p for p in report.problems if p.kind == "file that is no mask")
    assert problem.where == masks / "b.png"
    assert problem.found == "7200 different ids, as a map of depth has"
    assert set(report.labels) == {"a"}


def test_classes_of_photographs_are_not_kept_either(write_pairs: Write) -> None:
    images, masks = write_pairs(["a"], size=(80, 90))
    save(masks / "a.png", np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="colors, as a photograph has") as caught:
        SegmentationFolder(images, masks)
    assert "export it without antialiasing" in str(caught.value)


def test_class_lists_that_contradict_the_masks(write_pairs: Write) -> None:
    images, masks = write_pairs(["a", "b"], classes=3)
    shifted = check(images, masks, ClassTable(["x", "y", "z"], [1, 2, 3]))
    contradiction = [p for p in shifted.problems if p.kind == "class list that contradicts the masks"]
    assert [(p.where, p.expected, p.found) for p in contradiction] == [
        (masks, "3 classes of ids 1–3", "ids 0–2; never: z")
    ]
    nothing = check(images, masks, ClassTable(["x"], [9], ignore_ids=[0, 1, 2]))
    assert "class list that contradicts the masks" in kinds(nothing.problems)
    spare = check(images, masks, ClassTable.from_names(["x", "y", "z", "w"]))
    assert (spare.problems, spare.warnings[0].found) == ((), "no w")


def test_instance_ids_are_too_many_classes(write_pairs: Write) -> None:
    images, masks = write_pairs(["a"], size=(20, 20))
    save(masks / "a.png", np.arange(400, dtype=np.uint16).reshape(20, 20))
    (problem,) = check(images, masks).problems
    assert problem.expected == "at most 255 classes, because ignore_index is 255"
    assert problem.found == "399 classes"
    assert check_folders(ImagePaths(images, masks), ignore_index=-1).problems == ()


def test_masks_without_labels_and_black_images(write_pairs: Write) -> None:
    images, masks = write_pairs(["a", "b"])
    save(masks / "a.png", np.full((6, 9), 255, np.uint8))
    save(masks / "b.png", np.array([[0, 1, 255]] * 6, np.uint8).repeat(3, axis=1))
    save(images / "a.png", np.full((6, 9), 4095, np.uint16))
    save(images / "b.png", np.full((6, 9), 15, np.uint8))
    report = check(images, masks)
    assert report.problems == ()
    expected = {"few gray levels": ["images"], "image all but black": ["b.png"], "mask without a label": ["a"]}
    assert kinds(report.warnings) == expected
    save(masks / "b.png", np.full((6, 9), 255, np.uint8))
    (problem,) = check(images, masks).problems
    assert problem.found == "ids 255 alone, which is unlabeled"


def test_long_lists_are_shortened_and_counted() -> None:
    problems = [Problem("kind", Path(f"{n}.png"), "x", "y", "do z") for n in range(33)]
    text = describe([*problems, Problem("other", Path("one.png"), "x", "y", "do w")])
    assert text.splitlines()[0] == "kind (33)"
    assert [f"  {n}.png: expected x, found y" in text.splitlines() for n in range(33)] == [n < 20 for n in range(33)]
    assert text.splitlines()[-5:] == [
        "  … and 13 more",
        "  what to do: do z",
        "other (1)",
        "  one.png: expected x, found y",
        "  what to do: do w",
    ]


def test_an_ignore_index_that_is_a_class(write_pairs: Write) -> None:
    """Pixels of the class would take no part, and every prediction of it would count as wrong."""
    images, masks = write_pairs(["a"])
    (problem,) = check_folders(ImagePaths(images, masks), ignore_index=0).problems
    assert problem.expected == "an ignore_index that is no class"
    first, *others = sorted(int(i) for i in np.unique(np.array(Image.open(masks / "a.png"))))
    assert problem.found == f"0, the number of class {first}"
    mapping = {first: "ignore"} | {i: k for k, i in enumerate(others)}
    assert f"--data.label_map '{{{', '.join(f'{i}: {k}' for i, k in mapping.items())}}}'" in problem.advice
    assert check_folders(ImagePaths(images, masks), ClassTable.from_label_map(mapping)).problems == ()
