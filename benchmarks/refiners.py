"""Cost of refiners in time and memory, and their gain on probabilities that were blurred by a coarse grid.

python benchmarks/refiners.py                    # prints
python benchmarks/refiners.py --record
"""

import argparse
import multiprocessing
import statistics
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from environment import describe_run
from measuring import resident, take_turns
from torch import Tensor
from torch.nn.functional import avg_pool2d, one_hot

from hardpix.metrics import class_iou, confusion_matrix
from hardpix.metrics.boundary_iou import boundary_iou_counts, boundary_iou_scores
from hardpix.metrics.thin_parts import thin_part_counts, thin_part_scores
from hardpix.networks import DDRNet23Slim
from hardpix.pixels import resize_bilinear
from hardpix.refiners import PAMR, PAR, DenseCRF, Refiner
from hardpix.scenes import GeneratedScenes

WARM_UP = 1
NETWORK = "DDRNet-23-slim"
RECORD = Path(__file__).parent / "results" / "refiners.md"
REFINERS: dict[str, Refiner] = {
    "PAMR()": PAMR(),
    "PAMR((1, 2, 4, 8))": PAMR((1, 2, 4, 8)),
    "PAMR((1, 2, 4))": PAMR((1, 2, 4)),
    "PAMR((1, 2, 4), steps=3)": PAMR((1, 2, 4), steps=3),
    "PAR()": PAR(),
    "PAR((1, 2, 4), steps=3)": PAR((1, 2, 4), steps=3),
    "DenseCRF()": DenseCRF(),
}
# The same settings as those of DenseCRF, on its own C++ lattice; takes part where it is installed.
THEIRS = "pydensecrf"
BAND, RADIUS = 2, 3
METHOD = f"""\
*Time*: one generated scene and random probabilities, without gradients, beside one prediction of {NETWORK} on the same
image. {THEIRS}, where it is installed, is the published C++ code of the dense CRF, with the settings of `DenseCRF()`.
Contestants take turns, in an order that rotates; shares are taken within a round. On a busy machine the fastest round
says most. *Memory*: the peak above that of the inputs, by the allocator on a GPU, else that of a process of its own.

*What it brings*: the truth of generated scenes, averaged over square cells and resized back bilinearly, as a network
with a coarse grid that is right everywhere would give it; each refiner corrects it by the image. This is no trained
network: it has no errors but blurred edges and lost thin parts. *Boundary IoU*: mean over the classes, in bands of
{BAND} pixels. *Thin recall*: share of the pixels found where a disc of {RADIUS} pixels has no room, mean over classes.
"""


