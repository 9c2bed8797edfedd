"""Copies of a class table that change one thing and keep all others."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import yaml

from hardpix.data import ClassTable
from hardpix.data.class_source import class_table, read_otherwise, with_ignored
from hardpix.data.palette_reading import colors_are_known, read_by

# Every field has a value that is not the default, but for the threshold, which goes without ids to ignore.
FULL = ClassTable(
    ["sky", "road", "car"],
    [[4, 5], 7, 9],
    [(1, 1, 1), (2, 2, 2), (3, 3, 3)],
    ignore_ids=[0, 255],
    ignore_colors=[(8, 8, 8)],
    palette="colors",
    assumed_ids=[0, 255],
    palette_seen={4: (1, 1, 1), 7: (2, 2, 2)},
    ids_made_up=True,
    learned=True,
    tree={"ground": ["road"], "moving": ["car"]},
)
PARTED = ClassTable(["dark", "bright"], [0, 255], threshold=128, palette="ids", palette_seen={0: (9, 0, 0)})


def kept(before: ClassTable, after: ClassTable) -> set[str]:
    return {field.name for field in fields(ClassTable) if getattr(before, field.name) == getattr(after, field.name)}


def test_the_full_table_has_no_default() -> None:
    assert kept(ClassTable(["a"], [1]), FULL) == {"threshold"}
    assert PARTED.threshold is not None


@pytest.mark.parametrize("table", [FULL, PARTED])
def test_only_what_is_asked_for_changes(table: ClassTable) -> None:
    every = {field.name for field in fields(ClassTable)}
    assert ClassTable.from_dict(yaml.safe_load(yaml.safe_dump(table.to_dict()))) == table
    assert replace(table) == table
    assert every - kept(table, table.with_palette_seen({5: (6, 6, 6)})) == {"palette_seen"}
    assert every - kept(table, replace(table, palette=None)) == {"palette"}


def test_one_more_id_to_ignore_keeps_the_rest() -> None:
    every = {field.name for field in fields(ClassTable)}
    one_of_two = with_ignored(FULL, 5)
    assert every - kept(FULL, one_of_two) == {"ids", "ignore_ids"}
    assert (one_of_two.ids[0], one_of_two.ignore_ids) == ((4,), (0, 5, 255))
    whole = with_ignored(FULL, 7)
    assert every - kept(FULL, whole) == {"names", "ids", "colors", "ignore_ids", "ignore_colors", "tree"}
    assert (whole.names, whole.ignore_colors) == (("sky", "car"), ((8, 8, 8), (2, 2, 2)))
    assert with_ignored(FULL, 255).assumed_ids == (0,)
    with pytest.raises(ValueError, match="found -1"):
        with_ignored(FULL, -1)


def test_tables_read_another_way_keep_the_rest() -> None:
    every = {field.name for field in fields(ClassTable)}
    known = replace(FULL, palette=None, ids_made_up=False)
    for palette in ("ids", "colors"):
        assert every - kept(known, read_by(known, palette)) == {"palette"}
    colorless = replace(known, colors=(), ignore_colors=())
    assert not colors_are_known(colorless)  # of the car, no color was seen
    with pytest.raises(ValueError, match="found none for car"):
        read_by(colorless, "colors")
    seen = {4: (1, 1, 1), 5: (4, 4, 4), 7: (2, 2, 2), 9: (3, 3, 3), 0: (5, 5, 5)}
    remembered = read_by(colorless.with_palette_seen(seen), "colors")
    assert remembered.colors == (((1, 1, 1), (4, 4, 4)), ((2, 2, 2),), ((3, 3, 3),))
    assert remembered.ignore_colors == ((5, 5, 5),)
    assert remembered.assumed_ids == (0, 255)
    # Two classes of one color cannot be told apart by it.
    assert not colors_are_known(colorless.with_palette_seen(seen | {9: (2, 2, 2)}))


def test_palettes_that_mean_nothing_go_with_any_other_setting() -> None:
    for settings in ({"classes": ["a", "b"]}, {"label_map": {0: 0, 4: 1}}, {"threshold": 9}):
        table = class_table(**{"classes": None, "palette": "ids", **settings})
        assert table is not None
        assert table.palette == "ids"
        assert class_table(**{"classes": None, **settings}) == replace(table, palette=None)
    run = ClassTable.from_names(["a", "b"])
    assert read_otherwise(run, {3: 0, 4: 1}, None, "ids").palette == "ids"
    assert read_otherwise(run, None, 128, "ids").palette == "ids"
    assert read_otherwise(run, None, None, "ids") == replace(run, palette="ids")
    with pytest.raises(ValueError, match="give one of them"):
        read_otherwise(run, {3: 0, 4: 1}, None, "colors")


def test_made_up_ids_are_never_those_of_files() -> None:
    table = ClassTable.from_colors([(0, 0, 0), (255, 0, 0)])
    with pytest.raises(ValueError, match="numbers of hardpix's own"):
        read_otherwise(table, None, None, "ids")
    assert read_otherwise(table, {0: 0, 9: 1}, None, None).ids == ((0,), (9,))
    with pytest.raises(ValueError, match="expected ids_made_up"):
        ClassTable(["a"], [0], ids_made_up=True)
