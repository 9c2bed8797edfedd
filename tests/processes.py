"""Two processes that train together."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import torch


def run_in_two_processes(script: Path, folder: Path) -> tuple[Any, Any]:
    """Results that ``python SCRIPT RANK FOLDER`` saves as FOLDER/RANK.pt, for both ranks at once."""
    processes = [
        subprocess.Popen([sys.executable, str(script), str(rank), str(folder)], stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    try:
        complaints = [process.communicate(timeout=600)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(complaints)
    return torch.load(folder / "0.pt"), torch.load(folder / "1.pt")


def of_session(leader: int) -> list[int]:
    """Processes of a session that have not ended."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            # The name is in brackets, and may hold any sign; state, parent, group and session follow.
            state, _, _, session = (place / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == leader and state not in "ZX":
            found.append(int(place.name))
    return found
