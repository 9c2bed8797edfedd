"""Breaks of thin lines with and without connectivity in the loss: generated vessels, a tiny network, a few seeds.

nice -n 5 python benchmarks/connectivity.py --threads 1            # prints
nice -n 5 python benchmarks/connectivity.py --threads 1 --record
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from environment import describe_run
from torch import Tensor, nn

import hardpix
from hardpix.metrics import cl_dice_counts, cl_dice_scores, thin_part_counts, thin_part_scores
from hardpix.objectives import Connectivity, Objective, SkeletonRecall, Sum, WeightedCrossEntropy, connectivity_of
from hardpix.pixels import resize_bilinear

RECORD = Path(__file__).parent / "results" / "connectivity.md"
METHOD = """\
Trees of lines of 1 to 3 pixels' width on a noisy ground, as vessels lie in an image of the retina. The contrast of a
line changes along it and nearly vanishes in places, while its label goes on. Every contestant trains the same tiny
network, with a map of half the size in it, from the same weights on the same batches; the seed gives weights, training
images and their order. Images to test on are the same for all. Each number is the mean over the seeds; beside
cross-entropy's, the smallest and the largest difference to it of one seed are in brackets.

- *pieces*: 8-connected components of what is found of the true lines, as a multiple of the components of the truth;
  1 if nothing is broken, and less where whole lines are lost.
- *components*: those of the prediction, as a multiple of those of the truth.
- *thin recall*, *thin IoU*: of parts that a disc of 3 pixels' radius does not fit into, as in the report.
- "by connections": the answer of the objective's own head, as `hardpix predict --connectivity true` gives it.
"""
SCORES = ("pieces", "components", "clDice", "thin recall", "thin IoU", "IoU")


class LineNetwork(nn.Module):
    """Four convolutions, two of them on a map of half the size."""

    def __init__(self, channels: int = 12) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU())
        self.coarse = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * channels, channels, 3, padding=2, dilation=2),
            nn.ReLU(),
        )
        self.joint = nn.Sequential(nn.Conv2d(2 * channels, channels, 3, padding=1), nn.ReLU())
        self.classifier = nn.Conv2d(channels, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 2, H, W)."""
        fine = self.stem(image)
        coarse = resize_bilinear(self.coarse(fine), (image.shape[2], image.shape[3]))
        return self.classifier(self.joint(torch.cat([fine, coarse], 1)))


def lines(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Mask (H, W) of a few trees of lines, and their contrast with the ground, from 0 to 1."""
    mask, contrast = np.zeros((size, size), np.uint8), np.zeros((size, size), np.float32)
    # Place, direction, width as OpenCV draws it, and length in steps of 2 pixels.
    twigs = [(rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi), 2, size // 2) for _ in range(3)]
    while twigs:
        place, angle, width, steps = twigs.pop()
        strength, drift = rng.uniform(0.5, 1), rng.normal(0, 0.03)
        faint = rng.integers(0, steps + 1, 2)
        for step in range(steps):
            angle += drift + rng.normal(0, 0.12)
            onward = place + 2 * np.array([np.cos(angle), np.sin(angle)])
            ends = [tuple(round(float(value)) for value in end) for end in (place, onward)]
            cv2.line(mask, *ends, 1, width)
            shown = 0.15 if any(abs(step - middle) < 2 for middle in faint) else 1.0
            cv2.line(contrast, *ends, float(shown * strength * (0.6 + 0.3 * width)), width)
            place = onward
            if width > 1 and rng.random() < 0.1:
                side = rng.choice([-1, 1]) * rng.uniform(0.5, 1.1)
                twigs.append((place, angle + side, width - 1, steps // 2))
    return mask.astype(np.int64), contrast


def pictures(number: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images (N, 3, H, W) from about −1 to 1, and labels (N, H, W)."""
    rng, images, masks = np.random.default_rng(seed), [], []
    for _ in range(number):
        mask, contrast = lines(rng, size)
        ground = cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), size / 8) * size / 8
        grains = cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), 1.0)
        seen = 0.5 * ground + 0.4 * grains - cv2.GaussianBlur(contrast, (0, 0), 0.8)
        images.append(seen + rng.normal(0, 0.1, (size, size)))
        masks.append(mask)
    gray = torch.tensor(np.stack(images), dtype=torch.float32)[:, None]
    return gray.expand(-1, 3, -1, -1).contiguous(), torch.tensor(np.stack(masks))


