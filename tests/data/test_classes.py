"""Stored ids and colors to training indices and back."""

import time
from collections import Counter

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hardpix.data import ClassTable


@st.composite
def tables(draw: st.DrawFn) -> ClassTable:
    """Tables of 1 to 12 classes with one to three ids and colors each, and some to ignore."""
    ids = draw(st.lists(st.integers(0, 65535), min_size=2, max_size=40, unique=True))
    colors = draw(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=len(ids), max_size=len(ids), unique=True))
    count = draw(st.integers(1, min(12, len(ids) - 1)))
    per_class = [ids[k : count * 3 : count] if k + count < len(ids) else [ids[k]] for k in range(count)]
    taken = {i for entry in per_class for i in entry}
    spare = [i for i in ids if i not in taken]
    return ClassTable(
        [f"n{k}" for k in range(count)],
        per_class,
        [[colors[ids.index(i)] for i in entry] for entry in per_class],
        spare,
        [colors[ids.index(i)] for i in spare],
    )


@given(tables(), st.integers(0, 2**32 - 1), st.sampled_from([255, -1, 65535]))
def test_ids_and_colours_as_a_dictionary_would_map_them(table: ClassTable, seed: int, ignore_index: int) -> None:
    by_id = {i: k for k, entry in enumerate(table.ids) for i in entry} | dict.fromkeys(table.ignore_ids, ignore_index)
    by_colour = {c: k for k, entry in enumerate(table.colors) for c in entry}
    by_colour |= dict.fromkeys(table.ignore_colors, ignore_index)
    rng = np.random.default_rng(seed)
    ids = rng.choice(list(by_id), (3, 5)).astype(np.uint16)
    np.testing.assert_array_equal(table.indices(ids, ignore_index), [[by_id[int(i)] for i in row] for row in ids])
    colors = rng.choice(list(by_colour), (4, 2)).astype(np.uint8)
    if (colors != colors[..., :1]).any():  # gray alone is read as ids
        expected = [[by_colour[tuple(c.tolist())] for c in row] for row in colors]
        np.testing.assert_array_equal(table.indices(colors, ignore_index), expected)


@given(tables(), st.integers(0, 2**32 - 1))
def test_what_is_written_is_read_back(table: ClassTable, seed: int) -> None:
    index = np.random.default_rng(seed).integers(len(table), size=(4, 3))
    np.testing.assert_array_equal(table.indices(table.stored(index)), index)
    painted = table.paint(index)
    if (painted != painted[..., :1]).any():
        np.testing.assert_array_equal(table.indices(painted), index)


@given(tables())
def test_a_table_survives_yaml(table: ClassTable) -> None:
    assert ClassTable.from_dict(yaml.safe_load(yaml.safe_dump(table.to_dict()))) == table


def test_unknown_ids_are_counted_and_refused() -> None:
    stored = np.array([[0, 1, 9, 9], [255, 9, 200, 1]], np.uint8)
    table = ClassTable.from_names(["a", "b"])
    assert table.unknown(stored) == {k: v for k, v in Counter(stored.ravel().tolist()).items() if k in (9, 200)}
    with pytest.raises(ValueError, match=r"found also \{9: 3, 200: 1\}"):
        table.indices(stored)


def test_unknown_colours_are_counted_and_refused() -> None:
    stored = np.array([[[1, 2, 3], [4, 5, 6], [4, 5, 6]], [[0, 2, 1], [1, 2, 4], [0, 0, 0]]], np.uint8)
    table = ClassTable(["a"], [0], [(1, 2, 3)], ignore_colors=[(0, 0, 0)])
    assert table.unknown(stored) == {(4, 5, 6): 2, (0, 2, 1): 1, (1, 2, 4): 1}
    for place in ((0, 1), (1, 0), (1, 1)):
        known = np.where((stored == stored[place]).all(axis=-1, keepdims=True), stored, (1, 2, 3)).astype(np.uint8)
        with pytest.raises(ValueError, match=rf"\({', '.join(map(str, stored[place]))}\): "):
            table.indices(known)


def test_grey_saved_as_rgb_holds_ids_where_the_table_has_no_colours() -> None:
    grey = np.repeat(np.array([[0, 1, 1]], np.uint8)[..., None], 3, axis=2)
    for table in (ClassTable.from_names(["a", "b"]), ClassTable.from_ids([0, 1])):
        np.testing.assert_array_equal(table.indices(grey), [[0, 1, 1]])
        assert table.count(grey) == {0: 1, 1: 2}
    with pytest.raises(ValueError, match=r"found also \{\(230, 159, 0\): 1\}"):
        ClassTable.from_names(["a", "b"]).indices(np.array([[[230, 159, 0]]], np.uint8))


