"""Kinds of error, and the Δ mIoU of correcting each."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hardpix.data.palette import ERROR_COLORS
from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import (
    ErrorKind,
    errors_by_class,
    mean_iou,
    miou_if_fixed_by_class,
    miou_if_fixed_by_class_and_kind,
    miou_if_fixed_by_kind,
)

KINDS = {
    "displaced": (
        "Displaced border",
        ERROR_COLORS["displaced"],
        "Where the border of the two classes is in truth and prediction alike, at most {radius} px apart.",
    ),
    "missed": (
        "Missed object",
        ERROR_COLORS["missed"],
        "In an object of the truth of which less than a quarter is found: overlooked, or taken for another class.",
    ),
    "false": (
        "False response",
        ERROR_COLORS["false"],
        "In a predicted object with none of its class in the truth within {radius} px.",
    ),
    "confused": ("Confused parts", ERROR_COLORS["confused"], "The rest: a part of an object taken for another class."),
}
GROUP = "Errors"
ONCE = "as a share of the wrong pixels that count for the class; each counts for one class, as under Kinds."
LOWERS = "Those that lower its IoU: its own not found, and others called it."


def _of_class(key: str, title: str, about: str) -> Column:
    return Column(key, title, {"class"}, "%", None, about, GROUP)


def _of_image(key: str, title: str, about: str) -> Column:
    return Column(key, title, {"image"}, "%", "low", about, GROUP)


class KindsOfError(Score):
    """Wrong pixels by their kind, each of exactly one."""

    columns = (
        Column("wrong", "Wrong pixels", {"class"}, "px", "low", LOWERS, GROUP),
        _of_class("worth", "Δ mIoU", "Points of mIoU that correcting all its errors would add."),
        _of_class("displaced", "Displaced", f"At displaced borders, {ONCE}"),
        _of_class("missed", "In missed objects", f"In missed objects, {ONCE}"),
        _of_class("false", "False responses", f"Called it where none is near, {ONCE}"),
        _of_class("confused", "Confused", f"Of no other kind, {ONCE}"),
        _of_image("displaced", "Displaced borders", "Share of labeled pixels at displaced borders."),
        _of_image("missed", "Missed objects' pixels", "Share of labeled pixels in missed objects."),
        _of_image("false", "False responses", "Share of labeled pixels in false objects."),
        _of_image("confused", "Confused", "Share of labeled pixels wrong in no other way."),
    )

    def __init__(self, settings: Settings) -> None:
        self.radius = settings.radius

    def count(self, maps: ImageMaps) -> np.ndarray:
        """(5 + radius, C, C): pixels by kind, and those at borders displaced by 1, 2, … pixels."""
        return torch.cat([maps.kinds.counts, maps.kinds.displaced]).numpy()

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        kinds = torch.from_numpy(counts[: len(ErrorKind)])
        confusion, wrong = kinds.sum(0), errors_by_class(kinds)[1:]
        return {
            "wrong": confusion.sum(1) + confusion.sum(0) - 2 * confusion.diagonal(),
            "worth": miou_if_fixed_by_class(confusion, confusion) - mean_iou(confusion),
            **{name: wrong[k] / wrong.sum(0) for k, name in enumerate(KINDS)},
        }

    def compute_image(self, counts: np.ndarray) -> dict[str, Any]:
        pixels = counts[: len(ErrorKind)].sum((1, 2)).tolist()
        labeled = sum(pixels)
        return {name: pixels[k + 1] / labeled if labeled else np.nan for k, name in enumerate(KINDS)}

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        assert counts is not None
        kinds = torch.from_numpy(counts[: len(ErrorKind)])
        costs = (miou_if_fixed_by_class_and_kind(kinds) - mean_iou(kinds.sum(0))).numpy()
        return {
            "kinds": self._kinds(kinds),
            "class_kinds": {
                "pixels": errors_by_class(kinds)[1:].numpy(),
                "cost": costs[1:],
                "cost_together": costs[: ErrorKind.RIGHT + 1],
            },
            "displaced_by": counts[len(ErrorKind) :].sum((1, 2)),
        }

    def _kinds(self, kinds: torch.Tensor) -> list[dict[str, Any]]:
        corrected, pixels = miou_if_fixed_by_kind(kinds), kinds[1:].sum((1, 2))
        return [
            {
                "key": key,
                "title": title,
                "about": about.format(radius=self.radius),
                "pixels": int(pixels[k]),
                "share_of_errors": float(pixels[k] / pixels.sum()),
                "cost": float(corrected[k + 1] - corrected[ErrorKind.RIGHT]),
                "colour": color,
            }
            for k, (key, (title, color, about)) in enumerate(KINDS.items())
        ]
