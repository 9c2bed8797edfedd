"""Cost of learned hardness in a training step, in time and memory, over plain cross-entropy."""

import argparse
import gc
import statistics
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from environment import describe_run
from measuring import take_turns
from torch import nn

import hardpix
from hardpix.networks import DDRNet23Slim, detach_nested
from hardpix.objectives import WeightedCrossEntropy
from hardpix.signals import HardnessLevel, Signal, Uniform
from hardpix.training.hardware import peak_resident

PACKAGES = ("torch", "torchvision", "segmentation-models-pytorch", "transformers")
CLASSES = 19
WARM_UP = 2
MEMORY_STEPS = 3
SLACK = 1.05
DECODER = "decoder alone"
RECORD = Path(__file__).parent / "results" / "step_overhead.md"
CONTESTANTS: dict[str, Callable[[], Signal]] = {
    "plain": Uniform,
    "light": lambda: HardnessLevel(form="published", kind="light"),
    "copy": lambda: HardnessLevel(form="published", kind="copy"),
}
METHOD = f"""\
A step is zero_grad, forward, backward and AdamW on random images and labels of {CLASSES} classes. Three contestants
train copies of the same network: *plain* by cross-entropy, *light* and *copy* by learned hardness with that kind of
branch. In every round each takes one step, in an order that rotates, so that what slows the machine slows all of them,
and each round gives a ratio to plain. In the same round a copy of the network's decoder runs alone, forward and
backward on detached features: what any second decoder without an encoder's backward pass must cost.

Targets, for the median of a round's ratios: light at most {SLACK}; copy at most (1 + the decoder's ratio) · {SLACK}.

Memory is the peak over {MEMORY_STEPS} steps: on CUDA the allocator's, on the CPU the resident set of a process of its
own for every contestant, in which Python and its libraries count as well.
"""
HEADER = [
    "| network | run | median | ratio of medians | ratio in a round: median [quartiles] | target | met | peak memory |",
    "|---|---|---|---|---|---|---|---|",
]


def _lraspp() -> nn.Module:
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES)


def _fpn() -> nn.Module:
    import segmentation_models_pytorch as smp

    return smp.FPN("resnet18", encoder_weights=None, classes=CLASSES)


def _deeplabv3plus() -> nn.Module:
    import segmentation_models_pytorch as smp

    return smp.DeepLabV3Plus("mobilenet_v2", encoder_weights=None, classes=CLASSES)


def _segformer() -> nn.Module:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    # The configuration's defaults are those of B0.
    return SegformerForSemanticSegmentation(SegformerConfig(num_labels=CLASSES))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ddrnet23slim": lambda: DDRNet23Slim(CLASSES),
    "lraspp-mobilenetv3": _lraspp,
    "fpn-resnet18": _fpn,
    "deeplabv3plus-mobilenetv2": _deeplabv3plus,
    "segformer-b0": _segformer,
}


@dataclass(frozen=True)
class Settings:
    """Settings that every contestant is run with."""

    device: torch.device
    threads: int
    batch: int
    size: tuple[int, int]


def training_step(name: str, contestant: str, settings: Settings) -> tuple[hardpix.TrainingStep, Callable[[], None]]:
    """A contestant's training step, and a function that takes it once."""
    torch.manual_seed(0)
    network = hardpix.tap(NETWORKS[name]().to(settings.device))
    step = hardpix.TrainingStep(network, WeightedCrossEntropy(CONTESTANTS[contestant]()))
    optimizer = torch.optim.AdamW(step.train().parameters(), lr=1e-4)
    image = torch.rand(settings.batch, 3, *settings.size, device=settings.device)
    target = torch.randint(0, CLASSES, (settings.batch, *settings.size), device=settings.device)

    def take() -> None:
        optimizer.zero_grad()
        step(image, target)["loss"].backward()
        optimizer.step()

    return step, take


def decoder_pass(step: hardpix.TrainingStep, settings: Settings) -> Callable[[], None]:
    """Forward and backward of a copy of the step's decoder, for its parameters alone."""
    branch = step.network.new_branch(out_channels=1, kind="copy")
    with torch.no_grad():
        out = step.network(torch.rand(settings.batch, 3, *settings.size, device=settings.device))
    features = detach_nested(out.taps.features)
    gradient = torch.ones_like(branch(features, out.taps.embedding))

    def run() -> None:
        branch.zero_grad()
        branch(features, None).backward(gradient)

    return run


