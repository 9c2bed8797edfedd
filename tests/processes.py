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
