"""Lines of a study as figures: each with a value for every variant and seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hardpix.diagnosis.scores import Column, report_scores
from hardpix.diagnosis.scores.boundary_iou import TWO_BORDER_SCORES
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.tally import columns_at
from hardpix.study.lines import Line
from hardpix.study.statistics import PairedDifference, Spread, paired_difference, spread

SCORES, CLASSES, BORDERS, THIN, SIZES, COSTS = (
    "Scores",
    "IoU of each class",
    "Borders of each class",
    "Thin parts of each class",
    "Objects by size",
    "Time and memory",
)
BORDER_MIOU = Column("border_miou", "mIoU near borders", {"set"}, "%", "high", TWO_BORDER_SCORES)
COST_TITLES = {
    "step_seconds": ("Training step", "ms", 1e3),
    "training_seconds": ("Training", "min", 1 / 60),
    "test_seconds": ("Test with its report", "min", 1 / 60),
    "peak_memory": ("Peak memory of the process", "GiB", 2**-30),
    "peak_gpu_memory": ("Peak memory on the GPU", "GiB", 2**-30),
}


@dataclass(frozen=True)
class Figure:
    """One figure of all runs.

    Attributes:
        group: heading in the table.
        title: row in the table.
        unit: "%" for shares, whose values are in percent here.
        better: which way is good.
        values: variant → seed → value; NaN where a run has none.
        about: explanation.
    """

    group: str
    title: str
    unit: str
    better: Literal["high", "low"] | None
    values: dict[str, dict[int, float]]
    about: str = ""

    @property
    def first(self) -> str:
        """The variant that the others are compared with."""
        return next(iter(self.values))

    @property
    def never_found(self) -> bool:
        """True for a class of which no run finds a pixel: its rows would hold nothing but zeros."""
        values = [value for of_variant in self.values.values() for value in of_variant.values()]
        return self.group in (CLASSES, BORDERS, THIN) and self.better == "high" and all(value == 0 for value in values)

    @property
    def says_lower(self) -> bool:
        """True where it is to be said that lower is better: of scores, since nobody doubts it of time and memory."""
        return self.better == "low" and self.group != COSTS

    def spread(self, variant: str) -> Spread:
        """Over all seeds of the variant."""
        return spread(list(self.values[variant].values()))

    def difference(self, variant: str) -> PairedDifference:
        """To the first variant, over the seeds that both have."""
        first, other = self.values[self.first], self.values[variant]
        seeds = [seed for seed in first if seed in other]
        return paired_difference([first[seed] for seed in seeds], [other[seed] for seed in seeds])


def settings_of(line: Line) -> Settings:
    """The settings of the report that a line is from."""
    kept: dict[str, Any] = line["settings"]
    as_given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in kept.items()}
    return Settings(**as_given)


def class_names(lines: Sequence[Line]) -> list[str]:
    """The classes, which all runs share."""
    return [entry["name"] for entry in lines[0]["classes"]]


def collect(lines: Sequence[Line], title: str, group: str, column: Column | None, of: Callable[[Line], Any]) -> Figure:
    """A figure from finished lines.

    Args:
        lines: in the order of their variants.
        title: of the figure.
        group: it stands in.
        column: what it is; None for counts of something else.
        of: its value in a line, a share where its unit is "%"; None where there is none.
    """
    values: dict[str, dict[int, float]] = {}
    scale = 100.0 if column is not None and column.unit == "%" else 1.0
    for line in lines:
        value = of(line)
        values.setdefault(line["variant"], {})[line["seed"]] = math.nan if value is None else scale * value
    unit, better, about = ("", None, "") if column is None else (column.unit, column.better, column.about)
    return Figure(group, title, unit, better, values, about)


def figures(lines: Sequence[Line]) -> list[Figure]:
    """All figures of finished lines, in the order of the table.

    Raises:
        ValueError: runs of different classes, whose scores say nothing side by side.
    """
    names = class_names(lines)
    if other := next((line for line in lines if [entry["name"] for entry in line["classes"]] != names), None):
        raise ValueError(
            f"expected runs of the same classes, {', '.join(names)}, found others in {other['variant']}, seed "
            f"{other['seed']}; compare these variants in studies of their own"
        )
    settings = settings_of(lines[0])
    scores = report_scores(settings)
    found = _scores(lines, columns_at(scores, "set"))
    columns = {column.key: column for column in columns_at(scores, "class")}
    groups = {CLASSES: ("iou",), BORDERS: ("boundary_iou", "boundary_f"), THIN: ("thin_recall", "thin_iou")}
    if settings.lines:
        groups[THIN] += ("cl_dice",)
    for group, keys in groups.items():
        for key in keys:
            for k, name in enumerate(names):
                title = name if len(keys) == 1 else f"{name}, {columns[key].title}"
                found.append(collect(lines, title, group, columns[key], _of_class(key, k)))
    found += _sizes(lines)
    for key, (title, unit, factor) in COST_TITLES.items():
        column = Column(key, title, {"set"}, "", "low", "")

        def of_costs(line: Line, key: str = key, factor: float = factor) -> float | None:
            value = line["costs"][key]
            return None if value is None else factor * value

        figure = collect(lines, f"{title}, {unit}", COSTS, column, of_costs)
        found.append(figure)
    return [
        figure for figure in found if any(not math.isnan(v) for each in figure.values.values() for v in each.values())
    ]


def _of_all(key: str) -> Callable[[Line], float | None]:
    return lambda line: line["scores"].get(key)


def _of_class(key: str, number: int) -> Callable[[Line], float | None]:
    return lambda line: line["class_scores"][key][number]


def _scores(lines: Sequence[Line], columns: list[Column]) -> list[Figure]:
    columns = [columns[0], BORDER_MIOU, *columns[1:]]
    found = [collect(lines, column.title, SCORES, column, _of_all(column.key)) for column in columns]
    # A class that the truth does not have counts, as 0, in the mIoU of a run that predicts it somewhere, and not in
    # that of a run that does not: two runs' mIoU may be means over different classes.
    known = [[value is not None for value in line["class_scores"]["iou"]] for line in lines]
    common = [k for k, of_runs in enumerate(zip(*known, strict=True)) if all(of_runs)]
    if common and any(of_run != known[0] for of_run in known):
        title = f"mIoU of the {len(common)} classes that every run has"

        def of_common(line: Line) -> float:
            return sum(line["class_scores"]["iou"][k] for k in common) / len(common)

        found.insert(1, collect(lines, title, SCORES, columns[0], of_common))
    return found


def _sizes(lines: Sequence[Line]) -> list[Figure]:
    """Recall and IoU of objects of each size, mean over the classes that have such objects."""
    found = []
    for key, title in (("recall", "recall"), ("iou", "IoU")):
        for band, words in enumerate(lines[0]["size_bands"]):

            def mean(line: Line, key: str = key, band: int = band) -> float | None:
                there = [value for value in line["size_scores"][key][band] if value is not None]
                return sum(there) / len(there) if there else None

            column = Column(key, title, {"set"}, "%", "high", "Mean over the classes that have objects of that size.")
            found.append(collect(lines, f"{words['title']}, {title}", SIZES, column, mean))
    return found
