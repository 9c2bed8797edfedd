"""The classes of a data set: what stands in the masks, and what the network learns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hardpix.data.class_files import PaletteSeen, arguments_from, as_name, as_palette, written
from hardpix.data.class_rules import (
    as_tree,
    refuse_twice,
    require_among,
    require_made_up,
    require_palette,
    require_threshold,
)
from hardpix.data.label_lookup import LabelLookup
from hardpix.data.label_maps import classes_and_ignored
from hardpix.data.labels import HIGHEST_ID, as_colors, as_ids, gray_levels
from hardpix.data.palette import Color
from hardpix.pixels.class_tree import ClassTree


@dataclass(frozen=True, init=False)
class ClassTable(LabelLookup):
    """Names, stored ids and colors of the classes, in the order in which the network learns them (0 … C−1).

    Args:
        names: one a class.
        ids: what stands for each class in masks of ids: a number, or several that are learned as one class, the first
            of which is written in predictions.
        colors: the same for masks of colors and for overlays. Without, RGB masks may hold ids, the same in all three
            channels, and overlays have a palette for color-blind readers.
        ignore_ids: stored ids without a label; 255 by default, unless a class has it.
        ignore_colors: stored colors without a label.
        threshold: of two classes, every stored number at or above it is the second, every other one the first; for
            masks with soft edges.
        palette: "colors" reads a palette file's colors as colors of the table. "ids" reads its indices as ids,
            whatever colors it shows; None reads them so too, and doubts colors that contradict each other.
        assumed_ids: those of `ignore_ids` that nobody asked for; by default the 255 that `ignore_ids` has by default.
        palette_seen: index → color of the palette files that the network learned from, against which others are held.
        ids_made_up: the classes were found by their colors, and their ids are hardpix's own numbers, which predictions
            hold. Masks of ids say nothing of such classes.
        tree: groups of classes: names of groups → lists of names of classes, in which a mapping is further groups.
        learned: the classes are those of a trained network. Masks may store them in another way, but messages about
            masks offer neither more classes nor fewer. Files do not keep it.

    Raises:
        ValueError: counts differ; an id or color is given twice; an id is not in 0…65535; a threshold does not part the
            ids of two classes; a palette is to be read by colors that the table lacks; a tree is not of
            these classes.

    Example:
        >>> import numpy as np
        >>> table = ClassTable(["road", "vehicle"], ids=[7, [26, 27]], ignore_ids=[0])
        >>> table.indices(np.array([[0, 7, 26, 27]]))
        array([[255,   0,   1,   1]])
        >>> table.stored(np.array([[0, 1]]))
        array([[ 7, 26]], dtype=uint8)
    """

    names: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    colors: tuple[tuple[Color, ...], ...]
    ignore_ids: tuple[int, ...]
    ignore_colors: tuple[Color, ...]
    threshold: int | None
    palette: str | None
    assumed_ids: tuple[int, ...]
    palette_seen: tuple[tuple[int, Color], ...]
    ids_made_up: bool
    tree: ClassTree | None
    learned: bool = field(compare=False)

    def __init__(
        self,
        names: Sequence[str],
        ids: Sequence[int | Sequence[int]],
        colors: Sequence[Color | Sequence[Color]] = (),
        ignore_ids: Sequence[int] | None = None,
        ignore_colors: Sequence[Color] = (),
        threshold: int | None = None,
        palette: str | None = None,
        assumed_ids: Sequence[int] | None = None,
        palette_seen: PaletteSeen = (),
        ids_made_up: bool = False,
        learned: bool = False,
        tree: ClassTree | Mapping[str, Any] | None = None,
    ) -> None:
        each_ids = tuple(as_ids(entry) for entry in ids)
        each_colors = tuple(as_colors(entry) for entry in colors)
        if not names or len(names) != len(each_ids) or len(each_colors) not in (0, len(names)):
            raise ValueError(
                f"expected at least one class and as many ids and colors as names, found {len(names)} names, "
                f"{len(each_ids)} ids and {len(each_colors)} colors: give each class one of each"
            )
        taken = [i for entry in each_ids for i in entry]
        if ignore_ids is None:
            ignore_ids = () if 255 in taken or threshold is not None else (255,)
            assumed_ids = ignore_ids if assumed_ids is None else assumed_ids
        values: dict[str, Any] = {
            "names": tuple(as_name(name) for name in names),
            "ids": each_ids,
            "colors": each_colors,
            "ignore_ids": as_ids(ignore_ids),
            "ignore_colors": as_colors(ignore_colors),
            "threshold": threshold,
            "palette": palette,
            "assumed_ids": as_ids(assumed_ids or ()),
            "palette_seen": as_palette(palette_seen),
            "ids_made_up": ids_made_up,
            "learned": learned,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        for what, entries in (("id", each_ids), ("color", each_colors)):
            if not all(entries):
                raise ValueError(f"expected at least one {what} a class, found [] for {names[entries.index(())]}")
        refuse_twice("id", [*taken, *self.ignore_ids])
        refuse_twice("color", [c for entry in (*each_colors, self.ignore_colors) for c in entry])
        refuse_twice("name", list(self.names))
        object.__setattr__(self, "tree", as_tree(tree, self.names))
        require_palette(palette, each_colors)
        require_made_up(ids_made_up, each_colors)
        require_threshold(threshold, each_ids, self.ignore_ids)
        require_among(self.assumed_ids, self.ignore_ids)

    @classmethod
    def from_names(cls, names: Sequence[str]) -> ClassTable:
        """Classes stored as 0, 1, 2 … in the order of their names; 255 is unlabeled."""
        return cls(names, range(len(names)))

    @classmethod
    def from_ids(cls, found: Iterable[int]) -> ClassTable:
        """Classes named after the ids that masks hold.

        255 and 65535 are unlabeled, except where the ids are evenly spread gray levels from black to white, as drawn
        masks have: 0 and 255, or 0, 128 and 255.

        Example:
            >>> ClassTable.from_ids([0, 4, 255]).names
            ('class 0', 'class 4')
            >>> ClassTable.from_ids([0, 255]).names
            ('class 0', 'class 255')
        """
        found = sorted({int(i) for i in found})
        unlabeled = () if gray_levels(found) else (255, HIGHEST_ID)
        ids = [i for i in found if i not in unlabeled]
        return cls([f"class {i}" for i in ids], ids, ignore_ids=unlabeled, assumed_ids=unlabeled)

    @classmethod
    def from_colors(cls, found: Iterable[Color]) -> ClassTable:
        """Classes named after the colors that masks hold, palette files read by their colors.

        Example:
            >>> ClassTable.from_colors([(255, 0, 0), (0, 0, 0)]).names
            ('#000000', '#ff0000')
        """
        colors = sorted(set(found))
        names = [f"#{bytes(color).hex()}" for color in colors]
        return cls(names, range(len(colors)), colors, palette="colors", ids_made_up=True)

    @classmethod
    def from_threshold(cls, threshold: int, names: Sequence[str] | None = None) -> ClassTable:
        """Two classes: numbers below the threshold, and those at or above it; predictions are black and white.

        Example:
            >>> import numpy as np
            >>> ClassTable.from_threshold(128).indices(np.array([[0, 127, 128, 255]]))
            array([[0, 0, 1, 1]])
        """
        white = 255 if threshold <= 255 else HIGHEST_ID
        return cls(names or ["class 0", "class 1"], [0, white], threshold=threshold)

    @classmethod
    def from_label_map(cls, label_map: Mapping[Any, int | str], names: Sequence[str] | None = None) -> ClassTable:
        """Classes from a map of stored ids to 0 … C−1 or "ignore"; ids mapped to one number are learned as one class.

        Where nothing is mapped to "ignore", 255 is unlabeled, unless it is a class.

        Raises:
            ValueError: a value is neither a number nor "ignore", there is no class, or a number is left out.

        Example:
            >>> ClassTable.from_label_map({7: 0, 8: 1, 9: 1, 11: "ignore"}).ids
            ((7,), (8, 9))
        """
        ids, ignored = classes_and_ignored(label_map)
        names = names or [f"class {'+'.join(map(str, entry))}" for entry in ids]
        return cls(names, ids, ignore_ids=ignored or None)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> ClassTable:
        """Classes as a YAML file lists them.

        `classes` is a list of `name`, `id` (one or several) and perhaps `color` (one or several). The other keys may
        be left out: `ignore_ids`, `ignore_colors`, `threshold`, `palette`, `assumed_ids`, `palette_seen`,
        `ids_made_up` and `tree`.

        Raises:
            ValueError: a key is missing or unknown, or a value is not what its key stands for.
        """
        return cls(**arguments_from(table))

    def to_dict(self) -> dict[str, Any]:
        """The table as plain lists and numbers, which `from_dict` reads."""
        return written(self)

    def with_palette_seen(self, colors: Mapping[int, Color]) -> ClassTable:
        """The same table, which remembers the colors of the palette files that the network learns from."""
        return replace(self, palette_seen=tuple(colors.items()))

    @property
    def by_color(self) -> bool:
        """True where palette files are read by their colors."""
        return self.palette == "colors"
