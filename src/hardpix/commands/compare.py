"""``hardpix compare``: several configurations from the same seeds, and a table that can be cited."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from rich.console import Console

from hardpix.cli.arguments import checked_input
from hardpix.cli.terminal import Terminal
from hardpix.commands.compare_trial import dry_run, read_plan
from hardpix.data.wording import counted
from hardpix.study import machine
from hardpix.study.disk import room_needed
from hardpix.study.engines import ENGINES
from hardpix.study.folder import StudyFolder
from hardpix.study.plan import require_comparable, seeds_of
from hardpix.study.recipe import PARTS
from hardpix.study.runs import Job
from hardpix.study.screen import Screen
from hardpix.study.show import show
from hardpix.study.unchanged import require_unchanged

console = Terminal(highlight=False, markup=False, soft_wrap=True)
ONE_SEED = "one-seed"


def compare(
    out: Path,
    config: Path | None = None,
    variants: Path | None = None,
    seeds: int | list[int] = 5,
    jobs: int = 1,
    engine: Literal["local", "ray"] = "local",
    allow: str | None = None,
    checkpoint: Literal["best", "last"] = "last",
    lines: str | None = None,
    table_only: bool = False,
) -> int:
    """Train several configurations from the same seeds, score them, and write a table that can be cited.

    Every variant is the base configuration with a few settings of its own. Each is trained once for every seed by
    hardpix fit and scored by hardpix test, which makes one line of OUT/runs.jsonl. OUT/table.md and OUT/index.html are
    made from these lines alone. They have the mean and spread over seeds, and the differences to the first variant,
    paired by seed, with 95 % confidence intervals. They cover scores, classes, borders, thin parts, object sizes, time
    and memory.

    The same command again goes on where it was interrupted. Finished runs are not run again, interrupted ones go on
    from their last checkpoint, and failed ones are tried again. Several of these commands may share OUT and its work.

    Args:
        out: Folder of the study.
        config: YAML of hardpix fit that all variants share.
        variants: YAML of name → settings in which the variant differs, in the words of --config; the others are
            compared with the first.
        seeds: Their number, such as 5 for 0 to 4, or a list, such as [3,4].
        jobs: Runs at a time on one machine.
        engine: local, in processes of this machine; ray, on a cluster whose machines share OUT and the data.
        allow: Parts of the recipe in which variants may differ, with commas: data, epochs, batch, optimizer, network,
            trainer; and one-seed where no spread shall be known.
        checkpoint: Which one of each run is scored. The best was chosen by the images that it is scored on.
        lines: Names of the classes that are line-like, with commas, for clDice.
        table_only: Remake table and page from OUT/runs.jsonl, and run nothing.

    Returns:
        0, or 1 where a run failed.
    """
    folder = StudyFolder(out.absolute())
    with checked_input():
        if table_only:
            _remake(folder)
            return 0
        if config is None or variants is None:
            raise ValueError("--config and --variants say what is compared: give both, or --table-only")
        if missing := [name for name in ("plotly", "pyarrow", "skimage", "scipy") if find_spec(name) is None]:
            raise ValueError(f"reports need {' and '.join(missing)}: pip install '.[diagnose]' in hardpix's checkout")
        if engine == "ray" and find_spec("ray") is None:
            raise ValueError("--engine ray needs ray: pip install '.[ray]' in hardpix's checkout, or --engine local")
        if jobs < 1:
            raise ValueError(f"expected at least one run at a time as --jobs, found {jobs}")
        allowed, numbers = _allowed(allow), seeds_of(seeds)
        _require_spread(numbers, allowed)
        folder.require()
        planned, settings = read_plan(config, variants, checkpoint, lines)
        require_comparable(planned, allowed)
        work = [
            Job(
                folder,
                variant,
                seed,
                checkpoint,
                lines,
                pictures=seed == numbers[0],
                options=machine.reading_options(jobs) if variant.resolved["data"]["workers"] is None else (),
                environment=machine.environment(jobs),
            )
            for seed in numbers
            for variant in planned
        ]
        before = folder.lines.read()
        require_unchanged(work, before)
        done = {(line["variant"], line["seed"]) for line in before if "scores" in line}
        to_do = [job for job in work if job.key not in done]
        if to_do:
            folder.require(dry_run(planned, settings, lines))
        folder.prepare({variant.name: variant.given for variant in planned})
        folder.lines.order({variant.name: variant.order for variant in planned})
    if to_do:
        console.print(f"{len(to_do)} of {counted(len(work), 'run')} to do, {jobs} at a time")
        console.print(room_needed(folder.path, [job.run for job in work if job.key in done], len(to_do)))
        failed_before = {(line["variant"], line["seed"]): line["date"] for line in before if "error" in line}
        try:
            with Screen(work, Console(stderr=True)) as screen:
                ENGINES[engine](to_do, jobs, failed_before, screen.tick)
        except KeyboardInterrupt:
            console.print("the same command goes on with what is not finished")
            raise
    return _remake(folder, work)


def _allowed(given: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(",")) if given else ()
    if unknown := [name for name in names if name not in (*PARTS, ONE_SEED)]:
        raise ValueError(f"expected --allow among {', '.join((*PARTS, ONE_SEED))}, found {', '.join(unknown)}")
    return names


def _require_spread(seeds: Sequence[int], allowed: Sequence[str]) -> None:
    if len(seeds) > 1:
        return
    if ONE_SEED not in allowed:
        raise ValueError(
            f"expected at least two seeds, found {len(seeds)}: without a second no spread is known, and any difference "
            f"may be luck; give more --seeds, or --allow {ONE_SEED}"
        )
    console.print("Warning: with one seed no spread is known; any difference may be luck.")


def _remake(folder: StudyFolder, jobs: Sequence[Job] = ()) -> int:
    """Table and page from the lines, and which of the runs came to no result."""
    lines = folder.lines.read()
    if not lines and not jobs:
        raise FileNotFoundError(f"expected lines of a study at {folder.lines.path}, found none; run hardpix compare")
    for sentence in show(folder, lines):
        console.print(sentence)
    asked = {job.key for job in jobs}
    others = dict.fromkeys(line["variant"] for line in lines if asked and (line["variant"], line["seed"]) not in asked)
    if others:
        file = folder.lines.path.name
        console.print(
            f"{file} also holds other runs, of {', '.join(others)}; the table has them until they are removed"
        )
    results = {(line["variant"], line["seed"]): line for line in lines}
    failed = [job for job in jobs if "scores" not in results.get(job.key, {})]
    for job in failed:
        reason = results[job.key]["error"] if job.key in results else "interrupted"
        console.print(f"no result: {job.variant.name}, seed {job.seed}: {reason}")
    if failed:
        console.print(
            f"{len(failed)} of {counted(len(jobs), 'run')} came to no result; the same command tries them again"
        )
    return 1 if failed else 0
