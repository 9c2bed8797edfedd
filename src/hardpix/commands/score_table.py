"""Scores of runs as a table on the screen."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def score_table(runs: dict[str, dict[str, Any]]) -> Table:
    """Scores of one or more runs side by side, in percent."""
    table = Table("", *runs)
    rows = {"mIoU": "miou", "mIoU near borders": "border_miou", "accuracy": "accuracy"}
    for label, key in rows.items():
        table.add_row(label, *(_percent(scores[key]) for scores in runs.values()), end_section=key == "accuracy")
    for name in next(iter(runs.values()))["class_iou"]:
        table.add_row(name, *(_percent(scores["class_iou"][name]) for scores in runs.values()))
    return table


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"
