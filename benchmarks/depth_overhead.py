"""Cost of depth as privileged information in a training step of DDRNet-23-slim, over plain cross-entropy.

python benchmarks/depth_overhead.py                    # prints
python benchmarks/depth_overhead.py --record
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from environment import describe_run
from measuring import take_turns
from torch import Tensor

import hardpix
from hardpix.networks import DDRNet23Slim
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import depth_aware_error, depth_prediction_error
from hardpix.signals import DepthPrivileged, Signal, Uniform

CLASSES = 39
WARM_UP = 1
RECORD = Path(__file__).parent / "results" / "depth_overhead.md"
STEPS: dict[str, Callable[[], Signal]] = {
    "plain cross-entropy": Uniform,
    "depth as a second task alone": lambda: DepthPrivileged(dpe=0, dse=0),
    "depth, light branch": lambda: DepthPrivileged(kind="light"),
    "depth, copied decoder": DepthPrivileged,
}
TARGETS = {"both measures": 0.10}
METHOD = f"""\
A step is zero_grad, forward, backward and AdamW on random images, labels of {CLASSES} classes and depth maps, a tenth
of whose pixels are unknown. In every round each contestant takes one step, in an order that rotates; a round gives a
ratio to plain cross-entropy. In the same round the two measures run alone, with the settings that the signal has: the
error of predicted depth with its median, and the error at the same depth over 25 pixels of a 13 × 13 window.
"""


def contestants(batch: int, size: tuple[int, int], device: torch.device) -> dict[str, Callable[[], object]]:
    """Contestants that are timed, by name."""
    torch.manual_seed(0)
    image = torch.rand(batch, 3, *size, device=device)
    target = torch.randint(0, CLASSES, (batch, *size), device=device)
    depth = 1 + 9 * torch.rand(batch, *size, device=device)
    depth[torch.rand(depth.shape, device=device) < 0.1] = torch.nan
    error, labelled = torch.rand_like(depth), target < CLASSES
    prediction = torch.randn_like(depth)
    runs: dict[str, Callable[[], object]] = {
        name: _training_step(make(), image, target, depth) for name, make in STEPS.items()
    }
    runs["error of predicted depth"] = lambda: depth_prediction_error(prediction, depth)
    runs["error at the same depth"] = lambda: depth_aware_error(error, depth, labelled)
    runs["both measures"] = lambda: (
        depth_prediction_error(prediction, depth),
        depth_aware_error(error, depth, labelled),
    )
    return runs


def _training_step(signal: Signal, image: Tensor, target: Tensor, depth: Tensor) -> Callable[[], None]:
    torch.manual_seed(0)
    network = DDRNet23Slim(CLASSES).to(image.device)
    step = hardpix.TrainingStep(hardpix.tap(network), WeightedCrossEntropy(signal)).train()
    optimizer = torch.optim.AdamW(step.parameters(), lr=1e-4)

    def take() -> None:
        optimizer.zero_grad()
        step(image, target, depth=depth, progress=0.5)["loss"].backward()
        optimizer.step()

    return take


def measure(runs: dict[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of every contestant in every round."""
    return take_turns(runs, rounds, device, WARM_UP)


def table(seconds: dict[str, list[float]]) -> list[str]:
    """Markdown."""
    plain = seconds["plain cross-entropy"]
    lines = ["| what | median | share of a plain step in a round: median [quartiles] | target |", "|---|---|---|---|"]
    for name, values in seconds.items():
        shares = [mine / base for mine, base in zip(values, plain, strict=True)]
        low, middle, high = statistics.quantiles(shares, n=4, method="inclusive")
        target = f"≤ {TARGETS[name]:.2f}" if name in TARGETS else ""
        share = f"{middle:.3f} [{low:.3f}, {high:.3f}]"
        lines.append(f"| {name} | {1000 * statistics.median(values):.0f} ms | {share} | {target} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n\n{METHOD}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", nargs=2, type=int, default=(480, 640), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--batch", type=int, default=2, help="images in a step (default 2)")
    parser.add_argument("--rounds", type=int, default=9, help="(default 9)")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu, cuda, … (default cpu)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that torch uses on the CPU")
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help=f"write a page (default {RECORD.name})")
    given = parser.parse_args()
    if given.rounds < 2:
        parser.error(f"quartiles need at least 2 rounds, found --rounds {given.rounds}")
    torch.set_num_threads(given.threads)
    header = ["# What depth as privileged information costs a training step", "", METHOD]
    header += [*describe_run(("torch",), given.device, given.threads), ""]
    header += [f"{given.rounds} rounds, batches of {given.batch} images of {given.size[0]}×{given.size[1]}.", ""]
    lines = table(measure(contestants(given.batch, tuple(given.size), given.device), given.rounds, given.device))
    sys.stdout.write("\n".join(lines) + "\n")
    if given.record:
        given.record.write_text("\n".join([*header, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
