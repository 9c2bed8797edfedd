"""Simulated annotation: which way of choosing pixels to label gives the most mIoU for a share of labels.

    python benchmarks/query_study.py --data data/camvid --out lines.jsonl

The known labels are the person who is asked. Every strategy begins with the same random regions; each round trains from
the same pretrained weights on all labels so far, scores, and asks for the next ones. A round is one line of JSON; what
is in the file already is not done again, and a round that was interrupted is.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import hardpix
from hardpix.metrics import SegmentationScores
from hardpix.networks import LiteUNet
from hardpix.networks.pretrained import load_encoder
from hardpix.objectives import NegativeLearning, NeighborAgreement, Objective, Sum, WeightedCrossEntropy
from hardpix.pixels import PixelBatch, greedy_picks
from hardpix.pixels.picks import window_around
from hardpix.signals import Entropy, HardnessLevel, Product, RegionImpurity, Signal, WindowMean

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSES, UNLABELED = 11, 255


class Alongside(Objective):
    """An objective beside which hardness is learned, weighing nothing: the same training for all strategies."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective
        self.hardness = HardnessLevel()

    def bind(self, network: Any) -> Alongside:
        self.objective.bind(network)
        self.hardness.bind(network)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return self.objective(px)


# ---------------------------------------------------------------- strategies


@dataclass(frozen=True)
class Strategy:
    """Score of the pixels, and what is asked for around the highest ones.

    Attributes:
        score: (H, W) of one image's pixels at its own size; None draws at random.
        single: single pixels, 32 pixels apart, in place of regions.
    """

    score: Callable[[PixelBatch, HardnessLevel, int], Tensor] | None
    single: bool = False


def of_signal(make: Callable[[int], Signal]) -> Callable[[PixelBatch, HardnessLevel, int], Tensor]:
    """Score that is a signal of class scores, made for a radius."""
    return lambda px, hardness, radius: px.map(make(radius))[0]


def hardness_of(px: PixelBatch, hardness: HardnessLevel, radius: int) -> Tensor:
    """Learned hardness, its mean over the region."""
    return hardpix.pixels.box_mean(hardness.level(px).detach(), radius)[0]


def ripu(radius: int) -> Signal:
    """RIPU's score of regions."""
    return Product([RegionImpurity(radius), WindowMean(Entropy(), radius)])


STRATEGIES = {
    "random": Strategy(None),
    "entropy": Strategy(of_signal(lambda radius: WindowMean(Entropy(), radius))),
    "impurity": Strategy(of_signal(RegionImpurity)),
    "ripu_ra": Strategy(of_signal(ripu)),
    "ripu_pa": Strategy(of_signal(lambda radius: Product([RegionImpurity(32), Entropy()])), single=True),
    "hardness": Strategy(hardness_of),
    "hardness_entropy": Strategy(
        lambda px, hardness, radius: hardness_of(px, hardness, radius) * px.map(WindowMean(Entropy(), radius))[0]
    ),
    "hardness_ripu": Strategy(lambda px, hardness, radius: hardness_of(px, hardness, radius) * px.map(ripu(radius))[0]),
}


def asked(score: np.ndarray, known: np.ndarray, radius: int, single: bool, share: float) -> np.ndarray:
    """Pixels (H, W) that are asked for in a round.

    Args:
        score: (H, W).
        known: (H, W) boolean, pixels that were asked for before.
        radius: of the regions.
        single: single pixels, in place of regions.
        share: of the image's pixels.
    """
    # RIPU keeps single pixels 32 apart in images of 1280 × 640; here in proportion.
    reach, apart = (0, max(1, round(32 * score.shape[1] / 1280))) if single else (radius, 2 * radius)
    picks = greedy_picks(score, ~known, reach, apart, math.ceil(share * score.size))
    found = np.zeros_like(known)
    for row, column in picks.places.tolist():
        found[window_around(row, column, reach)] = True
    return found & ~known


# ---------------------------------------------------------------- data


@dataclass(frozen=True)
class Images:
    """Images (N, H, W, 3) and labels (N, H, W), uint8."""

    images: np.ndarray
    labels: np.ndarray


