"""Cost of the methods for thin things in a training step, over plain cross-entropy.

python benchmarks/thin_methods.py --threads 1            # prints
python benchmarks/thin_methods.py --threads 1 --record
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from environment import describe_run
from measuring import take_turns

import hardpix
from hardpix.networks import LiteUNet
from hardpix.objectives import BoundaryLoss, Objective, SkeletonRecall, SoftClDice, Sum, WeightedCrossEntropy
from hardpix.pixels import PixelBatch
from hardpix.scenes import GeneratedScenes
from hardpix.signals import ComponentBalance

RECORD = Path(__file__).parent / "results" / "thin_methods.md"
CLASSES = GeneratedScenes.classes
THIN = ("pole", "wire", "railing")
METHOD = f"""\
Loss and its gradient from given logits of generated scenes ({len(CLASSES)} classes), in 32 bits. Each method but the
first is cross-entropy and the method; "thin" names three classes ({", ".join(THIN)}), "all" all of them. Contestants
take turns; ratios to plain cross-entropy are taken within a round. The last column is what the method adds, as a share
of a training step of LiteUNet without it: forward, loss and backward pass of the same batch, in the same rounds.
"""


def contestants() -> dict[str, Objective]:
    """An objective for each line of the table."""
    ids = [CLASSES.names.index(name) for name in THIN]

    def beside(method: Objective) -> Objective:
        return Sum({"segmentation": WeightedCrossEntropy(), "method": method})

    return {
        "cross-entropy": WeightedCrossEntropy(),
        "ComponentBalance": WeightedCrossEntropy(ComponentBalance()),
        "SkeletonRecall, thin": beside(SkeletonRecall(classes=ids)),
        "SkeletonRecall, all": beside(SkeletonRecall(classes=list(range(len(CLASSES))))),
        "SoftClDice, thin": beside(SoftClDice(classes=ids)),
        "BoundaryLoss, thin": beside(BoundaryLoss(classes=ids)),
        "BoundaryLoss, all": beside(BoundaryLoss(classes=list(range(len(CLASSES))))),
    }


def main() -> None:
    """Measure, print, and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(256, 384))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, size = torch.device(arguments.device), tuple(arguments.size)
    scenes = GeneratedScenes(arguments.batch, seed=0, size=size)
    drawn = [scenes[k] for k in range(arguments.batch)]
    image, target = (torch.stack([item[key] for item in drawn]).to(device) for key in ("image", "target"))
    torch.manual_seed(0)
    logits = torch.randn(len(image), len(CLASSES), *size, device=device)

    def cost(objective: Objective) -> Callable[[], None]:
        def run() -> None:
            given = logits.clone().requires_grad_()
            objective(PixelBatch(given, target, sample={"image": image}))["loss"].backward()

        return run

    plain = hardpix.TrainingStep(
        hardpix.tap(LiteUNet(len(CLASSES), pretrained=False).to(device)), WeightedCrossEntropy()
    )
    runs = {name: cost(objective.to(device)) for name, objective in contestants().items()}
    runs["step"] = lambda: plain(image.float(), target)["loss"].backward()
    seconds = take_turns(runs, arguments.rounds, device, warm_up=2)
    rows = ["| loss | median | over cross-entropy, median [quartiles] | added to a step |", "|---|---|---|---|"]
    steps, first = seconds.pop("step"), seconds["cross-entropy"]
    for name, times in seconds.items():
        low, middle, high = statistics.quantiles([a / b for a, b in zip(times, first, strict=True)], n=4)
        added = statistics.median([(a - b) / c for a, b, c in zip(times, first, steps, strict=True)])
        ratio = "" if name == "cross-entropy" else f"{middle:.2f} [{low:.2f}, {high:.2f}]"
        share = "" if name == "cross-entropy" else f"{added:+.1%}"
        rows.append(f"| {name} | {1000 * statistics.median(times):.1f} ms | {ratio} | {share} |")
    text = "\n".join(
        [
            "# Methods for thin things, over cross-entropy",
            "",
            METHOD,
            *describe_run(("torch", "timm"), device, arguments.threads),
            "",
            f"{arguments.rounds} rounds, {len(image)} scenes of {size[0]}×{size[1]}; "
            f"a step takes {1000 * statistics.median(steps):.0f} ms.",
            "",
            *rows,
            "",
        ]
    )
    sys.stdout.write(text)
    if arguments.record:
        RECORD.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
