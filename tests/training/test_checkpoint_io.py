"""Checkpoints on a disk that refuses, is full, or loses what was written."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from hardpix.training import checkpoint_io
from hardpix.training.checkpoint_io import CheckpointNotSaved, VerifiedCheckpointIO
from hardpix.training.checkpoints import read_checkpoint
from runs import OWN_CODE, TINY, Data, run_hardpix


def state(step: int, size: int = 1000) -> dict[str, Any]:
    return {"global_step": step, "epoch": 0, "state_dict": {"weight": torch.full((size,), float(step))}}


def saver() -> VerifiedCheckpointIO:
    return VerifiedCheckpointIO(lambda: "go on so")


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize("which", ["last", "best"])
def test_a_checkpoint_that_cannot_take_its_place_stops_the_run(which: str, data: Data, tmp_path: Path) -> None:
    """A folder of its name is there, into which a careless rename moves the file."""
    place = tmp_path / "run" / "checkpoints" / f"{which}.ckpt"
    hook = f"[{{class_path: my_networks.MakeFolder, init_args: {{path: '{place / 'inside'}'}}}}]"
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", tmp_path / "run", "--trainer.callbacks", hook)
    assert outcome.code == 2
    assert f"expected to save step 2 in {place}, found that it cannot be: Is a directory" in outcome.err
    # The one that was saved in the same epoch is gone on from, by a command that can be copied.
    left = f"hardpix fit --run {tmp_path / 'run'} --resume --trust-run"
    none = f"{tmp_path / 'run'} holds nothing to go on with"
    assert f"Mend the cause; {f'to go on from the last checkpoint: {left}' if which == 'last' else none}" in outcome.err
    assert "Traceback" not in outcome.err
    assert "best validation mIoU" not in outcome.out


def test_a_system_that_refuses_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with an expired ticket, or files of another owner: root, as which tests may run, has every right."""
    path = tmp_path / "last.ckpt"
    saver().save_checkpoint(state(1), path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, refuse)
        monkeypatch.setattr(Path, name, refuse)
    with pytest.raises(CheckpointNotSaved, match=f"save step 2 in {path}, found that it cannot be: Permission denied"):
        saver().save_checkpoint(state(2), path)
    assert read_checkpoint(path)["global_step"] == 1


def test_what_the_disk_loses_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some bytes of the weights come back otherwise than they were written."""
    path = tmp_path / "last.ckpt"
    saver().save_checkpoint(state(1), path)
    before = path.read_bytes()
    save = checkpoint_io._save

    def save_and_lose(checkpoint: dict[str, Any], file: Any) -> None:
        save(checkpoint, file)
        file.flush()
        with Path(file.file.name).open("r+b") as written:
            content = written.read()
            written.seek(content.index(torch.full((100,), 2.0).numpy().tobytes()))
            written.write(b"\1\2\3\4")

    monkeypatch.setattr(checkpoint_io, "_save", save_and_lose)
    with pytest.raises(CheckpointNotSaved, match=r"the checksum of its part .* differs"):
        saver().save_checkpoint(state(2), path)
    assert path.read_bytes() == before
    assert "last.ckpt.partial" not in names(tmp_path)


def test_a_part_that_changed_on_disk_is_not_read_as_weights(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    saver().save_checkpoint(state(7), path)
    content = path.read_bytes()
    place = content.index(torch.full((100,), 7.0).numpy().tobytes())
    path.write_bytes(content[:place] + b"\1\2\3\4" + content[place + 4 :])
    with pytest.raises(ValueError, match=r"cannot be read.*checksum"):
        read_checkpoint(path)


def limited() -> None:
    # Files end at 100,000 bytes, as on a disk that is full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    saver().save_checkpoint(state(1), path)
    before = path.read_bytes()
    code = (
        "import torch; from pathlib import Path\n"
        "from hardpix.training.checkpoint_io import *\n"
        "state = {'global_step': 2, 'epoch': 0, 'state_dict': {'w': torch.zeros(100_000)}}\n"
        f"VerifiedCheckpointIO(str).save_checkpoint(state, Path({str(path)!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=limited,
        capture_output=True,
        text=True,
        env={**os.environ},
        check=False,
    )
    assert done.returncode != 0
    assert f"save step 2 in {path}, found that it cannot be: File too large" in done.stderr
    assert path.read_bytes() == before
    assert names(tmp_path) == ["last.ckpt"]


def test_nothing_goes_through_the_temporary_folder(data: Data, tmp_path: Path) -> None:
    """It may be small, or on another file system, from where a file is copied and not renamed."""
    (tmp_path / "temporary").mkdir()
    arguments = [*data.arguments, *TINY, "--trainer.logger", "false", "--run", str(tmp_path / "run")]
    watch = "[{class_path: my_networks.RefuseFiles, init_args: {folder: '" + str(tmp_path / "temporary") + "'}}]"
    done = subprocess.run(
        [sys.executable, "-m", "hardpix", "fit", *arguments, "--trainer.callbacks", watch],
        env={
            **os.environ,
            "TMPDIR": str(tmp_path / "temporary"),
            "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{OWN_CODE}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "run" / "checkpoints") == ["best.ckpt", "last.ckpt"]
