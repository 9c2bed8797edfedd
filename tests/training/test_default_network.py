"""The network that is trained if none is named: which, from which weights, and that a run keeps its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from hardpix.networks import DDRNet23Slim, LiteUNet
from hardpix.networks.pretrained import lite_encoder_weights
from hardpix.training.run import Run
from runs import TINY, Data, Outcome, run_hardpix, weights

SETTINGS = (*TINY[4:], "--model.objective", "WeightedCrossEntropy")


def nothing_pretrained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardpix.networks.default.missing_packages", lambda: ["timm"])


def fit(data: Data, run: Path, *more: object) -> Outcome:
    outcome = run_hardpix("fit", *data.arguments, *SETTINGS, "--run", run, *more)
    assert outcome.code == 0, outcome.err
    return outcome


def test_it_starts_from_the_weights_of_the_package(data: Data, tmp_path: Path) -> None:
    still = ["--trainer.max_epochs", 1, "--model.optimizer.lr", 0, "--model.optimizer.weight_decay", 0]
    outcome = fit(data, tmp_path / "run", *still)
    assert "No network named: LiteUNet, from ImageNet weights of EfficientNet-Lite0" in outcome.out
    found = weights(Run(tmp_path / "run"))
    prefix = "recipe.network.model.encoder.model."
    expected = lite_encoder_weights("lite0")
    convolutions = [name for name in found if name.startswith(prefix) and name.endswith(("stem.weight", "pw.weight"))]
    assert len(convolutions) > 15
    for name in convolutions:
        torch.testing.assert_close(found[name], expected[name.removeprefix(prefix)])


def test_a_run_is_opened_without_the_package_of_the_weights(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(data, tmp_path / "run", "--trainer.max_epochs", 1)
    nothing_pretrained(monkeypatch)
    monkeypatch.setattr("hardpix.networks.pretrained.find_spec", lambda name: None)
    assert isinstance(Run(tmp_path / "run").load_task().network.model, LiteUNet)
    assert run_hardpix("test", "--run", tmp_path / "run", trust=False).code == 0


def test_without_the_packages_it_starts_from_scratch_and_says_what_is_lost(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_pretrained(monkeypatch)
    outcome = fit(data, tmp_path / "run", "--trainer.max_epochs", 1)
    assert "DDRNet23Slim, from random weights; pip install timm brings a pretrained one" in outcome.out
    monkeypatch.undo()
    # The packages were installed since: the run keeps its network.
    assert isinstance(Run(tmp_path / "run").load_task().network.model, DDRNet23Slim)


def test_a_network_that_is_named_is_not_talked_about(data: Data, tmp_path: Path) -> None:
    named = ["--model.network", "my_networks.Tiny", "--model.decoder", "decoder", "--trainer.max_epochs", 1]
    assert "No network named" not in fit(data, tmp_path / "run", *named).out


def test_runs_of_before_that_name_no_network_are_those_of_their_time(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_pretrained(monkeypatch)
    run = Run(tmp_path / "run")
    fit(data, run.path, "--trainer.max_epochs", 1)
    monkeypatch.undo()
    config = yaml.safe_load(run.config.read_text())
    config["model"]["network"] = None
    run.config.write_text(yaml.safe_dump(config))
    assert run_hardpix("test", "--run", run.path, trust=False).code == 0
    again = run_hardpix("fit", "--run", run.path, "--resume", "--trainer.max_epochs", 2, trust=False)
    assert again.code == 0, again.err
    assert "DDRNet23Slim: 5.7" in again.out
    assert "No network named" not in again.out
