"""One of two processes that train together on halves of a batch: python two_processes.py RANK FOLDER.

Saves the loss and the gradients of every case and batch to FOLDER/RANK.pt, and how often each case asked the others.
"""

import datetime
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import hardpix
from hardpix.objectives import (
    AtPoints,
    BoundaryLoss,
    ChannelDistillation,
    ClassContrast,
    Connectivity,
    Distillation,
    GaussianMixture,
    ImageDistillation,
    LabelDistillation,
    LogicRules,
    MaskClassification,
    Objective,
    RegionDistillation,
    SideOutputs,
    SkeletonRecall,
    SoftClDice,
    Sum,
    TreeCrossEntropy,
    WeightedCrossEntropy,
)
from hardpix.objectives.mask_matching import ClassMasks
from hardpix.pixels import CountedPixels, PixelBatch, Queries, Taps, pixel_centers, prepare_all
from hardpix.signals import ClassBalance, DepthPrivileged, Focal, HardnessLevel, OnlineHard, Product
from hardpix.testing.bench import dataset_info

CLASSES = 3
HALVES = (slice(0, 2), slice(2, 4))


class Taught(Objective):
    """An objective with a teacher that says the colors of the image."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        image = px.sample["image"]
        px.teacher = PixelBatch(image, taps=Taps(embedding=image))
        return self.objective(px)


class AtSamePoints(AtPoints):
    """Points that do not depend on which process, and which batch, an image is in."""

    def _draw(self, px: PixelBatch, pixels: CountedPixels, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        number = torch.arange(self.points).expand(len(pixels.number), -1)
        return pixels.at(3 * number % pixels.number.clamp(min=1)[:, None]), number < pixels.number[:, None]


class QueriesOfLogits(MaskClassification):
    """Takes logits for masks of queries, and their means for the queries' classes, at points as in AtSamePoints."""

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        classes = px.logits.mean((2, 3))[:, :, None] * torch.linspace(-1, 2, CLASSES + 1).to(px.logits)
        taps = replace(px.taps, queries=(Queries(classes, px.logits), Queries(classes, -px.logits)))
        with patch.object(ClassMasks, "draw", draw_alike):
            return super().forward(replace(px, taps=taps))


def draw_alike(self: ClassMasks, image: Tensor, count: int, generator: torch.Generator) -> Tensor:
    rank = 3 * torch.arange(count) % self.pixels.number.clamp(min=1)[:, None]
    return pixel_centers(self.pixels.at(rank), self.size)[image]


CASES: dict[str, Callable[[], Objective]] = {
    "cross-entropy": lambda: WeightedCrossEntropy(label_smoothing=0.1),
    "heads that count nothing": lambda: WeightedCrossEntropy(auxiliary_weight=0.0),
    "class balance": lambda: WeightedCrossEntropy(ClassBalance([5, 2, 1])),
    "focal": lambda: WeightedCrossEntropy(Focal(2.0)),
    "OHEM by threshold": lambda: WeightedCrossEntropy(OnlineHard(0.3, min_kept=0)),
    "OHEM by share": lambda: WeightedCrossEntropy(OnlineHard(0.0, min_kept=0.3)),
    "OHEM by number": lambda: WeightedCrossEntropy(OnlineHard(0.0, min_kept=11)),
    "OHEM per image": lambda: WeightedCrossEntropy(OnlineHard(0.0, min_kept=0.3, per="image")),
    "hardness": lambda: WeightedCrossEntropy(HardnessLevel(form="published", alpha=0.5)),
    "graded hardness": lambda: WeightedCrossEntropy(HardnessLevel(form="graded")),
    "hardness per image": lambda: WeightedCrossEntropy(HardnessLevel(form="published", alpha=0.5, normalize="image")),
    "product": lambda: WeightedCrossEntropy(
        Product([ClassBalance([5, 2, 1]), HardnessLevel(form="published", alpha=0.5)])
    ),
    "depth": lambda: WeightedCrossEntropy(DepthPrivileged()),
    "depth, scale-invariant": lambda: WeightedCrossEntropy(DepthPrivileged(loss="scale_invariant", detach=True)),
    "sum": lambda: Sum({"a": WeightedCrossEntropy(HardnessLevel()), "b": WeightedCrossEntropy(Focal())}, {"b": 0.5}),
    "side outputs": lambda: Sum({"a": WeightedCrossEntropy(), "b": SideOutputs()}),
    "side outputs by count": lambda: Sum({"a": WeightedCrossEntropy(), "b": SideOutputs(Focal(2.0))}),
    "side outputs by name": lambda: Sum(
        {"a": WeightedCrossEntropy(HardnessLevel(form="published", alpha=0.5)), "b": SideOutputs("hardness")},
        {"b": 0.5},
    ),
    "side outputs of each process": lambda: Sum(
        {
            "a": WeightedCrossEntropy(across_processes=False),
            "b": SideOutputs(Focal(2.0), across_processes=False),
        }
    ),
    "distillation": lambda: Sum({"a": WeightedCrossEntropy(), "b": Taught(Distillation(2.0, ClassBalance([5, 2, 1])))}),
    "distillation by count": lambda: Sum({"a": WeightedCrossEntropy(Focal()), "b": Taught(Distillation(1.0, "focal"))}),
    "channel distillation": lambda: Sum({"a": WeightedCrossEntropy(), "b": Taught(ChannelDistillation())}),
    "label distillation": lambda: Sum({"a": WeightedCrossEntropy(), "b": Taught(LabelDistillation())}),
    "image distillation": lambda: Sum({"a": WeightedCrossEntropy(), "b": Taught(ImageDistillation())}),
    "region distillation": lambda: Sum({"a": WeightedCrossEntropy(), "b": Taught(RegionDistillation(regions=3))}),
    "skeleton recall": lambda: Sum({"a": WeightedCrossEntropy(), "b": SkeletonRecall([0, 2], tube_radius=1)}),
    "skeleton recall of thin classes": lambda: Sum({"a": WeightedCrossEntropy(), "b": SkeletonRecall()}),
    "mixture": lambda: Sum({"a": WeightedCrossEntropy(), "b": GaussianMixture()}),
    "mixture of adaptive variance": lambda: Sum({"a": WeightedCrossEntropy(), "b": GaussianMixture("adaptive")}),
    "contrast with classes": lambda: Sum({"a": WeightedCrossEntropy(), "b": ClassContrast(channels=4)}),
    "contrast with centroids": lambda: Sum(
        {"a": WeightedCrossEntropy(), "b": ClassContrast("centroid", diversity=0.5, channels=4)}
    ),
    "contrast with banks": lambda: Sum({"a": WeightedCrossEntropy(), "b": ClassContrast("bank", channels=4)}),
    "boundary": lambda: Sum({"a": WeightedCrossEntropy(), "b": BoundaryLoss(reach=3)}),
    "clDice": lambda: Sum({"a": WeightedCrossEntropy(), "b": SoftClDice([0, 2], iterations=2)}),
    "clDice of thin classes": lambda: Sum({"a": WeightedCrossEntropy(), "b": SoftClDice()}),
    "connectivity": lambda: Sum({"a": WeightedCrossEntropy(), "b": Connectivity([0, 2])}),
    "connectivity of thin classes": lambda: Sum({"a": WeightedCrossEntropy(), "b": Connectivity()}),
    "logic": lambda: LogicRules(power=3, weight=2.0),
    "class tree": lambda: Sum({"a": WeightedCrossEntropy(), "b": TreeCrossEntropy()}),
    "all points": lambda: AtPoints(WeightedCrossEntropy(HardnessLevel()), points=40),
    "some points": lambda: AtSamePoints(WeightedCrossEntropy(Focal(2.0)), points=11),
    "mask classification": lambda: Sum({"a": WeightedCrossEntropy(), "b": QueriesOfLogits(points=11)}),
    "skeleton recall of each process": lambda: Sum(
        {"a": WeightedCrossEntropy(across_processes=False), "b": SkeletonRecall([0, 2], across_processes=False)}
    ),
    "hardness of each process": lambda: WeightedCrossEntropy(
        HardnessLevel(form="published", alpha=0.5, across_processes=False), across_processes=False
    ),
}


