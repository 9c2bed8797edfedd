"""Checks that the runs of a study were made with the configurations of now."""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.study.configuration import differences
from hardpix.study.lines import Line
from hardpix.study.recipe import listed
from hardpix.study.runs import Job

SHOWN = 6


def require_unchanged(jobs: Sequence[Job], lines: Sequence[Line]) -> None:
    """Refuse to mix configurations under the name of one variant.

    Args:
        jobs: all runs of the study.
        lines: of those that are done or failed.

    Raises:
        ValueError: a finished run, or one that would be gone on with, had another one; it says which settings changed.
    """
    known = {(line["variant"], line["seed"]): line for line in lines if "scores" in line}
    wrong = []
    for job in jobs:
        begun = (job.run / "checkpoints" / "last.ckpt").is_file()
        before = known.get(job.key) or (job.folder.started_with(*job.key) if begun else None)
        if before is not None and before["config_hash"] != job.variant.hash:
            changed = listed(differences(before["config"], job.variant.resolved))
            wrong.append(f"  {job.variant.name}, seed {job.seed}: {changed}")
    if wrong:
        more = f"\n  … and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise ValueError(
            "expected the configurations that the runs of this study were made with, found others:\n"
            + "\n".join(wrong[:SHOWN])
            + more
            + "\nput them back, give another --out, or remove these runs (their lines in "
            f"{jobs[0].folder.lines.path} and their folders below {jobs[0].folder.path / 'runs'})"
        )
