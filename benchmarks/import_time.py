"""Seconds until a program has hardpix, beside those until it has torch."""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from environment import describe_run
from measuring import take_turns

RECORD = Path(__file__).parent / "results" / "import_time.md"
METHOD = """\
Each contestant is a Python process of its own, from its start to its end. Contestants take turns, in an order that
rotates, after one round that fills the caches of the disk. Shares are taken within a round; the median and quartiles
of the rounds stand here.
"""
TORCH = "import torch"
# Commands that are timed, and their limits as shares of importing torch.
CONTESTANTS: dict[str, tuple[Sequence[str], float | None]] = {
    "Python alone": (("-c", "pass"), None),
    TORCH: (("-c", TORCH), None),
    "import hardpix": (("-c", "import hardpix"), 1.15),
    "import hardpix; hardpix.TrainingStep": (("-c", "import hardpix; hardpix.TrainingStep"), 1.15),
    "hardpix --help": (("-m", "hardpix", "--help"), 0.3),
}


def run(arguments: Sequence[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def report(seconds: dict[str, list[float]]) -> list[str]:
    """The table, and whether every target is met."""
    lines = ["| what | median | share of torch in a round: median [quartiles] | target |", "|---|---|---|---|"]
    missed = []
    for name, times in seconds.items():
        shares = [time / torch_time for time, torch_time in zip(times, seconds[TORCH], strict=True)]
        low, middle, high = statistics.quantiles(shares, n=4)
        target = CONTESTANTS[name][1]
        if target is not None and middle > target:
            missed.append(name)
        limit = "" if target is None else f"at most {target}"
        lines.append(
            f"| `{name}` | {statistics.median(times):.2f} s | {middle:.2f} [{low:.2f}, {high:.2f}] | {limit} |"
        )
    return [*lines, "", f"Targets: {'missed by ' + ', '.join(missed) if missed else 'all met'}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help=f"write a page (default {RECORD.name})")
    arguments = parser.parse_args()
    device = torch.device("cpu")
    header = ["# Time to import", "", *describe_run(("torch", "numpy"), device, torch.get_num_threads()), "", METHOD]
    runs: dict[str, Callable[[], object]] = {name: partial(run, given) for name, (given, _) in CONTESTANTS.items()}
    table = report(take_turns(runs, arguments.rounds, device))
    sys.stdout.write("\n".join(table) + "\n")
    if arguments.record:
        arguments.record.write_text("\n".join([*header, *table]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