def read(root: Path, part: str, size: tuple[int, int], count: int) -> Images:
    """Evenly spaced images of a part of CamVid, resized; 11 is unlabeled."""
    paths = sorted((root / part).iterdir())
    paths = [paths[k] for k in np.linspace(0, len(paths) - 1, min(count or len(paths), len(paths))).round().astype(int)]
    images, labels = [], []
    for path in paths:
        with Image.open(path) as image, Image.open(root / f"{part}annot" / f"{path.stem}.png") as mask:
            images.append(np.asarray(image.convert("RGB").resize(size[::-1], Image.Resampling.BOX)))
            labels.append(np.array(mask.resize(size[::-1], Image.Resampling.NEAREST)))
    found = np.stack(labels)
    found[found >= CLASSES] = UNLABELED
    return Images(np.stack(images), found)


def normalized(images: np.ndarray, device: str) -> Tensor:
    """(B, 3, H, W), padded below and at the right to what the network takes."""
    values = (torch.from_numpy(images).float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    height, width = images.shape[1:3]
    return F.pad(values.permute(0, 3, 1, 2), (0, -width % 32, 0, -height % 32)).to(device)


# ---------------------------------------------------------------- one round


def trained(data: Images, known: np.ndarray, given: argparse.Namespace, seed: int) -> hardpix.TrainingStep:
    """A network trained on the labels that are known, from pretrained weights."""
    torch.manual_seed(seed)
    model = LiteUNet(CLASSES).to(given.device)
    if given.pretrained:
        load_encoder(model.encoder)
    objective: Objective = WeightedCrossEntropy()
    if given.objective == "ripu":
        parts = {"segmentation": objective, "negative": NegativeLearning(), "neighbors": NeighborAgreement()}
        objective = Sum(parts, weights={"neighbors": 0.1})
    tapped = hardpix.tap(model, decoder="decoder", embedding="head.0")
    step = hardpix.TrainingStep(tapped, Alongside(objective)).to(given.device)
    optimizer = torch.optim.AdamW(step.parameters(), lr=given.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: max(0.0, 1 - k / given.steps) ** 0.9)
    labels = np.where(known, data.labels, UNLABELED)
    draw = np.random.default_rng(seed)
    height, width = data.labels.shape[1:]
    step.train()
    for _ in range(given.steps):
        index = draw.integers(len(data.images), size=given.batch)
        image, target = (
            normalized(data.images[index], given.device),
            torch.from_numpy(labels[index]).long().to(given.device),
        )
        target = F.pad(target, (0, image.shape[-1] - width, 0, image.shape[-2] - height), value=UNLABELED)
        inside = torch.zeros_like(target, dtype=torch.bool)
        inside[:, :height, :width] = True
        if draw.random() < 0.5:
            image, target, inside = image.flip(-1), target.flip(-1), inside.flip(-1)
        loss = step(image, target, inside=inside)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return step.eval()


@torch.no_grad()
def scored(step: hardpix.TrainingStep, data: Images, device: str) -> dict[str, Any]:
    """The mIoU, and the IoU of each class, of the validation images; in percent."""
    metric = SegmentationScores(CLASSES).to(device)
    height, width = data.labels.shape[1:]
    for start in range(0, len(data.images), 4):
        logits = step.network.pixels(normalized(data.images[start : start + 4], device)).logits[..., :height, :width]
        metric.update(logits.argmax(1), torch.from_numpy(data.labels[start : start + 4]).long().to(device))
    found = metric.compute()
    ious = [None if math.isnan(iou) else round(100 * iou, 2) for iou in found["class_iou"].tolist()]
    return {"miou": round(100 * found["miou"].item(), 3), "class_iou": ious}


@torch.no_grad()
def query(
    step: hardpix.TrainingStep | None,
    data: Images,
    known: np.ndarray,
    strategy: Strategy,
    given: argparse.Namespace,
    seed: int,
) -> np.ndarray:
    """Known pixels after one more round (N, H, W); at random without a network."""
    draw = np.random.default_rng(seed)
    after = known.copy()
    height, width = known.shape[1:]
    for k, own in enumerate(known):
        if step is None or strategy.score is None:
            score = draw.random(own.shape)
        else:
            px = step.network.pixels(normalized(data.images[k : k + 1], given.device))
            inside = torch.zeros(px.shape, dtype=torch.bool, device=given.device)
            inside[:, :height, :width] = True
            px.sample["inside"] = inside  # type: ignore[index]
            score = strategy.score(px, step.objective.hardness, given.radius)[:height, :width].cpu().numpy()
        after[k] |= asked(score, own, given.radius, step is not None and strategy.single, given.share)
    return after


# ---------------------------------------------------------------- all rounds


def run(
    name: str,
    seed: int,
    train: Images,
    val: Images,
    given: argparse.Namespace,
    done: set[tuple],
    first: dict[int, hardpix.TrainingStep],
) -> None:
    """All rounds of one strategy and seed; those that are done are passed over.

    ``first`` keeps the network of the first round by its seed, which all strategies share.
    """
    folder = given.out.with_suffix(".masks")
    folder.mkdir(parents=True, exist_ok=True)

    def file(number: int) -> Path:
        return folder / f"{name}_{seed}_{number}.npz"

    shape = train.labels.shape
    if not file(0).exists():
        start = query(None, train, np.zeros(shape, bool), STRATEGIES["random"], given, seed)
        save(file(0), start)
    for number in range(given.rounds):
        if (name, seed, number) in done and (number + 1 == given.rounds or file(number + 1).exists()):
            continue
        began = time.perf_counter()
        with np.load(file(number)) as saved:
            known = np.unpackbits(saved["known"], count=math.prod(shape)).reshape(shape).astype(bool)
        step = first[seed] if number == 0 and seed in first else trained(train, known, given, 1000 * seed + number)
        if number == 0:
            first[seed] = step
        after_training = time.perf_counter()
        line: dict[str, Any] = {"strategy": name, "seed": seed, "round": number, **settings_of(given)}
        line |= {
            "asked": round(100 * known.mean(), 4),
            "labeled": round(100 * (known & (train.labels != UNLABELED)).mean(), 4),
        }
        line |= scored(step, val, given.device)
        if number + 1 < given.rounds:
            save(file(number + 1), query(step, train, known, STRATEGIES[name], given, 1000 * seed + number))
        line["train_seconds"] = round(after_training - began, 1)
        line["seconds"] = round(time.perf_counter() - began, 1)
        if (name, seed, number) not in done:
            with given.out.open("a") as lines:
                lines.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


def save(path: Path, known: np.ndarray) -> None:
    """Write what is known; whole, or not at all."""
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, known=np.packbits(known))
    os.replace(partial, path)


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """Settings that lines of one table must share."""
    names = ("size", "images", "steps", "batch", "lr", "radius", "share", "objective", "pretrained")
    return {name: getattr(given, name) for name in names}


