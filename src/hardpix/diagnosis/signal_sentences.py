"""Sentences on a signal's map and on probabilities: ranking, calibration, pixels to check, suspect labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hardpix.diagnosis.saying import Sentence, said
from hardpix.pixels.percent import percent

# A ranking whose AURC is larger by this factor or less is hardly worse.
NEARLY = 1.03


def on_hardness(summary: Mapping[str, Any]) -> Sentence | None:
    """The share of the errors in the highest tenth of the map, and how well it ranks them."""
    hardness = summary.get("hardness")
    if hardness is None or np.isnan(hardness["auroc"]):
        return None
    errors = np.array([tenth["errors"] for tenth in hardness["deciles"]])
    named = f"{summary['signal']} map"
    article = "an" if named[0] in "aeiou" else "a"
    return said(
        f"The hardest tenth of the pixels by the {named} holds {percent(errors[-1] / errors.sum())} of the errors; it "
        f"ranks wrong pixels before right ones with an AUROC of {hardness['auroc']:.3f}"
        f"{_where(summary, 'with_hardness', f'{article} {named}')}.",
        "hardness",
    )


def on_flat_map(summary: Mapping[str, Any]) -> Sentence | None:
    """A caution where the map is nearly the same everywhere: what is said of it is then no result."""
    hardness = summary.get("hardness")
    return said(hardness["caution"], "hardness") if hardness and hardness.get("caution") else None


def on_calibration(summary: Mapping[str, Any]) -> Sentence | None:
    """Mean confidence against accuracy, over all pixels and where they differ most."""
    calibration = summary.get("calibration")
    if calibration is None or np.isnan(calibration["overall"]["ece"]):
        return None

    def off(part: str) -> str:
        by = 100 * calibration[part]["too_sure"]
        return "as high as" if abs(by) < 0.05 else f"{abs(by):.1f} points {'above' if by > 0 else 'below'}"

    text = f"The network's mean confidence is {off('overall')} its accuracy"
    parts = {"borders": "along borders", "thin": "in thin parts"}
    known = [part for part in parts if part in calibration and not np.isnan(calibration[part]["ece"])]
    if known:
        worst = max(known, key=lambda part: abs(calibration[part]["too_sure"]))
        text += f", {parts[worst]} {off(worst)}"
    text += f" (expected calibration error {percent(calibration['overall']['ece'])})"
    return said(f"{text}{_where(summary, 'with_confidence', 'probabilities')}.", "calibration")


def on_review(summary: Mapping[str, Any]) -> Sentence | None:
    """The better of the rankings of pixels to check; of a signal alone its own sentence tells."""
    review = summary.get("review")
    if review is None or [ranking["key"] for ranking in review["rankings"]] == ["signal"]:
        return None
    best, *others = sorted(review["rankings"], key=lambda ranking: ranking["aurc"])
    if not others:
        text = f"Checking the 10 % of the pixels of lowest confidence finds {_caught(review, best)} of the errors"
        return said(f"{text}{_where(summary, 'with_confidence', 'probabilities')}.", "review")
    inputs = summary["inputs"]
    everywhere = inputs["with_hardness"] == inputs["with_confidence"] == inputs["count"]
    count = review["image_count"]
    have = "1 image that has" if count == 1 else f"{count:,} images that have"
    where = "" if everywhere else f", on the {have} both maps"
    if best["aurc"] >= review["aurc_random"] / NEARLY:
        titles = ", ".join(ranking["title"] for ranking in review["rankings"])
        return said(f"No ranking of the pixels to check is better than chance: {titles}{where}.", "review")
    near = f", or nearly as well by {others[0]['title']}" if others[0]["aurc"] <= NEARLY * best["aurc"] else ""
    than = " and ".join(f"{_caught(review, ranking)} by {ranking['title']}" for ranking in others)
    return said(
        f"Pixels to check are best chosen by {best['title']}{near}: checking the 10 % that it puts first finds "
        f"{_caught(review, best)} of the errors, against {than}{where}.",
        "review",
    )


def _caught(review: Mapping[str, Any], ranking: Mapping[str, Any]) -> str:
    """The share of the errors in the tenth of the pixels that a ranking puts first."""
    return percent(float(np.interp(0.1, review["checked"], ranking["pixels"])))


def on_suspects(summary: Mapping[str, Any], names: Sequence[str]) -> Sentence | None:
    """The number of regions that may be mislabeled, and the one that matters most."""
    suspects = summary.get("suspects")
    if not suspects:
        return None
    first = suspects[0]
    many = summary["suspect_regions"]
    if not many:
        return said(
            "No region seems mislabeled rather than hard: where a label is suspect, the network does not know the "
            "label's class, or finds the label likelier than the other class.",
            "suspects",
        )
    return said(
        f"{many:,} {'region' if many == 1 else 'regions'} may be mislabeled rather than hard; the one that matters "
        f"most is labeled {names[first['given']]} and seems to be {names[first['suspected']]}.",
        "suspects",
    )


def _where(summary: Mapping[str, Any], key: str, signal: str) -> str:
    """Number of images that a sentence holds for, where some lack the signal."""
    have, count = summary["inputs"][key], summary["inputs"]["count"]
    return "" if have == count else f", on the {have:,} of {count:,} images that have {signal}"
