"""A tree over the classes of a data set: groups of classes, groups of groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

EXAMPLE = "{vehicle: [car, bus], human: [pedestrian]}"


@dataclass(frozen=True)
class TreeLevel:
    """One level of a tree: every class is in one of its groups.

    Attributes:
        names: of the groups, in the order of their first classes.
        of_class: the number of each class's group.

    Example:
        >>> level = TreeLevel(("vehicle", "flat"), of_class=(0, 0, 1))
        >>> [level.names[group] for group in level.of_class]
        ['vehicle', 'vehicle', 'flat']
    """

    names: tuple[str, ...]
    of_class: tuple[int, ...]


@dataclass(frozen=True)
class ClassTree:
    """Groups over classes. A class that stands in no group is a group of its own at every level.

    The height of a group is the largest number of steps down to one of its classes. At level h, from 1 up to the
    largest height, a class is in the highest of its groups whose height is at most h, or alone. So each level joins
    groups of the level below, and in a tree of even depth level 1 has the parents of the classes.

    Attributes:
        class_names: in their order.
        paths: the names of the groups of each class, from the highest down.

    Example:
        >>> names = ("car", "bicycle", "motorcycle", "sky")
        >>> tree = ClassTree.from_groups({"vehicle": ["car", {"two-wheeled": ["bicycle", "motorcycle"]}]}, names)
        >>> [level.names for level in tree.levels]
        [('car', 'two-wheeled', 'sky'), ('vehicle', 'sky')]
        >>> tree.levels[0].of_class, tree.levels[1].of_class
        ((0, 1, 1, 2), (0, 0, 0, 1))
    """

    class_names: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    @classmethod
    def from_groups(cls, groups: Any, class_names: Sequence[str]) -> ClassTree:
        """The tree that nested groups describe, as a class file holds them under `tree`.

        Args:
            groups: names of groups → lists of classes, in which a mapping is further groups, or such a mapping itself.
            class_names: every class; those that stand in no group need not be mentioned.

        Raises:
            ValueError: a class that is none or stands in two groups; a group of the name of a class, one that stands
                twice or holds nothing; anything that is no group.
        """
        if not isinstance(groups, Mapping) or not groups:
            raise ValueError(f"expected groups of classes under tree, such as {EXAMPLE}, found {groups!r:.80}")
        found = list(_placed(groups, ()))
        names = [name for _, path in _groups(groups, ()) for name in path[-1:]]
        if taken := sorted(set(names) & set(class_names)):
            raise ValueError(
                f"expected a name for each group of the tree that no class has, found {', '.join(taken)}: give the "
                "group another name, or leave it out if that class is alone in it, for a class without a group is one "
                "of its own"
            )
        if twice := _repeated(names):
            raise ValueError(f"expected each group of the tree once, found {', '.join(twice)} more than once")
        if unknown := [name for name, _ in found if name not in class_names]:
            raise ValueError(
                f"expected classes in the tree, found {', '.join(unknown)}; there are {', '.join(class_names)}"
            )
        if twice := _repeated([name for name, _ in found]):
            raise ValueError(f"expected each class in one group of the tree, found {', '.join(twice)} in more")
        paths = dict(found)
        return cls(tuple(class_names), tuple(paths.get(name, ()) for name in class_names))

    @cached_property
    def groups(self) -> dict[str, Any]:
        """The tree as `from_groups` reads it."""
        return _nested([(path, name) for name, path in zip(self.class_names, self.paths, strict=True) if path])

    @cached_property
    def levels(self) -> tuple[TreeLevel, ...]:
        """The levels above the classes, those with the smallest groups first."""
        heights: Counter[str] = Counter()
        for path in self.paths:
            for steps, group in enumerate(reversed(path), 1):
                heights[group] = max(heights[group], steps)
        found = []
        for height in range(1, max(heights.values(), default=0) + 1):
            # A group never has the name of a class.
            names = [
                next((group for group in path if heights[group] <= height), name)
                for name, path in zip(self.class_names, self.paths, strict=True)
            ]
            numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
            found.append(TreeLevel(tuple(numbers), tuple(numbers[name] for name in names)))
        return tuple(found)

    def without(self, gone: Sequence[str]) -> ClassTree | None:
        """The tree of the other classes; None where none of them is in a group.

        Example:
            >>> ClassTree.from_groups({"vehicle": ["car"]}, ("sky", "car")).without(["car"]) is None
            True
        """
        kept = [(n, path) for n, path in zip(self.class_names, self.paths, strict=True) if n not in gone]
        return ClassTree(*map(tuple, zip(*kept, strict=True))) if any(path for _, path in kept) else None


def _groups(entry: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Each group's content, and the names down to it.

    Raises:
        ValueError: it holds nothing, or something else than classes and groups.
    """
    for name, inside in entry.items():
        below = (*path, _text(name))
        if not isinstance(inside, Mapping | list | tuple) or not inside:
            raise ValueError(
                f"expected a list of classes in the group {name} of the tree, such as {EXAMPLE}, found {inside!r:.80}"
            )
        yield inside, below
        for further in [inside] if isinstance(inside, Mapping) else [e for e in inside if isinstance(e, Mapping)]:
            yield from _groups(further, below)


def _placed(groups: Any, path: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The classes, and the groups that each is in."""
    for inside, names in _groups(groups, path):
        if not isinstance(inside, Mapping):
            yield from ((_text(entry), names) for entry in inside if not isinstance(entry, Mapping))


def _text(name: Any) -> str:
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise ValueError(f"expected names in the tree (in quotes if they are words such as no), found {name!r:.80}")
    return str(name)


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _nested(placed: Sequence[tuple[tuple[str, ...], str]]) -> dict[str, Any]:
    """Names of groups → lists of classes and further groups."""
    found: dict[str, Any] = {}
    for group in dict.fromkeys(path[0] for path, _ in placed):
        inside = [(path[1:], name) for path, name in placed if path[0] == group]
        further = _nested([(path, name) for path, name in inside if path])
        found[group] = [*(name for path, name in inside if not path), *([further] if further else [])]
    return found
