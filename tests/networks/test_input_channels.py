"""First convolutions for other images than RGB, against timm."""

import pytest
import torch
from torch import nn

from hardpix.networks import with_input_channels
from hardpix.networks.input_channels import channels_advice, first_convolution

timm = pytest.importorskip("timm")


class Net(nn.Module):
    def __init__(self, in_chans: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_chans, 8, 3, bias=False), nn.ReLU())
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.last(self.stem(image))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 13])
def test_as_timm(channels: int) -> None:
    from timm.models import adapt_input_conv

    network = Net()
    changed = with_input_channels(network, channels)
    expected = adapt_input_conv(channels, network.stem[0].weight.detach())
    torch.testing.assert_close(changed.stem[0].weight.detach(), expected)
    assert changed(torch.rand(1, channels, 9, 9)).shape == (1, 2, 7, 7)
    # The network that was given takes RGB as before.
    assert network.stem[0].in_channels == 3


def test_gray_in_every_band_is_what_gray_in_rgb_was() -> None:
    """Sums of weights stay, where the three of RGB are used equally often."""
    network, gray = Net(), torch.rand(1, 1, 9, 9)
    expected = network(gray.expand(1, 3, 9, 9))
    for channels in (1, 3, 6, 9):
        torch.testing.assert_close(with_input_channels(network, channels)(gray.expand(1, channels, 9, 9)), expected)


def test_networks_without_such_a_convolution() -> None:
    for network in (nn.Linear(3, 3), Net(in_chans=4)):
        with pytest.raises(ValueError, match="whose first convolution takes 3 channels"):
            with_input_channels(network, 4)
    assert first_convolution(nn.Linear(3, 3)) is None


def test_advice_names_the_parameter() -> None:
    assert channels_advice(Net(), 3) is None
    assert "set its in_chans to 4 (--model.network.in_chans 4)" in (channels_advice(Net(), 4) or "")