def test_grey_saved_as_rgb_holds_colours_where_the_table_has_some() -> None:
    """An unlabeled picture, black all over, is not of the class with id 0."""
    black, grey = np.zeros((1, 2, 3), np.uint8), np.full((1, 2, 3), 7, np.uint8)
    table = ClassTable(["a", "b"], [0, 7], [(9, 0, 0), (0, 0, 9)])
    for stored, colour in ((black, (0, 0, 0)), (grey, (7, 7, 7))):
        assert table.unknown(stored) == {colour: 2}
        with pytest.raises(ValueError, match="expected the labels of 2 classes"):
            table.indices(stored)
    unlabelled = ClassTable(["a", "b"], [0, 7], [(9, 0, 0), (0, 0, 9)], ignore_colors=[(0, 0, 0)])
    np.testing.assert_array_equal(unlabelled.indices(black), [[255, 255]])
    by_colour = ClassTable(["dark", "light"], [5, 6], [(7, 7, 7), (0, 0, 0)])
    np.testing.assert_array_equal(by_colour.indices(black), [[1, 1]])
    np.testing.assert_array_equal(by_colour.indices(grey), [[0, 0]])
    np.testing.assert_array_equal(by_colour.indices(np.array([[5, 6]], np.uint8)), [[0, 1]])


def test_a_table_without_colours_is_written_without_and_painted_all_the_same() -> None:
    table = ClassTable.from_names(["a", "b"])
    assert table.colors == ()
    assert table.to_dict() == {
        "classes": [{"name": "a", "id": 0}, {"name": "b", "id": 1}],
        "ignore_ids": [255],
        "ignore_colours": [],
        "assumed_ids": [255],
    }
    painted = table.paint(np.array([[0, 1, 255]]))[0].tolist()
    assert painted[2] == [0, 0, 0]
    assert len(set(map(tuple, painted))) == 3


@pytest.mark.parametrize(
    ("found", "ids", "ignored"),
    [
        ([3, 1, 255], ((1,), (3,)), (255, 65535)),
        ([0, 255], ((0,), (255,)), ()),
        ([0, 1], ((0,), (1,)), (255, 65535)),
        ([7, 300, 65535], ((7,), (300,)), (255, 65535)),
    ],
)
def test_classes_from_the_ids_found(found: list[int], ids: tuple, ignored: tuple) -> None:
    table = ClassTable.from_ids(found)
    assert (table.ids, table.ignore_ids) == (ids, ignored)


def test_a_drawn_mask_of_0_and_255_needs_no_special_word() -> None:
    table = ClassTable(["background", "vessel"], [0, 255])
    np.testing.assert_array_equal(table.indices(np.array([[0, 255]], np.uint8)), [[0, 1]])


def test_ids_beyond_8_bits_are_written_in_16() -> None:
    assert ClassTable(["a", "b"], [3, 255]).stored(np.array([[0, 1]])).dtype == np.uint8
    assert ClassTable(["a", "b"], [3, 256]).stored(np.array([[0, 1]])).tolist() == [[3, 256]]
    assert ClassTable(["a", "b"], [3, 256]).stored(np.array([[0, 1]])).dtype == np.uint16


