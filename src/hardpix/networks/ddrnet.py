"""Deep dual-resolution networks: one branch keeps detail, one gathers context, and both exchange what they see."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from hardpix.networks.batch_norm import BatchNorm
from hardpix.networks.pooling_pyramid import PoolingPyramid, norm_relu_conv
from hardpix.networks.residual_blocks import BasicBlock, Bottleneck
from hardpix.pixels.precision import at_least_float32
from hardpix.pixels.resize import resize_bilinear


class DDRNet(nn.Module):
    """Deep dual-resolution network for real-time semantic segmentation.

    The stem halves the image three times. From there a detail branch stays at 1/8 while a context branch goes down to
    1/64; after every stage each receives the other's features. A pyramid of ever larger poolings (DAPPM) closes the
    context branch, and the head reads the sum of both.

    Any image size works. In training mode the auxiliary head, on the detail branch after the third stage, runs too. Its
    logits are not part of the return value: :func:`hardpix.tap` catches them; a loop of your own that does not want
    them builds the network with ``auxiliary=False``.

    Args:
        num_classes: channels of the logits.
        width: channels of the stem; every other width is a multiple of it.
        blocks: residual blocks in the four stages, alike in both branches where there are two.
        third_stage_parts: how often the branches exchange features in the third stage; divides its number of blocks.
        pooling_width: channels of each scale of the pooling pyramid.
        head_width: channels inside the heads.
        in_channels: channels of the image.
        auxiliary: whether there is an auxiliary head.

    Source: Hong et al., "Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation of Road
    Scenes", arXiv 2101.06085.

    Example:
        >>> import torch
        >>> network = DDRNet(num_classes=5, width=8, pooling_width=16, head_width=16)
        >>> network(torch.rand(1, 3, 75, 101)).shape
        torch.Size([1, 5, 75, 101])
    """

    def __init__(
        self,
        num_classes: int,
        *,
        width: int = 32,
        blocks: tuple[int, int, int, int] = (2, 2, 2, 2),
        third_stage_parts: int = 1,
        pooling_width: int = 128,
        head_width: int = 64,
        in_channels: int = 3,
        auxiliary: bool = True,
    ) -> None:
        super().__init__()
        if blocks[2] % third_stage_parts:
            raise ValueError(f"expected third_stage_parts to divide {blocks[2]} blocks, found {third_stage_parts}")
        detail = 2 * width
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, stride=2, padding=1),
            BatchNorm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            BatchNorm(width),
            nn.ReLU(inplace=True),
            _stage(width, width, blocks[0]),
            nn.ReLU(inplace=True),
            _stage(width, detail, blocks[1], stride=2),
            nn.ReLU(inplace=True),
        )
        part = blocks[2] // third_stage_parts
        self.third = nn.ModuleList([DualStage(detail, 4 * width, detail, part, stride=2, down_steps=1)])
        for _ in range(third_stage_parts - 1):
            self.third.append(DualStage(4 * width, 4 * width, detail, part, stride=1, down_steps=1))
        self.fourth = DualStage(4 * width, 8 * width, detail, blocks[3], stride=2, down_steps=2)
        self.detail = Bottleneck(detail, detail)
        self.context = nn.Sequential(
            Bottleneck(8 * width, 8 * width, stride=2), PoolingPyramid(16 * width, pooling_width, 4 * width)
        )
        self.head = Head(4 * width, head_width, num_classes)
        self.auxiliary_head = Head(detail, head_width, num_classes) if auxiliary else None
        self.apply(_initialize)

    def forward(self, image: Tensor) -> Tensor:
        """(B, in_channels, H, W) image to (B, num_classes, H, W) logits."""
        context = detail = self.stem(image)
        for stage in self.third:
            context, detail = stage(F.relu(context), F.relu(detail))
        if self.auxiliary_head is not None and self.training:
            self.auxiliary_head(detail)
        context, detail = self.fourth(F.relu(context), F.relu(detail))
        detail = self.detail(F.relu(detail))
        context = resize_bilinear(self.context(F.relu(context)), detail.shape[-2:])
        # In a half type the gradient of the resize would add up hundreds of rounded numbers.
        return resize_bilinear(at_least_float32(self.head(detail + context)), image.shape[-2:])


class DDRNet23Slim(DDRNet):
    """DDRNet-23-slim: 5.7 M parameters, 77.4 mIoU on Cityscapes test (arXiv 2101.06085).

    Args:
        num_classes: channels of the logits.
        in_channels: channels of the image.
        auxiliary: whether there is an auxiliary head.

    Example:
        >>> import torch
        >>> DDRNet23Slim(num_classes=19).eval()(torch.rand(1, 3, 64, 128)).shape
        torch.Size([1, 19, 64, 128])
    """

    def __init__(self, num_classes: int, in_channels: int = 3, auxiliary: bool = True) -> None:
        super().__init__(num_classes, width=32, head_width=64, in_channels=in_channels, auxiliary=auxiliary)


class DDRNet23(DDRNet):
    """DDRNet-23: 20.1 M parameters, 79.4 mIoU on Cityscapes test (arXiv 2101.06085).

    Args:
        num_classes: channels of the logits.
        in_channels: channels of the image.
        auxiliary: whether there is an auxiliary head.

    Example:
        >>> import torch
        >>> with torch.device("meta"):  # shapes alone
        ...     DDRNet23(num_classes=19)(torch.rand(1, 3, 64, 128)).shape
        torch.Size([1, 19, 64, 128])
    """

    def __init__(self, num_classes: int, in_channels: int = 3, auxiliary: bool = True) -> None:
        super().__init__(num_classes, width=64, head_width=128, in_channels=in_channels, auxiliary=auxiliary)


class DDRNet39(DDRNet):
    """DDRNet-39: 32.3 M parameters, 80.4 mIoU on Cityscapes test (arXiv 2101.06085).

    Args:
        num_classes: channels of the logits.
        in_channels: channels of the image.
        auxiliary: whether there is an auxiliary head.

    Example:
        >>> import torch
        >>> with torch.device("meta"):  # shapes alone
        ...     DDRNet39(num_classes=19)(torch.rand(1, 3, 64, 128)).shape
        torch.Size([1, 19, 64, 128])
    """

    def __init__(self, num_classes: int, in_channels: int = 3, auxiliary: bool = True) -> None:
        super().__init__(
            num_classes,
            width=64,
            blocks=(3, 4, 6, 3),
            third_stage_parts=2,
            head_width=256,
            in_channels=in_channels,
            auxiliary=auxiliary,
        )


class DualStage(nn.Module):
    """One stage of both branches, then the bilateral fusion: each branch adds the other's features to its own."""

    def __init__(self, inputs: int, context: int, detail: int, blocks: int, stride: int, down_steps: int) -> None:
        super().__init__()
        self.context = _stage(inputs, context, blocks, stride)
        self.detail = _stage(detail, detail, blocks)
        self.compress = nn.Sequential(nn.Conv2d(context, detail, 1, bias=False), BatchNorm(detail))
        widths = [detail, *(context // 2**step for step in reversed(range(down_steps)))]
        down: list[nn.Module] = []
        for before, after in pairwise(widths):
            down += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), BatchNorm(after), nn.ReLU()]
        self.down = nn.Sequential(*down[:-1])

    def forward(self, context: Tensor, detail: Tensor) -> tuple[Tensor, Tensor]:
        context, detail = self.context(context), self.detail(detail)
        compressed = self.compress(F.relu(context))
        return context + self.down(F.relu(detail)), detail + resize_bilinear(compressed, detail.shape[-2:])


class Head(nn.Module):
    """From features to logits: a 3×3 and a 1×1 convolution, each after norm and ReLU."""

    def __init__(self, inputs: int, width: int, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(norm_relu_conv(inputs, width, 3), BatchNorm(width), nn.ReLU(inplace=True))
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.classifier(self.features(features))


def _stage(inputs: int, outputs: int, blocks: int, stride: int = 1) -> nn.Sequential:
    """Basic blocks with a ReLU between them; the last is left signed, for the fusion that follows."""
    modules: list[nn.Module] = [BasicBlock(inputs, outputs, stride)]
    for _ in range(blocks - 1):
        modules += [nn.ReLU(inplace=True), BasicBlock(outputs, outputs)]
    return nn.Sequential(*modules)


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
