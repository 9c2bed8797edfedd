"""Many short paired trainings on one GPU: which weighting of pixels helps, from pretrained weights.

    python benchmarks/hardness_study.py --data camvid --root DIR --variants ce,graded --seeds 0,1 --out lines.jsonl

Data and augmentation live on the device, several trainings share it, and each writes one line of JSON. Runs of one seed
start from the same weights and see the same crops in the same order, whatever the variant.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor, nn

from hardpix import TrainingStep, tap
from hardpix.metrics import SegmentationScores, thin_part_counts, thin_part_scores
from hardpix.metrics.thin_parts import thin_parts
from hardpix.networks import DDRNet23Slim, LiteUNet
from hardpix.networks.pretrained import load_encoder
from hardpix.objectives import Objective, WeightedCrossEntropy, with_signal_losses
from hardpix.pixels import PixelBatch
from hardpix.signals import ClassBalance, Focal, HardnessLevel, OnlineHard, Product, Signal, Uniform
from hardpix.training.schedule import polynomial_with_warmup

CACHE = Path(os.environ.get("STUDY_CACHE", "/tmp/hardness_study"))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class DataSpec:
    """Sizes and classes of a data set of the study."""

    classes: int
    size: tuple[int, int]
    crop: tuple[int, int]
    thin: tuple[int, ...]
    rare: tuple[int, ...]


SPECS = {
    "camvid": DataSpec(11, (360, 480), (256, 320), thin=(2, 6, 7, 9, 10), rare=(2, 6, 7, 9, 10)),
    "nyuv2": DataSpec(39, (240, 320), (192, 256), thin=(), rare=()),
    "scenes": DataSpec(12, (256, 384), (192, 256), thin=(7, 8, 9, 10, 11), rare=(7, 8, 9, 10, 11)),
}


# ---------------------------------------------------------------- data, decoded once


def files_of(name: str, root: Path) -> dict[str, list[tuple[Path, Path]]]:
    """Image and label files of each part."""
    if name == "camvid":
        return {
            part: [(path, root / f"{part}annot" / f"{path.stem}.png") for path in sorted((root / part).iterdir())]
            for part in ("train", "val")
        }
    stems = {part: (root / f"{part}.txt").read_text().split() for part in ("train", "val")}
    return {
        part: [(root / "images" / f"{stem}.jpg", root / "labels" / f"{stem}.png") for stem in listed]
        for part, listed in stems.items()
    }


def decode(name: str, pair: tuple[Path, Path] | tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image (H, W, 3), labels (H, W) with 255 ignored, and the weight of each pixel's connected component."""
    import cv2
    from PIL import Image

    if name == "scenes":
        from hardpix.scenes import GeneratedScenes

        item = GeneratedScenes(pair[1] + 1, seed=pair[0], size=SPECS[name].size)[pair[1]]
        image, labels = item["image"].permute(1, 2, 0).numpy(), item["target"].numpy().astype(np.uint8)
    else:
        image, labels = np.asarray(Image.open(pair[0]).convert("RGB")), np.array(Image.open(pair[1]))
        if name == "camvid":
            labels[labels == 11] = 255
    size = SPECS[name].size
    assert image.shape == (*size, 3), image.shape
    assert labels.shape == size, labels.shape
    area = np.ones(size, np.float32)
    for c in np.unique(labels):
        if c != 255:
            _, parts, stats, _ = cv2.connectedComponentsWithStats((labels == c).astype(np.uint8), connectivity=8)
            inside = labels == c
            area[inside] = stats[parts[inside], cv2.CC_STAT_AREA]
    # Halfway between "every pixel alike" and "every object alike": 100 pixels weigh 10 times as much as 10,000.
    component = np.clip(np.sqrt(10_000 / area), 0.25, 10)
    thin = thin_parts(labels, 3)
    maps = np.stack([component * 16, thin * 255]).clip(0, 255).astype(np.uint8)
    return image, labels, maps