def test_pixels_that_are_no_class_are_painted_black() -> None:
    table = ClassTable(["a"], [0], [(9, 8, 7)])
    assert table.paint(np.array([[0, 255, -1]])).tolist() == [[[9, 8, 7], [0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": [], "ids": []}, "at least one class"),
        ({"names": ["a"], "ids": [1, 2]}, "1 names, 2 ids"),
        ({"names": ["a", "b"], "ids": [1, 1]}, r"each id once in the class table, found \[1\]"),
        ({"names": ["a", "b"], "ids": [1, [2, 1]]}, "each id once"),
        ({"names": ["a"], "ids": [1], "ignore_ids": [1]}, "each id once"),
        ({"names": ["a", "a"], "ids": [1, 2]}, "each name once"),
        ({"names": ["a"], "ids": [65536]}, "an id in 0…65535, or a list of ids, found 65536"),
        ({"names": ["a"], "ids": [[]]}, "at least one id a class, found .. for a"),
        ({"names": ["a"], "ids": [1], "colors": [(0, 0, 256)]}, r"found \(0, 0, 256\)"),
        ({"names": ["a"], "ids": [1], "colors": [(0, 0, 1)], "ignore_colors": [(0, 0, 1)]}, "each color once"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassTable(**arguments)


def test_label_maps_merge_rename_and_ignore() -> None:
    table = ClassTable.from_label_map({"7": 0, 8: 1, 9: 1, 11: "ignore"}, ["road", "vehicle"])
    np.testing.assert_array_equal(table.indices(np.array([[7, 8, 9, 11]], np.uint8)), [[0, 1, 1, 255]])
    assert table.stored(np.array([[1]])).item() == 8
    assert ClassTable.from_label_map({7: 0, 11: "ignore"}).ignore_ids == (11,)
    assert ClassTable.from_label_map({7: 0, 8: 1}).ignore_ids == (255,)
    assert ClassTable.from_label_map({7: 0, 255: 1}).ignore_ids == ()
    with pytest.raises(ValueError, match=r"without a gap, found \[0, 2\]"):
        ClassTable.from_label_map({1: 0, 2: 2})
    with pytest.raises(ValueError, match="found 'void'"):
        ClassTable.from_label_map({1: "void"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"clases": []}, "found clases"),
        ({"classes": [{"name": "a"}]}, "name, id and perhaps color"),
        ({"classes": [{"name": "a", "id": 0, "hue": [0, 0, 0]}]}, "name, id and perhaps color"),
        ({"classes": [{"name": "a", "id": 0, "color": [0, 0, 0], "colour": [0, 0, 0]}]}, "color once, found color and"),
        ({"classes": [], "ignore_colors": [], "ignore_colours": []}, "ignore_colors once"),
        ({"classes": [{"name": "a", "id": 0, "colour": [0, 0, 0]}, {"name": "b", "id": 1}]}, "found 1 of 2"),
    ],
)
def test_files_that_are_no_class_table_are_refused(content: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassTable.from_dict(content)


@pytest.mark.parametrize(
    ("written", "colors"),
    [
        ('"#ff8000"', ((255, 128, 0),)),
        ("'#FF8000'", ((255, 128, 0),)),
        ('["#000001", "#0A0b0C"]', ((0, 0, 1), (10, 11, 12))),
        ('["#000001", [1, 2, 3]]', ((0, 0, 1), (1, 2, 3))),
        ("[1, 2, 3]", ((1, 2, 3),)),
        ("[[1, 2, 3], [4, 5, 6]]", ((1, 2, 3), (4, 5, 6))),
    ],
)
def test_colours_as_they_are_written(written: str, colors: tuple) -> None:
    table = ClassTable.from_dict(yaml.safe_load(f"classes: [{{name: a, id: 0, colour: {written}}}]"))
    assert table.colors == (colors,)


def test_both_spellings_of_color_are_read_and_one_is_written() -> None:
    american = {"classes": [{"name": "a", "id": 0, "color": [7, 7, 7]}], "ignore_colors": [[1, 2, 3]]}
    british = {"classes": [{"name": "a", "id": 0, "colour": [7, 7, 7]}], "ignore_colours": [[1, 2, 3]]}
    table = ClassTable.from_dict(american)
    assert (table.colors, table.ignore_colors) == ((((7, 7, 7),),), ((1, 2, 3),))
    assert table == ClassTable.from_dict(british)
    written = table.to_dict()
    assert (written["classes"], written["ignore_colours"]) == (british["classes"], british["ignore_colours"])
    assert "ignore_colors" not in written


@pytest.mark.parametrize("written", ["ignore_ids: 9", "ignore_ids: [9]"])
@pytest.mark.parametrize("colour", ['"#010203"', "[1, 2, 3]", "[[1, 2, 3]]", '["#010203"]'])
def test_one_label_to_ignore_needs_no_list(written: str, colour: str) -> None:
    content = f"classes: [{{name: a, id: 0, colour: [7, 7, 7]}}]\n{written}\nignore_colours: {colour}"
    table = ClassTable.from_dict(yaml.safe_load(content))
    assert (table.ignore_ids, table.ignore_colors) == ((9,), ((1, 2, 3),))


def test_a_label_that_stands_twice_is_found_among_many() -> None:
    """Ids of single objects come in tens of thousands; to compare each with each would take minutes."""
    start = time.process_time()
    assert len(ClassTable.from_ids(range(60000))) == 59999
    with pytest.raises(ValueError, match=r"each id once in the class table, found \[3, 7\] more than once"):
        ClassTable([str(k) for k in range(50003)], [*range(50000), 7, 3, 7])
    assert time.process_time() - start < 20
