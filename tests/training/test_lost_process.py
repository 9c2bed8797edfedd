"""A training on two processes of which one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from hardpix.training import lost_process
from hardpix.training.lost_process import FOLLOWED, LostProcess, WatchedLauncher
from hardpix.training.run import Run
from processes import of_session
from runs import OWN_CODE, TINY, Data, run_hardpix

pytestmark = pytest.mark.slow

SLOW = ("--trainer.max_epochs", "30", "--trainer.callbacks", "[{class_path: my_networks.Slow}]")


def rank_of(process: int) -> int:
    """The rank of a process that Lightning has started; 0 for all others."""
    variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    return next((int(each.partition(b"=")[2]) for each in variables if each.startswith(b"LOCAL_RANK=")), 0)


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_takes_the_others_down_with_a_message(killed: int, data: Data, tmp_path: Path) -> None:
    run, said = Run(tmp_path / "run", trusted=True), tmp_path / "said"
    command = [sys.executable, "-m", "hardpix", "fit", *data.arguments, *TINY, *SLOW, "--run", str(run.path)]
    command += ["--trainer.devices", "2", "--data.batch_size", "2", "--data.workers", "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(OWN_CODE), *sys.path]), "OMP_NUM_THREADS": "1"}
    environment |= {"SLOW_SECONDS": "0.1"}
    with said.open("w") as file:
        first = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
    try:
        until = time.monotonic() + 300
        while not run.checkpoints_to_resume():
            assert first.poll() is None, said.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        second = next(process for process in of_session(first.pid) if rank_of(process) == 1)
        os.kill((first.pid, second)[killed], signal.SIGKILL)
        until = time.monotonic() + 60
        code = first.wait(timeout=60)
        while of_session(first.pid):
            assert time.monotonic() < until, "some process is left"
            time.sleep(0.1)
    finally:
        if of_session(first.pid):
            os.killpg(first.pid, signal.SIGKILL)
    message = said.read_text().partition("expected 2 processes until the end of the training, found ")[2]
    if killed == 0:
        assert code == -signal.SIGKILL
        assert message.startswith(f"process 0 ({first.pid}) gone. ")
    else:
        assert code == 2
        assert message.startswith(f"process 1 ({second}) ended by SIGKILL, as the system does where memory runs out. ")
    assert message.endswith(f"to go on from the last checkpoint: hardpix fit --run {run.path} --resume --trust-run\n")
    assert "Traceback" not in said.read_text()
    if killed == 1:
        outcome = run_hardpix("fit", "--run", run.path, "--resume", "--trainer.devices", 1, "--data.workers", 0)
        assert outcome.code == 0, outcome.err
        assert torch.load(run.checkpoint("last"), weights_only=True)["epoch"] == 29


class Launcher(WatchedLauncher):
    """A launcher of three processes, with others in place of those of a training."""

    def __init__(self, run: Path, *commands: str) -> None:
        super().__init__(_SubprocessScriptLauncher(LightningEnvironment(), 3, 1), Run(run))
        self.procs = [subprocess.Popen(["sh", "-c", command]) for command in commands]


def break_down() -> None:
    raise RuntimeError("[pair.cc:545] Read error [127.0.0.1]:937: Connection reset by peer")


@pytest.mark.parametrize(
    ("commands", "found"),
    [
        (("sleep 0.3; exit 1", "exit 75"), "process 1 ({pid}) ended with exit code 1; its own message is above"),
        (("kill -9 $$", "exit 75"), "process 1 ({pid}) ended by SIGKILL, as the system does where memory runs out"),
        (("kill -SEGV $$", "exit 75"), "process 1 ({pid}) ended by SIGSEGV"),
        (("exit 75", "exit 75"), "the connection to one of them broken; "),
    ],
)
def test_the_message_names_the_process_that_ended_first(commands: tuple[str, ...], found: str, tmp_path: Path) -> None:
    assert FOLLOWED == 75
    launcher = Launcher(tmp_path, *commands)
    expected = f"found {found.format(pid=launcher.procs[0].pid)}"
    with pytest.raises(LostProcess) as error:
        launcher.watched(break_down)
    assert expected in str(error.value)
    assert str(error.value).endswith("no checkpoint has been written yet: start the training again")


def test_processes_that_do_not_end_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_process, "SECONDS", 0.3)
    launcher = Launcher(tmp_path, "kill -9 $$", "exec sleep 600")
    with pytest.raises(LostProcess, match="process 1 "):
        launcher.watched(break_down)
    assert [process.returncode for process in launcher.procs] == [-signal.SIGKILL, -signal.SIGKILL]


def test_an_error_of_its_own_stays_as_it_is(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path, "exit 1", "exit 75")
    with pytest.raises(ValueError, match="a mistake of my own"):
        launcher.watched(lambda: (_ for _ in ()).throw(ValueError("a mistake of my own")))


@pytest.mark.parametrize("asked", [False, True])
def test_a_process_that_waits_for_ever_is_ended(asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where NCCL waits for a process that is gone; those that end since they were asked to leave time to save."""
    monkeypatch.setattr(lost_process, "SECONDS", 0.3)
    said = tmp_path / "said"
    child = os.fork()
    if child == 0:
        try:
            with said.open("w") as sys.stderr:
                Launcher(tmp_path, "kill -TERM $$" if asked else "kill -9 $$").watched(time.sleep, 3 if asked else 60)
            os._exit(0)
        finally:
            os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == (0 if asked else 2)
    assert ("process 1 " in said.read_text()) != asked
