"""Weights in a file of their own: the network that predicts, and nothing that could run."""

from __future__ import annotations

import errno
import json
import pickle
import shutil
import struct
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import my_networks
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from hardpix import untap
from hardpix.data import whole_files
from hardpix.training.run import Run
from runs import Data, Outcome, run_hardpix, tree, weights

MEAN_TEACHER = (
    *("--model.recipe", "SelfTraining", "--model.recipe.objective", "WeightedCrossEntropy"),
    *("--model.recipe.teacher", "MovingAverage", "--model.recipe.teacher.momentum", 0.9),
    *("--model.recipe.labeler", "ConfidenceThreshold", "--data.labeled_every", 2, "--data.batch_size", 2),
    *("--model.recipe.deploy", "teacher"),
)


def export(run: Run, out: Path, *more: object, trust: bool = True) -> Outcome:
    return run_hardpix("export", "--run", run.path, "--out", out, *more, trust=trust)


def head_of(file: Path) -> tuple[dict, bytes]:
    """Header and numbers, as the format's own page has it: 8 bytes of length, JSON, one block."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def metadata_of(file: Path) -> dict:
    found = head_of(file)[0]["__metadata__"]
    return found | {name: json.loads(text) for name, text in found.items() if name not in ("format", "hardpix_version")}


def test_a_fresh_network_of_the_class_gives_what_predict_gives(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = export(tiny_run, tmp_path / "net.safetensors")
    assert outcome.code == 0, outcome.err
    assert list(tree(tmp_path)) == ["net.safetensors"]
    assert "Tiny, 835 weights of step" in outcome.out
    image = torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    expected = untap(tiny_run.load_task("best", predict_only=True).deployed)(image)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    fresh = my_networks.Tiny(3).eval()
    fresh.load_state_dict(load_file(tmp_path / "net.safetensors"))
    assert torch.equal(fresh(image), expected)


def test_the_file_holds_the_numbers_of_the_checkpoint_and_no_branch(tiny_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    assert export(tiny_run, file, "--checkpoint", "last").code == 0
    head, numbers = head_of(file)
    saved = weights(tiny_run, "last")
    prefix = "recipe.network.model."
    expected = {name.removeprefix(prefix): value for name, value in saved.items() if name.startswith(prefix)}
    assert len(expected) < len(saved)
    assert head.keys() - {"__metadata__"} == expected.keys() == my_networks.Tiny(3).state_dict().keys()
    for name, value in expected.items():
        begin, end = head[name]["data_offsets"]
        found = np.frombuffer(numbers[begin:end], "<f4").reshape(head[name]["shape"])
        np.testing.assert_array_equal(found, value.numpy())


def test_the_metadata_say_how_images_reach_the_network(tiny_run: Run, tmp_path: Path) -> None:
    assert export(tiny_run, tmp_path / "net.safetensors").code == 0
    found = metadata_of(tmp_path / "net.safetensors")
    assert found["format"] == "pt"
    assert found["network"] == {
        "class_path": "my_networks.Tiny",
        "init_args": {"outputs": 3, "norm": "none", "dropout": 0.0},
    }
    assert found["class_names"] == ["class 0", "class 7", "class 200"]
    assert found["mean"] == [0.485, 0.456, 0.406]
    assert found["std"] == [0.229, 0.224, 0.225]
    assert (found["in_channels"], found["resolution"], found["divisor"]) == (3, 1.0, 32)
    assert found["images"] == {"bands": None, "value_range": None}
    assert found["step"] == torch.load(tiny_run.checkpoint("best"), weights_only=True)["global_step"]


def test_weights_that_are_tied_and_lie_otherwise_are_whole(fit_tiny: Callable[..., Run], tmp_path: Path) -> None:
    run = fit_tiny("--model.network", "my_networks.Tied", "--model.channels_last", "true")
    file = tmp_path / "net.safetensors"
    outcome = export(run, file)
    assert outcome.code == 0, outcome.err
    fresh = my_networks.Tied(3).eval()
    fresh.load_state_dict(load_file(file))
    assert fresh.encoder[-1].weight is fresh.decoder[0].weight
    image = torch.rand(1, 3, 32, 32)
    expected = untap(run.load_task("best", predict_only=True).deployed)(image)
    assert not torch.equal(expected, my_networks.Tied(3).eval()(image))
    assert torch.equal(fresh(image), expected)


def test_where_the_teacher_is_deployed_its_weights_are_written(fit_tiny: Callable[..., Run], tmp_path: Path) -> None:
    run = fit_tiny(*MEAN_TEACHER)
    assert export(run, tmp_path / "net.safetensors", "--checkpoint", "last").code == 0
    found, saved = load_file(tmp_path / "net.safetensors"), weights(run)
    assert torch.equal(found["encoder.0.weight"], saved["recipe.teacher.network.model.encoder.0.weight"])
    assert not torch.equal(found["encoder.0.weight"], saved["recipe.network.model.encoder.0.weight"])


def test_the_metadata_build_the_network_without_other_weights(data: Data, tmp_path: Path) -> None:
    """As somebody does who has the file alone. The training began with pretrained weights."""
    run = Run(tmp_path / "run")
    network = ("--model.network", "hardpix.networks.LiteUNet", "--model.network.num_classes", 3)
    size = ("--data.crop_size", "[32,32]", "--data.workers", 0, "--trainer.max_epochs", 1)
    outcome = run_hardpix("fit", *data.arguments, *network, *size, "--run", run.path, "--trainer.accelerator", "cpu")
    assert outcome.code == 0, outcome.err
    file = tmp_path / "net.safetensors"
    outcome = export(run, file, trust=False)
    assert outcome.code == 0, outcome.err
    setting = metadata_of(file)["network"]
    assert setting["init_args"]["pretrained"] is False
    place, _, kind = setting["class_path"].rpartition(".")
    fresh: nn.Module = getattr(import_module(place), kind)(**setting["init_args"]).eval()
    fresh.load_state_dict(load_file(file))
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(fresh(image), untap(run.load_task("best", predict_only=True).deployed)(image))


def test_state_that_is_no_tensor_is_named(fit_tiny: Callable[..., Run], tmp_path: Path) -> None:
    run = fit_tiny("--model.network", "my_networks.Remembering")
    outcome = export(run, tmp_path / "net.safetensors")
    assert outcome.code == 2
    assert "expected tensors alone in the state of Remembering, found str as _extra_state" in outcome.err
    assert not list(tmp_path.iterdir())


class TestWhereItGoes:
    def test_an_earlier_export_is_replaced_when_asked(self, tiny_run: Run, tmp_path: Path) -> None:
        file = tmp_path / "new" / "net.safetensors"
        assert export(tiny_run, file).code == 0
        before = tree(tmp_path)
        outcome = export(tiny_run, file, "--checkpoint", "last")
        assert outcome.code == 2
        assert "--overwrite" in outcome.err
        assert tree(tmp_path) == before
        assert export(tiny_run, file, "--checkpoint", "last", "--overwrite").code == 0
        assert metadata_of(file)["step"] == torch.load(tiny_run.checkpoint("last"), weights_only=True)["global_step"]
        assert list(tree(tmp_path)) == ["new/net.safetensors"]

    @pytest.mark.parametrize("kind", ["of another program", "text", "empty", "folder", "a head that lies"])
    def test_a_file_of_another_kind_never_is(self, kind: str, tiny_run: Run, tmp_path: Path) -> None:
        file = tmp_path / "net.safetensors"
        if kind == "of another program":
            save_file({"a": torch.ones(2)}, file, {"format": "pt"})
        elif kind == "folder":
            file.mkdir()
        else:
            file.write_bytes({"text": b"mine", "empty": b"", "a head that lies": b"\xff" * 64}[kind])
        before = tree(tmp_path)
        outcome = export(tiny_run, file, "--overwrite")
        assert outcome.code == 2
        assert f"found {file}, which hardpix export has not written" in outcome.err
        assert tree(tmp_path) == before

    def test_nothing_is_written_through_a_link(self, tiny_run: Run, tmp_path: Path) -> None:
        assert export(tiny_run, tmp_path / "a.safetensors").code == 0
        (tmp_path / "b.safetensors").symlink_to(tmp_path / "a.safetensors")
        (tmp_path / "c.safetensors").symlink_to(tmp_path / "not there yet")
        before = tree(tmp_path)
        for name in ("b", "c"):
            outcome = export(tiny_run, tmp_path / f"{name}.safetensors", "--overwrite")
            assert outcome.code == 2
            assert f"found links, {name}.safetensors" in outcome.err
        assert tree(tmp_path) == before

    def test_neither_among_the_images_nor_by_another_ending(self, tiny_run: Run, data: Data, tmp_path: Path) -> None:
        outcome = export(tiny_run, data.images / "net.safetensors")
        assert outcome.code == 2
        assert "expected a folder outside of what is read" in outcome.err
        outcome = export(tiny_run, tmp_path / "net.onnx")
        assert outcome.code == 2
        assert "expected a file whose name ends with .safetensors" in outcome.err

    def test_a_full_disk_leaves_the_earlier_one(
        self, tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "net.safetensors"
        assert export(tiny_run, file).code == 0
        before = tree(tmp_path)

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(whole_files.os, "fsync", full)
        outcome = export(tiny_run, file, "--overwrite")
        assert outcome.code == 1
        assert f"No space left on device at {file}" in outcome.err
        assert tree(tmp_path) == before

    def test_a_training_does_not_keep_it_out_of_the_runs_folder(self, tiny_run: Run, tmp_path: Path) -> None:
        run = Run(shutil.copytree(tiny_run.path, tmp_path / "run"), trusted=True)
        with run.taken():
            assert export(run, run.path / "net.safetensors").code == 0
