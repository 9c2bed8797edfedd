"""Captions of a study's tables: seeds, recipe, versions, hardware, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.data.wording import counted
from hardpix.study.lines import Line, finished
from hardpix.study.recipe import listed, recipe_differences


def variants_of(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Lines by variant, both in their order."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line["variant"], []).append(line)
    return found


def caption(lines: Sequence[Line]) -> list[str]:
    """Sentences on how the figures came about, from the lines alone.

    Args:
        lines: of finished and failed runs, in the order of their variants.
    """
    done = finished(lines)
    by_variant = variants_of(done)
    first, *others = by_variant
    seeds = {name: [line["seed"] for line in of_variant] for name, of_variant in by_variant.items()}
    checkpoint = " and ".join(sorted({line["config"]["test"]["checkpoint"] for line in done}))
    said = [
        f"Mean ± standard deviation over seeds; differences are to {first}, paired by seed, with their 95 % confidence "
        "interval by Student's t, not corrected for the number of comparisons.",
        f"{_seeds(seeds)} Scores of the {checkpoint} checkpoint on {_images(done)}.",
    ]
    if min(map(len, seeds.values())) < 2:
        said.append("**A variant with one seed has no known spread: its differences may be luck.**")
    for name in others:
        found = recipe_differences(by_variant[first][0]["config"], by_variant[name][0]["config"])
        if found:
            each = "; ".join(f"{part} ({listed(of_part)})" for part, of_part in found.items())
            said.append(f"{name} differs from {first} in more than the method: {each}.")
    said += _missing(lines, seeds)
    said.append(_where(done))
    return said


def _seeds(seeds: dict[str, list[int]]) -> str:
    different = {tuple(of_variant) for of_variant in seeds.values()}
    if len(different) == 1:
        only = next(iter(different))
        return f"{counted(len(only), 'seed')} a variant: {', '.join(map(str, only))}."
    each = "; ".join(f"{name}: {', '.join(map(str, of_variant))}" for name, of_variant in seeds.items())
    return f"Seeds differ between the variants, and differences are over those that both have: {each}."


def _images(lines: Sequence[Line]) -> str:
    counts = sorted({line["images"] for line in lines})
    first, last = " or ".join(map(str, counts[:-1])), counted(counts[-1], "held-out image")
    return f"{first} or {last}" if first else last


def _missing(lines: Sequence[Line], seeds: dict[str, list[int]]) -> list[str]:
    failed = [f"{line['variant']}, seed {line['seed']}" for line in lines if "error" in line]
    said = [f"Failed, and not in the table: {'; '.join(failed)}."] if failed else []
    every = {seed for of_variant in seeds.values() for seed in of_variant}
    known = {(line["variant"], line["seed"]) for line in lines}
    lacking = [f"{name}, seed {seed}" for name in seeds for seed in sorted(every) if (name, seed) not in known]
    return said + ([f"Not done yet: {'; '.join(lacking)}."] if lacking else [])


def _where(lines: Sequence[Line]) -> str:
    versions = {", ".join(f"{name} {number}" for name, number in line["versions"].items()): None for line in lines}
    hardware = {line["hardware"]: None for line in lines}
    dates = sorted(line["date"][:10] for line in lines)
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    text = f"{when}; {' and '.join(versions)}; {' and '.join(hardware)}."
    if len(versions) > 1:
        text += " Runs of different versions may differ for that alone."
    if len(hardware) > 1:
        text += " Times of different hardware say nothing side by side."
    return text
