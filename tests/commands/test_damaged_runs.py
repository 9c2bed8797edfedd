"""A run of which one file is damaged: one message that names the file, and no traceback."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from hardpix.cli.output import Output
from hardpix.data import whole_files
from hardpix.training.run import Run
from runs import Data, Outcome, run_hardpix

Damage = Callable[[Path], object]
NAN = float("nan")

ANY: dict[str, Damage] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:40]),
    "noise": lambda file: file.write_bytes(bytes(range(256)) * 9),
    "no UTF-8": lambda file: file.write_bytes("café: 1\n".encode("latin-1")),
    "a list": lambda file: file.write_text("[1, 2]"),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "gone": lambda file: file.unlink(),
}


def changed(*keys: Any, to: Any = ...) -> Damage:
    """An entry of a YAML file or checkpoint has another value, or is gone."""

    def change(file: Path) -> None:
        of_torch = file.suffix == ".ckpt"
        content = torch.load(file, weights_only=True) if of_torch else yaml.safe_load(file.read_text())
        inside = content
        for key in keys[:-1]:
            inside = inside[key]
        if to is ...:
            del inside[keys[-1]]
        else:
            inside[keys[-1]] = to
        if of_torch:
            torch.save(content, file)
        else:
            file.write_text(yaml.safe_dump(content))

    return change


# Commands that read what is damaged.
EVERY = ("test", "predict", "mine", "label", "fit")
USE, RESUME = ("test", "predict"), ("fit",)
CASES: list[tuple[str, str, Damage, tuple[str, ...]]] = [
    *(("config.yaml", name, damage, EVERY) for name, damage in ANY.items() if name != "cut off"),
    *(("classes.yaml", name, damage, USE) for name, damage in ANY.items()),
    # Runs of earlier versions have no files.json.
    *(("split.yaml", name, damage, USE) for name, damage in ANY.items() if name != "cut off"),
    *(("files.json", name, damage, RESUME) for name, damage in ANY.items() if name != "gone"),
    *(("checkpoints/best.ckpt", name, damage, USE) for name, damage in ANY.items()),
    ("config.yaml", "no model", changed("model"), EVERY),
    ("config.yaml", "no data", changed("data"), EVERY),
    ("config.yaml", "data a number", changed("data", to=7), EVERY),
    ("config.yaml", "no ignore_index", changed("data", "ignore_index"), USE),
    ("config.yaml", "ignore_index a text", changed("data", "ignore_index", to="x"), USE + RESUME),
    ("config.yaml", "ignore_index huge", changed("data", "ignore_index", to=10**30), USE + RESUME),
    ("config.yaml", "resolution NaN", changed("data", "resolution", to=NAN), USE + RESUME),
    ("config.yaml", "resolution a text", changed("data", "resolution", to="big"), USE),
    ("config.yaml", "divisor 0", changed("data", "divisor", to=0), USE),
    ("config.yaml", "divisor huge", changed("data", "divisor", to=10**12), USE + RESUME),
    ("config.yaml", "network a number", changed("model", "network", to=7), USE + RESUME),
    ("config.yaml", "another decoder", changed("model", "decoder", to="nowhere"), USE),
    ("config.yaml", "seed a text", changed("seed", to="s"), RESUME),
    ("config.yaml", "max_epochs NaN", changed("trainer", "max_epochs", to=NAN), RESUME),
    ("split.yaml", "no train", changed("train"), USE),
    ("split.yaml", "no val", changed("val"), USE),
    ("split.yaml", "val null", changed("val", to=None), USE + RESUME),
    ("split.yaml", "train a list", changed("train", to=[1]), USE + RESUME),
    ("split.yaml", "no stems", changed("val", "stems"), USE + RESUME),
    ("split.yaml", "stems a number", changed("val", "stems", to=7), USE),
    ("split.yaml", "stems numbers", changed("val", "stems", to=[1, 2]), USE + RESUME),
    ("split.yaml", "no stem", changed("val", "stems", to=[]), USE),
    ("split.yaml", "no images", changed("train", "images"), USE),
    ("split.yaml", "images a number", changed("val", "images", to=3), USE),
    ("split.yaml", "suffix a number", changed("val", "image_suffix", to=5), USE),
    ("split.yaml", "unknown key", changed("val", "color", to=1), USE),
    ("classes.yaml", "classes a number", changed("classes", to=7), USE),
    ("classes.yaml", "id NaN", changed("classes", 0, "id", to=NAN), USE),
    ("classes.yaml", "id huge", changed("classes", 0, "id", to=10**30), USE),
    ("classes.yaml", "name null", changed("classes", 0, "name", to=None), USE),
    ("checkpoints/best.ckpt", "no weights", changed("state_dict"), USE),
    ("checkpoints/best.ckpt", "weights a list", changed("state_dict", to=[1]), USE),
    ("checkpoints/best.ckpt", "weights null", changed("state_dict", to=None), USE),
    ("checkpoints/best.ckpt", "names numbers", changed("state_dict", to={1: torch.zeros(2)}), USE),
    ("checkpoints/best.ckpt", "weights texts", changed("state_dict", to={"recipe.network.a": "x"}), USE),
    ("checkpoints/best.ckpt", "other weights", changed("state_dict", to={"recipe.network.a": torch.ones(2)}), USE),
    ("checkpoints/last.ckpt", "no loops", changed("loops"), RESUME),
    ("checkpoints/last.ckpt", "loops a list", changed("loops", to=[]), RESUME),
    ("checkpoints/last.ckpt", "no fit_loop", changed("loops", "fit_loop"), RESUME),
    ("checkpoints/last.ckpt", "no step", changed("global_step"), RESUME),
    ("checkpoints/last.ckpt", "step a text", changed("global_step", to="x"), RESUME),
    ("checkpoints/last.ckpt", "no optimizer", changed("optimizer_states"), RESUME),
    ("checkpoints/last.ckpt", "optimizer of another kind", changed("optimizer_states", to=[{"a": 1}]), RESUME),
    ("checkpoints/last.ckpt", "callbacks a text", changed("callbacks", to="x"), RESUME),
    ("checkpoints/last.ckpt", "schedule of another kind", changed("lr_schedulers", to=[{"x": 1}]), RESUME),
    ("checkpoints/last.ckpt", "places a list", changed("SegmentationData", to=[3]), RESUME),
    ("checkpoints/last.ckpt", "no version", changed("pytorch-lightning_version"), RESUME),
]


def start(command: str, run: Path, data: Data, out: Path) -> Outcome:
    arguments: dict[str, tuple[object, ...]] = {
        "test": ("--pictures", "false"),
        "fit": ("--resume", "--trainer.max_epochs", 3),
    }
    return run_hardpix(command, "--run", run, *arguments.get(command, ("--images", data.images, "--out", out)))


@pytest.mark.parametrize(
    ("file", "damage", "commands"), [case[:1] + case[2:] for case in CASES], ids=[f"{c[0]}: {c[1]}" for c in CASES]
)
def test_a_damaged_file_is_named(
    file: str, damage: Damage, commands: tuple[str, ...], tiny_run: Run, data: Data, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run.path, run)
    if file.endswith("last.ckpt"):
        (run / "checkpoints" / "best.ckpt").unlink()
    damage(run / file)
    for command in commands:
        outcome = start(command, run, data, tmp_path / "out")
        assert outcome.code == 2, f"{command}: {outcome.out}{outcome.err}"
        assert str(run / file) in outcome.err, f"{command}: {outcome.err}"
        assert "Traceback" not in outcome.err
        assert not (tmp_path / "out").exists()


def test_the_message_on_half_a_checkpoint_names_a_whole_one(tiny_run: Run, data: Data, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run.path, run)
    best = run / "checkpoints" / "best.ckpt"
    best.write_bytes(best.read_bytes()[: best.stat().st_size // 2])
    outcome = start("test", run, data, tmp_path / "out")
    assert outcome.code == 2
    assert outcome.err.rstrip().endswith("give another one, such as --checkpoint last")
    # Torch's own message is longer.
    assert len(outcome.err) < 500 + 2 * len(str(best))
    assert run_hardpix("test", "--run", run, "--checkpoint", "last", "--pictures", "false").code == 0


def test_the_message_on_weights_of_another_network_stays_short(tiny_run: Run, data: Data, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run.path, run)
    others = {f"recipe.network.model.layer{k}.weight": torch.zeros(1) for k in range(500)}
    changed("state_dict", to=others)(run / "checkpoints" / "best.ckpt")
    outcome = start("predict", run, data, tmp_path / "out")
    assert outcome.code == 2
    assert "layer0.weight" in outcome.err
    assert len(outcome.err) < 1000 + 2 * len(str(run))


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("command", ["test", "predict", "mine", "label", "fit", "diagnose"])
def test_a_full_disk_is_said_in_one_message(
    command: str, tiny_run: Run, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(tiny_run.path, run)
    monkeypatch.setattr(whole_files.Path, "replace", refuse)
    if command == "diagnose":
        given = ["--truth", data.masks, "--predictions", data.masks, "--workers", 1]
        outcome = run_hardpix("diagnose", *given, "--out", out)
    else:
        outcome = start(command, run, data, out)
    assert outcome.code in (1, 2)
    assert "No space left on device" in outcome.err
    assert str(tmp_path) in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("command", ["predict", "mine", "label"])
def test_a_folder_that_is_deleted_meanwhile_is_said(
    command: str, tiny_run: Run, tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tmp_path / "images"
    shutil.copytree(data.images, images)
    done = Output.done

    def delete(self: Output, stem: str, note: object = None) -> None:
        done(self, stem, note)
        shutil.rmtree(images, ignore_errors=True)
        monkeypatch.setattr(Output, "done", done)

    monkeypatch.setattr(Output, "done", delete)
    outcome = run_hardpix(command, "--run", tiny_run.path, "--images", images, "--out", tmp_path / "out")
    assert outcome.code in (1, 2), outcome.out
    assert str(images) in outcome.err
    assert "Traceback" not in outcome.err
