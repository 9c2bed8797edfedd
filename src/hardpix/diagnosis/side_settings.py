"""The user's word on how the ids of masks and predictions are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from hardpix.data import ClassTable, DataError, ImageFormat
from hardpix.data.class_source import class_table, with_ignored
from hardpix.data.image_format import PLAIN
from hardpix.data.labels import HIGHEST_ID, as_ids
from hardpix.data.problems import ranges
from hardpix.diagnosis.agreement import Pairs
from hardpix.diagnosis.found_classes import classes_of
from hardpix.diagnosis.readers import Reader
from hardpix.diagnosis.sides import Ids, SideReader


@dataclass(frozen=True)
class SideSettings:
    """Settings of one side, masks or predictions; None is not said.

    Attributes:
        side: the first word of their names on a command line.
        ids: stored, or index for 0, 1, 2 … in the order of the classes.
        threshold: gray levels from here on are the second of two classes.
        map: stored ids → ids of the masks; other ids stay.

    Raises:
        ValueError: settings that contradict each other, or ids that no file can hold.
    """

    side: Literal["truth", "prediction"]
    ids: Ids | None = None
    threshold: int | None = None
    map: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 1 <= self.threshold <= HIGHEST_ID:
            raise ValueError(f"expected a {self.side}_threshold in 1…{HIGHEST_ID}, found {self.threshold}")
        if self.map is not None:
            for entry in self.map.items():
                as_ids(entry)
            if self.by_index:
                other = f"{self.side}_threshold" if self.threshold is not None else f"{self.side}_ids index"
                raise ValueError(f"expected one setting for the ids of predictions, found {self.side}_map and {other}")

    @property
    def by_index(self) -> bool:
        """True where the files are read as 0, 1, 2 … in the order of the classes."""
        return self.ids == "index" or self.threshold is not None

    def reader(self, table: ClassTable | None) -> SideReader:
        """Reads the files of this side; without a class table yet as ids alone.

        Raises:
            ValueError: a threshold beside another number of classes than two.
        """
        if self.threshold is not None and table is not None and len(table) != 2:
            raise ValueError(
                f"expected two classes where a {self.side}_threshold is given, found {len(table)}: leave the threshold "
                "out, or name the two classes, as --classes background,object does"
            )
        levels = None if self.threshold is None else ClassTable.from_threshold(self.threshold)
        return SideReader(self.stored(table), self.map or {}, levels)

    def stored(self, table: ClassTable | None) -> ClassTable | None:
        """The classes in the ids of this side; with a threshold the files are read as 0 and 1."""
        return in_order_of(table) if self.by_index and table is not None else table


@dataclass(frozen=True)
class Sides:
    """The user's word on both sides."""

    truth: SideSettings
    predictions: SideSettings

    @property
    def answered(self) -> bool:
        """True where the user has said anything, so that there is nothing left to ask."""
        return bool(self.said())

    def said(self) -> dict[str, str]:
        """The settings that the user has given, in words."""
        every = {
            f"{side.side}_{name}": getattr(side, name)
            for name in ("ids", "map", "threshold")
            for side in (self.truth, self.predictions)
        }
        return {name: str(value) for name, value in every.items() if value is not None}

    def table(
        self, classes: str | list[str] | None, label_map: dict[int, int | str] | None, ignore_index: int | None
    ) -> ClassTable | None:
        """The classes that the user gives, with commas between names or in a list; None where they are to be found.

        Raises:
            ValueError, FileNotFoundError: settings that contradict each other, or a file that is not there.
        """
        names = classes.split(",") if isinstance(classes, str) and "," in classes else classes
        given = class_table(names, label_map)
        if given is None or ignore_index is None:
            return given
        table = with_ignored(given, ignore_index)
        if self.predictions.by_index and len(table) < len(given):
            raise ValueError(
                f"expected an ignore_index that is no class where predictions hold indices of classes, found "
                f"{ignore_index}, which would shift them; leave that class in the table, or write predictions by ids"
            )
        return table

    def reader(self, table: ClassTable | None, image_format: ImageFormat = PLAIN) -> Reader:
        """Reads the files; without a class table yet as ids alone.

        Raises:
            ValueError: a setting that does not go with the table.
        """
        if table is None and self.truth.ids == "index":
            raise ValueError("expected classes for masks of indices (truth_ids index), found none: give --classes")
        return Reader(self.truth.reader(table), self.predictions.reader(table), image_format)

    def with_table(self, reader: Reader, table: ClassTable) -> Reader:
        """The same reader for classes that were found; with thresholds the files hold 0 and 1 already."""
        return replace(
            reader,
            truth=replace(reader.truth, classes=table),
            predictions=replace(reader.predictions, classes=self.predictions.stored(table)),
        )

    def classes_in(self, pairs: Pairs) -> ClassTable:
        """The classes that the files hold: of the masks, and of the predictions where these have ids of their own.

        Raises:
            DataError: there is none, or the indices of predictions fit no class of the masks.
        """
        if not self.predictions.by_index:
            renamed = self.predictions.map or {}
            return classes_of(pairs.of_truth, [renamed.get(i, i) for i in pairs.of_predictions])
        return classes_of(pairs.of_truth)

    def require_indices(self, pairs: Pairs, table: ClassTable) -> None:
        """Refuse indices of predictions that no class of the masks has: which class is missing cannot be known."""
        if not self.predictions.by_index:
            return
        beyond = [i for i in pairs.of_predictions if i >= len(table) and i not in (255, HIGHEST_ID)]
        few = self.predictions.threshold is not None and len(table) != 2
        if beyond or few:
            ids = [entry[0] for entry in table.ids]
            raise DataError(
                f"expected predictions of {len(ids)} classes, 0 … {len(ids) - 1} in the order of the ids {ranges(ids)} "
                f"that the masks hold, found {ranges(pairs.of_predictions)}: a class seems to be missing in the masks, "
                "so that the order cannot be known; name all classes (--classes, or --label_map '{ID: 0, ID: 1, …}')"
            )


def in_order_of(table: ClassTable) -> ClassTable:
    """The same classes, stored as 0, 1, 2 … in their order.

    Example:
        >>> in_order_of(ClassTable(["sky", "road"], [7, 11], palette="ids")).palette
        'ids'
    """
    palette = None if table.by_color else table.palette
    return replace(ClassTable.from_names(table.names), palette=palette)
