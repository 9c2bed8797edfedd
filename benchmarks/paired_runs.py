"""Compare two groups of runs that share their seeds: mean, spread, and the paired difference with its 95 % interval.

    python benchmarks/paired_runs.py runs/camvid_ce_* --against runs/camvid_hl_*

Reads the scores.json that `hardpix test` wrote into each run's folder and the seed in its config.yaml; prints Markdown.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

Scores = dict[str, float]
SCORES = ("mIoU", "mIoU near borders", "accuracy")
COMMON = "mIoU of the {} classes that every run has"


def read_run(folder: Path) -> tuple[int, Scores]:
    """Seed and scores (in percent, NaN where a class has none) of one run."""
    saved = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    scores = dict(zip(SCORES, (saved["miou"], saved["border_miou"], saved["accuracy"]), strict=True))
    scores |= saved["class_iou"]
    seed = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["seed"]
    return seed, {name: np.nan if value is None else 100 * value for name, value in scores.items()}


def paired_difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Mean of second − first and the 95 % confidence interval by Student's t; NaN bounds from fewer than two pairs."""
    difference = second - first
    mean = float(difference.mean())
    if len(difference) < 2:
        return mean, float("nan"), float("nan")
    half = float(stats.t.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference)))
    return mean, mean - half, mean + half


def paired_row(title: str, first: np.ndarray, second: np.ndarray) -> str:
    """A Markdown row of two groups: mean ± standard deviation of each, mean difference, its 95 % interval."""
    mean, low, high = paired_difference(first, second)
    groups = [f"{v.mean():.2f} ± {v.std(ddof=1):.2f}" if len(v) > 1 else f"{v.mean():.2f}" for v in (first, second)]
    cells = [*groups, f"{mean:+.2f}", f"{low:+.2f} to {high:+.2f}"]
    return f"| {' | '.join([title, *('–' if 'nan' in each else each for each in cells)])} |"


def of_common_seeds(first: dict[int, Any], second: dict[int, Any]) -> list[dict[int, Any]]:
    """Both groups' runs of the seeds that both have."""
    seeds = sorted(set(first) & set(second))
    if not seeds:
        raise SystemExit(f"no seed is in both groups: {sorted(first)} and {sorted(second)}")
    return [{seed: group[seed] for seed in seeds} for group in (first, second)]


def with_common_classes(first: dict[int, Scores], second: dict[int, Scores]) -> list[dict[int, Scores]]:
    """Both groups' runs of common seeds, with the mIoU of the classes that each of them has where that is another one.

    A class that the truth does not have counts, as 0, in the mIoU of a run that predicts it somewhere, and not in that
    of a run that does not: two runs' mIoU may be means over different classes.
    """
    groups = of_common_seeds(first, second)
    runs = [run for group in groups for run in group.values()]
    classes = [name for name in runs[0] if name not in SCORES]
    common = [name for name in classes if not any(np.isnan(run[name]) for run in runs)]
    same = all(np.isnan(run[name]) for run in runs for name in classes if name not in common)
    if same or not common:
        return groups

    def extended(run: Scores) -> Scores:
        return {"mIoU": run["mIoU"], COMMON.format(len(common)): float(np.mean([run[name] for name in common])), **run}

    return [{seed: extended(run) for seed, run in group.items()} for group in groups]


def compare(first: dict[int, Scores], second: dict[int, Scores], names: tuple[str, str]) -> str:
    """The Markdown table of two groups of the same seeds."""
    lines = [
        f"{len(first)} pairs, seeds {', '.join(map(str, first))}; mean ± standard deviation over seeds, in %",
        "",
        f"| score | {names[0]} | {names[1]} | difference | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for score in first[next(iter(first))]:
        a, b = (np.array([run[score] for run in group.values()]) for group in (first, second))
        lines.append(paired_row(score, a, b))
    return "\n".join(lines)


def seed_by_seed(first: dict[int, Scores], second: dict[int, Scores], names: tuple[str, str]) -> str:
    """The Markdown table of every pair's scores over all classes."""
    titles = list(itertools.takewhile(lambda score: score != "accuracy", first[next(iter(first))]))
    lines = [f"| seed | {' | '.join(f'{score}: {name}' for score in titles for name in names)} |"]
    lines.append("|---" * (1 + len(titles) * len(names)) + "|")
    for seed in first:
        scores = [f"{group[seed][score]:.2f}" for score in titles for group in (first, second)]
        lines.append(f"| {seed} | {' | '.join(scores)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--against", nargs="+", type=Path, required=True)
    parser.add_argument("--names", nargs=2, default=("cross-entropy", "learned hardness"))
    given = parser.parse_args()
    groups = [
        dict(read_run(folder) for folder in folders if (folder / "scores.json").is_file())
        for folders in (given.runs, given.against)
    ]
    first, second = with_common_classes(*groups)
    print(compare(first, second, tuple(given.names)))
    print()
    print(seed_by_seed(first, second, tuple(given.names)))


if __name__ == "__main__":
    main()
