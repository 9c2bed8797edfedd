"""A plausible summary of a report; the numbers are rough, how they are computed well is not what the page is about."""

from __future__ import annotations

from typing import Any

import numpy as np

from fake_scenes import BANDS, CLASSES, FALSE, KINDS, C, ious
from hardpix.report.report_folder import FORMAT


def column(key: str, title: str, unit: str, better: str | None, group: str, about: str) -> dict[str, Any]:
    return {"key": key, "title": title, "unit": unit, "better": better, "group": group, "about": about}


OVERALL = [
    column("miou", "mIoU", "%", "high", "Overlap", "Mean over the classes of intersection over union."),
    column("boundary_miou", "Boundary mIoU", "%", "high", "Borders", "The same within a band along the borders."),
    column("accuracy", "Pixel accuracy", "%", "high", "Overlap", "Share of labeled pixels that are right."),
    column("thin_recall", "Recall of thin parts", "%", "high", "Thin parts", "Share of thin parts that is found."),
]
CLASS = [
    column("share", "Share of pixels", "%", None, "Overlap", "Share of the labeled pixels that are of this class."),
    column("iou", "IoU", "%", "high", "Overlap", "Intersection over union."),
    column("recall", "Recall", "%", "high", "Overlap", "Share of the class that is found."),
    column("precision", "Precision", "%", "high", "Overlap", "Share of what is predicted as the class that is it."),
    column("boundary_iou", "Boundary IoU", "%", "high", "Borders", "IoU within a band along the borders."),
    column("border_f", "Border F-score", "%", "high", "Borders", "F-score of the border with a tolerance of 2 px."),
    column("thin_recall", "Thin recall", "%", "high", "Thin parts", "Recall on the thin parts of the class."),
    column("cldice", "clDice", "%", "high", "Thin parts", "Agreement of the center lines."),
    column("wrong", "Wrong pixels", "px", "low", "Errors", "Pixels of the class not found, or found where it is not."),
    column("objects", "Objects", "count", None, "Objects", "Connected parts of the truth."),
    column("missed_objects", "Missed", "count", "low", "Objects", "Objects of which less than a quarter is found."),
]
IMAGE = [
    column("errors", "Wrong pixels", "%", "low", "Overlap", "Share of labeled pixels that are wrong."),
    column("miou", "mIoU", "%", "high", "Overlap", "Mean IoU over the classes in the image."),
    column("boundary_iou", "Boundary IoU", "%", "high", "Borders", "IoU within a band along the borders."),
    *(column(key, title, "%", "low", "Kinds of error", about) for key, (title, _, about) in KINDS.items()),
]


def _corrected(matrix: np.ndarray, k: int) -> float:
    """mIoU where no pixel of class k is missed and none falsely called it."""
    corrected = matrix.copy()
    corrected[k], corrected[:, k] = 0, 0
    corrected += np.diag(matrix[:, k])
    corrected[k, k] = matrix[k].sum()
    return float(np.nanmean(ious(corrected)))


