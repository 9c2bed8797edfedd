"""The verdict: what a diagnosis found, in sentences, each with the view that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.settings import Settings
from hardpix.metrics import miou_if_fixed_by_pair

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
SETTINGS = {
    "num_classes": "number of classes",
    "lines": "line-like classes",
    "band": "width of the band along borders",
    "radius": "radius of displaced borders",
    "tolerance": "tolerance of the boundary F-score",
    "thin_radius": "radius of thin parts",
    "sizes": "limits of object sizes",
    "suspect_tolerance": "tolerance of suspect labels",
}
# Below this nobody would act on it: a tenth of a point.
WORTH_SAYING = 0.001
# A ranking whose AURC is larger by this factor or less is hardly worse.
NEARLY = 1.03

Sentence = dict[str, Any]


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
    found += [_hardness(summary), _calibration(summary), _review(summary), _suspects(summary, names)]
    return [sentence for sentence in found if sentence is not None]


def _overall(summary: Mapping[str, Any]) -> Sentence:
    scores = summary["scores"]
    wrong = sum(kind["pixels"] for kind in summary["kinds"])
    if np.isnan(scores["miou"]):
        return _said("No pixel of the masks is labeled.", "classes")
    if wrong == 0:
        return _said("Every labeled pixel is right.", "classes")
    text = f"{_percent(1 - scores['accuracy'])} of the labeled pixels are wrong: mIoU {100 * scores['miou']:.1f} %"
    if not np.isnan(scores["boundary_miou"]):
        text += f", Boundary mIoU {100 * scores['boundary_miou']:.1f} %"
    return _said(f"{text}.", "classes")


def _kind(summary: Mapping[str, Any], settings: Settings) -> Sentence | None:
    kind = max(summary["kinds"], key=lambda kind: kind["cost"])
    if not kind["pixels"] or not kind["cost"] > 0:
        return None
    several = sum(other["pixels"] > 0 for other in summary["kinds"]) > 1
    return _said(
        f"{_percent(kind['share_of_errors'])} of all wrong pixels are "
        f"{PLURAL[kind['key']].format(radius=settings.radius)}; {DONE[kind['key']]} would add "
        f"{_points(kind['cost'])} mIoU{', more than any other kind' if several else ''}.",
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
    said = []
    for k in most.argsort(descending=True, stable=True)[:CLASSES].tolist():
        if most[k] >= WORTH_SAYING:
            key, share = list(PLURAL)[kind_of[k]], float(shares[kind_of[k], k])
            text = (
                f"{names[k]}: {_percent(share)} of its wrong pixels are {PLURAL[key].format(radius=settings.radius)}; "
                f"{DONE[key]} would add {_points(float(most[k]))} mIoU."
            )
            said.append(_said(text, "gallery", {"class": k, "kind": key}))
    return said


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
    return _said(
        f"{names[one]} and {names[other]} are taken for each other at {pixels:,} pixel{'s' * (pixels != 1)}, "
        f"{_percent(share)} of the wrong ones; telling these two apart would add "
        f"{_points(float(corrected[one, other]))} mIoU.",
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
    text = f"Correcting all errors in objects {words[dearest]} would add {_points(cost[dearest])} mIoU"
    if len(words) > 1:
        text += ", more than in those of any other size"
    if missed[most_missed]:
        share = f"{missed[most_missed]:,} of {objects[most_missed]:,}"
        if most_missed == dearest:
            text += f"; {share} of them {'is' if missed[most_missed] == 1 else 'are'} missed"
        else:
            text += (
                f"; objects {words[most_missed]} are missed most, {share}, and correcting these would add "
                f"{_points(cost[most_missed])}"
            )
    return _said(f"{text}.", "sizes", {"band": dearest})


def _thin(summary: Mapping[str, Any], names: Sequence[str]) -> Sentence | None:
    """The class that is mostly thin and loses most there."""
    scores = summary["class_scores"]
    lost = np.nan_to_num((1 - scores["thin_recall"]) * scores["thin_share"])
    k = int(lost.argmax())
    if not lost[k] > 0:
        return None
    return _said(
        f"Of the thin parts of {names[k]}, {_percent(scores['thin_recall'][k])} is found, of all its pixels "
        f"{_percent(scores['recall'][k])}; {_percent(scores['thin_share'][k])} of it is thin.",
        "classes",
        {"group": "Thin parts", "class": k},
    )


def _hardness(summary: Mapping[str, Any]) -> Sentence | None:
    hardness = summary.get("hardness")
    if hardness is None or np.isnan(hardness["auroc"]):
        return None
    errors = np.array([tenth["errors"] for tenth in hardness["deciles"]])
    named = f"{summary['signal']} map"
    article = "an" if named[0] in "aeiou" else "a"
    return _said(
        f"The hardest tenth of the pixels by the {named} holds {_percent(errors[-1] / errors.sum())} of the errors; it "
        f"ranks wrong pixels before right ones with an AUROC of {hardness['auroc']:.3f}"
        f"{_where(summary, 'with_hardness', f'{article} {named}')}.",
        "hardness",
    )


def _calibration(summary: Mapping[str, Any]) -> Sentence | None:
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
    text += f" (expected calibration error {_percent(calibration['overall']['ece'])})"
    return _said(f"{text}{_where(summary, 'with_confidence', 'probabilities')}.", "calibration")


def _review(summary: Mapping[str, Any]) -> Sentence | None:
    """The better of the rankings of pixels to check; of a signal alone its own sentence tells."""
    review = summary.get("review")
    if review is None or [ranking["key"] for ranking in review["rankings"]] == ["signal"]:
        return None
    best, *others = sorted(review["rankings"], key=lambda ranking: ranking["aurc"])
    caught = _percent(float(np.interp(0.1, review["checked"], best["pixels"])))
    if not others:
        text = f"Checking the tenth of the pixels of lowest confidence finds {caught} of the errors"
        return _said(
            f"{text} (AURC {best['aurc']:.4f}){_where(summary, 'with_confidence', 'probabilities')}.", "review"
        )
    inputs = summary["inputs"]
    everywhere = inputs["with_hardness"] == inputs["with_confidence"] == inputs["count"]
    count = review["image_count"]
    have = "1 image that has" if count == 1 else f"{count:,} images that have"
    where = "" if everywhere else f", on the {have} both maps"
    if best["aurc"] >= review["aurc_random"] / NEARLY:
        titles = ", ".join(ranking["title"] for ranking in review["rankings"])
        return _said(f"No ranking of the pixels to check is better than chance: {titles}{where}.", "review")
    near = f", or nearly as well by {others[0]['title']}" if others[0]["aurc"] <= NEARLY * best["aurc"] else ""
    than = " and ".join(f"{ranking['aurc']:.4f} by {ranking['title']}" for ranking in others)
    return _said(
        f"Pixels to check are best chosen by {best['title']}{near}: the first tenth holds {caught} of the errors (AURC "
        f"{best['aurc']:.4f}, against {than}){where}.",
        "review",
    )


def _where(summary: Mapping[str, Any], key: str, signal: str) -> str:
    """Number of images that a sentence holds for, where some lack the signal."""
    have, count = summary["inputs"][key], summary["inputs"]["count"]
    return "" if have == count else f", on the {have:,} of {count:,} images that have {signal}"


def _suspects(summary: Mapping[str, Any], names: Sequence[str]) -> Sentence | None:
    suspects = summary.get("suspects")
    if not suspects:
        return None
    first = suspects[0]
    many = summary["suspect_regions"]
    if not many:
        return _said(
            "No region seems mislabeled rather than hard: where a label is suspect, the network does not know the "
            "label's class, or finds the label likelier than the other class.",
            "suspects",
        )
    return _said(
        f"{many:,} {'region' if many == 1 else 'regions'} may be mislabeled rather than hard; the one that matters "
        f"most is labeled {names[first['given']]} and seems to be {names[first['suspected']]}.",
        "suspects",
    )


def compared(summary: Mapping[str, Any], against: Mapping[str, Any]) -> list[Sentence]:
    """Differences from another run: the mIoU, the classes that changed most, and whether the images are the same."""
    before, after = against["scores"]["miou"], summary["scores"]["miou"]
    if before is None or np.isnan(after):
        return []
    text = f"mIoU is {_by(after - before, against['title'])}"
    names = [entry["name"] for entry in summary["classes"]]
    other = np.array([np.nan if value is None else value for value in against["class_scores"]["iou"]], dtype=float)
    ours = np.asarray(summary["class_scores"]["iou"], dtype=float)
    change = np.nan_to_num(ours - other)
    # Scores of the other run come from its report, where they have six digits.
    largest = [k for k in np.argsort(-np.abs(change), kind="stable")[:2].tolist() if abs(change[k]) >= WORTH_SAYING / 2]
    if largest:
        text += f"; the largest changes of IoU: {', '.join(f'{names[k]} {_points(change[k])}' for k in largest)}"
    both = ~np.isnan(ours) & ~np.isnan(other)
    alone = [names[k] for k in np.flatnonzero(np.isnan(ours) != np.isnan(other)).tolist()]
    if alone and both.any():
        some = ", ".join(alone[:CLASSES]) + (f" and {len(alone) - CLASSES} more" if len(alone) > CLASSES else "")
        text += (
            f". The two are means over different classes: {some} {'is' if len(alone) == 1 else 'are'} in the truth or "
            f"predicted in one of them alone; over the classes of both, mIoU is "
            f"{_by(float(ours[both].mean() - other[both].mean()))}"
        )
    count = summary["inputs"]["count"]
    if not against["shared"] == count == against["count"]:
        text += (
            f". Its scores are of other images: {against['shared']} of the {count} here are among its "
            f"{against['count']}, so the differences are not those of the networks alone"
        )
    if against.get("settings") is not None and against["settings"] != summary["settings"]:
        names = [SETTINGS[key] for key, value in summary["settings"].items() if against["settings"].get(key) != value]
        text += f". It was counted with other settings ({', '.join(names)}), so that not every score can be compared"
    return [_said(f"{text}.", "classes")]


def _by(difference: float, title: str = "") -> str:
    """A difference of two mIoU in words; the title of the other one may be left out.

    Example:
        >>> _by(-0.048, "the other"), _by(0.0001)
        ('4.8 points lower than that of the other', 'the same')
    """
    if abs(difference) < WORTH_SAYING / 2:
        return f"as high as that of {title}" if title else "the same"
    than = f" than that of {title}" if title else ""
    return f"{abs(100 * difference):.1f} points {'lower' if difference < 0 else 'higher'}{than}"


def _said(text: str, view: str, chosen: Mapping[str, Any] | None = None) -> Sentence:
    return {"text": text, "view": view, "filter": dict(chosen) if chosen else None}


def _percent(share: float) -> str:
    """In percent, with a digit after the point where it is small; 100 % is all.

    Example:
        >>> _percent(0.614), _percent(0.0142), _percent(0.997), _percent(1.0)
        ('61 %', '1.4 %', 'over 99 %', '100 %')
    """
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"


def _points(cost: float) -> str:
    """Points of mIoU with their sign.

    Example:
        >>> _points(0.0187), _points(-0.002)
        ('+1.9', '−0.2')
    """
    return f"{100 * cost:+.1f}".replace("-", "−")
