"""Scores of two groups of runs near and far: mIoU by range of depth, paired by seed.

    python benchmarks/depth_ranges.py runs/nyuv2_ce_? --against runs/nyuv2_depth_? --depth nyuv2/depth --scale 0.0392
    python benchmarks/depth_ranges.py runs/scenes_ce_? --against runs/scenes_depth_?      # depth comes with the scenes

Every run's held-out images go through its network; the confusion of each range is added up over all of them. The limits
are the quartiles of the images' depth, unless given; pixels of unknown depth are a range of their own. A range's mIoU
is the mean over the classes that its truth has, over the same classes in every run. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.utils.data import Dataset

from hardpix.data import DepthFormat, Transformed, read_depth
from hardpix.metrics import class_iou, confusion_matrix
from hardpix.study.statistics import paired_difference, spread
from hardpix.study.table import number, with_spread
from hardpix.training.inference import infer
from hardpix.training.run import Run

DepthOf = Callable[[int, str], Tensor]


def depth_by_index(samples: Dataset, folder: Path | None, scale: float) -> DepthOf:
    """Finder of the depth (H, W) of a held-out image, by its number and its stem."""
    if folder is None:
        if "depth" not in samples[0]:
            raise SystemExit("the held-out images come without depth: give the folder of their depth maps (--depth)")
        return lambda index, stem: samples[index]["depth"]
    files = {file.stem: file for file in folder.iterdir()}
    return lambda index, stem: torch.from_numpy(read_depth(files[stem], DepthFormat(scale=scale)))


def band_of(depth: Tensor, limits: list[float]) -> Tensor:
    """The number of each pixel's range, 0 below the first limit; −1 where depth is unknown."""
    band = torch.bucketize(depth, torch.tensor(limits))
    return torch.where(depth.isfinite(), band, -1)


def score_run(run: Run, checkpoint: str, depth_of: DepthOf, limits: list[float]) -> dict[int, float]:
    """mIoU of every range, in percent."""
    task = run.load_task(checkpoint)
    counts: dict[int, Tensor] = {}
    samples = Transformed(run.validation_set(), run.evaluation_transform())
    for index, found in enumerate(infer(task, samples, label=f"predicting {run.path.name}")):
        assert found.target is not None
        target = found.target.as_subclass(Tensor)
        bands = band_of(depth_of(index, found.stem), limits)
        for band in bands.unique().tolist():
            inside = target.where(bands == band, task.ignore_index)
            confusion = confusion_matrix(found.prediction, inside, task.num_classes, task.ignore_index)
            counts[band] = counts.get(band, 0) + confusion
    return {band: 100 * float(class_iou(count)[count.sum(1) > 0].mean()) for band, count in counts.items()}


def name_of(band: int, limits: list[float]) -> str:
    if band < 0:
        return "unknown"
    edges = ["", *(f"{limit:.1f}" for limit in limits), ""]
    low, high = edges[band], edges[band + 1]
    return f"{low} to {high} m" if low and high else f"above {low} m" if low else f"up to {high} m"


def quartiles(depth_of: DepthOf, stems: list[str]) -> list[float]:
    known = [depth[depth.isfinite()][::16] for depth in (depth_of(k, stem) for k, stem in enumerate(stems))]
    return [float(np.quantile(torch.cat(known).numpy(), q)) for q in (0.25, 0.5, 0.75)]


def paired_row(title: str, first: list[float], second: list[float]) -> str:
    """A Markdown row of two groups: mean ± standard deviation of each, mean difference, its 95 % interval."""
    found = paired_difference(first, second)
    interval = "–" if np.isnan(found.low) else f"{found.low:+.2f} to {found.high:+.2f}"
    groups = [with_spread(spread(values), "") for values in (first, second)]
    return f"| {' | '.join([title, *groups, number(found.mean, '', '+'), interval])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--against", nargs="+", type=Path, required=True)
    parser.add_argument("--names", nargs=2, default=("cross-entropy", "depth"))
    parser.add_argument("--depth", type=Path, help="folder of the depth maps; without it depth must come with the data")
    parser.add_argument("--scale", type=float, default=1.0, help="metres for one unit of a stored depth")
    parser.add_argument("--limits", type=float, nargs="+", help="between the ranges, in metres")
    parser.add_argument("--checkpoint", default="last", help="best or last (default last)")
    given = parser.parse_args()
    samples = Run(given.runs[0], trusted=True).validation_set()
    depth_of = depth_by_index(samples, given.depth, given.scale)
    stems = [samples[k]["stem"] for k in range(len(samples))]
    limits = given.limits or quartiles(depth_of, stems)
    groups = []
    for folders in (given.runs, given.against):
        scores = {}
        for folder in folders:
            seed = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["seed"]
            scores[seed] = score_run(Run(folder, trusted=True), given.checkpoint, depth_of, limits)
        groups.append(scores)
    seeds = sorted(set(groups[0]) & set(groups[1]))
    if not seeds:
        raise SystemExit(f"no seed is in both groups: {sorted(groups[0])} and {sorted(groups[1])}")
    print(f"{len(seeds)} pairs, mIoU in %, mean ± standard deviation over seeds\n")
    print(f"| depth | {' | '.join(given.names)} | difference | 95 % interval |\n|---|---|---|---|---|")
    for band in sorted(groups[0][seeds[0]]):
        print(paired_row(name_of(band, limits), *([group[seed][band] for seed in seeds] for group in groups)))


if __name__ == "__main__":
    main()
