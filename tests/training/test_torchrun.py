"""A training on two processes that torchrun has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hardpix.training.checkpoints import read_checkpoint
from hardpix.training.run import Run
from runs import OWN_CODE, TINY, Data

pytestmark = pytest.mark.slow

SLOW = ("--trainer.max_epochs", "30", "--trainer.callbacks", "[{class_path: my_networks.Slow}]")


def those_of(run: Run) -> list[int]:
    """Processes whose command names a run: torchrun gives each a session of its own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if os.fsencode(run.path) in words:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_torchrun_saves_and_leaves_no_process(number: int, data: Data, tmp_path: Path) -> None:
    run, said = Run(tmp_path / "run", trusted=True), tmp_path / "said"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "--"]
    command += ["hardpix", "fit", *data.arguments, *TINY, *SLOW, "--run", str(run.path)]
    command += ["--trainer.devices", "2", "--data.batch_size", "2", "--data.workers", "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(OWN_CODE), *sys.path]), "OMP_NUM_THREADS": "1"}
    environment |= {"SLOW_SECONDS": "0.1"}
    with said.open("w") as file:
        launcher = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        until = time.monotonic() + 300
        while not run.checkpoints_to_resume():
            assert launcher.poll() is None, said.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        assert len(those_of(run)) >= 3
        launcher.send_signal(number)
        # torchrun kills after 30 seconds.
        launcher.wait(timeout=60)
        assert those_of(run) == []
    finally:
        for process in those_of(run):
            os.kill(process, signal.SIGKILL)
    expected = f"to go on from the last checkpoint: hardpix fit --run {run.path} --resume --trust-run\n"
    assert said.read_text().count(expected) == 1
    assert read_checkpoint(run.checkpoint("last"))["global_step"] > 0
