"""Depthwise convolutions that mixed precision leaves out on a CPU."""

import copy
import io

import pytest
import torch
from timm.layers import Conv2dSame
from torch import nn

from hardpix.networks import LiteUNet
from hardpix.networks.depthwise import DepthwiseConv2d, DepthwiseConv2dSame, depthwise_in_32_bits


@pytest.mark.parametrize("kind", [nn.Conv2d, Conv2dSame])
def test_result_and_gradient_are_those_of_32_bits(kind: type[nn.Conv2d]) -> None:
    torch.manual_seed(0)
    plain = kind(6, 6, 3, stride=2, groups=6)
    convolution = nn.Sequential(copy.deepcopy(plain))
    depthwise_in_32_bits(convolution)
    image = torch.randn(2, 6, 9, 11)
    exact = plain(image)
    (expected,) = torch.autograd.grad(exact.square().sum(), plain.weight)
    assert torch.equal(convolution(image), exact)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, full = plain(image), convolution(image)
    assert rounded.dtype == full.dtype == torch.bfloat16
    assert torch.equal(full, exact.bfloat16())
    (found,) = torch.autograd.grad(full.float().square().sum(), convolution[0].weight)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)


def test_every_depthwise_convolution_is_one_and_no_other() -> None:
    network = LiteUNet(4, pretrained=False)
    kinds = {name: type(m) for name, m in network.named_modules() if isinstance(m, nn.Conv2d)}
    depthwise = [name for name in kinds if network.get_submodule(name).groups > 1]
    # One for each inverted residual of EfficientNet-Lite0: 1 + 2 + 2 + 3 + 3 + 4 + 1.
    assert len(depthwise) == 16
    chosen = [name for name, kind in kinds.items() if kind in (DepthwiseConv2d, DepthwiseConv2dSame)]
    assert chosen == depthwise


def test_names_of_weights_stay_and_the_network_is_copied_and_pickled() -> None:
    network = LiteUNet(4, pretrained=False).eval()
    image = torch.rand(1, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        expected = network(image)
        file = io.BytesIO()
        torch.save(network, file)
        file.seek(0)
        assert torch.equal(torch.load(file, weights_only=False)(image), expected)
        assert torch.equal(copy.deepcopy(network)(image), expected)
    assert "encoder.model.blocks.0.0.conv_dw.weight" in network.state_dict()
