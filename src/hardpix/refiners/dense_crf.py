"""Dense conditional random field by mean field (Krähenbühl and Koltun, NeurIPS 2011)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from hardpix.pixels import DatasetInfo
from hardpix.pixels.precision import at_least_float32
from hardpix.refiners.base import Refiner, require_one_size
from hardpix.refiners.kernels import ExactKernel, PositionKernel, Sums
from hardpix.refiners.lattice import Lattice

Normalization = Literal["symmetric", "before", "after", "none"]


class DenseCRF(Refiner):
    """Dense CRF: pixels take the classes of those that are near, and of those that are near and of the same color.

        U = −log max(p, 1e-5),   Q ← p
        `steps` times:  Q ← softmax over classes of  −U + Σ_m w_m K̂_m Q

    K has exp(−½ |f_i − f_j|²) for every pair of pixels, f being (x, y) / position_scale in the first kernel, and
    (x, y) / color_reach with the colors / color_scale in the second. Normalized symmetrically, K̂ = D^−½ K D^−½, where D
    has the row sums of K. Penalties are Potts': two classes are alike or they are not.

    Args:
        steps: of the mean field.
        position_weight: w of nearness.
        position_scale: of nearness, in pixels.
        color_weight: w of alike colors.
        color_reach: scale of the distance of pixels of alike colors, in pixels.
        color_scale: of differences in color, black and white being 255 apart.
        normalization: of both kernels: "symmetric"; "before", K D⁻¹; "after", D⁻¹ K; or "none".
        kernel: "lattice" is the permutohedral lattice, some percent off and linear in the number of pixels. "exact"
            looks at all pairs of pixels, for images of up to about 10,000.
        num_classes: makes both weights, and the compatibility of every pair of classes, parameters that are learned
            (CRF as recurrent network, Zheng et al., ICCV 2015); at the start they are those of Potts.
        color_range: how far black and white are apart in the image's numbers. By default 255 for integers, and for
            floats what `prepare` was told of their normalization, else 1.

    The defaults are those that DeepLab v2 is published with on Pascal VOC. Gradients reach the probabilities and the
    parameters, and never the image. Half types are computed in float32.

    Raises:
        ValueError: a map and an image of different sizes; settings outside their range; floats beyond 0 to 1 whose
            range is not known; an image with NaN.

    Example:
        >>> image = torch.tensor([0, 0, 0, 255, 255, 255], dtype=torch.uint8).expand(1, 3, 6, 6)  # dark beside bright
        >>> first = torch.tensor([0.9, 0.9, 0.4, 0.1, 0.1, 0.1]).expand(1, 1, 6, 6)  # its edge too far left
        >>> DenseCRF()(torch.cat([first, 1 - first], 1), image)[0, 0, 0].round(decimals=2)
        tensor([1.0000, 1.0000, 0.9900, 0.0000, 0.0000, 0.0000])
    """

    def __init__(
        self,
        steps: int = 10,
        position_weight: float = 3.0,
        position_scale: float = 1.0,
        color_weight: float = 4.0,
        color_reach: float = 67.0,
        color_scale: float = 3.0,
        normalization: Normalization = "symmetric",
        kernel: Literal["lattice", "exact"] = "lattice",
        num_classes: int | None = None,
        color_range: float | None = None,
    ) -> None:
        super().__init__()
        scales = (position_scale, color_reach, color_scale, 1 if color_range is None else color_range)
        if steps < 0 or not min(position_weight, color_weight) >= 0 or not min(scales) > 0:
            raise ValueError(
                "expected steps ≥ 0, weights ≥ 0, and scales and color_range > 0, found "
                f"{steps}, {(position_weight, color_weight)} and {scales}"
            )
        if normalization not in get_args(Normalization) or kernel not in ("lattice", "exact"):
            raise ValueError(
                f"expected normalization among {', '.join(get_args(Normalization))} and kernel lattice or exact, found "
                f"{normalization!r} and {kernel!r}"
            )
        self.steps = steps
        self.position_weight = position_weight
        self.position_scale = position_scale
        self.color_weight = color_weight
        self.color_reach = color_reach
        self.color_scale = color_scale
        self.normalization = normalization
        self.kernel = kernel
        self.color_range = color_range
        self.image_std: tuple[float, ...] | None = None
        self.kernel_weights: nn.Parameter | None = None
        self.compatibility: nn.Parameter | None = None
        if num_classes is not None:
            self.kernel_weights = nn.Parameter(torch.tensor([position_weight, color_weight]))
            self.compatibility = nn.Parameter(torch.eye(num_classes))

    def prepare(self, info: DatasetInfo) -> None:
        """Take how far apart black and white are in normalized images."""
        self.image_std = info.image_std

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        require_one_size(probabilities, image)
        maps = at_least_float32(probabilities)
        if self.compatibility is not None and len(self.compatibility) != maps.shape[1]:
            raise ValueError(
                f"expected maps of {len(self.compatibility)} classes (num_classes), found {maps.shape[1]} channels"
            )
        colors = self._colors(image, maps.dtype)
        return torch.stack([self._mean_field(own, color) for own, color in zip(maps, colors, strict=True)])

    def _mean_field(self, maps: Tensor, colors: Tensor) -> Tensor:
        """One image: maps (C, H, W), colors (channels, H, W)."""
        log_p = maps.clamp(1e-5, 1).log().flatten(1)
        sums = self._sums(colors) if self.steps else []
        own = self.kernel_weights
        weights = (self.position_weight, self.color_weight) if own is None else tuple(own.to(maps.dtype))
        shares = log_p.softmax(0)
        for _ in range(self.steps):
            message = sum(
                (weight * average(shares) for weight, average in zip(weights, sums, strict=True)),
                torch.zeros_like(shares),
            )
            if self.compatibility is not None:
                message = self.compatibility.to(maps.dtype) @ message
            shares = (log_p + message).softmax(0)
        return shares.view(maps.shape)

    @torch.no_grad()
    def _sums(self, colors: Tensor) -> list[Callable[[Tensor], Tensor]]:
        """Both normalized kernels, as functions of values (C, N)."""
        height, width = colors.shape[1:]
        rows, columns = torch.meshgrid(
            torch.arange(height, device=colors.device), torch.arange(width, device=colors.device), indexing="ij"
        )
        places = torch.stack([rows, columns]).to(colors.dtype) / self.color_reach
        features = torch.cat([places, colors / self.color_scale]).flatten(1).T.contiguous()
        by_color: Sums = Lattice(features) if self.kernel == "lattice" else ExactKernel(features)
        kernels = (PositionKernel((height, width), self.position_scale), by_color)
        return [normalized(kernel, features.new_ones(1, len(features)), self.normalization) for kernel in kernels]

    def _colors(self, image: Tensor, dtype: torch.dtype) -> Tensor:
        """Colors of which black and white are 255 apart."""
        colors = image.to(dtype)
        if self.color_range is not None:
            return colors * (255 / self.color_range)
        if not image.is_floating_point():
            return colors
        if self.image_std is not None and len(self.image_std) == image.shape[1]:
            return colors * 255 * torch.tensor(self.image_std, dtype=dtype, device=image.device)[:, None, None]
        low, high = float(colors.min()), float(colors.max())
        if low < 0 or high > 1:
            raise ValueError(
                f"expected an image of integers, or of floats from 0 (black) to 1 (white), found floats from {low:.4g} "
                f"to {high:.4g}: say how far black and white are apart as color_range, such as 255, or 4.4 for images "
                "that are normalized as ImageNet's"
            )
        return colors * 255


def normalized(kernel: Sums, ones: Tensor, how: Normalization) -> Callable[[Tensor], Tensor]:
    """A kernel with its row sums divided out.

    Args:
        kernel: gives the sums.
        ones: (1, N).
        how: "symmetric" by their root on both sides, "before" or "after" on one side, or "none".

    Example:
        >>> mean = normalized(ExactKernel(torch.zeros(4, 1)), torch.ones(1, 4), "after")
        >>> mean(torch.tensor([[1.0, 2.0, 3.0, 6.0]]))
        tensor([[3., 3., 3., 3.]])
    """
    power = {"symmetric": (0.5, 0.5), "before": (1, 0), "after": (0, 1), "none": (0, 0)}[how]
    inside, outside = ((kernel.filter(ones) + 1e-20) ** -exponent for exponent in power)
    return lambda values: outside * kernel.filter(inside * values)
