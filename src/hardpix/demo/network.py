"""The small network of the demo."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SmallUNet(nn.Module):
    """A U-Net that learns within minutes on two cores: half a million weights, logits at half the image's size.

    Hardpix does not know it by itself, as it does not know a network of yours: its decoder and its classifier are named
    to the tap, ``tap(model, decoder="decoder", embedding="classifier")``.

    Args:
        num_classes: channels of the logits.
        width: channels at half the image's size; doubled at every coarser level.

    Example:
        >>> SmallUNet(5, width=8)(torch.rand(1, 3, 32, 64)).shape
        torch.Size([1, 5, 16, 32])
    """

    def __init__(self, num_classes: int, width: int = 16) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 4 * width, 4 * width]
        self.encoder = nn.ModuleList([_block(before, after, stride=2) for before, after in pairwise([3, *widths])])
        self.decoder = Decoder(widths)
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        levels = []
        features = image
        for stage in self.encoder:
            features = stage(features)
            levels.append(features)
        return self.classifier(self.decoder(levels))


class Decoder(nn.Module):
    """From the coarsest level to the finest: enlarge, join with the level's own features, convolve."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.steps = nn.ModuleList([_block(coarse + fine, fine) for fine, coarse in pairwise(widths)])

    def forward(self, levels: list[Tensor]) -> Tensor:
        features = levels[-1]
        for step, level in zip(reversed(self.steps), reversed(levels[:-1]), strict=True):
            enlarged = F.interpolate(features, level.shape[-2:], mode="bilinear", align_corners=False)
            features = step(torch.cat([enlarged, level], 1))
        return features


def _block(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )
