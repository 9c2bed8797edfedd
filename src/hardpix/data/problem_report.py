"""Contents of a data set's files, as far as training must know them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hardpix.data.classes import ClassTable
from hardpix.data.errors import DataError, Problem
from hardpix.data.labels import Label
from hardpix.data.mask_facts import MaskFacts

# The kind of a warning about masks and further maps that belong to no image.
ALONE = "file without an image"


@dataclass(frozen=True)
class ProblemReport:
    """Findings of `check_folders`.

    `classes` are those asked for or, where none were, those found in the masks (None without masks). `labels` holds for
    each stem how many pixels have each stored id or color, `sizes` the height and width of each image. `problems` must
    be mended before training, `warnings` need not. For each kind of map there is a folder of, by its key, `maps_seen`
    says what each map holds. `lacking` has the stems of images that have none, or one in which nothing is known.
    `depth_seen` and `without_depth` are those of depth. `masks` has the facts of each mask that could be read.

    Example:
        >>> classes = ClassTable.from_names(["road", "car"])
        >>> report = ProblemReport(("a",), classes, {"a": {0: 50, 255: 14}}, {"a": (8, 8)}, (), ())
        >>> report.require().class_pixels()
        [50, 0]
    """

    stems: tuple[str, ...]
    classes: ClassTable | None
    labels: dict[str, dict[Label, int]]
    sizes: dict[str, tuple[int, int]]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    lacking: dict[str, tuple[str, ...]] = field(default_factory=dict)
    maps_seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    masks: dict[str, MaskFacts] = field(default_factory=dict)

    @property
    def without_depth(self) -> tuple[str, ...]:
        """The stems of images whose depth is not known, where there is a folder of depth maps."""
        return self.lacking.get("depth", ())

    @property
    def depth_seen(self) -> dict[str, Any]:
        """Depth seen in each map, by stem."""
        return self.maps_seen.get("depth", {})

    @property
    def alone(self) -> tuple[Problem, ...]:
        """The warnings about masks and further maps without an image."""
        return tuple(warning for warning in self.warnings if warning.kind == ALONE)

    @property
    def everything(self) -> tuple[Problem, ...]:
        """Problems, and then warnings."""
        return (*self.problems, *self.warnings)

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """The problems that concern how all masks are read, so that leaving some files out is no way on."""
        return tuple(problem for problem in self.problems if problem.whole_folder)

    @property
    def doubts(self) -> tuple[Problem, ...]:
        """The warnings that concern how all masks are read."""
        return tuple(warning for warning in self.warnings if warning.whole_folder)

    def require(self) -> ProblemReport:
        """The report itself, if nothing stands in the way of training.

        Raises:
            DataError: the message lists all problems.
        """
        if self.problems:
            raise DataError.of(self.problems)
        return self

    def class_pixels(self, stems: Iterable[str] | None = None) -> list[int]:
        """Number of pixels of each class, in all masks or in those of some stems."""
        assert self.classes is not None
        counts = [0] * len(self.classes)
        for stem in self.labels if stems is None else stems:
            for label, count in self.labels[stem].items():
                index = self.classes.index_of(label)
                if index is not None and index >= 0:
                    counts[index] += count
        return counts