def measure_times(name: str, settings: Settings, rounds: int) -> dict[str, list[float]]:
    """Seconds that each contestant and the decoder alone took in every round."""
    steps = {contestant: training_step(name, contestant, settings) for contestant in CONTESTANTS}
    runs = {contestant: take for contestant, (_, take) in steps.items()}
    runs[DECODER] = decoder_pass(steps["plain"][0], settings)
    return take_turns(runs, rounds, settings.device, WARM_UP)


def measure_memory(name: str, settings: Settings) -> dict[str, int | None]:
    """Peak bytes of every contestant, None where there is no way to measure them."""
    print(f"peak memory of {name} …", file=sys.stderr)
    return {contestant: _peak_memory(name, contestant, settings) for contestant in CONTESTANTS}


def _peak_memory(name: str, contestant: str, settings: Settings) -> int | None:
    if settings.device.type == "cuda":
        gc.collect()
        torch.cuda.reset_peak_memory_stats(settings.device)
        _take_steps(name, contestant, settings)
        return torch.cuda.max_memory_allocated(settings.device)
    if settings.device.type == "cpu":
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
            return child.submit(_peak_rss, name, contestant, settings).result()
    return None


def _take_steps(name: str, contestant: str, settings: Settings) -> None:
    _, take = training_step(name, contestant, settings)
    for _ in range(MEMORY_STEPS):
        take()


def _peak_rss(name: str, contestant: str, settings: Settings) -> int | None:
    torch.set_num_threads(settings.threads)
    _take_steps(name, contestant, settings)
    return peak_resident() or None


def rows(name: str, seconds: dict[str, list[float]], memory: Mapping[str, int | None]) -> list[str]:
    """The table's lines of one network."""
    share = statistics.median(_paired(seconds, DECODER))
    limits = {"light": SLACK, "copy": (1 + share) * SLACK}
    plain = statistics.median(seconds["plain"])
    lines = []
    for run in seconds:
        median, paired = statistics.median(seconds[run]), _paired(seconds, run)
        low, middle, high = statistics.quantiles(paired, n=4, method="inclusive")
        cells = [name, run, f"{1000 * median:.1f} ms", f"{median / plain:.3f}"]
        cells.append("" if run == "plain" else f"{middle:.3f} [{low:.3f}, {high:.3f}]")
        cells += [f"≤ {limits[run]:.3f}", "yes" if middle <= limits[run] else "**no**"] if run in limits else ["", ""]
        cells.append("" if run == DECODER else _memory_cell(memory.get(run), memory.get("plain")))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _paired(seconds: dict[str, list[float]], run: str) -> list[float]:
    return [mine / plain for mine, plain in zip(seconds[run], seconds["plain"], strict=True)]


def _memory_cell(memory: int | None, plain: int | None) -> str:
    if memory is None or plain is None:
        return "not measured"
    return f"{memory / 2**20:.0f} MiB (×{memory / plain:.2f})"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n\n{METHOD}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NAME", help=", ".join(NETWORKS)
    )
    parser.add_argument(
        "--size", nargs=2, type=int, default=(224, 320), metavar=("HEIGHT", "WIDTH"), help="(default 224 320)"
    )
    parser.add_argument("--batch", type=int, default=4, help="images in a step (default 4)")
    parser.add_argument("--rounds", type=int, default=12, help="steps of every contestant (default 12)")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu, cuda, … (default cpu)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that torch uses on the CPU")
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True, help="whether to measure it")
    parser.add_argument(
        "--record",
        nargs="?",
        type=Path,
        const=RECORD,
        metavar="FILE",
        help="write a markdown page (default results/step_overhead.md beside this script)",
    )
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error(f"quartiles need at least 2 rounds, found --rounds {arguments.rounds}")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    settings = Settings(arguments.device, arguments.threads, arguments.batch, tuple(arguments.size))
    torch.set_num_threads(settings.threads)
    page = ["# A training step with learned hardness, over plain cross-entropy", "", METHOD]
    page += [*describe_run(PACKAGES, settings.device, settings.threads), ""]
    height, width = settings.size
    page += [f"{arguments.rounds} rounds, batches of {settings.batch} images of {height}×{width}.", ""]
    # Memory first: a child's peak RSS is never below what its parent held when it was started.
    memory = {name: measure_memory(name, settings) if arguments.memory else {} for name in arguments.networks}
    print("\n".join(HEADER))
    page += HEADER
    for name in arguments.networks:
        lines = rows(name, measure_times(name, settings, arguments.rounds), memory[name])
        print("\n".join(lines), flush=True)
        page += lines
    if arguments.record:
        arguments.record.write_text("\n".join([*page, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
