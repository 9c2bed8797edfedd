"""Command that goes on with a training that ended before its time."""

from __future__ import annotations

from shlex import quote

from hardpix.cli.errors import UntrustedRun
from hardpix.cli.own_modules import given_folders
from hardpix.training.run import Run
from hardpix.training.trust import RISKY, require_trusted


def way_on(run: Run) -> str:
    """Advice to whoever has a run that was not finished: the command that goes on, or that nothing is saved.

    Example:
        >>> from pathlib import Path
        >>> way_on(Run(Path("runs/first")))
        'runs/first holds nothing to go on with, as no checkpoint has been written yet: start the training again'
    """
    path = quote(str(run.path))
    if not run.checkpoints_to_resume():
        return f"{path} holds nothing to go on with, as no checkpoint has been written yet: start the training again"
    return f"to go on from the last checkpoint: hardpix fit --run {path} --resume{_more_options(run)}"


def _more_options(run: Run) -> str:
    folders = "".join(f" --path {quote(folder)}" for folder in given_folders())
    try:
        require_trusted(run.read_config(), run.path, risky=(*RISKY, "trust"))
    except UntrustedRun:
        return f"{folders} --trust-run"
    except (ValueError, OSError):
        pass  # the run's own message comes when it is gone on with
    return folders
