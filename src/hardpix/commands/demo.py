"""``hardpix demo``: train one network in three ways on generated road scenes; show where it fails and what helps."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hardpix.cli.arguments import checked_input
from hardpix.cli.folder_lock import taken
from hardpix.cli.terminal import Terminal
from hardpix.commands.demo_contestant import AMBIGUOUS, EXAMPLES, Outcome, Recipe, compete, seconds_a_step
from hardpix.commands.test import REPORT_NEEDS
from hardpix.data.wording import counted
from hardpix.demo.contestants import (
    BATCH_SIZE,
    CONTESTANTS,
    about_network,
    fastest_precision,
    threads_each,
)
from hardpix.demo.drawn_scenes import DrawnScenes
from hardpix.demo.findings import Example, Findings
from hardpix.demo.page import require_place, write_page
from hardpix.demo.side_by_side import SideBySide
from hardpix.report.report_folder import require_room
from hardpix.scenes import VERSION, GeneratedScenes

console = Terminal(highlight=False)

# A pixel or a few wide, or small on the picture.
THIN_AND_SMALL = ["pole", "wire", "sign", "person", "railing"]
# Everything but the imports before it, in less than five minutes.
SECONDS = 265
LEAST_SECONDS_OF_TRAINING = 100
MOST_STEPS = 1200


def demo(
    out: Path = Path("demo"),
    scenes: int = 400,
    held_out: int = 60,
    steps: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
) -> Findings:
    """Train one network in three ways on generated road scenes, and write a page that shows where it fails.

    The same network is trained from the same seed with cross-entropy, with class balance, and with class balance and
    learned hardness, all at the same time. They are scored on scenes that none has seen. Nothing is read or downloaded.

    Args:
        out: Folder for index.html, and for the full report of each training.
        scenes: Number of training scenes.
        held_out: Number of scenes for the scores.
        steps: Of each training; by default as many as this machine manages in less than 5 minutes for everything, at
            most 1200.
        epochs: How often each training scene is seen, instead of steps.
        seed: Of the scenes, the weights and the order.
    """
    started = time.monotonic()
    reports = not [name for name in REPORT_NEEDS if find_spec(name) is None]
    folders = [out / each.folder if reports else None for each in CONTESTANTS]
    with checked_input():
        if min(scenes, held_out, *(1 if each is None else each for each in (steps, epochs))) < 1 or seed < 0:
            raise ValueError(
                "expected at least one scene, one held-out scene, one step, one epoch and a seed ≥ 0, found "
                f"{scenes}, {held_out}, {steps}, {epochs} and {seed}"
            )
        if steps is not None and epochs is not None:
            raise ValueError(f"expected --steps or --epochs, found both, {steps} and {epochs}")
        require_place(out / "index.html")
        for folder in folders:
            if folder is not None:
                require_room(folder, overwrite=True)
    with ExitStack() as until_done:
        with checked_input():
            until_done.enter_context(taken(out))
        # The processes start while the scenes are drawn.
        count = len(CONTESTANTS)
        together = until_done.enter_context(SideBySide(count, threads_each(count)))
        place = Path(until_done.enter_context(TemporaryDirectory()))
        recipe = Recipe(place / "train.pt", place / "val.pt", seed, fastest_precision())
        DrawnScenes.draw(GeneratedScenes(scenes, seed=2 * seed), "drawing scenes to train on").save(recipe.train_scenes)
        val_set = DrawnScenes.draw(GeneratedScenes(held_out, seed=2 * seed + 1), "drawing scenes held out")
        val_set.save(recipe.val_scenes)
        console.print(f"network: {about_network()}")
        if epochs is not None:
            steps = epochs * max(1, scenes // BATCH_SIZE)
        if steps is None:
            console.print("timing a few training steps")
            pace = max(together.map(seconds_a_step, [(recipe, k) for k in range(count)]))
            steps = steps_in_time(pace, elapsed=time.monotonic() - started)
        length = f"{counted(steps, 'step')} of {BATCH_SIZE} crops for each, all at the same time"
        console.print(length)
        with Bars([each.name for each in CONTESTANTS], steps) as bars:
            jobs = [(recipe, k, steps, folder) for k, folder in enumerate(folders)]
            outcomes: list[Outcome] = together.map(compete, jobs, bars.show)
        training = f"{length}, {recipe.precision}, seed {seed}"
        findings = gather(outcomes, val_set, training, lambda: time.monotonic() - started, reports)
        write_page(findings, out / "index.html")
        report(findings, out / "index.html")
    return findings


class Bars(Progress):
    """A bar for each training, on stderr.

    Args:
        names: of the trainings.
        steps: of each.
    """

    def __init__(self, names: list[str], steps: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        super().__init__(*columns, console=Console(stderr=True))
        self.places = [self.add_task(name, total=steps) for name in names]

    def show(self, place: int, done: int) -> None:
        """So many steps are done of one training."""
        self.update(self.places[place], completed=done)


def steps_in_time(pace: float, elapsed: float) -> int:
    """Number of steps that the trainings can have.

    Scores, reports and the page take about as long as it took to draw the scenes and to time some steps.

    Args:
        pace: seconds of a step.
        elapsed: seconds until the trainings begin.

    Example:
        >>> steps_in_time(0.5, elapsed=40), steps_in_time(0.5, elapsed=200), steps_in_time(0.01, elapsed=40)
        (370, 200, 1200)
    """
    seconds = max(LEAST_SECONDS_OF_TRAINING, SECONDS - 2 * elapsed)
    return max(1, min(MOST_STEPS, int(seconds / pace)))


def gather(
    outcomes: list[Outcome], scenes: DrawnScenes, training: str, seconds: Callable[[], float], reports: bool
) -> Findings:
    """Findings of all trainings, as the page shows them."""
    plain, learned = outcomes[0], outcomes[-1]
    assert learned.expected_loss is not None
    maps = scenes.maps
    examples = [
        Example(
            stem=scenes.stems[k],
            image=maps["image"][k].permute(1, 2, 0).numpy(),
            truth=maps["target"][k].numpy(),
            predictions={each.run.name: each.predictions[k] for each in (plain, learned)},
            hardness=learned.expected_loss[k],
            ambiguity=maps["ambiguity"][k].numpy(),
        )
        for k in range(min(EXAMPLES, len(scenes)))
    ]
    ambiguous = (maps["ambiguity"] >= AMBIGUOUS).float().mean()
    return Findings(
        runs=[each.run for each in outcomes],
        examples=examples,
        class_names=list(scenes.classes.names),
        class_colors=[colors[0] for colors in scenes.classes.colors],
        auroc=learned.auroc,
        stability=learned.stability,
        thin=THIN_AND_SMALL,
        reports={each.name: f"{each.folder}/index.html" for each in CONTESTANTS} if reports else {},
        facts={
            "command": "hardpix demo",
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "time": f"{seconds():.0f} seconds on {os.cpu_count()} cores ({platform.processor() or platform.machine()})",
            "network": about_network(),
            "training": training,
            "scenes": f"{len(scenes)} held out, of 256×512 pixels, generator {VERSION}",
            "ambiguous": f"pixels with a known ambiguity of at least {AMBIGUOUS}: {ambiguous:.1%}",
            "versions": f"hardpix {version('hardpix')}, torch {version('torch')}, Python {platform.python_version()}",
        },
    )


def report(findings: Findings, page: Path) -> None:
    """The headline figures and where the page is, on the screen."""
    finding = Table("", "finds what is hard by construction (AUROC)", "steady from epoch to epoch (correlation)")
    for name, value in findings.auroc.items():
        steady = findings.stability.get(name, [])
        finding.add_row(name, f"{value:.3f}", f"{sum(steady) / len(steady):.3f}" if steady else "")
    scores = Table("in %", "thin and small classes", "mIoU", "mIoU within 3 px of a border")
    for run in findings.runs:
        figures = (run.mean_over(findings.thin), run.miou, run.border_miou)
        scores.add_row(run.name, *(f"{100 * figure:.1f}" for figure in figures))
    console.print(finding)
    console.print(scores)
    console.print(f"thin and small: {', '.join(findings.thin)}")
    if not findings.reports:
        console.print("no full reports: they need pip install '.[diagnose]' in the checkout")
    console.print(f"look at it: {page.resolve()}", soft_wrap=True)
