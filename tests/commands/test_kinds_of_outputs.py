"""Networks of one channel, of several outputs and with an activation at their end, on the command line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix, write_pair

SMALL = ("--data.workers", "0", "--data.batch_size", "4", "--data.crop_size", "[32,32]", "--trainer.max_epochs", "1")
UNET = (
    *("--model.network", "segmentation_models_pytorch.Unet", "--model.network.encoder_name", "tu-test_resnet"),
    *("--model.network.encoder_weights", "null"),
)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """8 images; their masks hold 0 and 1."""
    root = tmp_path_factory.mktemp("binary")
    rng = np.random.default_rng(3)
    for k in range(8):
        write_pair(root / "images", root / "masks", f"frame_{k}", rng, ids=(0, 1))
    return Data(root / "images", root / "masks")


def test_one_channel_is_trained_tested_and_predicted_with(binary: Data, tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = run_hardpix("fit", *binary.arguments, *SMALL, *UNET, "--model.network.classes", 1, "--run", run)
    assert outcome.code == 0, outcome.err
    task = Run(run, trusted=True).load_task("last")
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        z = task.network.model(image)
        assert z.shape == (1, 1, 32, 32)
        torch.testing.assert_close(task(image).softmax(1)[:, 1:], z.sigmoid())
    out = tmp_path / "predicted"
    images = ("--images", binary.images)
    outcome = run_hardpix("predict", "--run", run, *images, "--out", out, "--probabilities", "true")
    assert outcome.code == 0, outcome.err
    shares = np.load(out / "probabilities" / "frame_0.npy").astype(np.float32)
    labels = np.array(Image.open(out / "labels" / "frame_0.png"))
    assert shares.shape == (2, *labels.shape)
    # The sigmoid of the network's one number; float16 rounds it.
    picture = np.array(Image.open(binary.images / "frame_0.png")) / 255
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    tensor = torch.tensor((picture - mean) / deviation, dtype=torch.float32).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = task.network.model(F.pad(tensor, (0, 0, 0, 16)))[0, 0, :48].sigmoid().numpy()
    assert np.abs(shares[1] - expected).max() < 1e-3
    clear = np.abs(expected - 0.5) > 1e-3
    assert clear.mean() > 0.5
    assert np.array_equal(labels[clear], (expected > 0.5)[clear])
    outcome = run_hardpix("test", "--run", run, *images, "--masks", binary.masks, "--out", tmp_path / "tested")
    assert outcome.code == 0, outcome.err


def test_one_channel_for_three_classes_is_refused(data: Data, tmp_path: Path) -> None:
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--model.network.outputs", 1, "--run", tmp_path / "run")
    assert outcome.code == 2
    assert "found 2 of Tiny (one output counts as two: background and foreground)" in outcome.err


def test_several_outputs(data: Data, tmp_path: Path) -> None:
    network = ("--model.network", "my_networks.TwoHeads", "--run", tmp_path / "run")
    objective = ("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "OnlineHard")
    unnamed = ("--model.decoder", "null", *objective)
    outcome = run_hardpix("fit", *data.arguments, *TINY, *network, *unnamed)
    assert outcome.code == 2
    said = " ".join(outcome.err.split())
    assert "the model returned 2 maps, (1, 3, 16, 16), (1, 3, 16, 16), and nothing tells which are the logits" in said
    assert "--model.embedding" in said
    assert "cannot take a training image" not in said

    outcome = run_hardpix("fit", *data.arguments, *TINY, *network)
    assert outcome.code == 0, outcome.err
    task = Run(tmp_path / "run", trusted=True).load_task()
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        side, main = task.network.model(image)
        expected = F.interpolate(main, (32, 32), mode="bilinear")
        torch.testing.assert_close(task(image), expected)
    assert not torch.allclose(side, main)


@pytest.mark.parametrize(("classes", "activation"), [(1, "sigmoid"), (2, "softmax2d")])
def test_an_activation_at_the_end_is_refused_before_training(
    classes: int, activation: str, binary: Data, tmp_path: Path
) -> None:
    network = ("--model.network.classes", classes, "--model.network.activation", activation)
    outcome = run_hardpix("fit", *binary.arguments, *SMALL, *UNET, *network, "--run", tmp_path / "run")
    assert outcome.code == 2
    assert "expected logits of Unet, found" in outcome.err
    assert "activation=None in segmentation-models-pytorch" in " ".join(outcome.err.split())
    assert not (tmp_path / "run").exists()
