"""Facts that a recorded result must state: where and with what it was measured."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from hardpix.training.hardware import processor


def describe_run(packages: tuple[str, ...], device: torch.device, threads: int) -> list[str]:
    """Markdown lines: command, date, versions, hardware."""
    installed = ", ".join(f"{package} {version(package)}" for package in packages)
    return [
        f"- command: `{shlex.join(['python', os.path.relpath(sys.argv[0]), *sys.argv[1:]])}`",
        f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, hardpix at commit {_commit()}",
        f"- versions: Python {platform.python_version()}, {installed}",
        f"- hardware: {_hardware(device, threads)}",
    ]


def _commit() -> str:
    """The checkout's commit, and whether the library's source differs from it."""
    here = Path(__file__).parent
    try:
        git = ["git", "-C", str(here)]
        commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run([*git, "status", "--porcelain", "../src"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.stdout.strip() + (" with uncommitted changes" if changes.stdout.strip() else "")


def _hardware(device: torch.device, threads: int) -> str:
    cpu = f"{processor()}, {os.cpu_count()} cores, {threads} used by torch"
    if hasattr(os, "getloadavg"):  # not on Windows
        cpu += f", load average {os.getloadavg()[0]:.1f} at the start"
    return f"{torch.cuda.get_device_name(device)}; {cpu}" if device.type == "cuda" else cpu
