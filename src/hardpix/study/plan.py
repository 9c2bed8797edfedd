"""The plan of a study: its variants and seeds, read from YAML."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hardpix.cli.config_file import as_problem, unknown_keys
from hardpix.cli.moved import say_moved, with_new_places
from hardpix.data import DataError, Problem, describe
from hardpix.data.yaml_files import read_yaml
from hardpix.study.configuration import Config, config_hash, differences, merged
from hardpix.study.recipe import recipe_differences, refused

# Settings that each run has of its own.
OF_A_RUN = ("seed", "run", "resume", "config", "accept_changed_data", "trust_run")
NAME = re.compile(r"\w[\w .+=,()-]*")


@dataclass(frozen=True)
class Variant:
    """One of the configurations that are compared.

    Attributes:
        name: in tables, and of its folder.
        order: place among the variants; the others are compared with the first, 0.
        given: what is given to ``hardpix fit``, the base configuration with the variant's own settings.
        resolved: every setting, defaults included, and how the run is scored.
    """

    name: str
    order: int
    given: Config
    resolved: Config

    @property
    def hash(self) -> str:
        """Hash of the resolved configuration."""
        return config_hash(self.resolved)


def seeds_of(asked: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds of a number of runs, or those of a list.

    Raises:
        ValueError: none, negative ones, or one of them twice.

    Example:
        >>> seeds_of(3), seeds_of([3, 4])
        ((0, 1, 2), (3, 4))
    """
    seeds = tuple(range(asked)) if isinstance(asked, int) else tuple(asked)
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"expected a number of seeds, such as 5, or a list of different ones ≥ 0, such as [3,4], found {asked}"
        )
    return seeds


def read_variants(path: Path, settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Overrides by the name of their variant.

    Args:
        path: YAML of name → settings in the words of a configuration; empty for the base as it is.
        settings: names of all settings, with dots.

    Raises:
        ValueError: fewer than two variants, names twice or unfit for a folder, keys that are no settings.
    """
    variants = read_yaml(path, _checked_names) if not _twice(path) else {}
    problems = [*_twice(path)]
    moved: dict[str, str] = {}
    variants = {name: with_new_places(overrides, moved) for name, overrides in variants.items()}
    say_moved(moved)
    for name, overrides in variants.items():
        for key in [key for key in overrides if key in OF_A_RUN]:
            advice = f"remove {key}: every run has its own; --seeds and --out say which"
            problems.append(
                Problem("setting of a run", path, "settings that a variant may have", f"{name}: {key}", advice)
            )
        known = {key: value for key, value in overrides.items() if key not in OF_A_RUN}
        for keys, there in unknown_keys(known, settings):
            found = as_problem(path, ".".join(map(str, keys)), there)
            problems.append(Problem(found.kind, path, found.expected, f"{name}: {found.found}", found.advice))
    if problems:
        raise ValueError(describe(problems))
    return variants


def _checked_names(content: dict[Any, Any]) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    for name, overrides in content.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(
                "expected names that name a folder: letters, digits, spaces and . + = , ( ) _ -, at first a letter or "
                f"digit, found {name!r}; rename the variant"
            )
        if overrides is not None and not isinstance(overrides, dict):
            raise ValueError(f"{name}: expected settings as in a configuration, found {overrides!r:.80}")
        result[name] = overrides or {}
    if len(result) < 2:
        raise ValueError(f"expected at least two variants to compare, found {len(result)}")
    return result


def _twice(path: Path) -> list[Problem]:
    """Keys that stand twice in one mapping, of which YAML would keep the last without a word."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return []  # read_yaml says what is wrong
    found: list[Problem] = []

    def look(node: yaml.Node | None, place: tuple[str, ...]) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        seen: set[Hashable] = set()
        for key, value in node.value:
            name = str(key.value)
            # Names of variants name folders, which some systems do not tell apart by upper and lower case.
            alike = name.casefold() if not place else name
            if alike in seen:
                advice = f"rename or remove the one in line {key.start_mark.line + 1}"
                found.append(Problem("name twice", path, "each name once", ".".join((*place, name)), advice))
            seen.add(alike)
            look(value, (*place, name))

    look(root, ())
    return found


def read_base(path: Path) -> dict[str, Any]:
    """The configuration that all variants share.

    Raises:
        DataError: it cannot be read, or sets what each run has of its own.
    """
    base = with_new_places(read_yaml(path, dict))
    if own := [key for key in OF_A_RUN if key in base and key != "seed"]:
        raise DataError(f"{path}: expected settings that all runs share, found {', '.join(own)}; remove them")
    # The seeds of a study are given by themselves.
    return {key: value for key, value in base.items() if key != "seed"}


def with_overrides(base: Config, variants: Mapping[str, Config]) -> dict[str, dict[str, Any]]:
    """The whole configuration of each variant, as ``hardpix fit`` takes it."""
    return {name: merged(base, overrides) for name, overrides in variants.items()}


def require_comparable(variants: Sequence[Variant], allowed: Sequence[str]) -> None:
    """Variants differ, and not in what their comparison should hold fixed.

    Raises:
        ValueError: two of them are one configuration; differences in the recipe that are not allowed. All at once.
    """
    first = variants[0]
    wrong: list[str] = []
    for number, variant in enumerate(variants):
        same = next(
            (other.name for other in variants[:number] if not differences(other.resolved, variant.resolved)), None
        )
        if same is not None:
            wrong.append(
                f"{variant.name}: expected a configuration of its own, found that of {same}; remove one of them"
            )
        wrong += refused(variant.name, first.name, recipe_differences(first.resolved, variant.resolved), allowed)
    if wrong:
        raise ValueError("\n".join(wrong))
