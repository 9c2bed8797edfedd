"""Decisions on proposed corrections, and what they were made on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardpix.cli.errors import UsageError
from hardpix.data.wording import first_three, share_of

PROPOSALS = "proposals.json"
VERSION = 1


@dataclass(frozen=True)
class Decisions:
    """Decisions that somebody has made on the page.

    Attributes:
        proposals: folder that the page lies in, as it was when it was written.
        fingerprint: of the proposals.
        accepted: by stem, numbers of the regions to correct.
        rejected: by stem, numbers of those to leave.
    """

    proposals: Path
    fingerprint: str
    accepted: dict[str, list[int]]
    rejected: dict[str, list[int]]


def digest(path: Path) -> str:
    """Hexadecimal number of the content of a file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a").write_text("text")
        ...     len(digest(Path(folder, "a")))
        32
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def fingerprint_of(masks: Mapping[str, str], regions: Iterable[Any]) -> str:
    """Hexadecimal number that differs where masks or regions do."""
    text = json.dumps([sorted(masks.items()), list(regions)])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def read_decisions(path: Path) -> Decisions:
    """Decisions that the page has saved.

    Raises:
        UsageError: the file is another one.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["hardpix"] != "decisions" or found["version"] != VERSION:
            raise ValueError(f"version {found.get('version')!r}")
        accepted, rejected = (
            {str(stem): [int(number) for number in numbers] for stem, numbers in found[kind].items()}
            for kind in ("accepted", "rejected")
        )
        return Decisions(Path(found["proposals"]), str(found["fingerprint"]), accepted, rejected)
    except OSError as error:
        raise UsageError(
            f"expected decisions of the page of hardpix correct, found no file that can be read at {path}: "
            f"{error.strerror}"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"expected decisions that the page of hardpix correct has saved, found something else in {path} ({error}): "
            "give the file that its button Save decisions made"
        ) from error


def read_proposals(folder: Path) -> dict[str, Any]:
    """Record that hardpix correct has written of its proposals.

    Raises:
        UsageError: the folder holds none.
    """
    path = folder / PROPOSALS
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"expected the folder that hardpix correct wrote, with its {PROPOSALS}, found none in {folder}: give it by "
            "--proposals DIR where it was moved"
        ) from error


def require_unchanged(decisions: Decisions, proposals: Mapping[str, Any], masks: Mapping[str, Path]) -> None:
    """Decisions are on these proposals, and the masks are those that they were made on.

    Raises:
        UsageError: they are not.
    """
    if decisions.fingerprint != proposals["fingerprint"]:
        raise UsageError(
            "expected decisions on the proposals in this folder, found those on others: hardpix correct has been run "
            "again since, or --proposals names another folder; decide on its page once more"
        )
    changed = [stem for stem, path in masks.items() if not path.is_file() or digest(path) != proposals["masks"][stem]]
    if changed:
        raise UsageError(
            "expected the masks that the decisions were made on, found "
            f"{share_of(changed, len(masks))} changed or gone since ({first_three(changed)}): run hardpix correct on "
            "them again, or bring them back"
        )