def prepare(name: str, root: Path, workers: int, scenes: tuple[int, int] = (400, 120)) -> None:
    """Decode every file once into arrays that all trainings map."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if name == "scenes":
        jobs: dict[str, Any] = {"train": [(1, i) for i in range(scenes[0])], "val": [(2, i) for i in range(scenes[1])]}
    else:
        jobs = files_of(name, root)
    with ProcessPoolExecutor(workers, mp_context=mp.get_context("fork")) as pool:
        for part, pairs in jobs.items():
            images, labels, maps = zip(*pool.map(decode, [name] * len(pairs), pairs, chunksize=4), strict=True)
            np.save(CACHE / f"{name}_{part}_images.npy", np.stack(images))
            np.save(CACHE / f"{name}_{part}_labels.npy", np.stack(labels))
            np.save(CACHE / f"{name}_{part}_maps.npy", np.stack(maps))


class OnDevice:
    """A whole data set on the device; crops are drawn there."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.spec = SPECS[name]
        self.device = device

        def load(part: str, what: str) -> Tensor:
            return torch.from_numpy(np.load(CACHE / f"{name}_{part}_{what}.npy")).to(device)

        self.images = load("train", "images").permute(0, 3, 1, 2).contiguous()
        self.labels, self.maps = load("train", "labels"), load("train", "maps")
        self.val_images = load("val", "images").permute(0, 3, 1, 2).contiguous()
        self.val_labels = load("val", "labels")
        self.mean = torch.tensor(MEAN, device=device).view(1, 3, 1, 1)
        self.std = torch.tensor(STD, device=device).view(1, 3, 1, 1)
        counts = torch.bincount(self.labels.flatten().long(), minlength=256)[: self.spec.classes]
        self.counts = counts.tolist()
        self.rare_places = self._rare_places()

    def _rare_places(self) -> list[tuple[Tensor, Tensor]]:
        """For each rare class the images that have it, (n,), and 64 of its pixels in each, (n, 64, 2) as x, y."""
        draw = np.random.default_rng(0)
        labels = self.labels.cpu().numpy()
        found = []
        for c in self.spec.rare:
            holders = [k for k in range(len(labels)) if (labels[k] == c).any()]
            if not holders:
                continue
            places = []
            for k in holders:
                at = np.argwhere(labels[k] == c)
                places.append(at[draw.integers(len(at), size=64)][:, ::-1].copy())
            found.append(
                (torch.tensor(holders, device=self.device), torch.from_numpy(np.stack(places)).to(self.device))
            )
        return found

    def __len__(self) -> int:
        return len(self.images)

    def normalize(self, images: Tensor) -> Tensor:
        return ((images.float() / 255 - self.mean) / self.std).to(memory_format=torch.channels_last)

    def crops(self, index: Tensor, generator: torch.Generator, rare: float) -> tuple[Tensor, Tensor, Tensor]:
        """Crops with scale jitter (0.5 to 2), flips and color jitter: image, target, maps (B, 2, h, w)."""
        (height, width), (h, w) = self.spec.size, self.spec.crop
        count = len(index)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, device=self.device)

        scale = torch.exp2(2 * uniform(count) - 1)
        share = torch.stack([w / scale / width, h / scale / height], 1)
        free = (1 - share) * (2 * uniform(count, 2) - 1)
        if rare:
            chosen, kind, pick, pixel = (uniform(count) for _ in range(4))
            kind = (kind * len(self.rare_places)).long()
            jitter = (2 * uniform(count, 2) - 1) * share * 0.5
            for k, (holders, places) in enumerate(self.rare_places):
                here = (kind == k) & (chosen < rare)
                at = (pick * len(holders)).long()
                index = torch.where(here, holders[at], index)
                place = places[at, (pixel * 64).long()] / torch.tensor([width / 2, height / 2], device=self.device) - 1
                limit = (1 - share).abs()
                free = torch.where(here[:, None], torch.minimum(torch.maximum(place + jitter, -limit), limit), free)
        flip = torch.where(uniform(count) < 0.5, -1.0, 1.0)
        theta = torch.zeros(count, 2, 3, device=self.device)
        theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = share[:, 0] * flip, share[:, 1], free
        grid = F.affine_grid(theta, [count, 3, h, w], align_corners=False)
        source = self.images[index].float()
        # Averaged first, where less than every second pixel would be looked at.
        coarse = F.interpolate(F.avg_pool2d(source, 2), size=source.shape[-2:], mode="bilinear")
        source = torch.where((scale < 0.71).view(-1, 1, 1, 1), coarse, source)
        image = F.grid_sample((source / 255 - self.mean) / self.std, grid, mode="bilinear", align_corners=False)
        stacked = torch.cat([255 - self.labels[index][:, None].float(), self.maps[index].float()], 1)
        sampled = F.grid_sample(stacked, grid, mode="nearest", align_corners=False)
        target = (255 - sampled[:, 0]).round().long()
        inside = (grid.abs() <= 1).all(-1)[:, None]
        pixels = image * self.std + self.mean
        pixels = pixels * (0.6 + 0.8 * uniform(count, 1, 1, 1))
        center = pixels.mean((1, 2, 3), keepdim=True)
        pixels = center + (pixels - center) * (0.6 + 0.8 * uniform(count, 1, 1, 1))
        gray = pixels.mean(1, keepdim=True)
        pixels = gray + (pixels - gray) * (0.6 + 0.8 * uniform(count, 1, 1, 1))
        image = torch.where(inside, (pixels.clamp(0, 1) - self.mean) / self.std, 0)
        return image.to(memory_format=torch.channels_last), target, sampled[:, 1:]


