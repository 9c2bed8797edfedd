"""The verdict: what a diagnosis found, in sentences, each with the view that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.saying import WORTH_SAYING, Sentence, points, said
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.signal_sentences import on_calibration, on_flat_map, on_hardness, on_review, on_suspects
from hardpix.metrics import miou_if_fixed_by_pair
from hardpix.pixels.percent import percent

# Number of classes that are spoken of: those with the most mIoU to gain.
CLASSES = 3
PLURAL = {
    "displaced": "displaced borders of up to {radius} pixels",
    "missed": "in missed objects",
    "false": "false responses",
    "confused": "parts taken for another class",
}
DONE = {
    "displaced": "correcting them all",
    "missed": "finding them all",
    "false": "leaving them all out",
    "confused": "correcting them all",
}


def verdict(summary: Mapping[str, Any], settings: Settings) -> list[Sentence]:
    """Sentences in the order in which they matter; those that have nothing to say are left out.

    Args:
        summary: all that a report has, but for its sentences.
        settings: of the diagnosis.
    """
    names = [entry["name"] for entry in summary["classes"]]
    found = [_overall(summary), _kind(summary, settings)]
    found += _classes(summary["class_kinds"], names, settings)
    found += [_pair(summary, names), _small(summary), _thin(summary, names)]
    found += [
        on_hardness(summary),
        on_flat_map(summary),
        on_calibration(summary),
        on_review(summary),
        on_suspects(summary, names),
    ]
    return [sentence for sentence in found if sentence is not None]


def _overall(summary: Mapping[str, Any]) -> Sentence:
    scores = summary["scores"]
    wrong = sum(kind["pixels"] for kind in summary["kinds"])
    if np.isnan(scores["miou"]):
        return said("No pixel of the masks is labeled.", "classes")
    if wrong == 0:
        return said("Every labeled pixel is right.", "classes")
    text = f"{percent(1 - scores['accuracy'])} of the labeled pixels are wrong: mIoU {100 * scores['miou']:.1f} %"
    if not np.isnan(scores["boundary_miou"]):
        text += f", Boundary mIoU {100 * scores['boundary_miou']:.1f} %"
    return said(f"{text}.", "classes")


def _kind(summary: Mapping[str, Any], settings: Settings) -> Sentence | None:
    kind = max(summary["kinds"], key=lambda kind: kind["cost"])
    if not kind["pixels"] or not kind["cost"] > 0:
        return None
    several = sum(other["pixels"] > 0 for other in summary["kinds"]) > 1
    return said(
        f"{percent(kind['share_of_errors'])} of all wrong pixels are "
        f"{PLURAL[kind['key']].format(radius=settings.radius)}; {DONE[kind['key']]} would add "
        f"{points(kind['cost'])} mIoU{', more than any other kind' if several else ''}.",
        "kinds",
    )


def _classes(kinds: Mapping[str, np.ndarray], names: Sequence[str], settings: Settings) -> list[Sentence]:
    """The classes that lose most by one kind of error, and how much.

    Its wrong pixels are those of `errors_by_class`, each of which counts for one class.
    """
    errors = torch.from_numpy(kinds["pixels"]).double()
    shares = errors / errors.sum(0)
    costs = torch.from_numpy(kinds["cost"]).where(errors > 0, -torch.inf)
    most, kind_of = costs.max(0)
    sentences = []
    for k in most.argsort(descending=True, stable=True)[:CLASSES].tolist():
        if most[k] >= WORTH_SAYING:
            key, share = list(PLURAL)[kind_of[k]], float(shares[kind_of[k], k])
            text = (
                f"{names[k]}: {percent(share)} of its wrong pixels are {PLURAL[key].format(radius=settings.radius)}; "
                f"{DONE[key]} would add {points(float(most[k]))} mIoU."
            )
            sentences.append(said(text, "gallery", {"class": k, "kind": key}))
    return sentences


def _pair(summary: Mapping[str, Any], names: Sequence[str]) -> Sentence | None:
    confusion = torch.from_numpy(np.asarray(summary["confusion"]))
    corrected = miou_if_fixed_by_pair(confusion, confusion) - summary["scores"]["miou"]
    place = int(corrected.nan_to_num().argmax())
    one, other = divmod(place, len(names))
    if not corrected[one, other] >= WORTH_SAYING:
        return None
    pixels = int(confusion[one, other] + confusion[other, one])
    share = pixels / int(confusion.sum() - confusion.trace())
    if confusion[one, other] < confusion[other, one]:
        one, other = other, one
    return said(
        f"{names[one]} and {names[other]} are taken for each other at {pixels:,} pixel{'s' * (pixels != 1)}, "
        f"{percent(share)} of the wrong ones; telling these two apart would add "
        f"{points(float(corrected[one, other]))} mIoU.",
        "confusion",
        {"true": one, "predicted": other},
    )


def _small(summary: Mapping[str, Any]) -> Sentence | None:
    """The sizes of objects that cost most, and of which the largest share is missed."""
    objects, missed = (np.asarray(summary["size_scores"][key]).sum(1) for key in ("objects", "missed"))
    cost = np.nan_to_num(np.asarray(summary["size_scores"]["cost"], dtype=float))
    words = [band["words"] for band in summary["size_bands"]]
    dearest, most_missed = int(cost.argmax()), int((missed / np.maximum(objects, 1)).argmax())
    if cost[dearest] < WORTH_SAYING:
        return None
    text = f"Correcting all errors in objects {words[dearest]} would add {points(cost[dearest])} mIoU"
    if len(words) > 1:
        text += ", more than in those of any other size"
    if missed[most_missed]:
        share = f"{missed[most_missed]:,} of {objects[most_missed]:,}"
        if most_missed == dearest:
            text += f"; {share} of them {'is' if missed[most_missed] == 1 else 'are'} missed"
        else:
            text += (
                f"; objects {words[most_missed]} are missed most, {share}, and correcting these would add "
                f"{points(cost[most_missed])}"
            )
    return said(f"{text}.", "sizes", {"band": dearest})


def _thin(summary: Mapping[str, Any], names: Sequence[str]) -> Sentence | None:
    """The class that is mostly thin and loses most there."""
    scores = summary["class_scores"]
    lost = np.nan_to_num((1 - scores["thin_recall"]) * scores["thin_share"])
    k = int(lost.argmax())
    if not lost[k] > 0:
        return None
    return said(
        f"Of the thin parts of {names[k]}, {percent(scores['thin_recall'][k])} is found, of all its pixels "
        f"{percent(scores['recall'][k])}; {percent(scores['thin_share'][k])} of it is thin.",
        "classes",
        {"group": "Thin parts", "class": k},
    )
