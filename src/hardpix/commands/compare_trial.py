"""Variants of a study as ``hardpix fit`` reads them, each tried before the first training."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace

from hardpix.cli.arguments import checked_input
from hardpix.cli.errors import UsageError
from hardpix.commands.fit import try_settings
from hardpix.commands.fit_settings import build_parser, default_in_full, names_no_objective, read_settings
from hardpix.diagnosis.settings import line_numbers
from hardpix.study.configuration import Config
from hardpix.study.plan import OF_A_RUN, Variant, read_base, read_variants, with_overrides
from hardpix.training.data_module import SegmentationData


def read_plan(
    config: Path, variants: Path, checkpoint: str, lines: str | None
) -> tuple[list[Variant], dict[str, Namespace]]:
    """Variants with all their settings, and these as the parser has them, by the variant's name.

    Args:
        config: YAML that all variants share.
        variants: YAML of their own settings.
        checkpoint: which one is scored.
        lines: names of line-like classes.

    Raises:
        ValueError: what is wrong with the files, or with the settings of any variant.
    """
    names = [action.dest for action in build_parser()._actions]
    given = with_overrides(read_base(config), read_variants(variants, names))
    planned, parsed, wrong = [], {}, []
    with tempfile.TemporaryDirectory() as place:
        for order, (name, settings) in enumerate(given.items()):
            file = Path(place) / "variant.yaml"
            file.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
            try:
                parsed[name], resolved = read_settings(["--config", str(file)])
            except UsageError as error:
                wrong.append(f"{name}: {error}".replace(str(file), str(config)))
                continue
            shared: dict[str, Any] = {key: value for key, value in resolved.items() if key not in OF_A_RUN}
            if names_no_objective(parsed[name].model):
                # As a run would record it, so that runs of another default are not counted among those of this one.
                by_default = {"dense": default_in_full(False), "sparse": default_in_full(True)}
                shared["model"]["objective_by_default"] = by_default
            shared["test"] = {"checkpoint": checkpoint, "lines": lines}
            planned.append(Variant(name, order, settings, shared))
    if wrong:
        raise UsageError("\n".join(dict.fromkeys(wrong)))
    return planned, parsed


def dry_run(variants: Sequence[Variant], settings: Mapping[str, Namespace], lines: str | None) -> list[Path]:
    """Check the data and build every network before the first training; data that several share are read once.

    Args:
        variants: of `read_plan`.
        settings: likewise.
        lines: names of line-like classes, which the data must have.

    Returns:
        The folders that are read.

    Raises:
        UsageError: what is wrong with any of the variants.
    """
    known: list[tuple[Config, SegmentationData]] = []
    wrong: dict[str, list[str]] = {}
    for variant in variants:
        of_data = variant.resolved["data"]
        alike = next((data for config, data in known if config == of_data), None)
        try:
            with checked_input():
                data = try_settings(settings[variant.name], alike)
                line_numbers(lines, data.class_names)
        except UsageError as error:
            wrong.setdefault(str(error), []).append(variant.name)
        else:
            known += [] if alike is not None else [(of_data, data)]
    if wrong:
        raise UsageError("\n".join(f"{', '.join(names)}: {message}" for message, names in wrong.items()))
    return [folder for _, data in known for folder in data.folders]
