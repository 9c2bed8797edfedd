"""Generated scenes that one core draws in a second, and the cost of each step of drawing."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from environment import describe_run

from hardpix.scenes import VERSION, GeneratedScenes
from hardpix.scenes.ambiguity import ambiguity
from hardpix.scenes.layout import sample_layout
from hardpix.scenes.render import render

PACKAGES = ("numpy", "opencv-python-headless", "torch")
RECORD = Path(__file__).parent / "results" / "scenes.md"
TARGET = 30.0
METHOD = """\
Each scene is drawn on one thread. Times are the processor's, not the clock's: what one core spends, whatever else runs
beside it. A busy neighbour still slows memory and caches, so each figure stands beside a yardstick measured in the same
breath: a JPEG of the same size, packed and unpacked.
"""


def processor_time(run: Callable[[], object]) -> float:
    """Milliseconds of processor time."""
    start = time.process_time()
    run()
    return 1e3 * (time.process_time() - start)


def measure(count: int, size: tuple[int, int]) -> dict[str, list[float]]:
    """Milliseconds of each step for each of ``count`` scenes."""
    scenes = GeneratedScenes(count + 1, seed=0, size=size)
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8), (15, 15), 5.0)
    times: dict[str, list[float]] = {
        step: [] for step in ("whole item", "layout", "picture", "ambiguity", "JPEG (yardstick)")
    }
    scenes[count]  # textures and tables are made by the first
    for index in range(count):
        layout = sample_layout(np.random.default_rng((0, index, 0)), size)
        picture = render(layout, np.random.default_rng((0, index, 1)))
        steps: dict[str, Callable[[], object]] = {
            "whole item": lambda i=index: scenes[i],
            "layout": lambda i=index: sample_layout(np.random.default_rng((0, i, 0)), size),
            "picture": lambda i=index, scene=layout: render(scene, np.random.default_rng((0, i, 1))),
            "ambiguity": lambda scene=layout, drawn=picture: ambiguity(drawn, scene.light),
            "JPEG (yardstick)": lambda: cv2.imdecode(cv2.imencode(".jpg", smooth)[1], cv2.IMREAD_COLOR),
        }
        for step, run in steps.items():
            times[step].append(processor_time(run))
    return times


def report(times: dict[str, list[float]]) -> list[str]:
    """The table, and whether the target is met."""
    lines = ["| step | median, ms | quartiles, ms |", "|---|---|---|"]
    for step, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        lines.append(f"| {step} | {middle:.1f} | {low:.1f} to {high:.1f} |")
    rate = 1e3 / statistics.mean(times["whole item"])
    lines += ["", f"{rate:.1f} scenes a second a core; target {TARGET:.0f}: {'met' if rate >= TARGET else 'not met'}."]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="scenes to draw")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 512), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help=f"write a page (default {RECORD.name})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    header = [
        f"# Drawing generated scenes ({VERSION})",
        "",
        *describe_run(PACKAGES, torch.device("cpu"), 1),
        "",
        METHOD,
    ]
    table = report(measure(arguments.count, tuple(arguments.size)))
    sys.stdout.write("\n".join(table) + "\n")
    if arguments.record:
        arguments.record.write_text("\n".join([*header, *table]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
