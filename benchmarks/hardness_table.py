"""Tables of the runs of hardness_study.py, remade from their lines alone.

python benchmarks/hardness_table.py benchmarks/results/hardness_study.jsonl
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

Run = dict[str, Any]

THIN = {"camvid": {"pole": 2, "sign": 6, "fence": 7, "pedestrian": 9, "bicyclist": 10}}


def read_runs(path: Path) -> list[Run]:
    """Finished runs of a file of JSON lines."""
    return [run for run in map(json.loads, path.read_text(encoding="utf-8").splitlines()) if "scores" in run]


def table(runs: list[Run]) -> list[str]:
    """Markdown of one group of runs: a row a variant, means over seeds, and the paired difference to "ce"."""
    by_variant: dict[str, dict[int, Run]] = defaultdict(dict)
    for run in runs:
        by_variant[run["variant"]][run["seed"]] = run
    thin = THIN.get(runs[0]["data"], {})
    lines = [
        "| variant | seeds | mIoU | − ce | borders | accuracy | "
        + "".join(f"{c} | " for c in thin)
        + "thin recall | AUROC |"
    ]
    lines.append("|---" * (8 + len(thin)) + "|")
    plain = by_variant.get("ce", {})

    def of(found: dict[int, Run], key: str) -> np.ndarray:
        return np.array([run["scores"].get(key, np.nan) for run in found.values()], dtype=float)

    for variant, found in sorted(by_variant.items(), key=lambda item: -of(item[1], "miou").mean()):
        pairs = [run["scores"]["miou"] - plain[seed]["scores"]["miou"] for seed, run in found.items() if seed in plain]
        iou = np.array([run["scores"]["class_iou"] for run in found.values()], dtype=float).mean(0)
        cells = [
            f"`{variant}`",
            str(len(found)),
            _with_spread(of(found, "miou")),
            "" if variant == "ce" or not pairs else " ".join(f"{d:+.1f}" for d in pairs),
            f"{of(found, 'border_miou').mean():.1f}",
            f"{of(found, 'accuracy').mean():.1f}",
            *(f"{iou[index]:.1f}" for index in thin.values()),
            f"{of(found, 'all_thin_recall').mean():.1f}",
            "" if np.isnan(of(found, "auroc")).all() else f"{of(found, 'auroc').mean():.3f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _with_spread(values: np.ndarray) -> str:
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")


def main() -> None:
    groups: dict[tuple[str, str, int], list[Run]] = defaultdict(list)
    for run in read_runs(Path(sys.argv[1])):
        groups[run["data"], run["network"], run["steps"]].append(run)
    for (data, network, steps), runs in sorted(groups.items()):
        print(f"\n### {data}, {network}, {steps:,} steps\n")
        print("\n".join(table(runs)))


if __name__ == "__main__":
    main()
