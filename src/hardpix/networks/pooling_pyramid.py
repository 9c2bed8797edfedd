"""Deep aggregation pyramid pooling: context from ever larger windows, as DDRNet closes its context branch."""

import torch
from torch import Tensor, nn

from hardpix.networks.batch_norm import BatchNorm
from hardpix.pixels.resize import resize_bilinear


class PoolingPyramid(nn.Module):
    """Deep aggregation pyramid pooling (DAPPM): each coarser scale is added to the finer one before its convolution."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        pools = [nn.AvgPool2d(2 * stride + 1, stride, padding=stride) for stride in (2, 4, 8)]
        self.pools = nn.ModuleList([*pools, nn.AdaptiveAvgPool2d(1)])
        self.scales = nn.ModuleList(norm_relu_conv(inputs, width) for _ in range(5))
        self.merges = nn.ModuleList(norm_relu_conv(width, width, 3) for _ in range(4))
        self.compress = norm_relu_conv(5 * width, outputs)
        self.shortcut = norm_relu_conv(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        scales = [self.scales[0](features)]
        for pool, scale, merge in zip(self.pools, self.scales[1:], self.merges, strict=True):
            coarse = resize_bilinear(scale(pool(features)), features.shape[-2:])
            scales.append(merge(coarse + scales[-1]))
        return self.compress(torch.cat(scales, dim=1)) + self.shortcut(features)


def norm_relu_conv(inputs: int, outputs: int, kernel: int = 1) -> nn.Sequential:
    """Norm and ReLU before the convolution, which keeps the resolution."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(BatchNorm(inputs), nn.ReLU(), convolution)
