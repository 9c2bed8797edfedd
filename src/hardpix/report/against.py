"""Copies from another report of the same truth, so that both are shown side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hardpix.diagnosis.scores import Score
from hardpix.diagnosis.scores.own import OwnScore
from hardpix.report.data_scripts import read_assigned
from hardpix.report.label_script import label_script, read_label_script, require_png
from hardpix.report.report_folder import FORMAT, require_report

# Files that differ between two runs on the same images.
_COPIED = ("prediction.png", "kinds.png", "hardness.png", "labels.js")


def require_comparable(other: Path, class_names: Sequence[str], stems: Sequence[str] | None = None) -> None:
    """Refuse a report whose scores say nothing beside those of these classes and, where they are known, images.

    Raises:
        FileNotFoundError: there is no report.
        ValueError: none of its images is one of these, it has other classes, or another format.
    """
    require_report(other)
    if stems is not None:
        # Before the work: at its end a fault would cost the report.
        for k in shared_images(other, stems):
            for name in _COPIED if k is not None else ():
                _read(other / "pictures" / f"{k:06d}" / name)
    summary = read_assigned(other / "data" / "summary.js")
    if summary.get("format") != FORMAT:
        raise ValueError(
            f"expected a report of this version of hardpix (format {FORMAT}) to compare with, found format "
            f"{summary.get('format')} in {other}; diagnose it again"
        )
    theirs = [entry["name"] for entry in summary["classes"]]
    if set(theirs) != set(class_names):
        raise ValueError(
            f"expected a report of the same classes to compare with, {', '.join(class_names)}, found "
            f"{', '.join(theirs)} in {other}; diagnose both with one class table"
        )


def shared_images(other: Path, stems: Sequence[str]) -> list[int | None]:
    """The number that each of these images has in another report, None where it lacks it.

    Raises:
        FileNotFoundError: there is no report.
        ValueError: none of its images is one of these.
    """
    require_report(other)
    theirs = read_assigned(other / "data" / "images.js")["stem"]
    place = {stem: k for k, stem in enumerate(theirs)}
    shared = [place.get(stem) for stem in stems]
    if not any(k is not None for k in shared):
        raise ValueError(
            f"expected a report of the same images to compare with, found none of them in {other}, which has "
            f"{', '.join(theirs[:3])}"
        )
    return shared


def score_settings(other: Path | None) -> dict[str, dict[str, Any]]:
    """Settings of a user's own figures in another report, by class path; none without a report."""
    return {} if other is None else read_assigned(other / "data" / "summary.js").get("score_settings", {})


def settings_taken(scores: Sequence[Score], other: Path | None) -> list[str]:
    """The settings that scores took from the report that they are compared with, in words."""
    return [
        f"{score.path}: {', '.join(f'{name} {value}' for name, value in score.taken.items())}, as in {other}"
        for score in scores
        if isinstance(score, OwnScore) and score.taken
    ]


def copy_against(
    other: Path, out: Path, stems: Sequence[str], class_names: Sequence[str]
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Copy the pictures of another report, and return its scores: `against` of the summary and of the images.

    Classes are matched by name and images by stem; what the other report lacks is None. Pictures stand beside those of
    this report, so that an image that has none here gets none of the other run either.

    Args:
        other: the folder of the other report.
        out: the folder of the report in the making, with its pictures.
        stems: its images.
        class_names: its classes.

    Raises:
        FileNotFoundError: there is no report.
        ValueError: none of its images is one of these.
    """
    shared = shared_images(other, stems)
    summary = read_assigned(other / "data" / "summary.js")
    images = read_assigned(other / "data" / "images.js")
    for number, k in enumerate(shared):
        if k is not None and (out / "pictures" / f"{number:06d}").is_dir():
            _copy_pictures(other / "pictures" / f"{k:06d}", out / "against" / "pictures" / f"{number:06d}")
    classes = {entry["name"]: k for k, entry in enumerate(summary["classes"])}
    of_classes = [classes.get(name) for name in class_names]
    run = {
        "title": summary["title"],
        "date": summary["made"]["date"],
        "shared": sum(k is not None for k in shared),
        "count": len(images["stem"]),
        "settings": summary.get("settings"),
        "scores": summary["scores"],
        "class_scores": {key: _taken(values, of_classes) for key, values in summary["class_scores"].items()},
        "kinds": summary["kinds"],
        "class_kinds": _rows_taken(summary["class_kinds"], of_classes),
        "size_bands": summary["size_bands"],
        "size_scores": _rows_taken(summary["size_scores"], of_classes),
        "signal": summary.get("signal", "hardness"),
        "hardness": summary["hardness"],
        "calibration": summary["calibration"],
        "review": summary.get("review"),
    }
    return run, {key: _taken(values, shared) for key, values in images["columns"].items()}


def _taken(values: Sequence[Any], places: Sequence[int | None]) -> list[Any]:
    return [None if k is None else values[k] for k in places]


def _rows_taken(scores: Mapping[str, Sequence[Any]], of_classes: Sequence[int | None]) -> dict[str, list[Any]]:
    """The same of tables that have a row a kind or a size; what is no row of classes stays."""
    return {
        key: [_taken(row, of_classes) if isinstance(row, list) else row for row in rows] for key, rows in scores.items()
    }


def _copy_pictures(source: Path, target: Path) -> None:
    for name in _COPIED:
        content = _read(source / name)
        if content is not None:
            target.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)


def _read(file: Path) -> bytes | None:
    """Content of a picture or of a script of labels, the script written anew; None where there is none.

    Raises:
        ValueError: the file is something else.
    """
    if not file.is_file():
        return None
    try:
        if file.suffix == ".js":
            return label_script(read_label_script(file.read_text(encoding="utf-8"))).encode()
        content = file.read_bytes()
        require_png(content)
    except ValueError as error:
        raise ValueError(
            f"expected a picture of a report, found something else in {file} ({error}); write that report again"
        ) from error
    return content
