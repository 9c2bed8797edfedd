"""The scores of a report: what they are called, what they mean, and whether high or low is good."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from hardpix.diagnosis.settings import Settings

OVERLAP, BORDERS, THIN, ERRORS, OBJECTS, SIGNALS = (
    "Overlap",
    "Borders",
    "Thin parts",
    "Errors",
    "Objects",
    "Signals",
)


@dataclass(frozen=True)
class Column:
    """One score, for the whole set, for each class, or for each image.

    Values of the unit "%" are shares from 0 to 1.
    """

    key: str
    title: str
    unit: Literal["%", "px", "count", ""]
    better: Literal["high", "low"] | None
    group: str
    about: str


def overall_columns(settings: Settings) -> list[Column]:
    """Scores of the whole set; the first four stand at the head of the report."""
    lines = [Column("cl_dice", "clDice", "%", "high", THIN, "Mean clDice of the line-like classes.")]
    return [
        Column("miou", "mIoU", "%", "high", OVERLAP, "Mean over the classes of intersection over union."),
        Column("boundary_miou", "Boundary mIoU", "%", "high", BORDERS, _boundary(settings)),
        Column("accuracy", "Pixel accuracy", "%", "high", OVERLAP, "Share of labelled pixels that are right."),
        Column("thin_recall", "Recall of thin parts", "%", "high", THIN, f"Mean over the classes; {_thin(settings)}"),
        Column("mean_accuracy", "Mean accuracy", "%", "high", OVERLAP, "Mean over the classes of their recall."),
        Column("fw_iou", "Frequency-weighted IoU", "%", "high", OVERLAP, "IoU weighted by the classes' pixels."),
        Column("dice", "Dice", "%", "high", OVERLAP, "Mean over the classes of the Dice score."),
        Column("boundary_f", "Boundary F-score", "%", "high", BORDERS, _f_score(settings)),
        Column("ferr", "FErr", "%", "low", BORDERS, f"False responses: error in the predicted band. {_BANDS}"),
        Column("merr", "MErr", "%", "low", BORDERS, f"Merging mistakes: error in the true band. {_BANDS}"),
        Column("derr", "DErr", "%", "low", BORDERS, f"Displacements: error where both bands are. {_BANDS}"),
        Column("thin_iou", "IoU of thin parts", "%", "high", THIN, f"Mean over the classes; {_thin(settings)}"),
        *(lines if settings.lines else []),
    ]


def class_columns(settings: Settings) -> list[Column]:
    """Scores of each class."""
    lines = [Column("cl_dice", "clDice", "%", "high", THIN, "Agreement of the centre lines (arXiv 2003.07311).")]
    return [
        Column("share", "Share of pixels", "%", None, OVERLAP, "Share of the labelled pixels that are of this class."),
        Column("iou", "IoU", "%", "high", OVERLAP, "Intersection over union."),
        Column("recall", "Recall", "%", "high", OVERLAP, "Share of the class's pixels that are found."),
        Column("precision", "Precision", "%", "high", OVERLAP, "Share of what is predicted as the class that is it."),
        Column("dice", "Dice", "%", "high", OVERLAP, "Harmonic mean of recall and precision."),
        Column("boundary_iou", "Boundary IoU", "%", "high", BORDERS, _boundary(settings)),
        Column("boundary_f", "Boundary F-score", "%", "high", BORDERS, _f_score(settings)),
        Column("ferr", "FErr", "%", "low", BORDERS, f"Error in the predicted band. {_BANDS}"),
        Column("merr", "MErr", "%", "low", BORDERS, f"Error in the true band. {_BANDS}"),
        Column("derr", "DErr", "%", "low", BORDERS, f"Error where both bands are. {_BANDS}"),
        Column("thin_share", "Share that is thin", "%", None, THIN, f"Of the class's pixels; {_thin(settings)}"),
        Column("thin_recall", "Thin recall", "%", "high", THIN, f"Share that is found; {_thin(settings)}"),
        Column("thin_iou", "Thin IoU", "%", "high", THIN, f"Found among thin and false pixels; {_thin(settings)}"),
        *(lines if settings.lines else []),
        Column(
            "wrong",
            "Wrong pixels",
            "px",
            "low",
            ERRORS,
            "Those that lower its IoU: its own not found, and others called it.",
        ),
        Column("worth", "Worth, mIoU", "%", None, ERRORS, "What mending all of them would add to the mIoU."),
        Column("displaced", "Displaced", "%", None, ERRORS, f"At displaced borders, {_ONCE}"),
        Column("missed", "In missed objects", "%", None, ERRORS, f"In missed objects, {_ONCE}"),
        Column("false", "False responses", "%", None, ERRORS, f"Called it where none is near, {_ONCE}"),
        Column("confused", "Confused", "%", None, ERRORS, f"Of no other kind, {_ONCE}"),
        Column("objects", "Objects", "count", None, OBJECTS, "Connected parts of the truth."),
        Column("object_size", "Mean object", "px", None, OBJECTS, "Mean number of pixels of an object."),
        Column("missed_objects", "Missed", "count", "low", OBJECTS, "Objects of which less than a quarter is found."),
        Column("object_recall", "Objects found", "%", "high", OBJECTS, "Share of the objects that are not missed."),
        Column(
            "false_objects", "False objects", "count", "low", OBJECTS, "Predicted parts with none of the class near."
        ),
    ]


def image_columns(settings: Settings, *, hardness: bool, confidence: bool, suspects: bool) -> list[Column]:
    """Scores of each image, as far as there is what they are made of."""
    columns = [
        Column("errors", "Wrong pixels", "%", "low", OVERLAP, "Share of labelled pixels that are wrong."),
        Column("miou", "mIoU", "%", "high", OVERLAP, "Mean IoU over the classes in the image or its prediction."),
        Column("boundary_iou", "Boundary IoU", "%", "high", BORDERS, _boundary(settings)),
        Column("thin_recall", "Thin recall", "%", "high", THIN, f"Share that is found; {_thin(settings)}"),
        Column("displaced", "Displaced borders", "%", "low", ERRORS, "Share of labelled pixels at displaced borders."),
        Column("missed", "Missed objects' pixels", "%", "low", ERRORS, "Share of labelled pixels in missed objects."),
        Column("false", "False responses", "%", "low", ERRORS, "Share of labelled pixels in false objects."),
        Column("confused", "Confused", "%", "low", ERRORS, "Share of labelled pixels wrong in no other way."),
        Column("objects", "Objects", "count", None, OBJECTS, "Connected parts of the truth."),
        Column("missed_objects", "Missed objects", "count", "low", OBJECTS, "Of which less than a quarter is found."),
        Column(
            "false_objects", "False objects", "count", "low", OBJECTS, "Predicted parts with none of the class near."
        ),
    ]
    if hardness:
        columns.append(Column("mean_hardness", "Mean hardness", "", None, SIGNALS, "Mean of the hardness map."))
    if confidence:
        about = "Expected calibration error: how far confidence is from accuracy."
        columns.append(Column("ece", "ECE", "%", "low", SIGNALS, about))
    if suspects:
        about = "Share of labelled pixels whose label may be wrong."
        columns.append(Column("suspects", "Suspect labels", "%", None, SIGNALS, about))
    return columns


def as_dicts(columns: list[Column]) -> list[dict[str, Any]]:
    """For the page."""
    return [asdict(column) for column in columns]


_ONCE = "as a share of the wrong pixels that count for the class; each counts for one class, as under Kinds."
_BANDS = "Lower is better. Bands of 15×15 pixels; the three overlap and do not add up (arXiv 2403.09065)."


def _boundary(settings: Settings) -> str:
    return f"IoU within a band of {settings.band_title} along the borders (arXiv 2103.16562)."


def _f_score(settings: Settings) -> str:
    return f"F-score of the boundaries, {settings.tolerance} px apart at most."


def _thin(settings: Settings) -> str:
    return f"thin is what a disc of radius {settings.thin_radius} px has no room in."
