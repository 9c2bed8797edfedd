"""Trees over classes: what is refused, and the levels that nested groups have."""

import itertools
import random
from typing import Any

import pytest

from hardpix.pixels import ClassTree

NAMES = ("sky", "car", "bus", "bicycle", "motorcycle", "road")
GROUPS = {"mobile": ["car", {"two-wheeled": ["bicycle", "motorcycle"]}, "bus"], "flat": ["road"]}


def drawn(seed: int, count: int = 7) -> tuple[dict[str, Any], tuple[str, ...], dict[str, str | None]]:
    """Groups at random, the classes, and the parent of each class and group."""
    draw = random.Random(seed)
    names = tuple(f"c{k}" for k in range(count))
    parent: dict[str, str | None] = {}
    nodes = draw.sample(names, draw.randint(1, count))
    number = 0
    while len(nodes) > 2 or number == 0:
        some = draw.sample(nodes, draw.randint(1, min(3, len(nodes))))
        group = f"g{number}"
        number += 1
        parent |= dict.fromkeys(some, group)
        nodes = [node for node in nodes if node not in some] + [group]
        if number > 8:
            break
    tops = [f"g{k}" for k in range(number) if f"g{k}" not in parent]
    inside = lambda node: [n if n in names else {n: inside(n)} for n, p in parent.items() if p == node]  # noqa: E731
    return {top: inside(top) for top in tops}, names, parent


def ancestors(node: str, parent: dict[str, str | None]) -> list[str]:
    above = parent.get(node)
    return [node] if above is None else [node, *ancestors(above, parent)]


def height(node: str, parent: dict[str, str | None]) -> int:
    below = [n for n, p in parent.items() if p == node]
    return 1 + max(height(n, parent) for n in below) if below else 0


@pytest.mark.parametrize("seed", range(40))
def test_two_classes_differ_at_as_many_levels_as_their_lowest_common_group_is_high(seed: int) -> None:
    groups, names, parent = drawn(seed)
    tree = ClassTree.from_groups(groups, names)
    highest = max(height(f"g{k}", parent) for k in range(9))
    assert len(tree.levels) == highest
    for a, b in itertools.combinations(range(len(names)), 2):
        common = [node for node in ancestors(names[a], parent) if node in ancestors(names[b], parent)]
        expected = height(common[0], parent) if common else highest + 1
        differ = 1 + sum(level.of_class[a] != level.of_class[b] for level in tree.levels)
        assert differ == expected, (groups, names[a], names[b])


@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read_as_the_same_tree(seed: int) -> None:
    groups, names, _ = drawn(seed)
    tree = ClassTree.from_groups(groups, names)
    assert ClassTree.from_groups(tree.groups, names) == tree


def test_mappings_and_lists_of_mappings_mean_the_same() -> None:
    nested = {"all": {"two-wheeled": ["bicycle"], "flat": ["road"]}}
    listed = {"all": [{"two-wheeled": ["bicycle"]}, {"flat": ["road"]}]}
    assert ClassTree.from_groups(nested, NAMES) == ClassTree.from_groups(listed, NAMES)


def test_classes_of_no_group_are_alone_at_every_level() -> None:
    tree = ClassTree.from_groups(GROUPS, NAMES)
    assert [level.names for level in tree.levels] == [
        ("sky", "car", "bus", "two-wheeled", "flat"),
        ("sky", "mobile", "flat"),
    ]
    assert tree.paths[NAMES.index("bicycle")] == ("mobile", "two-wheeled")


def test_names_may_be_numbers() -> None:
    assert ClassTree.from_groups({"odd": [1, 3]}, ("1", "2", "3")).levels[0].of_class == (0, 1, 0)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"vehicle": ["car", "lorry"]}, "expected classes in the tree, found lorry; there are sky, car"),
        ({"a": ["car"], "b": ["car", "bus"]}, "each class in one group of the tree, found car in more"),
        ({"a": ["car", "car"]}, "each class in one group of the tree, found car in more"),
        ({"a": {"b": {"a": ["car"]}}}, "each group of the tree once, found a more than once"),
        ({"car": ["bus"]}, "no class has, found car: give the group another name"),
        ({"sky": ["sky"]}, "a class without a group is one of its own"),
        ({"a": []}, "a list of classes in the group a"),
        ({"a": "car"}, "a list of classes in the group a"),
        ({"a": None}, "a list of classes in the group a"),
        ({"a": [True]}, "in quotes if they are words such as no"),
        ({"a": [["car"]]}, "expected names in the tree"),
        ({}, "expected groups of classes under tree"),
        (["car"], "expected groups of classes under tree"),
        ("vehicle", "expected groups of classes under tree"),
    ],
)
def test_anything_that_is_no_tree_is_refused(groups: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassTree.from_groups(groups, NAMES)


def test_a_tree_without_some_classes_loses_empty_groups() -> None:
    tree = ClassTree.from_groups(GROUPS, NAMES).without(["road", "bicycle", "motorcycle"])
    assert tree == ClassTree.from_groups({"mobile": ["car", "bus"]}, ("sky", "car", "bus"))
