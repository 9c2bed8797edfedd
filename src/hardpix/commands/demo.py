"""``hardpix demo``: train the same small network twice on generated road scenes, and show what hardness changes."""

from __future__ import annotations

import os
import platform
import statistics
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hardpix.cli.arguments import checked_input
from hardpix.cli.folder_lock import taken
from hardpix.cli.terminal import Terminal
from hardpix.data import ClassTable, Sample
from hardpix.data.wording import counted
from hardpix.demo.evaluation import Evaluation, MapStability, evaluate
from hardpix.demo.findings import Example, Findings, RunScores
from hardpix.demo.network import SmallUNet
from hardpix.demo.page import require_place, write_page
from hardpix.metrics import auroc
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import distance_to_border
from hardpix.scenes import VERSION, GeneratedScenes
from hardpix.signals import HardnessLevel, Signal, Uniform
from hardpix.training.augmentation import Augmentation
from hardpix.training.data_module import SegmentationData
from hardpix.training.loader_worker import start_worker
from hardpix.training.quiet import quiet
from hardpix.training.task import SegmentationTask

console = Terminal(highlight=False)

Precision = Literal["bf16-mixed", "32-true"]

PLAIN, LEARNED = "Cross-entropy", "Learned hardness"
AMBIGUOUS = 0.25
EXAMPLES = 12
# A training of minutes has no time for weights of 1 to 11 (on other scenes they cost 2.6 points of mIoU, these none).
FLOOR = 1.0
# Part of the five minutes; drawing scenes, looking at maps after each epoch, scoring and the page take the rest.
TRAINING_SECONDS = 170


def demo(
    out: Path = Path("demo"), scenes: int = 400, held_out: int = 60, epochs: int | None = None, seed: int = 0
) -> Findings:
    """Train twice on generated road scenes and write a page that shows what learned hardness changes.

    The same small U-Net is trained twice from the same seed: with plain cross-entropy, and with cross-entropy weighted
    by learned hardness. Both are scored on scenes that neither has seen. Nothing is read or downloaded.

    Args:
        out: Folder for index.html.
        scenes: Number of training scenes.
        held_out: Number of scenes for the scores.
        epochs: How often each training scene is seen; by default as often as this machine manages in less than 5
            minutes for everything, at most 28 times.
        seed: Of the scenes, the weights and the order.
    """
    started = time.monotonic()
    precision = fastest_precision()
    with checked_input():
        if min(scenes, held_out, 1 if epochs is None else epochs) < 1 or seed < 0:
            raise ValueError(
                f"expected at least one scene, one held-out scene, one epoch and a seed ≥ 0, found {scenes}, "
                f"{held_out}, {epochs} and {seed}"
            )
        require_place(out / "index.html")
    with ExitStack() as until_done:
        with checked_input():
            until_done.enter_context(taken(out))
        train_set = Rendered(GeneratedScenes(scenes, seed=2 * seed), "drawing scenes to train on")
        val_set = Rendered(GeneratedScenes(held_out, seed=2 * seed + 1), "drawing scenes held out")
        data = make_data(train_set, val_set, (128, 192), seed)
        if epochs is None:
            epochs = epochs_in_time(seconds_a_step(data, seed, precision), steps=len(data.train_dataloader()))
        results: dict[str, Evaluation] = {}
        stability: dict[str, list[float]] = {}
        for name, signal in ((PLAIN, Uniform()), (LEARNED, HardnessLevel(form="published", kind="light", floor=FLOOR))):
            console.print(f"\n[bold]{name}[/bold]: {counted(epochs, 'epoch')} on {counted(scenes, 'scene')}")
            watch = MapStability(val_set, count=6)
            task = train(data, signal, epochs, seed, watch, precision)
            results[name] = evaluate(task, val_set, name)
            stability = watch.correlations
        length = f"{counted(epochs, 'epoch')} on {counted(scenes, 'scene')}"
        training = f"{length} for each, {precision}, seed {seed}; light branch, c = {FLOOR:g}"
        findings = gather(results, stability, val_set, training, seconds=time.monotonic() - started)
        write_page(findings, out / "index.html")
        report(findings, out / "index.html")
    return findings