# ---------------------------------------------------------------- variants


class Graded(HardnessLevel):
    """Graded hardness with other maps from expected loss to weight."""

    def __init__(self, shape: str = "linear", grow: bool = False, **settings: Any) -> None:
        super().__init__(**({"form": "graded", "share": 0.5} | settings))
        self.shape = shape
        self.grow = grow
        self.register_buffer("learned", torch.zeros(()))

    def graded(self, expected: Tensor, px: PixelBatch) -> Tensor:
        mean = self.labeled_means(px, expected)[0]
        ratio = expected / mean
        if self.shape == "sqrt":
            ratio = ratio.sqrt()
        elif self.shape == "tilt":
            # Kullback-Leibler in place of χ²: w ∝ exp(μ / τ), with τ the mean.
            ratio = torch.exp(ratio.clamp(max=math.log(self.cap)))
        if self.shape != "linear":
            ratio = ratio / self.labeled_means(px, ratio)[0]
        share: Tensor | float = self.share
        if self.grow:
            right = self.labeled_means(px, px.true_probability)[0]
            if self.training:
                self.learned.lerp_(right, 0.01)
            share = self.share * self.learned
        return 1 - share + share * ratio.clamp(max=self.cap)


class Tempered(ClassBalance):
    """Inverse frequency to a power."""

    def __init__(self, counts: list[int], power: float) -> None:
        super().__init__(counts)
        n = torch.tensor(counts, dtype=torch.float64).clamp(min=1)
        weights = n.pow(-power)
        self.weights = (weights * n.sum() / (n * weights).sum()).float()


class MapWeight(Signal):
    """1 + gain × a map of the data, or the map itself."""

    name = "map"

    def __init__(self, channel: int, gain: float | None) -> None:
        super().__init__()
        self.channel, self.gain = channel, gain

    def forward(self, px: PixelBatch) -> Tensor:
        values = px.sample["depth"] if self.channel else px.sample["weight"]
        assert values is not None
        return (values / 16 if self.gain is None else 1 + self.gain * values / 255) * px.valid


class WithRecall(Objective):
    """Weighted cross-entropy and 1 − soft recall on thin parts, by class (after skeleton recall, 2404.03010)."""

    def __init__(self, base: Objective, weight: float, classes: tuple[int, ...]) -> None:
        super().__init__()
        self.base, self.weight, self.classes = base, weight, classes

    def bind(self, network: Any) -> Any:
        self.base.bind(network)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        losses = self.base(px)
        probability = px.logits.float().softmax(1)
        recalls = []
        for c in self.classes:
            thin = ((px.target == c) & (px.sample["depth"] > 0)).float()
            recalls.append((1 - (probability[:, c] * thin).sum() / thin.sum().clamp(min=1)) * (thin.sum() > 0))
        extra = self.weight * torch.stack(recalls).mean()
        return {**losses, "loss": losses["loss"] + extra, "recall": extra}


