"""Class trees in class tables: files, presets, and what becomes of them where classes are left out."""

from pathlib import Path

import pytest
import yaml

from hardpix.commands.label import classes_with_unlabeled
from hardpix.data import ClassTable, DataError
from hardpix.data.class_source import class_table, read_otherwise, with_ignored
from hardpix.data.presets import load_preset

GROUPS = {"vehicle": ["car", "bus"]}


def table() -> ClassTable:
    return ClassTable(["other", "car", "bus"], [0, 1, 2], tree=GROUPS)


def test_a_file_keeps_the_tree(tmp_path: Path) -> None:
    path = tmp_path / "classes.yaml"
    path.write_text(yaml.safe_dump(table().to_dict()))
    found = class_table(str(path))
    assert found == table()
    assert found is not None
    assert found.tree is not None
    assert found.tree.groups == GROUPS


def test_tables_without_a_tree_are_written_as_before() -> None:
    assert set(ClassTable.from_names(["a", "b"]).to_dict()) == {
        "classes",
        "ignore_ids",
        "ignore_colours",
        "assumed_ids",
    }
    assert ClassTable.from_names(["a", "b"]).tree is None


def test_a_fault_in_the_tree_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "classes.yaml"
    path.write_text("classes: [{name: car, id: 0}]\ntree: {vehicle: [car, lorry]}\n")
    with pytest.raises(DataError, match=r"(?s)classes\.yaml.*expected classes in the tree, found lorry"):
        class_table(str(path))


def test_a_class_that_is_ignored_leaves_the_tree() -> None:
    found = with_ignored(table(), 1)
    assert found.names == ("other", "bus")
    assert found.tree is not None
    assert found.tree.groups == {"vehicle": ["bus"]}
    assert with_ignored(found, 2).tree is None


def test_masks_that_are_stored_otherwise_have_the_same_tree() -> None:
    assert read_otherwise(table(), {0: 0, 5: 1, 9: 2}, None, None).tree == table().tree
    assert read_otherwise(table(), None, None, "ids").tree == table().tree
    two = ClassTable(["a", "b"], [0, 1], tree={"g": ["a", "b"]})
    assert read_otherwise(two, None, 128, None).tree == two.tree
    assert classes_with_unlabeled(table(), 255).tree == table().tree


def test_cityscapes_has_its_categories_in_the_order_of_the_paper() -> None:
    tree = load_preset("cityscapes").classes.tree
    assert tree is not None
    (level,) = tree.levels
    assert level.names == ("flat", "construction", "object", "nature", "sky", "human", "vehicle")
    sizes = [level.of_class.count(k) for k in range(7)]
    assert sizes == [2, 3, 3, 2, 1, 2, 6]


def test_camvid_has_a_tree() -> None:
    tree = load_preset("camvid").classes.tree
    assert tree is not None
    assert tree.levels[0].names == ("sky", "construction", "object", "flat", "tree", "car", "human")
