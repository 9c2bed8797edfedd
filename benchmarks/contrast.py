"""Cost of pixel contrast: draws against loops, the loss against its bare matrix products and its dense form.

python benchmarks/contrast.py                    # prints
python benchmarks/contrast.py --threads 1 --record
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from environment import describe_run
from measuring import resident
from torch import Generator, Tensor

from hardpix.objectives.groups import cells_at, groups_of, region_embeddings
from hardpix.objectives.info_nce import Keys, OneClass, info_nce
from hardpix.objectives.keys import Pool, draw_keys
from hardpix.objectives.memory import Ring
from hardpix.objectives.sampling import draw_by_group

PACKAGES = ("torch",)
RECORD = Path(__file__).parent / "results" / "contrast.md"
TEMPERATURE, REMEMBERED, POSITIVES, NEGATIVES = 0.1, 10, 512, 1024

METHOD = """Random embeddings of unit length, channels last as the projection head gives them; labels in squares of
8 × 8 cells, a third of the cells hard. Contestants alternate within each round; ratios are those of a round, their
median and quartiles are given.

*Sampling and enqueueing*: anchors of every class and image, half of them hard, and what enters both rings: the mean of
every class and image, and 10 single embeddings. Against it the same by loops over images and classes, as one writes
them straight away. *Loss*: value and gradient with semi-hard sampling, its keys drawn before; the line below has the
drawing in its time, too. Against it the products of matrices that it cannot do without, and nothing else: similarities
to negatives and positives, and for the gradient the weights times the keys and, for keys that are anchors, the weights
times the anchors. *Memory*: the peak above that of the inputs (the keys among them), by the allocator on a GPU, else by
the resident set of a process of its own; against it the loss written with whole matrices of anchors × keys."""


class Scene:
    """The inputs of everything."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        torch.manual_seed(0)
        height, width = arguments.size
        self.classes, self.anchors, device = arguments.classes, arguments.anchors, arguments.device
        maps = torch.randn(arguments.images, arguments.channels, height, width, device=device)
        # As the projection head gives them.
        self.maps = F.normalize(maps, dim=1).contiguous(memory_format=torch.channels_last)
        squares = torch.randint(0, self.classes, (arguments.images, -(-height // 8), -(-width // 8)), device=device)
        self.labels = squares.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :height, :width].contiguous()
        self.hard = torch.rand(self.labels.shape, device=device) < 1 / 3
        self.generator = Generator(device)
        self.rings = [Ring(self.classes, arguments.memory, arguments.channels).to(device) for _ in range(2)]
        for ring in self.rings:
            ring.entries.copy_(F.normalize(torch.randn_like(ring.entries), dim=2))
            ring.written.fill_(arguments.memory)

    def sample_and_enqueue(self) -> Tensor:
        group = groups_of(self.labels, self.classes)
        groups = self.classes * len(self.labels)
        drawn = draw_by_group(group.flatten(), groups, self.anchors, self.generator, first=self.hard.flatten())
        anchors = cells_at(self.maps, drawn)
        remembered = draw_by_group(group.flatten(), groups, REMEMBERED, self.generator)
        self.rings[0].store(cells_at(self.maps, remembered), self.labels.flatten()[remembered])
        self.rings[1].store(*region_embeddings(self.maps, self.labels, self.classes))
        return anchors

    def sample_and_enqueue_by_loops(self) -> Tensor:
        pixels, regions = self.rings
        anchors = []
        for image, labels, hard in zip(self.maps, self.labels, self.hard, strict=True):
            for label in labels.unique().tolist():
                of_class = labels == label
                wrong, right = (of_class & hard).nonzero(), (of_class & ~hard).nonzero()
                half = self.anchors // 2
                of_wrong = min(len(wrong), max(half, self.anchors - len(right)))
                of_right = min(len(right), self.anchors - of_wrong)
                drawn = torch.cat(
                    [
                        wrong[torch.randperm(len(wrong), device=wrong.device)[:of_wrong]],
                        right[torch.randperm(len(right), device=right.device)[:of_right]],
                    ]
                )
                anchors.append(image[:, drawn[:, 0], drawn[:, 1]].T)
        for image, labels in zip(self.maps, self.labels, strict=True):
            for label in labels.unique().tolist():
                of_class = image[:, labels == label].T
                row = int(regions.written[label]) % regions.size
                regions.entries[label, row] = F.normalize(of_class.mean(0), dim=0)
                regions.written[label] += 1
                for entry in of_class[torch.randperm(len(of_class), device=image.device)[:REMEMBERED]]:
                    pixels.entries[label, int(pixels.written[label]) % pixels.size] = entry
                    pixels.written[label] += 1
        return torch.cat(anchors)

    def anchors_and_classes(self) -> tuple[Tensor, Tensor]:
        group = groups_of(self.labels, self.classes).flatten()
        groups = self.classes * len(self.labels)
        drawn = draw_by_group(group, groups, self.anchors, self.generator, first=self.hard.flatten())
        return cells_at(self.maps, drawn).requires_grad_(), self.labels.flatten()[drawn]

    def plans(self, anchors: Tensor, of_anchors: Tensor) -> tuple[Tensor, list[OneClass], Keys]:
        classes = torch.cat([of_anchors, *(ring.classes for ring in self.rings)])
        pool = Pool(anchors, [ring.entries.flatten(0, 1) for ring in self.rings], classes)
        plans, negatives = draw_keys(pool, self.classes, "semi-hard", POSITIVES, NEGATIVES, self.generator)
        return anchors, plans, negatives


def stream(anchors: Tensor, plans: list[OneClass], negatives: Keys) -> None:
    anchors.grad = None
    total, count = info_nce(anchors, plans, negatives, TEMPERATURE, exact=False)
    (total / count).backward()


@torch.no_grad()
def bare_products(anchors: Tensor, plans: list[OneClass], negatives: Keys) -> None:
    gradient = torch.zeros_like(anchors)
    for plan in plans:
        queries = anchors[plan.start : plan.stop]
        for keys in (negatives, plan.positives):
            weights = queries @ keys.rows.T
            gradient[plan.start : plan.stop] += weights @ keys.rows
            of_anchors = (keys.anchor >= 0).nonzero().squeeze(1)
            gradient[keys.anchor[of_anchors]] += weights[:, of_anchors].T @ queries


def dense(anchors: Tensor, plans: list[OneClass], negatives: Keys) -> None:
    """Whole matrices of anchors × keys, the gradient by autograd."""
    anchors.grad = None
    shared = torch.where((negatives.anchor >= 0)[:, None], anchors[negatives.anchor.clamp(min=0)], negatives.rows)
    similarity = anchors @ shared.T / TEMPERATURE
    total, count = anchors.new_zeros(()), 0
    for plan in plans:
        near = similarity[plan.start : plan.stop]
        own = torch.zeros(near.shape[1], dtype=torch.bool, device=near.device)
        own[plan.own_start : plan.own_stop] = True
        near = near.masked_fill(own, -torch.inf)
        if plan.nearest is not None:
            near = near.masked_fill(near < near.detach().topk(plan.nearest, 1).values[:, -1:], -torch.inf)
        keys = plan.positives
        rows = torch.where((keys.anchor >= 0)[:, None], anchors[keys.anchor.clamp(min=0)], keys.rows)
        far = anchors[plan.start : plan.stop] @ rows.T / TEMPERATURE
        number = torch.arange(plan.start, plan.stop, device=far.device)[:, None]
        counts = keys.anchor != number
        if plan.farthest is not None:
            far_enough = far.detach().masked_fill(~counts, torch.inf).topk(plan.farthest, 1, largest=False).values
            counts = counts & (far <= far_enough[:, -1:])
        loss = -F.logsigmoid(far - near.logsumexp(1, keepdim=True))
        total = total + (loss * counts).sum(1).div(counts.sum(1)).sum()
        count += len(near)
    (total / count).backward()


def timed(run: Callable[[], object], device: torch.device) -> float:
    _synchronize(device)
    start = time.perf_counter()
    run()
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def alternate(
    contestants: dict[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of each contestant in each round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for k in range(rounds + 1):
        names = list(contestants)
        for name in names[k % len(names) :] + names[: k % len(names)]:
            spent = timed(contestants[name], device)
            if k:
                seconds[name].append(spent)
    return seconds


def peak(name: str, arguments: argparse.Namespace) -> int | None:
    """Bytes above the inputs that the loss takes at its peak; None where nothing tells."""
    if arguments.device.type == "cuda":
        return _peak_of_allocator(name, arguments)
    if not sys.platform.startswith("linux"):
        return None
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_of_process, (name, arguments))


LOSSES = {"loss": stream, "dense": dense}


def _peak_of_allocator(name: str, arguments: argparse.Namespace) -> int:
    scene = Scene(arguments)
    inputs = scene.plans(*scene.anchors_and_classes())
    torch.cuda.reset_peak_memory_stats(arguments.device)
    before = torch.cuda.memory_allocated(arguments.device)
    LOSSES[name](*inputs)
    return torch.cuda.max_memory_allocated(arguments.device) - before


def _peak_of_process(name: str, arguments: argparse.Namespace) -> int:
    torch.set_num_threads(arguments.threads)
    scene = Scene(arguments)
    inputs = scene.plans(*scene.anchors_and_classes())
    # Linux forgets the peak so far.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    LOSSES[name](*inputs)
    return 1024 * (resident("VmHWM") - before)


def quartiles(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def report(arguments: argparse.Namespace) -> list[str]:
    scene = Scene(arguments)
    draws = alternate(
        {"hardpix": scene.sample_and_enqueue, "loops": scene.sample_and_enqueue_by_loops},
        arguments.rounds,
        arguments.device,
    )
    anchors, of_anchors = scene.anchors_and_classes()
    inputs = scene.plans(anchors, of_anchors)
    losses = alternate(
        {
            "loss": lambda: stream(*inputs),
            "with keys": lambda: stream(*scene.plans(anchors, of_anchors)),
            "bare products": lambda: bare_products(*inputs),
        },
        arguments.rounds,
        arguments.device,
    )
    faster = [slow / fast for slow, fast in zip(draws["loops"], draws["hardpix"], strict=True)]
    slower, with_keys = (
        [loss / bare for loss, bare in zip(losses[name], losses["bare products"], strict=True)]
        for name in ("loss", "with keys")
    )
    _, plans, negatives = inputs
    keys = len(negatives.rows) + max(len(plan.positives.rows) for plan in plans)
    lines = [
        f"{arguments.images} images, {arguments.classes} classes, embeddings of {arguments.size[0]}×"
        f"{arguments.size[1]} cells and {arguments.channels} channels; "
        f"{arguments.memory} entries a class in both rings; {len(anchors)} anchors, up to {keys} keys each; "
        f"{arguments.rounds} rounds.",
        "",
        "| what | median | against | median | ratio in a round: median [quartiles] | target |",
        "|---|---|---|---|---|---|",
        f"| sampling and enqueueing | {_ms(draws['hardpix'])} | loops | {_ms(draws['loops'])} | "
        f"{quartiles(faster)} times faster | ≥ 10 |",
        f"| loss, forward and backward | {_ms(losses['loss'])} | bare products | {_ms(losses['bare products'])} | "
        f"{quartiles(slower)} | ≤ 1.5 |",
        f"| the same and drawing its keys | {_ms(losses['with keys'])} | bare products | "
        f"{_ms(losses['bare products'])} | {quartiles(with_keys)} | |",
    ]
    if arguments.peak:
        ours, whole = peak("loss", arguments), peak("dense", arguments)
        if ours is None or whole is None:
            lines.append("| peak memory | not measured | | | | ≤ 0.2 |")
        else:
            cells = f"{ours / 2**20:.0f} MiB | dense form | {whole / 2**20:.0f} MiB | {ours / whole:.2f}"
            lines.append(f"| peak memory | {cells} | ≤ 0.2 |")
    return lines


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} ms"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n\n{METHOD}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=8, help="in a batch (default 8)")
    parser.add_argument("--classes", type=int, default=19, help="(default 19)")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 256), metavar=("HEIGHT", "WIDTH"), help="in cells")
    parser.add_argument("--channels", type=int, default=256, help="of an embedding (default 256)")
    parser.add_argument("--memory", type=int, default=5000, help="entries of a class in each ring (default 5000)")
    parser.add_argument("--anchors", type=int, default=50, help="of a class and image (default 50)")
    parser.add_argument("--rounds", type=int, default=7, help="of every contestant (default 7)")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu, cuda, … (default cpu)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that torch uses on the CPU")
    parser.add_argument("--peak", action=argparse.BooleanOptionalAction, default=True, help="whether to measure memory")
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help=f"write a page (default {RECORD.name})")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    header = ["# Pixel contrast", "", METHOD, "", *describe_run(PACKAGES, arguments.device, arguments.threads), ""]
    table = report(arguments)
    sys.stdout.write("\n".join(table) + "\n")
    if arguments.record:
        arguments.record.write_text("\n".join([*header, *table]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