class WithClDice(Objective):
    """Weighted cross-entropy and soft clDice (arXiv 2003.07311) of thin classes."""

    def __init__(self, base: Objective, weight: float, classes: tuple[int, ...], rounds: int = 4) -> None:
        super().__init__()
        self.base, self.weight, self.classes, self.rounds = base, weight, classes, rounds

    def bind(self, network: Any) -> Any:
        self.base.bind(network)
        return self

    @staticmethod
    def _erode(x: Tensor) -> Tensor:
        return torch.minimum(-F.max_pool2d(-x, (3, 1), 1, (1, 0)), -F.max_pool2d(-x, (1, 3), 1, (0, 1)))

    def _skeleton(self, x: Tensor) -> Tensor:
        skeleton = F.relu(x - F.max_pool2d(self._erode(x), 3, 1, 1))
        for _ in range(self.rounds):
            x = self._erode(x)
            delta = F.relu(x - F.max_pool2d(self._erode(x), 3, 1, 1))
            skeleton = skeleton + F.relu(delta - skeleton * delta)
        return skeleton

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        losses = self.base(px)
        valid = px.valid[:, None]
        p = px.logits.float().softmax(1)[:, list(self.classes)] * valid
        t = torch.stack([px.target == c for c in self.classes], 1).float()
        sp, st = self._skeleton(p), self._skeleton(t)
        dims = (0, 2, 3)
        precision = ((sp * t).sum(dims) + 1) / (sp.sum(dims) + 1)
        recall = ((st * p).sum(dims) + 1) / (st.sum(dims) + 1)
        extra = self.weight * (1 - 2 * precision * recall / (precision + recall)).mean()
        return {**losses, "loss": losses["loss"] + extra, "cldice": extra}


class WithDice(Objective):
    """Weighted cross-entropy and soft Dice of the classes that the batch has."""

    def __init__(self, base: Objective, weight: float) -> None:
        super().__init__()
        self.base, self.weight = base, weight

    def bind(self, network: Any) -> Any:
        self.base.bind(network)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        losses = self.base(px)
        p = px.logits.float().softmax(1) * px.valid[:, None]
        t = F.one_hot(px.target.where(px.valid, 0), p.shape[1]).movedim(-1, 1) * px.valid[:, None]
        there = t.sum((0, 2, 3)) > 0
        dice = 2 * (p * t).sum((0, 2, 3)) / (p.sum((0, 2, 3)) + t.sum((0, 2, 3))).clamp(min=1)
        extra = self.weight * ((1 - dice) * there).sum() / there.sum().clamp(min=1)
        return {**losses, "loss": losses["loss"] + extra, "dice": extra}


@dataclass(frozen=True)
class Variant:
    """Difference of one run from the base recipe."""

    objective: Callable[[OnDevice], Objective]
    branch: float = 1.0  # learning rate of the branch, as a multiple of the network's
    encoder: float = 1.0  # the same of the encoder
    rare: float = 0.0  # share of crops around a pixel of a rare class
    settings: dict[str, Any] = field(default_factory=dict)


def weigh(signal: Callable[[OnDevice], Signal]) -> Callable[[OnDevice], Objective]:
    return lambda data: WeightedCrossEntropy(signal(data))


def published(**settings: Any) -> HardnessLevel:
    return HardnessLevel(form="published", **settings)


def balanced(power: float, *signals: Callable[[], Signal]) -> Callable[[OnDevice], Objective]:
    return lambda data: WeightedCrossEntropy(Product([Tempered(data.counts, power), *(make() for make in signals)]))


def graded(**settings: Any) -> Callable[[OnDevice], Objective]:
    return weigh(lambda data: Graded(**settings))


