"""Ranking of the wrong pixels of held-out images by each part of a depth weight: does depth find the errors?

    python benchmarks/depth_signal.py runs/nyuv2_depth_? --depth nyuv2/depth --scale 0.0392
    python benchmarks/depth_signal.py runs/scenes_depth_?      # depth comes with the scenes

For every run whose weight is DepthPrivileged: AUROC of the depth prediction error (DPE), of the depth-aware
segmentation error (DSE) and of the weight. Beside it stands that of the network's own doubt, 1 − confidence, which
needs neither depth nor labels. DSE knows the labels, and so ranks errors well by its making; DPE does not. Then how
good the predicted depth is, up to an image's scale: the share of pixels within a factor of 1.25, and the median factor
by which it is off. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml
from depth_ranges import depth_by_index
from rich.progress import track
from torch import Tensor, nn

from hardpix.data import Transformed
from hardpix.metrics import ErrorRanking
from hardpix.pixels import PixelBatch, depth_aware_error, depth_prediction_error, known_depth
from hardpix.signals import DepthPrivileged
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask

Score = Callable[[Run, str, Path | None, float], dict[str, float]]
NAMES = {
    "dpe": "AUROC of DPE",
    "dse": "AUROC of DSE",
    "weight": "AUROC of the weight",
    "doubt": "AUROC of 1 − confidence",
    "within": "depth within a factor of 1.25, %",
    "factor": "median factor",
}


def depth_signal(task: SegmentationTask) -> DepthPrivileged:
    """The signal of a run."""
    found = [module for module in task.modules() if isinstance(module, DepthPrivileged)]
    if len(found) != 1 or found[0].branch is None:
        raise SystemExit("expected a run whose weight is DepthPrivileged, with a branch")
    return found[0]


def seen_by(task: SegmentationTask, sample: dict, depth: Tensor) -> PixelBatch:
    """One held-out image at the size of its labels, which are padded as the image is."""
    (height, width), content = sample["original_size"], sample["content_size"]
    image = sample["image"].as_subclass(Tensor)
    padding = (
        0,
        round(image.shape[-1] * width / content[1]) - width,
        0,
        round(image.shape[-2] * height / content[0]) - height,
    )
    target = nn.functional.pad(sample["target"].as_subclass(Tensor), padding, value=task.ignore_index)
    known = nn.functional.pad(depth.as_subclass(Tensor), padding, value=float("nan"))
    return task.network.pixels(image[None], target[None], depth=known[None], progress=1.0)


def scaled(measure: Tensor, percentile: Tensor) -> Tensor:
    """As the run scaled it, to 0…1; a measure that it did not weigh by has no percentile, and keeps its order."""
    return (measure / percentile).clamp(max=1) if percentile > 0 else 1 - (-measure).exp()


@torch.inference_mode()
def score(run: Run, checkpoint: str, depth_folder: Path | None, scale: float) -> dict[str, float]:
    """Figures that `NAMES` lists."""
    task = run.load_task(checkpoint)
    signal = depth_signal(task)
    samples = run.validation_set()
    depth_of = depth_by_index(samples, depth_folder, scale)
    seen = Transformed(samples, run.evaluation_transform())
    rankings = {name: ErrorRanking(task.num_classes, task.ignore_index) for name in ("dpe", "dse", "weight", "doubt")}
    off = []
    for k in track(range(len(samples)), f"looking at {run.path.name}"):
        sample = seen[k]
        px = seen_by(task, sample, depth_of(k, sample["stem"]))
        known = px.valid & known_depth(px.sample["depth"])
        dpe = depth_prediction_error(signal.log_depth(px), px.sample["depth"])
        errors = depth_aware_error(
            1 - px.true_probability,
            px.sample["depth"],
            px.valid,
            radius=signal.radius,
            step=signal.step,
            tolerance=signal.tolerance,
        )
        most = 1 + signal.dpe + signal.dse
        confidence, prediction = px.logits.float().softmax(1).max(1)
        maps = {
            "dpe": scaled(dpe, signal.quantiles[0]),
            "dse": scaled(errors, signal.quantiles[1]),
            "weight": signal(px) / most,
            "doubt": 1 - confidence,
        }
        target = px.target.where(known, task.ignore_index)
        for name, values in maps.items():
            rankings[name].update(values, prediction, target)
        off.append(dpe[known][::4])
    factors = torch.cat(off).exp()
    return {name: float(ranking.compute()["auroc"]) for name, ranking in rankings.items()} | {
        "within": 100 * float((factors < 1.25).float().mean()),
        "factor": float(factors.median()),
    }


def table_of_runs(score: Score, doc: str | None, head: str, names: dict[str, str], digits: dict[str, int]) -> None:
    """Score the runs that the command line names; print a row a score, a column a seed, and mean and spread."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--depth", type=Path, help="folder of the depth maps; without it depth must come with the data")
    parser.add_argument("--scale", type=float, default=1.0, help="metres for one unit of a stored depth")
    parser.add_argument("--checkpoint", default="last", help="best or last (default last)")
    given = parser.parse_args()
    scores = {}
    for folder in given.runs:
        seed = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["seed"]
        scores[seed] = score(Run(folder, trusted=True), given.checkpoint, given.depth, given.scale)
    print(f"| {head} | {' | '.join(f'seed {seed}' for seed in scores)} | mean ± standard deviation |")
    print("|---" * (len(scores) + 2) + "|")
    for key, name in names.items():
        values = np.array([found[key] for found in scores.values()])
        spread = f" ± {values.std(ddof=1):.{digits[key]}f}" if len(values) > 1 else ""
        cells = [f"{value:.{digits[key]}f}" for value in values]
        print(f"| {name} | {' | '.join(cells)} | {values.mean():.{digits[key]}f}{spread} |")


if __name__ == "__main__":
    table_of_runs(score, __doc__, "of held-out images", NAMES, dict.fromkeys(NAMES, 3) | {"within": 1})
