"""Effect of a weight map: the share of the loss that wrong pixels of held-out images carry, without and with it.

    python benchmarks/weight_shares.py runs/nyuv2_depth_? --depth nyuv2/depth --scale 0.0392
    python benchmarks/weight_shares.py runs/camvid_hl_?      # learned hardness needs no depth

For every run whose objective weighs cross-entropy by a signal:

- the share of wrong pixels, and their share of the plain loss, which favors them already;
- their share of the weight, and of the weighted loss, where the weight's own effect is what comes on top;
- how evenly the weight is spread, as (Σw)² / (n Σw²): 100 % where all pixels weigh the same.

Weights by depth are taken as at the end of training, and the loss is without label smoothing. Maps that come with the
data as weights are not read. Prints Markdown.
"""

from __future__ import annotations

from pathlib import Path

import torch
from depth_ranges import depth_by_index
from depth_signal import seen_by, table_of_runs
from rich.progress import track
from torch import Tensor

from hardpix.data import Transformed
from hardpix.objectives import WeightedCrossEntropy
from hardpix.signals import DepthPrivileged, Signal, Uniform
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask

NAMES = {
    "wrong": "wrong pixels",
    "loss": "their share of the plain loss",
    "weight": "their share of the weight",
    "weighted": "their share of the weighted loss",
    "even": "evenness of the weight",
}


def signal_of(task: SegmentationTask) -> Signal:
    """Signal that weighs the cross-entropy of a run."""
    found = [module for module in task.modules() if isinstance(module, WeightedCrossEntropy)]
    if len(found) != 1:
        raise SystemExit(f"expected a run with one WeightedCrossEntropy, found {len(found)}")
    return Uniform() if found[0].signal is None else found[0].signal


def shares(totals: Tensor) -> dict[str, float]:
    """Figures that `NAMES` lists, in percent, from rows of right and wrong pixels: their number, Σℓ, Σw, Σwℓ, Σw²."""
    count, _, weight, _, square = totals.sum(0).tolist()
    of_wrong = (100 * totals[1] / totals.sum(0)).tolist()
    return dict(zip(NAMES, [*of_wrong[:4], 100 * weight**2 / (count * square)], strict=True))


@torch.inference_mode()
def score(run: Run, checkpoint: str, depth_folder: Path | None, scale: float) -> dict[str, float]:
    """Figures that `NAMES` lists."""
    task = run.load_task(checkpoint)
    signal = signal_of(task)
    samples = run.validation_set()
    by_depth = any(isinstance(module, DepthPrivileged) for module in signal.modules())
    depth_of = depth_by_index(samples, depth_folder, scale) if by_depth else None
    seen = Transformed(samples, run.evaluation_transform())
    totals = torch.zeros(2, 5, dtype=torch.float64)
    for k in track(range(len(samples)), f"looking at {run.path.name}"):
        sample = seen[k]
        depth = depth_of(k, sample["stem"]) if depth_of else torch.full(sample["original_size"], torch.nan)
        px = seen_by(task, sample, depth)
        loss, weight = px.loss[px.valid].double(), px.map(signal)[px.valid].double()
        wrong = (px.logits.argmax(1) != px.target)[px.valid].long()
        totals.index_add_(0, wrong, torch.stack([torch.ones_like(loss), loss, weight, weight * loss, weight**2], 1))
    return shares(totals)


if __name__ == "__main__":
    table_of_runs(score, __doc__, "of held-out images, in %", NAMES, dict.fromkeys(NAMES, 1))