class Model(nn.Module):
    """Two layers, a stage at half the size, and an auxiliary head; no image depends on the others of its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 6, 3, padding=1)
        self.coarse = nn.AvgPool2d(2)
        self.head = nn.Sequential(nn.Tanh(), nn.Conv2d(6, CLASSES, 1))
        self.auxiliary = nn.Conv2d(6, CLASSES, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        fine = self.encoder(image)
        features = fine + nn.functional.interpolate(self.coarse(fine), fine.shape[-2:])
        return {"out": self.head(features), "aux": self.auxiliary(features)}


def make_step(case: str) -> hardpix.TrainingStep:
    torch.manual_seed(0)
    network = hardpix.tap(Model().double(), decoder="head", stages=["encoder", "coarse"])
    step = hardpix.TrainingStep(network, CASES[case]().double()).double()
    prepare_all(step.modules(), dataset_info([1] * CLASSES))
    # Batch statistics are each process's own.
    for module in step.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return step


def make_batches() -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Four images whose halves have other numbers of labeled pixels, down to none, and of pixels of known depth."""
    generator = torch.Generator().manual_seed(1)
    image = 3 * torch.randn(4, 3, 5, 7, generator=generator, dtype=torch.float64)
    target = torch.randint(0, CLASSES, (4, 5, 7), generator=generator)
    uneven, one_sided = target.clone(), target.clone()
    uneven[2:, 1:] = 255
    one_sided[2:] = 255
    depth = 1 + 5 * torch.rand(4, 5, 7, generator=generator, dtype=torch.float64)
    depth[0, :3] = torch.nan
    return {"uneven": (image, uneven, depth), "one side all ignored": (image, one_sided, depth)}


def loss_and_gradients(step: nn.Module, image: Tensor, target: Tensor, depth: Tensor) -> dict[str, Tensor]:
    loss = step(image, target, depth=depth, progress=0.5)["loss"]
    loss.backward()
    gradients = {name.removeprefix("module."): p.grad for name, p in step.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **gradients}


def loss_in_evaluation(case: str) -> Tensor:
    image, target, depth = make_batches()["uneven"]
    return make_step(case).eval()(image, target, depth=depth, progress=0.5)["loss"].detach()


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'meeting'}",
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(minutes=5),
    )
    batches, results = make_batches(), {}
    calls: list[Tensor] = []
    all_reduce = dist.all_reduce
    dist.all_reduce = lambda tensor, **settings: (calls.append(tensor), all_reduce(tensor, **settings))
    for case in CASES:
        calls.clear()
        for name, batch in batches.items():
            step = DistributedDataParallel(make_step(case))
            results[f"{case}, {name}"] = loss_and_gradients(step, *(values[HALVES[rank]] for values in batch))
        results[f"{case}, questions a step"] = {"count": torch.tensor(len(calls) / len(batches))}
        # In evaluation the processes may have other numbers of batches; a sum over them would wait for ever.
        if rank == 0:
            results[f"{case}, evaluation"] = {"loss": loss_in_evaluation(case)}
    torch.save(results, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
