"""Processor time of the parts of a query on one image: windows of two sizes, and greedy picks.

    python benchmarks/query_time.py --height 1024 --width 2048 --classes 19

Writes one line of JSON; the ratio is that of the larger window's time to the smaller one's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from hardpix.pixels import PixelBatch, greedy_picks
from hardpix.signals import Entropy, Product, RegionImpurity, WindowMean


def best_of(repeats: int, call: Callable[[], object]) -> float:
    """Least processor time of a call in seconds, which other programs hardly change; the first one is not counted."""
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times[1:])


def logits_of(classes: int, height: int, width: int) -> torch.Tensor:
    """Blobs of all classes, (1, C, H, W)."""
    coarse = torch.randn(
        1, classes, max(1, height // 32), max(1, width // 32), generator=torch.Generator().manual_seed(0)
    )
    return 4 * F.interpolate(coarse, (height, width), mode="bilinear")


def score(logits: torch.Tensor, radius: int) -> torch.Tensor:
    """RIPU's score."""
    return PixelBatch(logits).map(Product([RegionImpurity(radius), WindowMean(Entropy(), radius)]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=1024)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--radii", type=int, nargs=2, default=[1, 16], metavar="K")
    parser.add_argument("--budgets", type=float, nargs=2, default=[0.002, 0.2], metavar="SHARE")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    logits = logits_of(given.classes, given.height, given.width)
    small, large = (best_of(given.repeats, lambda k=k: score(logits, k)) for k in given.radii)
    values = score(logits, given.radii[0])[0].numpy()
    unlabeled = np.ones(values.shape, bool)
    picks = {}
    for share in given.budgets:
        wanted = int(share * values.size)
        count = len(greedy_picks(values, unlabeled, 1, 2, wanted))
        picks[f"{share:g}"] = {
            "picks": count,
            "processor_seconds": round(
                best_of(given.repeats, lambda n=wanted: greedy_picks(values, unlabeled, 1, 2, n)), 3
            ),
        }
    line = {
        "size": [given.height, given.width],
        "classes": given.classes,
        "threads": torch.get_num_threads(),
        "score_processor_seconds": {
            f"{2 * k + 1}x{2 * k + 1}": round(t, 3) for k, t in zip(given.radii, (small, large), strict=True)
        },
        "ratio": round(large / small, 2),
        "greedy": picks,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