VARIANTS: dict[str, Variant] = {
    "ce": Variant(weigh(lambda data: Uniform())),
    "graded": Variant(graded()),
    "hl": Variant(weigh(lambda data: published())),
    "hl_slow": Variant(weigh(lambda data: published()), branch=0.1),
    "hl_slower": Variant(weigh(lambda data: published()), branch=0.01),
    "balance": Variant(balanced(1.0)),
    "balance_half": Variant(balanced(0.5)),
    "graded_balance": Variant(balanced(1.0, Graded)),
    "graded_balance_half": Variant(balanced(0.5, Graded)),
    "ohem": Variant(weigh(lambda data: OnlineHard())),
    "focal": Variant(weigh(lambda data: Focal(2.0))),
    "graded_light": Variant(graded(kind="light")),
    "graded_s1": Variant(graded(share=1.0)),
    "graded_s25": Variant(graded(share=0.25)),
    "graded_s75": Variant(graded(share=0.75)),
    "graded_cap50": Variant(graded(cap=50.0)),
    "graded_cap4": Variant(graded(cap=4.0)),
    "graded_sqrt": Variant(graded(shape="sqrt", share=1.0)),
    "graded_tilt": Variant(graded(shape="tilt", share=1.0)),
    "graded_grow": Variant(graded(share=1.0, grow=True)),
    "graded_image": Variant(graded(normalize="image")),
    "component": Variant(weigh(lambda data: MapWeight(0, None))),
    "graded_component": Variant(weigh(lambda data: Product([MapWeight(0, None), Graded()]))),
    "thin": Variant(weigh(lambda data: MapWeight(1, 4.0))),
    "graded_thin": Variant(weigh(lambda data: Product([MapWeight(1, 4.0), Graded()]))),
    "graded_thin_half": Variant(
        lambda data: WeightedCrossEntropy(Product([MapWeight(1, 4.0), Tempered(data.counts, 0.5), Graded()]))
    ),
    "recall": Variant(lambda data: WithRecall(weigh(lambda d: Uniform())(data), 1.0, tuple(range(data.spec.classes)))),
    "graded_recall": Variant(lambda data: WithRecall(graded()(data), 0.5, tuple(range(data.spec.classes)))),
    "graded_cldice": Variant(lambda data: WithClDice(graded()(data), 0.5, data.spec.thin)),
    "dice": Variant(lambda data: WithDice(weigh(lambda d: Uniform())(data), 1.0)),
    "graded_dice": Variant(lambda data: WithDice(graded()(data), 1.0)),
    "ce_rare": Variant(weigh(lambda data: Uniform()), rare=0.5),
    "graded_rare": Variant(graded(), rare=0.5),
    "balance_75": Variant(balanced(0.75)),
    "hl_balance_half": Variant(balanced(0.5, published)),
    "graded_s1_balance_half": Variant(balanced(0.5, lambda: Graded(share=1.0))),
    "half_thin": Variant(balanced(0.5, lambda: MapWeight(1, 4.0))),
    "half_component": Variant(balanced(0.5, lambda: MapWeight(0, None))),
    "half_recall": Variant(lambda data: WithRecall(balanced(0.5)(data), 0.5, tuple(range(data.spec.classes)))),
    "half_dice": Variant(lambda data: WithDice(balanced(0.5)(data), 1.0)),
    "half_cldice": Variant(lambda data: WithClDice(balanced(0.5)(data), 0.5, data.spec.thin)),
    "half_rare": Variant(balanced(0.5), rare=0.5),
    "half_hl_thin": Variant(balanced(0.5, published, lambda: MapWeight(1, 4.0))),
    "ce_slow_encoder": Variant(weigh(lambda data: Uniform()), encoder=0.1),
    "graded_slow_encoder": Variant(graded(), encoder=0.1),
}


# ---------------------------------------------------------------- one training


def build(network: str, classes: int) -> tuple[nn.Module, dict[str, Any], nn.Module | None]:
    """A network, how to tap it, and its encoder where that has pretrained weights."""
    if network == "unet":
        unet = LiteUNet(classes)
        return unet, {"decoder": "decoder", "embedding": "head.0"}, unet.encoder
    if network == "ddrnet":
        return DDRNet23Slim(classes), {}, None
    import segmentation_models_pytorch as smp

    kind = {"fpn": smp.FPN, "deeplab": smp.DeepLabV3Plus}[network]
    settings = {"decoder_pyramid_channels": 96, "decoder_segmentation_channels": 64} if network == "fpn" else {}
    settings = settings or {"decoder_channels": 96}
    model = kind("tu-tf_efficientnet_lite0", encoder_weights=None, classes=classes, **settings)
    load_encoder(model.encoder)
    return model, {}, model.encoder


