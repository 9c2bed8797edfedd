"""Depthwise convolutions that mixed precision leaves out."""

import torch
from torch import nn

from hardpix.demo.full_precision import FullPrecision, depthwise_in_full
from hardpix.networks import LiteUNet


def test_result_and_gradient_are_those_of_32_bits() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(6, 6, 3, groups=6)
    image = torch.randn(2, 6, 9, 11)
    exact = convolution(image)
    (expected,) = torch.autograd.grad(exact.square().sum(), convolution.weight)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, full = convolution(image), FullPrecision(convolution)(image)
    assert not torch.equal(rounded.float(), exact)
    assert torch.equal(full, exact)
    (found,) = torch.autograd.grad(full.square().sum(), convolution.weight)
    assert torch.equal(found, expected)


def test_every_depthwise_convolution_is_left_out_and_no_other() -> None:
    network = LiteUNet(4, pretrained=False)
    depthwise = {id(m) for m in network.modules() if isinstance(m, nn.Conv2d) and m.groups > 1}
    depthwise_in_full(network)
    assert {id(m.module) for m in network.modules() if isinstance(m, FullPrecision)} == depthwise
    assert len(depthwise) == 16  # one for each inverted residual of EfficientNet-Lite0 (1 + 2 + 2 + 3 + 3 + 4 + 1)