class Rendered(Dataset[Sample]):
    """Generated scenes drawn once, on all cores, and kept: two trainings and several epochs look at them."""

    def __init__(self, scenes: GeneratedScenes, label: str) -> None:
        self.classes = scenes.classes
        workers = min(os.cpu_count() or 1, 8)
        loader = DataLoader(scenes, batch_size=None, num_workers=workers, worker_init_fn=start_worker)
        bar = track(loader, label, total=len(scenes), console=Console(stderr=True))
        # Tensors of another process lie in shared memory, each with an open file: all scenes at once would need more
        # open files than a shell usually allows.
        self.samples: list[Sample] = [
            {name: value.clone() if isinstance(value, Tensor) else value for name, value in scene.items()}
            for scene in bar
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def make_data(train_set: Rendered, val_set: Rendered, crop_size: tuple[int, int], seed: int) -> SegmentationData:
    """The scenes as they are trained on."""
    return SegmentationData(
        train_set=train_set,
        val_set=val_set,
        crop_size=crop_size,
        # Every scene has its own light already.
        augment=Augmentation(scale=(0.75, 1.5), photometric=False),
        batch_size=8,
        workers=0,
        seed=seed,
    )


def fastest_precision() -> Precision:
    """Half the bits where the CPU has instructions for them; elsewhere they would be slower."""
    # An older torch cannot tell.
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16-mixed" if any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "sve_bf16")) else "32-true"


def epochs_in_time(pace: float, steps: int) -> int:
    """Number of epochs that both trainings can have, from the seconds a step and the steps an epoch.

    Example:
        >>> epochs_in_time(0.1, steps=50), epochs_in_time(10.0, steps=50)
        (17, 2)
    """
    return max(2, min(28, int(TRAINING_SECONDS / (2 * steps * pace))))


def seconds_a_step(data: SegmentationData, seed: int, precision: Precision) -> float:
    """Seconds that this machine takes for a training step: the median of some, after some that are slower."""
    console.print("timing a few training steps")
    pace = Pace()
    train(data, HardnessLevel(form="published", kind="light", floor=FLOOR), 1, seed, pace, precision, steps=16)
    return statistics.median(pace.seconds[4:] or pace.seconds)


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


def train(
    data: SegmentationData,
    signal: Signal,
    epochs: int,
    seed: int,
    watch: Callback,
    precision: Precision,
    steps: int | None = None,
) -> SegmentationTask:
    """A network trained with the signal; the same seed gives every signal the same first weights and the same crops."""
    seed_everything(seed, verbose=False)
    task = SegmentationTask(
        data.num_classes,
        SmallUNet(data.num_classes),
        WeightedCrossEntropy(signal),
        decoder="decoder",
        embedding="classifier",
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=4e-3, weight_decay=1e-2),
        channels_last=True,
        class_names=data.class_names,
    )
    with quiet():
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            limit_train_batches=steps,
            enable_progress_bar=steps is None,
            precision=precision,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            callbacks=[watch],
        )
        trainer.fit(task, datamodule=data)
    return task.eval()


def gather(
    results: dict[str, Evaluation], stability: dict[str, list[float]], scenes: Rendered, training: str, seconds: float
) -> Findings:
    """Findings of both trainings, as the page shows them."""
    classes = scenes.classes
    truth = torch.stack([scene["target"] for scene in scenes.samples])
    ambiguous = torch.stack([scene["ambiguity"] for scene in scenes.samples]) >= AMBIGUOUS
    maps = dict(results[LEARNED].maps)
    maps["distance to a border"] = -distance_to_border(truth, largest=32).float()
    examples = [
        Example(
            stem=scene["stem"],
            image=scene["image"].permute(1, 2, 0).numpy(),
            truth=scene["target"].numpy(),
            predictions={name: result.prediction[k].numpy() for name, result in results.items()},
            hardness=results[LEARNED].maps["learned hardness"][k].numpy(),
            ambiguity=scene["ambiguity"].numpy(),
        )
        for k, scene in enumerate(scenes.samples[:EXAMPLES])
    ]
    return Findings(
        runs=[scores_of(name, result, classes) for name, result in results.items()],
        examples=examples,
        class_names=list(classes.names),
        class_colors=[colors[0] for colors in classes.colors],
        auroc={name: auroc(values, ambiguous) for name, values in maps.items()},
        stability=stability,
        facts={
            "command": "hardpix demo",
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "time": f"{seconds:.0f} seconds on {os.cpu_count()} cores ({platform.processor() or platform.machine()})",
            "training": training,
            "scenes": f"{len(scenes)} held out, of 256×512 pixels, generator {VERSION}",
            "ambiguous": f"pixels with a known ambiguity of at least {AMBIGUOUS}: {ambiguous.float().mean():.1%}",
            "versions": f"hardpix {version('hardpix')}, torch {version('torch')}, Python {platform.python_version()}",
        },
    )


def scores_of(name: str, result: Evaluation, classes: ClassTable) -> RunScores:
    """The scores of one run as the page shows them."""
    return RunScores(
        name=name,
        miou=float(result.scores["miou"]),
        border_miou=float(result.scores["border_miou"]),
        class_iou=dict(zip(classes.names, result.scores["class_iou"].tolist(), strict=True)),
    )


def report(findings: Findings, page: Path) -> None:
    """The headline figures and where the page is, on the screen."""
    finding = Table("", "finds what is hard by construction (AUROC)", "steady from epoch to epoch (correlation)")
    for name, value in findings.auroc.items():
        steady = findings.stability.get(name, [])
        finding.add_row(name, f"{value:.3f}", f"{sum(steady) / len(steady):.3f}" if steady else "")
    scores = Table("in %", "mIoU", "mIoU within 3 px of a border")
    for run in findings.runs:
        scores.add_row(run.name, f"{100 * run.miou:.1f}", f"{100 * run.border_miou:.1f}")
    console.print(finding)
    console.print(scores)
    console.print(f"look at it: {page.resolve()}", soft_wrap=True)
