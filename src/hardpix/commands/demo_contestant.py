"""One contestant of the demo: its training, its scores and its report, in a process of its own."""

from __future__ import annotations

import statistics
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from hardpix.commands.report_of_run import ReportWriter
from hardpix.data import ClassTable
from hardpix.demo.contestants import CONTESTANTS, Contestant, Pace, Precision, make_data, train
from hardpix.demo.drawn_scenes import DrawnScenes
from hardpix.demo.evaluation import LEARNED_MAP, Evaluation, MapStability, evaluate
from hardpix.demo.findings import RunScores
from hardpix.demo.side_by_side import Say
from hardpix.diagnosis.scores import report_scores
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.shown_signal import HARDNESS, ShownSignal
from hardpix.metrics import auroc
from hardpix.pixels import PixelBatch, distance_to_border
from hardpix.report.report_folder import new_report
from hardpix.signals import Signal
from hardpix.training.inference import Prediction
from hardpix.training.task import SegmentationTask

AMBIGUOUS = 0.25
EXAMPLES = 12
# Scenes on which maps of consecutive epochs are compared.
WATCHED = 6
TIMED_STEPS = 14


@dataclass(frozen=True)
class Recipe:
    """Training of every contestant alike."""

    train_scenes: Path
    val_scenes: Path
    seed: int
    precision: Precision


@dataclass
class Outcome:
    """Findings of one contestant; maps are of the first held-out scenes."""

    run: RunScores
    predictions: np.ndarray
    """(N, H, W) uint8."""
    expected_loss: np.ndarray | None
    """(N, H, W), multiples of the average; None where no map was learned."""
    auroc: dict[str, float]
    stability: dict[str, list[float]]


def seconds_a_step(recipe: Recipe, place: int, say: Say) -> float:
    """Seconds of a training step while all contestants train: the median of some, after some that are slower."""
    pace = Pace()
    data = make_data(DrawnScenes.open(recipe.train_scenes), DrawnScenes.open(recipe.val_scenes), recipe.seed)
    train(data, CONTESTANTS[place].signal(), TIMED_STEPS, recipe.seed, recipe.precision, [pace])
    return statistics.median(pace.seconds[4:] or pace.seconds)


def compete(recipe: Recipe, place: int, steps: int, report: Path | None, say: Say) -> Outcome:
    """Train one contestant, score it on the held-out scenes, and write its report.

    Args:
        recipe: as all have it.
        place: of the contestant.
        steps: of the training.
        report: folder of the report, in place of an earlier one; none without.
        say: called with the number of steps done.
    """
    contestant = CONTESTANTS[place]
    val_set = DrawnScenes.open(recipe.val_scenes)
    data = make_data(DrawnScenes.open(recipe.train_scenes), val_set, recipe.seed)
    signal = contestant.signal()
    learns = any(each.has_level for each in signal.modules() if isinstance(each, Signal))
    watch = MapStability(val_set, count=WATCHED)
    callbacks: list[Callback] = [Steps(say), *([watch] if learns else [])]
    task = train(data, signal, steps, recipe.seed, recipe.precision, callbacks)
    result = evaluate_and_report(task, val_set, contestant, report)
    level = result.maps.get(LEARNED_MAP)
    return Outcome(
        run=scores_of(contestant.name, result, val_set.classes),
        predictions=result.prediction[:EXAMPLES].numpy(),
        expected_loss=None if level is None else multiples(level[:EXAMPLES]).numpy(),
        auroc=ranking(result, val_set) if learns else {},
        stability=watch.correlations,
    )


class Steps(Callback):
    """Tells how many steps are done."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.done = 0

    def on_train_batch_end(self, *arguments: object) -> None:
        self.done += 1
        self.say(self.done)


def multiples(level: Tensor) -> Tensor:
    """Expected losses as multiples of the average, from the map of `HardnessLevel` in its graded form.

    Example:
        >>> multiples(Tensor([0.0, 0.5, 0.75]))
        tensor([0., 1., 3.])
    """
    return level / (1 - level).clamp(min=1e-6)


def ranking(result: Evaluation, scenes: DrawnScenes) -> dict[str, float]:
    """AUROC of each map against the known ambiguity, the learned one first."""
    ambiguous = scenes.maps["ambiguity"] >= AMBIGUOUS
    distance = -distance_to_border(scenes.maps["target"].long(), largest=32).float()
    return {
        name: auroc(values, ambiguous) for name, values in (result.maps | {"distance to a border": distance}).items()
    }


def scores_of(name: str, result: Evaluation, classes: ClassTable) -> RunScores:
    """The scores of one run as the page shows them."""
    return RunScores(
        name=name,
        miou=float(result.scores["miou"]),
        border_miou=float(result.scores["border_miou"]),
        class_iou=dict(zip(classes.names, result.scores["class_iou"].tolist(), strict=True)),
    )


def evaluate_and_report(
    task: SegmentationTask, scenes: DrawnScenes, contestant: Contestant, report: Path | None
) -> Evaluation:
    """Run a trained network over all scenes, once for the scores and for the report."""
    with nullcontext() if report is None else new_report(report, overwrite=True) as place:
        if place is None:
            return evaluate(task, scenes)
        classes, signal = scenes.classes, task.shown_signal
        settings = Settings.of(classes.names)
        named = HARDNESS if signal is None else ShownSignal(signal.name, signal.expects_loss)
        writer = ReportWriter(place, classes, scenes, task.ignore_index, settings, report_scores(settings, named))
        result = evaluate(task, scenes, look=lambda stem, px: writer.add(prediction_of(stem, px, signal)))
        inputs = {"truth": "generated scenes", "predictions": contestant.name}
        writer.finish(f"{contestant.name}, hardpix demo", inputs)
    return result


def prediction_of(stem: str, px: PixelBatch, signal: Signal | None) -> Prediction:
    """The only scene of a batch, as a report takes it."""
    shares = px.logits[0].float().softmax(0)
    confidence, prediction = shares.max(0)
    target = px.labels[0]
    return Prediction(
        stem,
        prediction,
        confidence,
        level=None if signal is None else signal.level(px)[0],
        target=target,
        true_confidence=None if signal is None else shares.gather(0, target[None])[0],
    )
