"""The classes of a data set: what stands in the masks, and what the network learns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from hardpix.data.class_files import arguments_from, as_name, as_palette, written
from hardpix.data.class_rules import refuse_twice, require_among, require_palette, require_threshold
from hardpix.data.labels import (
    HIGHEST_ID,
    Label,
    as_colours,
    as_ids,
    count_labels,
    find_colours,
    gray_levels,
    grey_as_ids,
)
from hardpix.data.palette import Colour, palette

_IGNORED, _UNKNOWN = -1, -2


@dataclass(frozen=True, init=False)
class ClassTable:
    """Names, stored ids and colours of the classes, in the order in which the network learns them (0 … C−1).

    Args:
        names: one a class.
        ids: what stands for each class in masks of ids: a number, or several that are learned as one class, the first
            of which is written in predictions.
        colours: the same for masks of colours and for overlays. Without, RGB masks may hold ids, the same in all three
            channels, and overlays have a palette for colour-blind readers.
        ignore_ids: stored ids without a label; 255 by default, unless a class has it.
        ignore_colours: stored colours without a label.
        threshold: of two classes, every stored number at or above it is the second, every other one the first; for
            masks with soft edges.
        palette: "ids" reads a palette file's indices as ids, "colors" its colors as colours of the table.
        assumed_ids: those of `ignore_ids` that nobody asked for; by default the 255 that `ignore_ids` has by default.
        palette_seen: index → color of the palette files that the network learned from, against which others are held.

    Raises:
        ValueError: counts differ, an id or colour is given twice, an id is not in 0…65535, a threshold does not part
            the ids of two classes, or a palette is to be read by colors that the table lacks.

    Example:
        >>> table = ClassTable(["road", "vehicle"], ids=[7, [26, 27]], ignore_ids=[0])
        >>> table.indices(np.array([[0, 7, 26, 27]]))
        array([[255,   0,   1,   1]])
        >>> table.stored(np.array([[0, 1]]))
        array([[ 7, 26]], dtype=uint8)
    """

    names: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    colours: tuple[tuple[Colour, ...], ...]
    ignore_ids: tuple[int, ...]
    ignore_colours: tuple[Colour, ...]
    threshold: int | None
    palette: str
    assumed_ids: tuple[int, ...]
    palette_seen: tuple[tuple[int, Colour], ...]

    def __init__(
        self,
        names: Sequence[str],
        ids: Sequence[int | Sequence[int]],
        colours: Sequence[Colour | Sequence[Colour]] = (),
        ignore_ids: Sequence[int] | None = None,
        ignore_colours: Sequence[Colour] = (),
        threshold: int | None = None,
        palette: str = "ids",
        assumed_ids: Sequence[int] | None = None,
        palette_seen: Mapping[int, Colour] = MappingProxyType({}),
    ) -> None:
        each_ids = tuple(as_ids(entry) for entry in ids)
        each_colours = tuple(as_colours(entry) for entry in colours)
        if not names or len(names) != len(each_ids) or len(each_colours) not in (0, len(names)):
            raise ValueError(
                f"expected at least one class and as many ids and colours as names, found {len(names)} names, "
                f"{len(each_ids)} ids and {len(each_colours)} colours: give each class one of each"
            )
        taken = [i for entry in each_ids for i in entry]
        if ignore_ids is None:
            ignore_ids = () if 255 in taken or threshold is not None else (255,)
            assumed_ids = ignore_ids if assumed_ids is None else assumed_ids
        values: dict[str, Any] = {
            "names": tuple(as_name(name) for name in names),
            "ids": each_ids,
            "colours": each_colours,
            "ignore_ids": as_ids(ignore_ids),
            "ignore_colours": as_colours(ignore_colours),
            "threshold": threshold,
            "palette": palette,
            "assumed_ids": as_ids(assumed_ids or ()),
            "palette_seen": as_palette(palette_seen),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        for what, entries in (("id", each_ids), ("colour", each_colours)):
            if not all(entries):
                raise ValueError(f"expected at least one {what} a class, found [] for {names[entries.index(())]}")
        refuse_twice("id", [*taken, *self.ignore_ids])
        refuse_twice("colour", [c for entry in (*each_colours, self.ignore_colours) for c in entry])
        refuse_twice("name", list(self.names))
        require_palette(palette, each_colours)
        require_threshold(threshold, each_ids, self.ignore_ids)
        require_among(self.assumed_ids, self.ignore_ids)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def from_names(cls, names: Sequence[str]) -> ClassTable:
        """Classes stored as 0, 1, 2 … in the order of their names; 255 is unlabelled."""
        return cls(names, range(len(names)))

    @classmethod
    def from_ids(cls, found: Iterable[int]) -> ClassTable:
        """Classes named after the ids that masks hold.

        255 and 65535 are unlabelled, except where the ids are evenly spread gray levels from black to white, as drawn
        masks have: 0 and 255, or 0, 128 and 255.

        Example:
            >>> ClassTable.from_ids([0, 4, 255]).names
            ('class 0', 'class 4')
            >>> ClassTable.from_ids([0, 255]).names
            ('class 0', 'class 255')
        """
        found = sorted({int(i) for i in found})
        unlabelled = () if gray_levels(found) else (255, HIGHEST_ID)
        ids = [i for i in found if i not in unlabelled]
        return cls([f"class {i}" for i in ids], ids, ignore_ids=unlabelled, assumed_ids=unlabelled)

    @classmethod
    def from_colors(cls, found: Iterable[Colour]) -> ClassTable:
        """Classes named after the colors that masks hold, palette files read by their colors.

        Example:
            >>> ClassTable.from_colors([(255, 0, 0), (0, 0, 0)]).names
            ('#000000', '#ff0000')
        """
        colors = sorted(set(found))
        names = [f"#{bytes(color).hex()}" for color in colors]
        return cls(names, range(len(colors)), colors, palette="colors")

    @classmethod
    def from_threshold(cls, threshold: int, names: Sequence[str] | None = None) -> ClassTable:
        """Two classes: numbers below the threshold, and those at or above it; predictions are black and white.

        Example:
            >>> ClassTable.from_threshold(128).indices(np.array([[0, 127, 128, 255]]))
            array([[0, 0, 1, 1]])
        """
        white = 255 if threshold <= 255 else HIGHEST_ID
        return cls(names or ["class 0", "class 1"], [0, white], threshold=threshold)

    @classmethod
    def from_label_map(cls, label_map: Mapping[Any, int | str], names: Sequence[str] | None = None) -> ClassTable:
        """Classes from a map of stored ids to 0 … C−1 or "ignore"; ids mapped to one number are learned as one class.

        Where nothing is mapped to "ignore", 255 is unlabelled, unless it is a class.

        Example:
            >>> ClassTable.from_label_map({7: 0, 8: 1, 9: 1, 11: "ignore"}).ids
            ((7,), (8, 9))
        """
        merged: dict[int, list[int]] = {}
        ignored = []
        for stored, index in label_map.items():
            if isinstance(index, str):
                if index != "ignore":
                    raise ValueError(f'expected a class number or "ignore" for id {stored}, found {index!r}')
                ignored.append(int(stored))
            else:
                merged.setdefault(int(index), []).append(int(stored))
        if not merged:
            raise ValueError(
                f"expected every class in the label map, found ids to ignore alone ({', '.join(map(str, ignored))}): "
                "name the classes too, as in '{0: ignore, 1: 0, 2: 1}'; hardpix check without a label map lists the ids"
            )
        if sorted(merged) != list(range(len(merged))):
            numbers = {index: k for k, index in enumerate(sorted(merged))}
            pairs = [f"{i}: {x if isinstance(x, str) else numbers[int(x)]}" for i, x in label_map.items()]
            raise ValueError(
                f"expected class numbers 0, 1, 2 … without a gap, found {sorted(merged)}: "
                f"renumber them, as in '{{{', '.join(pairs)}}}'"
            )
        ids = [merged[index] for index in range(len(merged))]
        names = names or [f"class {'+'.join(map(str, entry))}" for entry in ids]
        return cls(names, ids, ignore_ids=ignored or None)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> ClassTable:
        """Classes as a YAML file lists them.

        Keys: `classes`, a list of `name`, `id` (one or several) and perhaps `colour` (one or several); `ignore_ids` and
        `ignore_colours`, `threshold`, `palette`, `assumed_ids` and `palette_seen`, all of which may be left out.

        Raises:
            ValueError: a key is missing or unknown, or a value is not what its key stands for.
        """
        return cls(**arguments_from(table))

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads, of plain lists and numbers."""
        return written(self)

    def with_palette_seen(self, colors: Mapping[int, Colour]) -> ClassTable:
        """The same table, which remembers the colors of the palette files that the network learns from."""
        return ClassTable.from_dict(self.to_dict() | {"palette_seen": dict(colors)})

    @property
    def by_color(self) -> bool:
        """True where palette files are read by their colors."""
        return self.palette == "colors"

    def indices(self, stored: np.ndarray, ignore_index: int = 255) -> np.ndarray:
        """A mask as stored, (H, W) ids or (H, W, 3) colours → (H, W) int64 in 0 … C−1 or `ignore_index`.

        Raises:
            ValueError: labels that are neither a class nor unlabelled; `unknown` counts them.
        """
        index = self._look_up(stored)
        if (index == _UNKNOWN).any():
            raise ValueError(f"expected the labels of {len(self)} classes, found also {self.unknown(stored)}")
        return np.where(index == _IGNORED, ignore_index, index).astype(np.int64)

    def codes(self, stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A mask as stored → its indices in the smallest type, and which of its labels are in the table.

        Returns:
            (H, W) uint8 for up to 255 classes, else uint16, whose largest value stands for no label and for labels
            that are not in the table; (H, W) boolean, False for these.

        Example:
            >>> table = ClassTable(["road", "vehicle"], ids=[7, 26], ignore_ids=[0])
            >>> table.codes(np.array([[0, 7, 26, 27]], dtype=np.uint8))
            (array([[255,   0,   1, 255]], dtype=uint8), array([[ True,  True,  True, False]]))
        """
        index = self._look_up(stored)
        kind: type[np.unsignedinteger] = np.uint8 if len(self) <= 255 else np.uint16
        return np.where(index < 0, kind(np.iinfo(kind).max), index.astype(kind)), index != _UNKNOWN

    def unknown(self, stored: np.ndarray) -> dict[Label, int]:
        """The labels of a stored mask that are neither a class nor unlabelled, with their number of pixels."""
        return {label: n for label, n in self.count(stored).items() if self.index_of(label) is None}

    def count(self, stored: np.ndarray) -> dict[Label, int]:
        """How many pixels of a stored mask each id, or each colour, has."""
        return count_labels(self._labels(stored))

    def index_of(self, label: Label) -> int | None:
        """The index of one stored id or colour; −1 where it is unlabelled, None where the table does not have it."""
        if isinstance(label, tuple):
            return self._by_colour.get(label)
        return self._by_id.get(label) if self.threshold is None else int(label >= self.threshold)

    def stored(self, index: np.ndarray) -> np.ndarray:
        """(H, W) indices 0 … C−1 → the ids of the user's masks, uint8 where they fit, else uint16."""
        ids = np.array([entry[0] for entry in self.ids])
        return ids.astype(np.uint8 if ids.max() < 256 else np.uint16)[index]

    @property
    def shown_colours(self) -> tuple[Colour, ...]:
        """The first colour of every class; without colours a palette for colour-blind readers."""
        return tuple(entry[0] for entry in self.colours) or palette(len(self))

    def paint(self, index: np.ndarray) -> np.ndarray:
        """(H, W) indices → (H, W, 3) uint8 colours; black where the index is no class."""
        colours = np.array([*self.shown_colours, (0, 0, 0)], dtype=np.uint8)
        return colours[np.where((index >= 0) & (index < len(self)), index, len(self))]

    @cached_property
    def _by_id(self) -> dict[int, int]:
        return _inverse(self.ids, self.ignore_ids)

    @cached_property
    def _by_colour(self) -> dict[Colour, int]:
        return _inverse(self.colours, self.ignore_colours)

    @cached_property
    def _table(self) -> np.ndarray:
        table = np.full(HIGHEST_ID + 1, _UNKNOWN, dtype=np.int32)
        for stored, index in self._by_id.items():
            table[stored] = index
        return table

    def _labels(self, stored: np.ndarray) -> np.ndarray:
        """What an RGB mask holds: colours where the table has some, for black would else be taken for the id 0."""
        return stored if self.colours else grey_as_ids(stored)

    def _look_up(self, stored: np.ndarray) -> np.ndarray:
        labels = self._labels(stored)
        if labels.ndim == 3:
            return find_colours(labels, self._by_colour, _UNKNOWN)
        return self._table.take(labels) if self.threshold is None else (labels >= self.threshold).astype(np.int32)


def _inverse(entries: Iterable[Iterable[Any]], ignored: Iterable[Any]) -> dict[Any, int]:
    return {label: k for k, entry in enumerate(entries) for label in entry} | dict.fromkeys(ignored, _IGNORED)
