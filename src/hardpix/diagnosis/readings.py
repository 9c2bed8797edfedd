"""Other ways in which the ids of predictions may be meant: candidates to be scored beside the ids as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hardpix.data import ClassTable
from hardpix.data.labels import HIGHEST_ID
from hardpix.diagnosis.agreement import Agreement, Pairs, agreement, matched
from hardpix.diagnosis.sides import SideReader

_NONE = -1


@dataclass(frozen=True)
class Reading:
    """One meaning of the stored ids.

    Attributes:
        settings: the words of the command line that ask for it.
        name: the reading in words.
        truth: class of every id in the masks.
        predictions: the same of the predictions.
        known: files are often stored so; else it only fits the pixels.
    """

    settings: str
    name: str
    truth: Mapping[int, int]
    predictions: Mapping[int, int]
    known: bool = True

    def score(self, pairs: Pairs) -> Agreement:
        """The agreement of the two sides in this reading."""
        return agreement(pairs, self.truth, self.predictions)


@dataclass(frozen=True)
class Readings:
    """The readings of one set of files.

    Attributes:
        pairs: counts of stored ids.
        table: the classes of the report.
        truth: the way in which masks are to be read.
        predictions: the way in which predictions are to be read.
        found: the classes were found in the files, not given.
    """

    pairs: Pairs
    table: ClassTable
    truth: SideReader
    predictions: SideReader
    found: bool

    @cached_property
    def asked(self) -> Reading:
        """The ids as the settings say."""
        truth = self.truth.reading(self.pairs.of_truth)
        return Reading("", "as they stand", truth, self.predictions.reading(self.pairs.of_predictions))

    @cached_property
    def own(self) -> list[int]:
        """The ids of the classes in the masks."""
        return sorted({self.table.ids[k][0] for k in self.asked.truth.values()})

    @cached_property
    def predicted(self) -> dict[int, int]:
        """Pixels of the ids of predictions where the masks are labeled."""
        labeled = self.pairs.where(np.isin(self.pairs.truth, list(self.asked.truth)))
        return {i: n for i, n in labeled.of_predictions.items() if i <= HIGHEST_ID}

    def others(self) -> Iterator[Reading]:
        """Other readings that these ids allow, the simplest first."""
        own, predicted = self.own, sorted(self.predicted)
        if not own or not predicted:
            return
        yield from self._by_index()
        yield from self._of_two(own, predicted)
        yield from self._shifted(own, predicted)
        foreign = self.found or not set(predicted) <= set(self.asked.predictions)
        if foreign and len(own) == len(predicted) and own != predicted:
            yield self._map(dict(zip(predicted, own, strict=True)), "by their order among the ids of the masks")
        yield from self._fitting(own, predicted)

    def _by_index(self) -> Iterator[Reading]:
        """Sides that hold 0, 1, 2 … in the order of the classes."""
        first = self.own if self.found else [ids[0] for ids in self.table.ids]
        if first == list(range(len(first))):
            return
        order = {i: self._class_of(key) for i, key in enumerate(first)}
        of_truth, of_predictions = (
            {i: order[i] for i in ids if i in order} for ids in (self.pairs.of_truth, self.pairs.of_predictions)
        )
        true, predicted = (set(ids) <= {*order, 255} for ids in (self.pairs.of_truth, self.predicted))
        words = f"as 0, 1, 2 … in the order of the {'ids of the masks' if self.found else 'classes'}"
        if predicted:
            yield Reading("--prediction_ids index", words, self.asked.truth, of_predictions)
        if true and not self.found:
            yield Reading("--truth_ids index", f"{words} in the masks", of_truth, self.asked.predictions)
            if predicted:
                settings = "--truth_ids index --prediction_ids index"
                yield Reading(settings, f"{words} on both sides", of_truth, of_predictions)

    def _of_two(self, own: list[int], predicted: list[int]) -> Iterator[Reading]:
        """Two classes whose numbers are swapped, or whose foreground is 1 in some files and 255 in others."""
        if len(own) != 2:
            return
        if predicted == own:
            yield self._map({own[0]: own[1], own[1]: own[0]}, "with the two ids swapped")
        for foreground, other in ((1, 255), (255, 1)):
            if own == [0, foreground] and other in predicted and set(predicted) <= {0, 1, 255}:
                yield self._map({other: foreground}, f"with {other} as {foreground}")

    def _shifted(self, own: list[int], predicted: list[int]) -> Iterator[Reading]:
        """Ids that are one lower or higher than in the masks."""
        if len(own) < 2:
            return
        known = set(range(HIGHEST_ID)) if self.found else {i for ids in self.table.ids for i in ids}
        up, down = {p: p + 1 for p in predicted}, {p: p - 1 for p in predicted}
        if set(up.values()) <= known:
            ignored = 0 if 0 in own else None
            name = "one higher" if ignored is None else "one higher and 0 in the masks as unlabeled"
            yield self._map(up, name, ignored=ignored)
        if set(down.values()) <= known:
            yield self._map(down, "one lower")

    def _fitting(self, own: list[int], predicted: list[int]) -> Iterator[Reading]:
        """The order of ids that fits the pixels best."""
        row = {t: own.index(self.table.ids[k][0]) for t, k in self.asked.truth.items()}
        column = {p: k for k, p in enumerate(predicted)}
        overlap = np.zeros((len(own), len(predicted)), dtype=np.int64)
        for t, p, n in self.pairs:
            if t in row and p in column:
                overlap[row[t], column[p]] += n
        new = {predicted[column]: own[row] for row, column in matched(overlap)}
        # An id that fits no class stays, unless its number has been given to another one.
        if len(new) > 1 and not (set(predicted) - set(new)) & set(new.values()):
            yield self._map(new, "with the ids that fit best", known=False)

    def _map(self, new: Mapping[int, int], name: str, *, ignored: int | None = None, known: bool = True) -> Reading:
        changed = ", ".join(f"{p}: {new[p]}" for p in sorted(new) if p != new[p])
        settings = f"--prediction_map '{{{changed}}}'" + ("" if ignored is None else f" --ignore_index {ignored}")
        moved = {p: self._class_of(new.get(p, p)) for p in self.pairs.of_predictions}
        gone = None if ignored is None else self._class_of(ignored)
        return Reading(
            settings,
            name,
            {t: k for t, k in self.asked.truth.items() if k != gone},
            {p: k for p, k in moved.items() if k not in (_NONE, gone)},
            known,
        )

    def _class_of(self, stored: int) -> int:
        """The class of an id of the masks; where classes are found, an id that is new is one more class."""
        found = self.table.index_of(stored)
        if found is None:
            return len(self.table) + stored if self.found and stored <= HIGHEST_ID else _NONE
        return found if found >= 0 else _NONE