def train(job: dict[str, Any], data: OnDevice, device: torch.device) -> dict[str, Any]:
    """One run; its line."""
    started = time.perf_counter()
    variant = VARIANTS[job["variant"]]
    torch.manual_seed(job["seed"])
    model, places, encoder = build(job["network"], data.spec.classes)
    model.to(device, memory_format=torch.channels_last)
    torch.manual_seed(job["seed"] + 1000)
    step = TrainingStep(tap(model, **places), variant.objective(data)).to(device)
    step.to(memory_format=torch.channels_last)
    inside = set() if encoder is None else set(encoder.parameters())
    on_gpu = device.type == "cuda"
    rates = [job["lr"] * variant.encoder, job["lr"], job["lr"] * variant.branch]
    parts = [
        [p for p in model.parameters() if p in inside],
        [p for p in model.parameters() if p not in inside],
        list(step.objective.parameters()),
    ]
    groups = [
        {"params": part, "lr": torch.tensor(rate, device=device) if on_gpu else rate, "base": rate}
        for part, rate in zip(parts, rates, strict=True)
        if part
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=job["decay"], foreach=True, capturable=on_gpu)
    per_epoch = len(data) // job["batch"]
    total = job["steps"] or per_epoch * job["epochs"]
    factors = schedule_factors(total)
    tensors = floats(model)
    average = [t.clone() for t in tensors]
    generator = torch.Generator(device).manual_seed(job["seed"])
    step.train()

    def learn(image: Tensor, target: Tensor, maps: Tensor) -> Tensor:
        # Not by the step itself, whose check of the target asks events, which no graph can hold.
        with torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False):
            px = step.network.pixels(image, target, depth=maps[:, 1], weight=maps[:, 0])
            losses = with_signal_losses(step.objective, px)
        losses["loss"].backward()
        optimizer.step()
        torch._foreach_lerp_(average, tensors, 0.005)
        return losses["segmentation"].detach().float()

    runner = Replayed(learn, optimizer) if on_gpu and job.get("graph", True) else Eager(learn, optimizer)
    curve, done, recent = [], 0, torch.zeros((), device=device)
    while done < total:
        for index in torch.randperm(len(data), generator=generator, device=device)[: per_epoch * job["batch"]].view(
            per_epoch, -1
        ):
            for group in optimizer.param_groups:
                rate = group["base"] * factors[done]
                if on_gpu:
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate
            recent.lerp_(runner(*data.crops(index, generator, variant.rare)), 0.02)
            done += 1
            if done >= total:
                break
            if job.get("checks") and done % max(1, total // job["checks"]) == 0:
                curve.append(
                    {"step": done, "loss": round(recent.item(), 4), **evaluate(step, data, device, brief=True)}
                )
    trained = time.perf_counter() - started
    scores = evaluate(step, data, device)
    with torch.no_grad():
        for tensor, mean in zip(tensors, average, strict=True):
            tensor.copy_(mean)
    averaged = evaluate(step, data, device, ranking=False)
    memory = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None
    return {
        **job,
        "steps": total,
        "loss": round(recent.item(), 5),
        "scores": scores,
        "averaged": averaged,
        "curve": curve,
        "seconds": round(trained, 1),
        "evaluation_seconds": round(time.perf_counter() - started - trained, 1),
        "memory_mib": memory,
        "replayed": runner.replayed,
    }


class Eager:
    """Steps as they are written."""

    replayed = False

    def __init__(self, learn: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> None:
        self.learn, self.optimizer = learn, optimizer

    def __call__(self, *batch: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        return self.learn(*batch)


class Replayed(Eager):
    """Steps recorded as one CUDA graph after eleven eager ones: launches no longer wait for Python."""

    def __init__(self, learn: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> None:
        super().__init__(learn, optimizer)
        self.seen = 0
        self.stream = torch.cuda.Stream()
        self.graph: torch.cuda.CUDAGraph | None = None
        self.failed = False

    def __call__(self, *batch: Tensor) -> Tensor:
        self.seen += 1
        if self.failed:
            return super().__call__(*batch)
        if self.seen <= 11:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                loss = super().__call__(*batch)
            torch.cuda.current_stream().wait_stream(self.stream)
            return loss
        if self.graph is None:
            self.inputs = [t.clone() for t in batch]
            self.optimizer.zero_grad(set_to_none=True)
            graph = torch.cuda.CUDAGraph()
            torch.cuda.synchronize()
            try:
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    self.loss = self.learn(*self.inputs)
            except Exception as error:
                print("no graph:", type(error).__name__, str(error)[:300], flush=True)
                torch.cuda.synchronize()
                self.failed = True
                return super().__call__(*batch)
            self.graph, self.replayed = graph, True
        for mine, given in zip(self.inputs, batch, strict=True):
            mine.copy_(given)
        self.graph.replay()
        return self.loss


def schedule_factors(total: int) -> list[float]:
    """Learning rate of every step, as a share of the highest: the library's schedule."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = polynomial_with_warmup(optimizer, total, round(0.05 * total), 0.9)
    factors = []
    for _ in range(total):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return factors


def floats(model: nn.Module) -> list[Tensor]:
    return [t for t in model.state_dict().values() if t.is_floating_point()]  # detached, sharing memory


@torch.no_grad()
def evaluate(
    step: TrainingStep, data: OnDevice, device: torch.device, brief: bool = False, ranking: bool = True
) -> dict[str, Any]:
    """Scores on all held-out images, one forward of four at a time (all have one size)."""
    step.eval()
    classes = data.spec.classes
    metric = SegmentationScores(classes).to(device)
    signal = next((m for m in step.objective.modules() if isinstance(m, HardnessLevel)), None)
    right, wrong = torch.zeros(1024, device=device), torch.zeros(1024, device=device)
    loss_by_bin, mu_by_bin = torch.zeros(1024, device=device), torch.zeros(1024, device=device)
    thin = None
    (height, width) = data.spec.size
    pad = (0, -width % 32, 0, -height % 32)
    for start in range(0, len(data.val_images), 4):
        image = F.pad(data.normalize(data.val_images[start : start + 4]), pad)
        target = F.pad(data.val_labels[start : start + 4].long(), pad, value=255)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            px = step.network.pixels(image.to(memory_format=torch.channels_last), target)
        prediction = px.logits.argmax(1)[:, :height, :width]
        truth = target[:, :height, :width]
        metric.update(prediction, truth)
        if brief:
            continue
        if signal is not None and ranking:
            with torch.autocast(device.type, dtype=torch.bfloat16):
                scores = signal.scores(px)
            level = (torch.sigmoid(scores) * 1023).round().long()[:, :height, :width]
            missed = (prediction != truth) & (truth != 255)
            hit = (prediction == truth) & (truth != 255)
            wrong += torch.bincount(level[missed], minlength=1024).float()
            right += torch.bincount(level[hit], minlength=1024).float()
            valid = truth != 255
            loss_by_bin.index_add_(0, level[valid], px.loss[:, :height, :width][valid])
            mu_by_bin.index_add_(0, level[valid], scores[:, :height, :width][valid].exp())
        for p, t in zip(prediction.cpu().numpy(), truth.cpu().numpy(), strict=True):
            counts = thin_part_counts(p, t, classes)
            thin = counts if thin is None else thin + counts
    step.train()
    found = metric.compute()
    values: dict[str, Any] = {
        "miou": 100 * found["miou"].item(),
        "border_miou": 100 * found["border_miou"].item(),
        "accuracy": 100 * found["accuracy"].item(),
    }
    if brief:
        return {name: round(value, 3) for name, value in values.items()}
    of_thin = thin_part_scores(thin)
    values["class_iou"] = [round(100 * v, 3) for v in found["class_iou"].tolist()]
    values["thin_recall"] = [round(100 * v, 2) for v in of_thin["thin_recall"][0].tolist()]
    values["thin_iou"] = [round(100 * v, 2) for v in of_thin["thin_iou"][0].tolist()]
    values["all_thin_recall"] = 100 * float(of_thin["all_thin_recall"][0])
    values["all_thin_iou"] = 100 * float(of_thin["all_thin_iou"][0])
    if signal is not None and ranking:
        below = wrong.cumsum(0) - wrong / 2
        values["auroc"] = float(1 - (right * below).sum() / (right.sum() * wrong.sum()).clamp(min=1))
        total = right + wrong
        edges = torch.searchsorted(total.cumsum(0), total.sum() * torch.linspace(0.1, 1, 10, device=device))
        low, deciles = 0, []
        for high in (edges.clamp(max=1023) + 1).tolist():
            n = total[low:high].sum()
            if n > 0:
                deciles.append([round((t[low:high].sum() / n).item(), 5) for t in (mu_by_bin, loss_by_bin)])
            low = high
        values["deciles"] = deciles  # by rising hardness: mean μ, mean loss
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


# ---------------------------------------------------------------- many trainings on one device


def size_of(job: dict[str, Any]) -> float:
    """Pixels that a job is trained on."""
    height, width = SPECS[job["data"]].crop
    images = {"camvid": 367, "nyuv2": 675, "scenes": 400}[job["data"]]
    return (job["steps"] or images // job["batch"] * job["epochs"]) * job["batch"] * height * width


def work(jobs: list[dict[str, Any]], turn: Any, lock: Any, out: str, deadline: float, device_name: str) -> None:
    """A process that takes the next job until none is left or the time is up."""
    torch.set_num_threads(1)
    device = torch.device(device_name)
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    sets: dict[str, OnDevice] = {}
    slowest = 0.0  # seconds for a step of one pixel
    while True:
        with lock:
            number = turn.value
            turn.value += 1
        if number >= len(jobs):
            return
        job = jobs[number]
        if time.time() + slowest * size_of(job) > deadline:
            continue  # a shorter one may still end in time
        began = time.time()
        try:
            if job["data"] not in sets:
                sets[job["data"]] = OnDevice(job["data"], device)
            line = train(job, sets[job["data"]], device)
        except Exception as error:
            line = {**job, "error": f"{type(error).__name__}: {error}", "where": traceback.format_exc()[-1500:]}
        if device.type == "cuda":
            torch.cuda.empty_cache()
        slowest = max(slowest, 1.08 * (time.time() - began) / size_of(job))
        with lock, open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if "error" in line:
            print(job["variant"], job["seed"], line["error"], flush=True)
        else:
            s, a = line["scores"], line["averaged"]
            print(
                f"{job['data']} {job['network']} {job['variant']} {job['seed']}: {s['miou']:.2f} border "
                f"{s['border_miou']:.2f} thin {s['all_thin_recall']:.1f} avg {a['miou']:.2f} {line['seconds']} s "
                f"+{line['evaluation_seconds']} auroc {s.get('auroc')} replayed {line['replayed']} loss {line['loss']}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=SPECS, default="camvid")
    parser.add_argument("--root", type=Path, default=Path("."))
    parser.add_argument("--network", default="unet")
    parser.add_argument("--variants", default="ce,graded")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--steps", type=int, help="in place of epochs")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=7e-4)
    parser.add_argument("--decay", type=float, default=1e-4)
    parser.add_argument("--checks", type=int, default=3, help="how often to score on the way")
    parser.add_argument("--jobs", type=Path, help="JSON list of jobs, each with settings that differ from these")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--budget", type=float, default=1e9, help="seconds after which no run is begun that cannot end")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", type=int, nargs=2, default=(400, 120))
    args = parser.parse_args()
    began = time.time()
    base = {"data": args.data, "network": args.network, "epochs": args.epochs, "batch": args.batch, "lr": args.lr}
    base |= {"decay": args.decay, "checks": args.checks, "steps": args.steps}
    if args.jobs:
        jobs = [base | job for job in json.loads(args.jobs.read_text())]
    else:
        seeds, variants = map(int, args.seeds.split(",")), args.variants.split(",")
        jobs = [base | {"variant": variant, "seed": seed} for seed in seeds for variant in variants]
    unknown = sorted({job["variant"] for job in jobs} - set(VARIANTS))
    if unknown:
        raise SystemExit(f"expected variants among {', '.join(VARIANTS)}, found {', '.join(unknown)}")
    for name in {job["data"] for job in jobs}:
        if not (CACHE / f"{name}_val_maps.npy").exists():
            root = args.root if args.root.name == name or name == args.data else args.root.parent / name
            try:
                prepare(name, root, os.cpu_count() or 1, tuple(args.scenes))
            except OSError as error:
                print(f"no runs on {name}: {error}", flush=True)
                jobs = [job for job in jobs if job["data"] != name]
    print(f"data ready after {time.time() - began:.1f} s", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    hardware = torch.cuda.get_device_name() if args.device.startswith("cuda") else platform.processor()
    about = {"torch": torch.__version__, "device": hardware, "workers": args.workers, "date": time.strftime("%Y-%m-%d")}
    jobs = [job | about for job in jobs]
    context = mp.get_context("spawn")
    turn, lock = context.Value("i", 0), context.Lock()
    deadline = began + args.budget
    processes = [
        context.Process(target=work, args=(jobs, turn, lock, str(args.out), deadline, args.device))
        for _ in range(args.workers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(f"done after {time.time() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
