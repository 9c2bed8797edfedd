"""Ctrl-C and SIGTERM end a command in order; a second one ends it at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hardpix.__main__ as cli
from hardpix.cli.ending import EndRequests
from hardpix.cli.output import Output
from hardpix.report.report_builder import Collector
from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix, weights

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
# 10 images in batches of 4, the last of 2 dropped: 2 steps an epoch.
SETTINGS = ("--trainer.max_epochs", 3, "--model.network.dropout", 0.3, "--data.val_batch_size", 1)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A command that was interrupted keeps its handlers until Python ends, which is no end here."""
    before = {number: signal.getsignal(number) for number in CODES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_request_of_a_command_before_is_none_of_the_next() -> None:
    with EndRequests(first=lambda number: None) as before:
        signal.raise_signal(signal.SIGTERM)
        assert EndRequests.of_command() is before
    assert signal.getsignal(signal.SIGTERM).__self__ is before  # type: ignore[union-attr]
    assert EndRequests.of_command().number is None


def sent(number: int, epoch: int, batch: int, moment: str = "step", hangs: float = 0) -> tuple[str, str]:
    place = f"number: {int(number)}, epoch: {epoch}, batch: {batch}, moment: {moment}, hangs: {hangs}"
    return "--trainer.callbacks", f"[{{class_path: my_networks.SignalAt, init_args: {{{place}}}}}]"


@pytest.fixture(scope="module")
def whole(data: Data, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    run = tmp_path_factory.mktemp("whole") / "run"
    assert run_hardpix("fit", *data.arguments, *TINY, *SETTINGS, "--run", run).code == 0
    return weights(Run(run))


@pytest.mark.parametrize(
    ("number", "moment", "epoch", "batch", "steps"),
    [
        (signal.SIGINT, "step", 0, 0, 1),
        (signal.SIGTERM, "step", 1, 0, 3),
        (signal.SIGTERM, "step", 1, 1, 4),
        (signal.SIGINT, "validation", 0, 0, 2),
        (signal.SIGTERM, "validation", 1, 1, 4),
    ],
)
def test_a_training_saves_and_goes_on_as_if_nothing_had_happened(
    number: signal.Signals,
    moment: str,
    epoch: int,
    batch: int,
    steps: int,
    data: Data,
    whole: dict[str, torch.Tensor],
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    outcome = run_hardpix("fit", *data.arguments, *TINY, *SETTINGS, "--run", run, *sent(number, epoch, batch, moment))
    assert outcome.code == CODES[number], outcome.err
    assert "Traceback" not in outcome.err
    way_on = f"fit --run {run} --resume --trust-run"
    # One story: what happens now, and at the end how to go on; nothing of it is said a second time.
    *_, first, last_line = outcome.err.splitlines()
    assert last_line == f"hardpix fit: interrupted; to go on from the last checkpoint: hardpix {way_on}"
    said = "the training ends after this step (once more: at once)"
    assert first == f"hardpix fit: {'Ctrl-C' if number == signal.SIGINT else 'SIGTERM'}; {said}"
    assert (outcome.out + outcome.err).count("interrupted") == 1
    last = torch.load(Run(run).checkpoint("last"), weights_only=True)
    assert last["global_step"] == steps
    resumed = run_hardpix(*way_on.split(), trust=False)
    assert resumed.code == 0, resumed.err
    # Each epoch was validated once.
    assert [outcome.out.count(f"epoch {k}/3") + resumed.out.count(f"epoch {k}/3") for k in (1, 2, 3)] == [1, 1, 1]
    found = weights(Run(run))
    assert [name for name in whole if not torch.equal(found[name], whole[name])] == []


def forked(work: Callable[[], int], said: Path) -> int:
    """A process of its own for what ends the process."""
    child = os.fork()
    if child == 0:
        try:
            with said.open("wb") as file:
                os.dup2(file.fileno(), 2)
            os._exit(work())
        finally:
            os._exit(99)
    return child


def test_a_second_one_ends_it_at_once(data: Data, tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = ["fit", *data.arguments, *TINY, *SETTINGS, "--run", run, *sent(signal.SIGTERM, 0, 1, hangs=60)]
    child = forked(lambda: run_hardpix(*given).code, tmp_path / "said")
    while not (run / "config.yaml").exists():
        time.sleep(0.05)
    began = time.monotonic()
    ended = 0
    while not ended:
        # The first one that counts twice comes half a second later.
        time.sleep(0.3)
        os.kill(child, signal.SIGTERM)
        ended, status = os.waitpid(child, os.WNOHANG)
    assert os.waitstatus_to_exitcode(status) == 143
    assert time.monotonic() - began < 30
    assert (tmp_path / "said").read_text().strip() == "hardpix fit: ended at once"


@pytest.mark.parametrize("number", CODES)
def test_nothing_is_said_but_a_line_while_libraries_are_imported(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str) -> None:
        os.kill(os.getpid(), number)

    monkeypatch.setattr(cli, "_load", load)
    child = forked(lambda: cli.main(["fit"]), tmp_path / "said")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == CODES[number]
    assert (tmp_path / "said").read_text().strip() == "hardpix fit: interrupted before it began"


def test_an_error_that_comes_of_the_signal_is_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where an import turns every exception into one of its own."""

    def work(words: list[str]) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException:
            raise ImportError("cannot import name") from None

    monkeypatch.setattr(cli, "_load", lambda name: work)
    assert cli.main(["test", "--run", "my run"]) == 143
    assert capsys.readouterr().err == "hardpix test: interrupted; to start again: hardpix test --run 'my run'\n"


def test_one_that_python_drops_comes_again(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Dropping:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    def work(words: list[str]) -> None:
        Dropping()
        time.sleep(30)

    monkeypatch.setattr(cli, "_load", lambda name: work)
    assert cli.main(["mine"]) == 130
    assert capsys.readouterr().err == "hardpix mine: interrupted; to go on: hardpix mine\n"


@pytest.mark.parametrize("command", ["predict", "mine", "label"])
def test_results_so_far_stay(
    command: str, tiny_run: Run, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Output.done

    def three(self: Output, stem: str, note: Any = None) -> None:
        done(self, stem, note)
        if len(self.notes) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Output, "done", three)
    given = [command, "--run", str(tiny_run.path), "--images", str(data.images), "--out", str(tmp_path / "out")]
    outcome = run_hardpix(*given)
    assert outcome.code == 143, outcome.err
    assert f"3 of 12 images are in {tmp_path / 'out'}" in outcome.err
    assert outcome.err.endswith(f"interrupted; to go on: hardpix {' '.join(given)} --trust-run\n")
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("workers", [1, 2])
def test_a_diagnosis_leaves_no_report_and_no_process(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import multiprocessing

    (tmp_path / "maps").mkdir()
    for k in range(6):
        Image.fromarray(np.random.default_rng(k).integers(0, 3, (24, 32), np.uint8)).save(tmp_path / f"maps/{k}.png")

    monkeypatch.setattr(Collector, "add", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    given = ["--truth", tmp_path / "maps", "--predictions", tmp_path / "maps", "--workers", workers]
    outcome = run_hardpix("diagnose", *given, "--out", tmp_path / "out")
    assert outcome.code == 143, outcome.err
    assert "Traceback" not in outcome.err
    assert "interrupted; to start again: hardpix diagnose --truth" in outcome.err
    assert not (tmp_path / "out").exists()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("number", CODES)
def test_a_check_writes_nothing(
    number: signal.Signals, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import multiprocessing

    from hardpix.data import checks

    monkeypatch.setattr(checks, "mask_facts", lambda *_, **__: os.kill(os.getpid(), number))
    given = ["check", "--images", str(data.images), "--masks", str(data.masks), "--json", str(tmp_path / "all.json")]
    outcome = run_hardpix(*given)
    assert outcome.code == CODES[number], outcome.err
    assert outcome.err.endswith(f"hardpix check: interrupted; to start again: hardpix {' '.join(given)}\n")
    assert "Traceback" not in outcome.err
    assert list(tmp_path.iterdir()) == []
    assert multiprocessing.active_children() == []