def finished(path: Path, given: argparse.Namespace) -> set[tuple]:
    """Strategy, seed and round of the lines that are there.

    Raises:
        SystemExit: lines of other settings.
    """
    if not path.exists():
        return set()
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    wanted = json.loads(json.dumps(settings_of(given)))
    for line in lines:
        other = {name: line.get(name) for name in wanted if line.get(name) != wanted[name]}
        if other:
            raise SystemExit(f"expected lines of the same settings in {path}, found {other}: give another file")
    return {(line["strategy"], line["seed"], line["round"]) for line in lines}


def main() -> None:
    """Run what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of CamVid: train, trainannot, val, valannot")
    parser.add_argument("--out", type=Path, required=True, help="file of lines; what is known lies beside it")
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--share", type=float, default=0.004, help="share of the pixels that each round asks for")
    parser.add_argument("--radius", type=int, default=2, help="of the regions, in pixels")
    parser.add_argument("--size", type=int, nargs=2, default=[180, 240], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--images", type=int, default=0, help="of each part; 0 takes all")
    parser.add_argument("--steps", type=int, default=400, help="of each training")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--objective", choices=("plain", "ripu"), default="plain")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--pretrained", type=int, choices=(0, 1), default=1)
    given = parser.parse_args()
    names, seeds = given.strategies.split(","), [int(seed) for seed in given.seeds.split(",")]
    if unknown := [name for name in names if name not in STRATEGIES]:
        parser.error(f"expected strategies of {', '.join(STRATEGIES)}, found {unknown[0]}")
    done = finished(given.out, given)
    size = (given.size[0], given.size[1])
    train, val = (read(given.data, part, size, given.images) for part in ("train", "val"))
    # All strategies of a seed before the next seed: a study that ends early still compares.
    for seed in seeds:
        first: dict[int, hardpix.TrainingStep] = {}
        for name in names:
            run(name, seed, train, val, given, done, first)


if __name__ == "__main__":
    main()
