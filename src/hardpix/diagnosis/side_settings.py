"""The user's word on how the ids of masks and predictions are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hardpix.data import ClassTable, DataError, ImageFormat
from hardpix.data.image_format import PLAIN
from hardpix.data.labels import HIGHEST_ID, as_ids
from hardpix.data.problems import ranges
from hardpix.diagnosis.agreement import Pairs
from hardpix.diagnosis.found_classes import classes_of
from hardpix.diagnosis.readers import Reader
from hardpix.diagnosis.sides import Ids, SideReader


@dataclass(frozen=True)
class SideSettings:
    """Settings of the two sides; None is not said.

    Raises:
        ValueError: settings that contradict each other, or ids that no file can hold.
    """

    truth_ids: Ids | None = None
    prediction_ids: Ids | None = None
    prediction_map: Mapping[int, int] | None = None
    truth_threshold: int | None = None
    prediction_threshold: int | None = None

    def __post_init__(self) -> None:
        for side in ("truth", "prediction"):
            threshold = getattr(self, f"{side}_threshold")
            if threshold is not None and not 1 <= threshold <= HIGHEST_ID:
                raise ValueError(f"expected a {side}_threshold in 1…{HIGHEST_ID}, found {threshold}")
        if self.prediction_map is not None:
            for entry in self.prediction_map.items():
                as_ids(entry)
            if self.prediction_ids == "index" or self.prediction_threshold is not None:
                other = "prediction_threshold" if self.prediction_threshold is not None else "prediction_ids index"
                raise ValueError(f"expected one setting for the ids of predictions, found prediction_map and {other}")

    @property
    def answered(self) -> bool:
        """True where the user has said anything, so that there is nothing left to ask."""
        return bool(self.said())

    def said(self) -> dict[str, str]:
        """The settings that the user has given, in words."""
        return {name: str(value) for name, value in vars(self).items() if value is not None}

    @property
    def predictions_by_index(self) -> bool:
        """True where predictions hold 0, 1, 2 … in the order of the classes."""
        return self.prediction_ids == "index" or self.prediction_threshold is not None

    def reader(self, table: ClassTable | None, image_format: ImageFormat = PLAIN) -> Reader:
        """Reads the files; without a class table yet as ids alone.

        Raises:
            ValueError: a setting that does not go with the table.
        """
        levels = {side: self._levels(side) for side in ("truth", "prediction")}
        if table is None:
            if self.truth_ids == "index":
                raise ValueError("expected classes for masks of indices (truth_ids index), found none: give --classes")
            return Reader(
                SideReader(levels=levels["truth"]),
                SideReader(renamed=self.prediction_map or {}, levels=levels["prediction"]),
                image_format,
            )
        for side, given in levels.items():
            if given is not None and len(table) != 2:
                raise ValueError(
                    f"expected two classes where a {side}_threshold is given, found {len(table)}: leave the threshold "
                    "out, or name the two classes, as --classes background,object does"
                )
        in_order = in_order_of(table)
        truth_by_index = self.truth_ids == "index" or self.truth_threshold is not None
        return Reader(
            SideReader(in_order if truth_by_index else table, levels=levels["truth"]),
            SideReader(
                in_order if self.predictions_by_index else table, self.prediction_map or {}, levels["prediction"]
            ),
            image_format,
        )

    def _levels(self, side: str) -> ClassTable | None:
        """The two classes into which a threshold parts the gray levels of one side."""
        threshold = getattr(self, f"{side}_threshold")
        return None if threshold is None else ClassTable.from_threshold(threshold)

    def classes_in(self, pairs: Pairs) -> ClassTable:
        """The classes that the files hold: of the masks, and of the predictions where these have ids of their own.

        Raises:
            DataError: there is none, or the indices of predictions fit no class of the masks.
        """
        if not self.predictions_by_index:
            renamed = self.prediction_map or {}
            return classes_of(pairs.of_truth, [renamed.get(i, i) for i in pairs.of_predictions])
        return classes_of(pairs.of_truth)

    def require_indices(self, pairs: Pairs, table: ClassTable) -> None:
        """Refuse indices of predictions that no class of the masks has: which class is missing cannot be known."""
        if not self.predictions_by_index:
            return
        beyond = [i for i in pairs.of_predictions if i >= len(table) and i not in (255, HIGHEST_ID)]
        few = self.prediction_threshold is not None and len(table) != 2
        if beyond or few:
            ids = [entry[0] for entry in table.ids]
            raise DataError(
                f"expected predictions of {len(ids)} classes, 0 … {len(ids) - 1} in the order of the ids {ranges(ids)} "
                f"that the masks hold, found {ranges(pairs.of_predictions)}: a class seems to be missing in the masks, "
                "so that the order cannot be known; name all classes (--classes, or --label-map '{ID: 0, ID: 1, …}')"
            )


def with_table(reader: Reader, settings: SideSettings, table: ClassTable) -> Reader:
    """The same reader for classes that were found; with thresholds the files hold 0 and 1 already."""
    predicted = in_order_of(table) if settings.predictions_by_index else table
    return replace(
        reader, truth=replace(reader.truth, classes=table), predictions=replace(reader.predictions, classes=predicted)
    )


def in_order_of(table: ClassTable) -> ClassTable:
    """The same classes, stored as 0, 1, 2 … in their order.

    Example:
        >>> in_order_of(ClassTable(["sky", "road"], [7, 11], palette="ids")).palette
        'ids'
    """
    palette = None if table.by_color else table.palette
    return replace(ClassTable.from_names(table.names), palette=palette)
