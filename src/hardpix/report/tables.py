"""A report's scores for other tools: json, csv, parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hardpix.diagnosis.scores import Column
from hardpix.report.data_scripts import plain


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Everything about the whole set, as the page has it."""
    path.write_text(json.dumps(plain(summary), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_classes(path: Path, summary: Mapping[str, Any], columns: Sequence[Column]) -> None:
    """One row a class: its id, its name, and every score; shares from 0 to 1, empty where there is none."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "class", *(column.key for column in columns)])
        for k, entry in enumerate(summary["classes"]):
            values = [summary["class_scores"][column.key][k] for column in columns]
            table.writerow([entry["id"], entry["name"], *map(_cell, values)])


def write_images(path: Path, images: Mapping[str, Any]) -> None:
    """One row an image: its stem, its size, and every score, as a table of Arrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: pa.array(images[name]) for name in ("stem", "width", "height")}
    columns |= {
        key: pa.array([None if value is None or np.isnan(value) else float(value) for value in values], pa.float64())
        for key, values in images["columns"].items()
    }
    pq.write_table(pa.table(columns), path)


def _cell(value: Any) -> str:
    if np.issubdtype(type(value), np.integer):
        return str(value)
    return "" if np.isnan(value) else f"{value:.6g}"