def contestants() -> dict[str, Callable[[], Objective]]:
    """Objectives by name."""

    def beside(method: Objective) -> Objective:
        return Sum({"segmentation": WeightedCrossEntropy(), "method": method})

    return {
        "cross-entropy": WeightedCrossEntropy,
        "+ Connectivity": lambda: beside(Connectivity(classes=[1])),
        "+ SkeletonRecall": lambda: beside(SkeletonRecall(classes=[1])),
    }


def trained(objective: Objective, seed: int, given: argparse.Namespace) -> hardpix.TrainingStep:
    """A step whose network has learned, in evaluation mode."""
    torch.manual_seed(seed)
    step = hardpix.TrainingStep(hardpix.tap(LineNetwork(), embedding="classifier"), objective)
    images, labels = pictures(given.images, given.size, seed=1000 + seed)
    optimizer = torch.optim.Adam(step.parameters(), lr=3e-3)
    order = torch.Generator().manual_seed(seed)
    for done in range(given.steps):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - done / given.steps) ** 0.9
        batch = torch.randint(0, given.images, (given.batch,), generator=order)
        losses = step(images[batch], labels[batch], progress=done / given.steps)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
    return step.eval()


def components(mask: np.ndarray) -> int:
    """Number of 8-connected components."""
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


def scores(predictions: np.ndarray, truths: np.ndarray) -> dict[str, float]:
    """Scores of binary label maps (N, H, W)."""
    pairs = list(zip(predictions, truths, strict=True))
    true = sum(components(truth) for truth in truths)
    dice = cl_dice_scores(sum(cl_dice_counts(one, truth, 2, [1]) for one, truth in pairs))
    thin = thin_part_scores(sum(thin_part_counts(one, truth, 2) for one, truth in pairs))
    both, either = np.sum(predictions & truths), np.sum(predictions | truths)
    return {
        "pieces": sum(components(one & truth) for one, truth in pairs) / true,
        "components": sum(components(one) for one in predictions) / true,
        "clDice": 100 * float(dice["mean_cl_dice"]),
        "thin recall": 100 * float(thin["thin_recall"][0, 1]),
        "thin IoU": 100 * float(thin["thin_iou"][0, 1]),
        "IoU": 100 * float(both / max(either, 1)),
    }


@torch.no_grad()
def answers(step: hardpix.TrainingStep, images: Tensor, connected: bool) -> dict[str, np.ndarray]:
    """Label maps of the network, and of the connections if there are any."""
    px = step.network.pixels(images)
    found = {"": px.logits.argmax(1).numpy()}
    if connected:
        found[", by connections"] = connectivity_of(step.objective).probabilities(px).argmax(1).numpy()
    return found


def row(name: str, mine: list[dict[str, float]], first: list[dict[str, float]]) -> str:
    """One line of the table: means over seeds and, beside the first contestant, the range of differences."""
    cells = []
    for score in SCORES:
        digits = 2 if score in ("pieces", "components") else 1
        text = f"{np.mean([found[score] for found in mine]):.{digits}f}"
        if mine is not first:
            gains = [one[score] - other[score] for one, other in zip(mine, first, strict=True)]
            text += f" [{min(gains):+.{digits}f}, {max(gains):+.{digits}f}]"
        cells.append(text)
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Train, score, print, and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, default=48, help="to train on")
    parser.add_argument("--held_out", type=int, default=60, help="images to test on")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help=f"write a page (default {RECORD.name})")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    facts = describe_run(("torch",), torch.device("cpu"), given.threads)
    images, truth = pictures(given.held_out, given.size, seed=0)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(given.seeds):
        for name, make in contestants().items():
            step = trained(make(), seed, given)
            for suffix, labels in answers(step, images, name == "+ Connectivity").items():
                found.setdefault(name + suffix, []).append(scores(labels, truth.numpy()))
    first = found["cross-entropy"]
    text = "\n".join(
        [
            "# Breaks of thin lines with and without connectivity in the loss",
            "",
            METHOD,
            *facts,
            "",
            f"{given.seeds} seeds, {given.steps} steps of {given.batch} from {given.images} images of "
            f"{given.size}×{given.size}; {given.held_out} images to test on, in which {truth.float().mean():.0%} of "
            "the pixels are lines.",
            "",
            f"| loss | {' | '.join(SCORES)} |",
            "|---" * (len(SCORES) + 1) + "|",
            *(row(name, mine, first) for name, mine in found.items()),
            "",
        ]
    )
    sys.stdout.write(text)
    if given.record:
        given.record.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
