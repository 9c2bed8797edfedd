"""Residual blocks that leave their sum signed, for what is added to it afterwards."""

from torch import Tensor, nn

from hardpix.networks.batch_norm import BatchNorm


class BasicBlock(nn.Module):
    """Residual block of two 3×3 convolutions, without the ReLU after the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            BatchNorm(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            BatchNorm(outputs),
        )
        self.shortcut = _shortcut(inputs, outputs, stride)

    def forward(self, features: Tensor) -> Tensor:
        return self.residual(features) + self.shortcut(features)


class Bottleneck(nn.Module):
    """Residual block of a 1×1, a 3×3 and a widening 1×1 convolution, without the ReLU after the sum."""

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, width, 1, bias=False),
            BatchNorm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
            BatchNorm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 2 * width, 1, bias=False),
            BatchNorm(2 * width),
        )
        self.shortcut = _shortcut(inputs, 2 * width, stride)

    def forward(self, features: Tensor) -> Tensor:
        return self.residual(features) + self.shortcut(features)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if inputs == outputs and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), BatchNorm(outputs))
