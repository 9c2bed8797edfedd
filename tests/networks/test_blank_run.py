"""A blank image through a network: the shapes that training will see, and no trace of it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from hardpix.networks import DDRNet, blank_run, tap


class Odd(nn.Module):
    """Counts its calls in a buffer, even in evaluation, and takes what ``takes`` lets pass."""

    def __init__(self, takes: Callable[[Tensor], bool], channels: int = 3) -> None:
        super().__init__()
        self.takes = takes
        self.stem = nn.Sequential(nn.Conv2d(channels, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.Dropout())
        self.head = nn.Conv2d(6, 4, 1)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, image: Tensor) -> Tensor:
        if not self.takes(image):
            raise AssertionError(f"{tuple(image.shape)} is not for me")
        self.calls += 1
        self.last = self.calls
        return self.head(self.stem(image))


def takes(*sizes: tuple[int, int]) -> Callable[[Tensor], bool]:
    return lambda image: tuple(image.shape[-2:]) in sizes


@pytest.mark.parametrize("side", [64, 224, 518])
def test_the_smallest_square_that_the_model_takes(side: int) -> None:
    model = Odd(takes((side, side), (1024, 1024)))
    out = blank_run(tap(model, stages=["stem"]))
    assert out.taps.stages["stem"].shape == (1, 6, side // 2, side // 2)
    assert out.logits.shape == (1, 4, side, side)


def test_channels_other_than_three() -> None:
    assert blank_run(tap(Odd(lambda image: True, channels=5), stages=["stem"])).taps.stages["stem"].shape[1] == 6


def test_a_model_that_takes_none_of_them_is_given_its_own() -> None:
    network = tap(Odd(takes((30, 44))), stages=["stem"])
    message = r"Odd took no blank image \(squares from 64 to 1024 pixels\).*1024\) is not for me\. Give image_size="
    with pytest.raises(ValueError, match=message):
        blank_run(network)
    assert blank_run(network, (30, 44)).taps.stages["stem"].shape == (1, 6, 15, 22)
    with pytest.raises(ValueError, match=r"took no blank image \(30×40\).*\(1, 3, 30, 40\) is not for me"):
        blank_run(network, (30, 40))


def test_no_trace_is_left() -> None:
    model = Odd(takes((128, 128))).train()
    model.stem[1].eval()
    network = tap(model, decoder="head", stages=["stem"])
    modes = [module.training for module in network.modules()]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    buffers = list(network.buffers())
    out = blank_run(network)
    assert not out.logits.requires_grad
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert all(found is before for found, before in zip(network.buffers(), buffers, strict=True))
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


def test_modes_come_back_after_an_error() -> None:
    model = Odd(lambda image: False).train()
    with pytest.raises(ValueError, match="took no blank image"):
        blank_run(tap(model))
    assert all(module.training for module in model.modules())


def test_it_runs_in_evaluation() -> None:
    """Dropout and batch statistics of one image would show."""
    model = Odd(lambda image: True).train()
    expected = copy.deepcopy(model).eval()(torch.zeros(1, 3, 64, 64))
    out = blank_run(tap(model))
    torch.testing.assert_close(out.logits, nn.functional.interpolate(expected, (64, 64), mode="bilinear"))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_in_the_models_own_type(dtype: torch.dtype) -> None:
    assert blank_run(tap(Odd(lambda image: True).to(dtype), stages=["stem"])).taps.stages["stem"].dtype == dtype


def test_on_the_models_own_device() -> None:
    with torch.device("meta"):
        network = tap(DDRNet(4, width=8, pooling_width=8, head_width=8), stages=["detail"])
    assert blank_run(network).taps.stages["detail"].shape == (1, 32, 8, 8)


def test_what_the_tap_finds_fault_with_is_said_in_its_own_words() -> None:
    class Bypass(Odd):
        def forward(self, image: Tensor) -> Tensor:
            return self.head(self.stem[0](image))

    with pytest.raises(RuntimeError, match="nothing was caught at 'stem': it was not called"):
        blank_run(tap(Bypass(lambda image: True), stages=["stem"]))