def summary_of(
    matrix: np.ndarray, kinds: np.ndarray, stems: list[str], names: list[str], *, probabilities: bool, hardness: bool
) -> dict[str, Any]:
    """Everything about the whole set; `kinds` (K, C, C) counts wrong pixels."""
    iou = ious(matrix)
    hit, truth, predicted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    wrong = truth + predicted - 2 * hit
    costs = [float(np.nanmean(ious(matrix - k + np.diag(k.sum(1)))) - np.nanmean(iou)) for k in kinds]
    # A false response counts for the class that it is called, all else for the class that it is.
    class_kinds = np.stack([k.sum(0) if number == FALSE else k.sum(1) for number, k in enumerate(kinds)])
    pairs = sorted(
        (
            {
                "true": int(t),
                "predicted": int(p),
                "pixels": int(matrix[t, p]),
                "cost": float(matrix[t, p] / wrong.sum() * 0.4),
            }
            for t in range(C)
            for p in range(C)
            if t != p and matrix[t, p]
        ),
        key=lambda pair: -int(pair["pixels"]),
    )
    blank = np.full(C, np.nan)
    thin, lines = blank.copy(), blank.copy()
    thin[4:], lines[4] = iou[4:] * 0.9, 0.62
    bands = len(BANDS)
    fall = np.linspace(0.55, 1, bands)[:, None]
    recalls = np.clip(fall * (hit / np.maximum(truth, 1))[None], 0, 1)
    objects = np.outer([9, 14, 11, 6], [1, 3, 1, 3, 8, 7]) // 3
    bins = [
        {
            "low": b / 10,
            "high": (b + 1) / 10,
            "confidence": (b + 0.55) / 10,
            "accuracy": min(1.0, b / 11 + 0.07),
            "count": 40 * (b + 1) ** 3,
        }
        for b in range(10)
    ]
    steps = np.linspace(0.05, 1, 20)
    return {
        "format": FORMAT,
        "title": "DDRNet-23-slim on street scenes",
        "made": {
            "date": "2026-03-04 12:31",
            "command": "hardpix diagnose --truth masks --predictions predictions --images images --out report",
            "hardpix": "0.1.0",
        },
        "inputs": {
            "truth": "data/val/masks",
            "predictions": "runs/ddrnet/predictions",
            "images": "data/val/images",
            "hardness": "runs/ddrnet/hardness" if hardness else None,
            "probabilities": "runs/ddrnet/probabilities" if probabilities else None,
            "count": len(stems),
            "with_hardness": len(stems) if hardness else 0,
            "with_confidence": len(stems) if probabilities else 0,
            "left_out": [
                {
                    "kind": "no prediction",
                    "where": "data/val/masks/night_0007.png",
                    "expected": "a prediction named night_0007",
                    "found": "none",
                    "advice": "predict it, or remove its mask",
                }
            ],
            "left_out_more": 2,
            "unused": [],
            "unused_more": 0,
        },
        "classes": [
            {"name": name, "id": k, "colour": colour}
            for k, (name, colour) in enumerate(zip(names, CLASSES.values(), strict=True))
        ],
        "columns": {"overall": OVERALL, "class": CLASS, "image": IMAGE},
        "scores": {
            "miou": float(np.nanmean(iou)),
            "boundary_miou": float(np.nanmean(iou) * 0.81),
            "accuracy": float(hit.sum() / matrix.sum()),
            "thin_recall": float(np.nanmean(thin)),
        },
        "class_scores": {
            "share": truth / matrix.sum(),
            "iou": iou,
            "recall": hit / np.maximum(truth, 1),
            "precision": hit / np.maximum(predicted, 1),
            "boundary_iou": iou * np.linspace(0.9, 0.75, C),
            "border_f": iou * 0.97,
            "thin_recall": thin,
            "cldice": lines,
            "wrong": wrong,
            "worth": [_corrected(matrix, k) - float(np.nanmean(iou)) for k in range(len(names))],
            "objects": objects.sum(0),
            "missed_objects": objects.sum(0) // 4,
        },
        "kinds": [
            {
                "key": key,
                "title": title,
                "about": about,
                "pixels": int(kinds[k].sum()),
                "share_of_errors": float(kinds[k].sum() / kinds.sum()),
                "cost": costs[k],
                "colour": colour,
            }
            for k, (key, (title, colour, about)) in enumerate(KINDS.items())
        ],
        "class_kinds": {
            "pixels": class_kinds,
            "cost": class_kinds / class_kinds.sum() * 0.2,
            "cost_together": class_kinds.sum(0, keepdims=True) / class_kinds.sum() * 0.15,
        },
        "displaced_by": [int(kinds[0].sum() * 0.7), int(kinds[0].sum() * 0.3)],
        "pairs": pairs,
        "size_bands": [{"title": title, "low": low, "high": high} for title, low, high in BANDS],
        "size_scores": {
            "recall": recalls,
            "iou": recalls * 0.9,
            "missed": objects // 4,
            "false": objects // 5,
            "objects": objects,
            "cost": [0.021, 0.013, 0.006, 0.002],
        },
        "confusion": matrix,
        "sentences": [
            {
                "text": f"{names[4]}: 61 % of the wrong pixels lie in missed objects; finding them all would add "
                f"+{100 * costs[1]:.1f} points of mIoU.",
                "view": "gallery",
                "filter": {"class": 4, "kind": "missed"},
            },
            {
                "text": f"{100 * kinds[0].sum() / kinds.sum():.0f} % of all wrong pixels are borders displaced by up "
                "to 2 px.",
                "view": "kinds",
                "filter": None,
            },
            {
                "text": f"{names[pairs[0]['true']]} is taken for {names[pairs[0]['predicted']]} more than any other "
                "class for another.",
                "view": "confusion",
                "filter": {"true": pairs[0]["true"], "predicted": pairs[0]["predicted"]},
            },
            {
                "text": "Objects below 32 px are found half as often as those above 1024 px.",
                "view": "sizes",
                "filter": {"band": 0},
            },
            *(
                [{"text": "A tenth of the pixels holds 58 % of the errors.", "view": "hardness", "filter": None}]
                if hardness
                else []
            ),
        ],
        "hardness": {
            "auroc": 0.931,
            "aurc": 0.0112,
            "aurc_best": 0.0031,
            "aurc_random": 0.0784,
            "deciles": [
                {"low": d / 10, "high": (d + 1) / 10, "miou": 0.95 - 0.06 * d, "errors": 0.002 * 1.6**d}
                for d in range(10)
            ],
            "coverage": steps,
            "risk": 0.078 * steps**3,
        }
        if hardness
        else None,
        "calibration": {
            "overall": {"ece": 0.034, "bins": bins},
            "borders": {"ece": 0.102, "bins": [{**b, "accuracy": b["accuracy"] * 0.8} for b in bins]},
            "thin": {"ece": 0.187, "bins": [{**b, "accuracy": b["accuracy"] * 0.65} for b in bins[3:]]},
        }
        if probabilities
        else None,
        "signal": "hardness",
        "review": {
            "checked": steps,
            "rankings": [
                {"key": key, "title": title, "aurc": aurc, "auroc": 0.9, "pixels": steps**power, "images": steps**0.8}
                for key, title, aurc, power in (
                    ("signal", "hardness", 0.0112, 0.2),
                    ("confidence", "1 − confidence", 0.0134, 0.3),
                    ("product", "hardness × (1 − confidence)", 0.0098, 0.15),
                )
            ],
            "aurc_best": 0.0031,
            "aurc_random": 0.0784,
            "image_count": len(stems),
        }
        if hardness and probabilities
        else None,
        "expected_loss": {
            "mean": 0.21,
            "off": 0.3,
            "deciles": [
                {"value": d / 10, "loss": 0.01 * 1.6**d, "relative": 0.05 * 1.6**d, "expected": 0.06 * 1.6**d}
                for d in range(10)
            ],
        }
        if hardness and probabilities
        else None,
        "suspects": None,
        "against": None,
    }
