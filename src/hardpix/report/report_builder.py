"""The parts of a report brought together, and the report written."""

from __future__ import annotations

import heapq
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from hardpix.cli.problem_list import NAME, write_problems
from hardpix.data import ClassTable, Problem
from hardpix.diagnosis.comparison import compared
from hardpix.diagnosis.scores import Score
from hardpix.diagnosis.scores.own import OwnScore, naming
from hardpix.diagnosis.sentences import verdict
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.tally import Counts, add_counts, as_dict, columns_of, summarize
from hardpix.report.against import copy_against
from hardpix.report.data_scripts import plain
from hardpix.report.diagnose_image import DiagnosedImage, PartialReport
from hardpix.report.report_folder import FORMAT
from hardpix.report.tables import write_classes, write_images, write_summary
from hardpix.report.write_report import write_report

# Number of entries that are listed; further ones are counted.
MOST_PROBLEMS, MOST_SUSPECTS = 200, 500


class Collector:
    """Adds up parts of a report in the order of their images.

    In memory, an image has its scores by column alone. Its details lie in a temporary file until they are written, and
    only the suspect labels that matter most are kept.
    """

    def __init__(self, settings: Settings, scores: Sequence[Score]) -> None:
        self.settings = settings
        self.scores = scores
        self.counts: Counts = []
        self.stems: list[str] = []
        self.sizes: list[tuple[int, int]] = []
        self.problems: list[Problem] = []
        self.suspect_regions = 0
        self._suspects_seen = 0
        self._rows: list[dict[str, float]] = []
        self._suspects: list[tuple[tuple[bool, float], int, dict[str, Any]]] = []
        self._details = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  open as long as this lives

    def add(self, part: PartialReport) -> None:
        """The next images."""
        with naming(f"one of the images {', '.join(image.stem for image in part.images)}"):
            self.counts = add_counts(self.scores, self.counts, part.counts)
        self.problems += part.problems
        for image in part.images:
            self._add_image(image)

    def _add_image(self, image: DiagnosedImage) -> None:
        number = len(self.stems)
        self.stems.append(image.stem)
        self.sizes.append(image.size)
        self._rows.append(image.findings.row)
        self._details.write(json.dumps(plain(image.findings.details)) + "\n")
        self.suspect_regions += image.findings.suspect_regions
        for suspect in image.findings.suspects:
            self._suspects_seen += 1
            # The count tells equal scores apart, and keeps the first of them.
            score = (suspect["mislabelled"], suspect["rank_score"])
            entry = (score, -self._suspects_seen, {"image": number, **suspect})
            heapq.heappush(self._suspects, entry)
            if len(self._suspects) > MOST_SUSPECTS:
                heapq.heappop(self._suspects)

    def suspects(self) -> list[dict[str, Any]]:
        """The suspect regions that matter most, those first; the others follow those that may be mislabeled."""
        return [entry for *_, entry in sorted(self._suspects, reverse=True, key=lambda entry: entry[:2])]

    def columns(self, keys: Sequence[str]) -> dict[str, list[float | None]]:
        """Scores of the images by column."""
        return {key: [row.get(key) for row in self._rows] for key in keys}

    def images_with(self, key: str) -> int:
        """Number of images that have that column."""
        return sum(key in row for row in self._rows)

    def details(self) -> Iterator[dict[str, Any]]:
        """Details of one image after the other."""
        self._details.seek(0)
        return map(json.loads, self._details)


def _command() -> str | None:
    """The command line as it was typed; None where a script or a notebook calls."""
    program, *given = sys.argv
    return shlex.join(["hardpix", *given]) if Path(program).stem == "hardpix" else None


def _listed(name: str, problems: Sequence[Problem]) -> dict[str, Any]:
    """The first problems, and how many more there are."""
    first = [asdict(problem) | {"where": str(problem.where)} for problem in problems[:MOST_PROBLEMS]]
    return {name: first, f"{name}_more": len(problems) - len(first)}


def finish_report(
    out: Path,
    found: Collector,
    classes: ClassTable,
    *,
    title: str,
    inputs: Mapping[str, Path | str | None],
    images_left_out: int = 0,
    left_out: Sequence[Problem] = (),
    unused: Sequence[Problem] = (),
    against: Path | None = None,
    doubts: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the report into a folder that `prepare_report` made, after its pictures.

    `left_out` says why images were left out, `unused` what other files were missing or not used. `doubts` about how
    the files are to be read come before all other sentences.

    Returns:
        What summary.json holds.
    """
    settings = found.settings
    summary: dict[str, Any] = {
        "format": FORMAT,
        "title": title,
        "made": {
            "date": f"{datetime.now():%Y-%m-%d %H:%M}",
            "command": _command(),
            "hardpix": version("hardpix"),
        },
        "inputs": {
            **{name: None if path is None else str(path) for name, path in inputs.items()},
            "count": len(found.stems),
            "with_hardness": found.images_with("mean_hardness"),
            "with_confidence": found.images_with("ece"),
            "images_left_out": images_left_out,
            **_listed("left_out", left_out),
            **_listed("unused", unused),
        },
        "settings": plain(vars(settings)),
        "score_settings": {
            score.path: plain(score.settings)
            for score in found.scores
            if isinstance(score, OwnScore) and score.settings is not None
        },
        "classes": [
            {"name": name, "id": classes.ids[k][0], "colour": color}
            for k, (name, color) in enumerate(zip(classes.names, classes.shown_colors, strict=True))
        ],
        **summarize(found.scores, found.counts),
        "suspects": found.suspects() if found.images_with("suspects") else None,
        "suspect_regions": found.suspect_regions,
        "against": None,
    }
    of_set, of_classes, of_images = (
        columns_of(found.scores, found.counts, level) for level in ("set", "class", "image")
    )
    images: dict[str, Any] = {
        "stem": found.stems,
        "width": [width for _, width in found.sizes],
        "height": [height for height, _ in found.sizes],
        "columns": found.columns([column.key for column in of_images]),
    }
    summary["columns"] = {
        "overall": list(map(as_dict, of_set)),
        "class": list(map(as_dict, of_classes)),
        "image": list(map(as_dict, of_images)),
    }
    summary["sentences"] = verdict(summary, settings)
    if against is not None:
        other, images["against"] = copy_against(against, out, found.stems, classes.names)
        # Folders of predictions are often called the same, and so are their reports.
        summary["against"] = other | ({"title": f"{title} of {other['date']}"} if other["title"] == title else {})
        summary["sentences"][1:1] = compared(summary, summary["against"])
    summary["sentences"][:0] = [{"text": f"Doubt: {text}.", "view": "classes", "filter": None} for text in doubts]
    write_summary(out / "summary.json", summary)
    write_classes(out / "classes.csv", summary, of_classes)
    if listed := [*left_out, *unused]:
        write_problems(out / NAME, listed)
    write_images(out / "images.parquet", images)
    write_report(out, summary, images, found.details())
    return summary
