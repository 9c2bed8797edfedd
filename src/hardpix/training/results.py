"""Folders that results are written to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

# In every folder of results: what made it, and the sign that it may be overwritten.
RECORD = "hardpix.yaml"


def prepare_output(out: Path, inputs: list[Path], overwrite: bool, record: Mapping[str, Any]) -> None:
    """Make the folder that results go to, with a record of what made them.

    Args:
        out: the folder.
        inputs: folders that are read.
        overwrite: whether earlier results of hardpix may be replaced; other files never are.
        record: written as hardpix.yaml.

    Raises:
        ValueError: the folder is one that is read, or lies in one.
        FileExistsError: it holds something.
    """
    for folder in inputs:
        if out.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"expected a folder outside of what is read ({folder}) for the results, found {out}")
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"expected a folder for the results, found a file, {out}; give another name")
    ours = (out / RECORD).is_file()
    if out.exists() and any(out.iterdir()) and not (overwrite and ours):
        way_on = ", or --overwrite to replace the results in it" if ours else ""
        raise FileExistsError(
            f"expected a new or empty folder for the results, found files in {out}; give another one{way_on}"
        )
    out.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_dump(dict(record), sort_keys=False, allow_unicode=True)
    (out / RECORD).write_text(content, encoding="utf-8")