def inputs(arguments: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Probabilities and image."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, arguments.classes, *arguments.size, generator=generator)
    image = GeneratedScenes(1, size=arguments.size)[0]["image"][None]
    return logits.softmax(1).to(arguments.device), image.to(arguments.device)


@torch.no_grad()
def measure(arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of the network and of every refiner, in every round."""
    probabilities, image = inputs(arguments)
    network = DDRNet23Slim(arguments.classes).to(arguments.device).eval()
    runs = {NETWORK: lambda: network(image.float())} | {
        name: (lambda refiner=refiner: refiner(probabilities, image)) for name, refiner in REFINERS.items()
    }
    if find_spec("pydensecrf"):
        runs[THEIRS] = lambda: by_pydensecrf(probabilities, image)
    return take_turns(runs, arguments.rounds, arguments.device, WARM_UP)


def by_pydensecrf(probabilities: Tensor, image: Tensor) -> Tensor:
    """The dense CRF of its own library, with the constants of `DenseCRF()`."""
    from pydensecrf.densecrf import DenseCRF2D
    from pydensecrf.utils import unary_from_softmax

    crf, own = DenseCRF(), probabilities[0].cpu().numpy()
    _, height, width = own.shape
    field = DenseCRF2D(width, height, len(own))
    field.setUnaryEnergy(unary_from_softmax(own))
    field.addPairwiseGaussian(sxy=crf.position_scale, compat=crf.position_weight)
    pixels = image[0].movedim(0, -1).contiguous().cpu().numpy()
    field.addPairwiseBilateral(sxy=crf.color_reach, srgb=crf.color_scale, rgbim=pixels, compat=crf.color_weight)
    return torch.from_numpy(np.array(field.inference(crf.steps))).view(1, -1, height, width)


def peak(name: str, arguments: argparse.Namespace) -> int | None:
    """Bytes above the inputs that a refiner takes at its peak; None where nothing tells."""
    if arguments.device.type == "cuda":
        return _peak_of_allocator(name, arguments)
    if not sys.platform.startswith("linux"):
        return None
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_of_process, (name, arguments))


@torch.no_grad()
def _peak_of_allocator(name: str, arguments: argparse.Namespace) -> int:
    given = inputs(arguments)
    torch.cuda.reset_peak_memory_stats(arguments.device)
    before = torch.cuda.memory_allocated(arguments.device)
    REFINERS[name](*given)
    return torch.cuda.max_memory_allocated(arguments.device) - before


@torch.no_grad()
def _peak_of_process(name: str, arguments: argparse.Namespace) -> int:
    torch.set_num_threads(arguments.threads)
    given = inputs(arguments)
    # Linux forgets the peak so far.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    REFINERS[name](*given)
    return 1024 * (resident("VmHWM") - before)


def blurred(target: Tensor, classes: int, cell: int) -> Tensor:
    """The truth (B, H, W) as probabilities: each class's share of square cells, resized back."""
    shares = avg_pool2d(one_hot(target, classes).movedim(-1, 1).float(), cell, ceil_mode=True)
    return resize_bilinear(shares, target.shape[-2:])


@torch.no_grad()
def corrected(scenes: GeneratedScenes, cell: int) -> dict[str, tuple[Tensor, float, float]]:
    """IoU of every class (C,), Boundary IoU and thin recall, without and with each refiner."""
    classes = len(scenes.classes)
    counts = {name: torch.zeros(classes, classes, dtype=torch.int64) for name in ["without", *REFINERS]}
    bands, thin = dict.fromkeys(counts, 0), dict.fromkeys(counts, 0)
    for scene in map(scenes.__getitem__, range(len(scenes))):
        probabilities, image = blurred(scene["target"][None], classes, cell), scene["image"][None]
        for name, count in counts.items():
            refined = REFINERS[name](probabilities, image) if name in REFINERS else probabilities
            count += confusion_matrix(refined.argmax(1), scene["target"][None], classes)
            maps = refined[0].argmax(0).numpy(), scene["target"].numpy(), classes
            bands[name] += boundary_iou_counts(*maps, widths=[BAND])
            thin[name] += thin_part_counts(*maps, radii=[RADIUS])
    return {
        name: (
            class_iou(count),
            float(boundary_iou_scores(bands[name])["mean_boundary_iou"][0]),
            float(thin_part_scores(thin[name])["mean_thin_recall"][0]),
        )
        for name, count in counts.items()
    }


def table(seconds: dict[str, list[float]], peaks: dict[str, int | None]) -> list[str]:
    """Markdown: time and memory."""
    share = "share of a prediction in a round: median [quartiles]"
    lines = [f"| what | fastest | median | {share} | peak memory |", "|---|---|---|---|---|"]
    for name, values in seconds.items():
        shares = [mine / network for mine, network in zip(values, seconds[NETWORK], strict=True)]
        low, middle, high = statistics.quantiles(shares, n=4, method="inclusive")
        size = peaks.get(name)
        memory = "" if size is None else f"{size / 2**20:.0f} MiB"
        fastest, median = (f"{1000 * value:.0f} ms" for value in (min(values), statistics.median(values)))
        lines.append(f"| {name} | {fastest} | {median} | {middle:.2f} [{low:.2f}, {high:.2f}] | {memory} |")
    return lines


def gains(scores: dict[str, tuple[Tensor, float, float]], names: list[str]) -> list[str]:
    """Markdown: mIoU, Boundary IoU, thin recall and the IoU of each class."""
    lines = [f"| | mIoU | Boundary IoU | thin recall | {' | '.join(names)} |", "|---" * (len(names) + 4) + "|"]
    for name, (iou, band, thin) in scores.items():
        cells = " | ".join(f"{100 * value:.1f}" for value in [band, thin, *iou.tolist()])
        lines.append(f"| {name} | {100 * iou.nanmean():.1f} | {cells} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n\n{METHOD}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", nargs=2, type=int, default=(512, 1024), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--classes", type=int, default=19, help="(default 19)")
    parser.add_argument("--rounds", type=int, default=5, help="(default 5)")
    parser.add_argument("--scenes", type=int, default=20, help="generated scenes of 256×512 (default 20)")
    parser.add_argument("--cell", type=int, default=8, help="side of the cells, in pixels (default 8)")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu, cuda, … (default cpu)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that torch uses on the CPU")
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help=f"write a page (default {RECORD.name})")
    given = parser.parse_args()
    if given.rounds < 2:
        parser.error(f"quartiles need at least 2 rounds, found --rounds {given.rounds}")
    torch.set_num_threads(given.threads)
    header = ["# What refiners cost and bring", "", METHOD]
    header += [*describe_run(("torch",), given.device, given.threads), ""]
    shape = f"{given.classes} classes at {given.size[0]}×{given.size[1]}"
    scenes = GeneratedScenes(given.scenes)
    lines = [f"{given.rounds} rounds, one image, {shape}.", ""]
    lines += table(measure(given), {name: peak(name, given) for name in REFINERS})
    lines += [
        "",
        f"{given.scenes} scenes of 256×512, truth seen through cells of {given.cell}×{given.cell}. IoU in %.",
        "",
    ]
    lines += gains(corrected(scenes, given.cell), list(scenes.classes.names))
    sys.stdout.write("\n".join(lines) + "\n")
    if given.record:
        given.record.write_text("\n".join([*header, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
