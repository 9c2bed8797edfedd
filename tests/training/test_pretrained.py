"""Networks that come with weights of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix

NETWORK = TINY.index("my_networks.Tiny")
SETTINGS = (*TINY[: NETWORK - 1], *TINY[NETWORK + 3 :])


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A SegFormer for 7 other classes, as transformers saves it."""
    config = SegformerConfig(num_labels=7, hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16, depths=[1, 1, 1, 1])
    SegformerForSemanticSegmentation(config).save_pretrained(tmp_path / "published")
    return tmp_path / "published"


def test_a_function_of_the_users_loads_weights_of_transformers(published: Path, data: Data, tmp_path: Path) -> None:
    network = ["--model.network", "my_networks.pretrained_segformer", "--model.network.name", published]
    # Without a step, what was loaded is what is saved.
    still = ["--trainer.max_epochs", 1, "--model.optimizer.lr", 0, "--model.optimizer.weight_decay", 0]
    run = Run(tmp_path / "run", trusted=True)
    outcome = run_hardpix(
        *("fit", *data.arguments, *SETTINGS, *network, "--model.network.num_labels", 3, *still, "--run", run.path)
    )
    assert outcome.code == 0, outcome.err
    weights = SegformerForSemanticSegmentation.from_pretrained(published).state_dict()
    found = run.load_task().network.model.state_dict()
    for name, expected in weights.items():
        if name.startswith("decode_head.classifier"):
            assert len(found[name]) == 3
        elif expected.is_floating_point() and "running" not in name:
            assert torch.equal(found[name], expected), name


def test_a_trained_run_downloads_nothing(data: Data, tmp_path: Path) -> None:
    """The weights that a network starts from are in its checkpoint: they must not be fetched again."""
    run = Run(tmp_path / "run", trusted=True)
    network = ["--model.network", "my_networks.Downloading", "--model.network.encoder_weights", "null"]
    outcome = run_hardpix(*("fit", *data.arguments, *TINY, *network, "--trainer.max_epochs", 1, "--run", run.path))
    assert outcome.code == 0, outcome.err
    run.config.write_text(run.config.read_text().replace("encoder_weights: null", "encoder_weights: imagenet"))
    assert "encoder_weights: imagenet" in run.config.read_text()
    assert run_hardpix("test", "--run", run.path).code == 0
