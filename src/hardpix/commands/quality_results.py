"""Tables, summary and page of predicted scores."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from hardpix.cli.terminal import Terminal
from hardpix.commands.quality_evidence import given_file, load
from hardpix.data import ClassTable
from hardpix.data.wording import counted
from hardpix.estimators import Estimator, Predicted, Predictor, Quality, quality_of, score_of
from hardpix.estimators.prediction import LEVEL
from hardpix.estimators.reasons import main_reason
from hardpix.pixels.percent import in_percent, percent
from hardpix.report.estimates.page import write_page

WORST = 5


class Results:
    """Predicted scores of a folder of images, from the evidence that was kept of each.

    Args:
        predictor: fitted on labeled images.
        classes: of the network.
        stems: of the images.
        out: folder that the evidence lies in.
        temperature: of the probabilities.
    """

    def __init__(
        self, predictor: Predictor, classes: ClassTable, stems: Sequence[str], out: Path, temperature: float
    ) -> None:
        self.predictor, self.classes, self.stems, self.temperature = predictor, classes, list(stems), temperature
        total = load(out / given_file(self.stems[0]))
        for stem in self.stems[1:]:
            total = total.plus(load(out / given_file(stem)))
        self.predicted = total.predicted
        self.whole = predictor.whole(total, len(self.stems))
        self.truth = None if total.confusion is None else quality_of(total.confusion)
        usual, names = self.whole.scores.iou, classes.names
        found, true, self.reasons = [], [], []
        # Once more, and not kept: matrices of all images may not fit into the memory.
        for evidence in (load(out / given_file(stem)) for stem in self.stems):
            predicted = predictor.images(evidence)
            found.append((predicted.scores, predicted.low, predicted.high))
            self.reasons.append(main_reason(predictor.estimate(evidence), predicted.scores.iou, usual, names))
            true += [] if evidence.confusion is None else [quality_of(evidence.confusion)]
        self.scores, self.low, self.high = (_stacked(parts) for parts in zip(*found, strict=True))
        self.true = _stacked(true) if true else None

    @cached_property
    def order(self) -> list[int]:
        """Places of the images, worst first; those without any class that has an IoU last."""
        return np.argsort(np.nan_to_num(self.scores.miou, nan=np.inf), kind="stable").tolist()

    @property
    def unknown(self) -> list[str]:
        """Classes that occur in no labeled image."""
        return [name for name, known in zip(self.classes.names, self.predictor.known, strict=True) if not known]

    def summary(self, estimator: Estimator, labeled: int, doubts: Sequence[str]) -> dict[str, Any]:
        """Content of summary.json; None stands for what is not known."""
        whole = self.whole
        found: dict[str, Any] = {
            "estimator": type(estimator).__name__,
            "images": len(self.stems),
            "labeled_images": labeled,
            "level": LEVEL,
            "accuracy": _interval(whole.scores.accuracy, whole.low.accuracy, whole.high.accuracy),
            "miou": _interval(whole.scores.miou, whole.low.miou, whole.high.miou),
            "class_iou": {
                name: _interval(*values)
                for name, *values in zip(
                    self.classes.names, whole.scores.iou, whole.low.iou, whole.high.iou, strict=True
                )
            },
            "unknown_classes": self.unknown,
            "doubts": list(doubts),
        }
        if estimator.calibrated:
            found["temperature"] = self.temperature
        if self.truth is not None and self.true is not None:
            true = self.truth
            found["truth"] = {
                "accuracy": _number(true.accuracy),
                "miou": _number(true.miou),
                "class_iou": dict(zip(self.classes.names, map(_number, true.iou), strict=True)),
            }
            scores = score_of(whole, Predicted(self.scores, self.low, self.high), true, self.true)
            found["against_truth"] = {name: _number(value) for name, value in scores.items()}
        return found

    def images_table(self) -> str:
        """Table of the images as text, worst first."""
        header = ["image", "miou", "miou_low", "miou_high", "accuracy", "accuracy_low", "accuracy_high", "reason"]
        true, parts, rows = self.true, (self.scores, self.low, self.high), []
        for k in self.order:
            values = [getattr(part, name)[k] for name in ("miou", "accuracy") for part in parts]
            row = [self.stems[k], *map(_cell, values), self.reasons[k]]
            rows.append(row + ([] if true is None else [_cell(true.miou[k]), _cell(true.accuracy[k])]))
        return _table([*header, *([] if true is None else ["true_miou", "true_accuracy"])], rows)

    def classes_table(self) -> str:
        """Table of the classes as text."""
        whole, share = self.whole, self.predicted / max(self.predicted.sum(), 1)
        true = None if self.truth is None else self.truth.iou
        rows = []
        for k, name in enumerate(self.classes.names):
            values = [share[k], whole.scores.iou[k], whole.low.iou[k], whole.high.iou[k]]
            rows.append([name, *map(_cell, [*values, *([] if true is None else [true[k]])])])
        header = ["class", "share_of_pixels", "iou", "iou_low", "iou_high"]
        return _table([*header, *([] if true is None else ["true_iou"])], rows)

    def write_page(self, out: Path, title: str, summary: dict[str, Any]) -> None:
        """Write the page."""
        true = None if self.true is None else self.true.miou
        images = [
            {
                "number": k,
                "stem": self.stems[k],
                "miou": [self.scores.miou[k], self.low.miou[k], self.high.miou[k]],
                "accuracy": self.scores.accuracy[k],
                "reason": self.reasons[k],
                "truth": None if true is None else true[k],
            }
            for k in self.order
        ]
        write_page(out, {"title": title, **summary}, self.classes, self.predicted, images)


def say(console: Terminal, results: Results, summary: dict[str, Any], out: Path) -> None:
    """Print the classes, the set, and the worst images."""
    true = summary.get("truth")
    table = Table("class", "predicted pixels, %", "predicted IoU, %", "90 % of the time, %")
    if true:
        table.add_column("true IoU, %")
    share = results.predicted / max(results.predicted.sum(), 1)
    for k, (name, found) in enumerate(summary["class_iou"].items()):
        row = [name, in_percent(share[k]), _percent_of(found["value"]), _range(found)]
        table.add_row(*row, *([_percent_of(true["class_iou"][name])] if true else []))
    console.print(table)
    if results.unknown:
        console.print(
            f"no labeled image has {', '.join(results.unknown[:5])}{' …' if len(results.unknown) > 5 else ''}: nothing "
            "is predicted of the IoU there, and the mean is of the other classes"
        )
    miou, accuracy = summary["miou"], summary["accuracy"]
    console.print(
        f"{counted(summary['images'], 'image')}: predicted mIoU {_percent_of(miou['value'])} % ({_range(miou)}), "
        f"accuracy {_percent_of(accuracy['value'])} % ({_range(accuracy)}), by {summary['estimator']}, fitted on "
        f"{counted(summary['labeled_images'], 'labeled image')}; holds for images of their kind alone"
    )
    if true:
        score = summary["against_truth"]
        rank = score["rank_correlation"]
        console.print(
            f"true mIoU {_percent_of(true['miou'])} %, accuracy {_percent_of(true['accuracy'])} %; "
            f"{_percent_of(score['image_coverage'])} % of the images' mIoU lie in their intervals, and their order has "
            f"a rank correlation of {'–' if rank is None else format(rank, '.2f')} with the true one"
        )
    scores = results.scores.miou
    console.print("likely labeled worst:")
    for k in results.order[:WORST]:
        console.print(f"  {results.stems[k]}: mIoU {percent(scores[k])}; {results.reasons[k]}")
    console.print(f"{out / 'index.html'} shows them all; tables are images.csv and classes.csv")


def _stacked(rows: Sequence[Quality]) -> Quality:
    return Quality(*(np.stack([getattr(row, name) for row in rows]) for name in ("accuracy", "miou", "iou")))


def _interval(value: Any, low: Any, high: Any) -> dict[str, float | None]:
    return {"value": _number(value), "low": _number(low), "high": _number(high)}


def _number(value: Any) -> float | None:
    # JSON has no NaN.
    return None if np.isnan(value) else float(value)


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"


def _percent_of(value: float | None) -> str:
    return in_percent(float("nan") if value is None else value)


def _range(found: dict[str, float | None]) -> str:
    return "–" if found["low"] is None else f"{_percent_of(found['low'])} to {_percent_of(found['high'])}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    return text.getvalue()
