"""Nearness of every pixel's feature to the centers of the labeled classes of its image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from hardpix.pixels.batch import PixelBatch
from hardpix.pixels.padding import padding_of
from hardpix.pixels.precision import at_least_float32
from hardpix.pixels.resize import resize_bilinear

EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class Mixture:
    """One Gaussian for each labeled class of each image, in float32 (float64 stays).

    Attributes:
        nearness: r (B, C, H, W), from 0 to 1; 0 for classes without a labeled pixel in the image.
        centers: (B, C, D), those of the labeled pixels; 0 for such classes.
        present: (B, C) boolean, classes with a labeled pixel.
        padding: (B, H, W) boolean, pixels that are no image.
    """

    nearness: Tensor
    centers: Tensor
    present: Tensor
    padding: Tensor

    @property
    def labeled(self) -> Tensor:
        """(B,) boolean: images with a labeled pixel."""
        return self.present.any(1)


def mixture_of(px: PixelBatch, user: object, *, adaptive: bool = False, rounds: int = 0) -> Mixture:
    """The Gaussians of a batch: r_k = exp(−d_k² / 2σ_k²) of its embedding, resized to the labels.

    d_k is the mean absolute difference over the channels between a cell's feature and the center of class k in the
    image, see :func:`class_centers`. 2σ² is 1, or adaptive: σ_k² = Σ p_k d_k² / Σ p_k over the cells of an image
    without its padding, p the predicted probabilities, without a gradient.

    Args:
        px: with labels, and an embedding.
        user: object that asks, for messages.
        adaptive: variances of each image and class in place of 2σ² = 1.
        rounds: of expectation and maximization [ours]. Each makes the center the mean feature of all pixels, weighed
            by their nearness so far: 1 or 0 where they are labeled, 0 in padding. Such centers have no gradient.

    Raises:
        ValueError: no embedding, or no map; images without labels; rounds below 0.
        RuntimeError: an embedding that no gradient comes back from.

    Example:
        >>> from hardpix.pixels import Taps
        >>> features = torch.tensor([1.0, 2.0]).view(1, 1, 1, 2)
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 255]]]), taps=Taps(embedding=features))
        >>> mixture_of(px, "this").nearness[0, 0]  # e⁰ and e⁻¹
        tensor([[1.0000, 0.3679]])
    """
    if rounds < 0:
        raise ValueError(f"expected rounds ≥ 0, found {rounds}")
    features = _embedding(px, user)
    num_classes = px.logits.shape[1]
    image = px.sample.get("image")
    padding = torch.zeros_like(px.valid) if image is None else padding_of(image, (px.shape[1], px.shape[2]))
    drawn = _drawn(torch.where(px.valid, px.labels, -1), num_classes, at_least_float32(features).dtype)

    def near(centers: Tensor) -> Tensor:
        squares = distances_to_centers(features, centers).square()
        divisor = 2 * _variances(px, squares, padding) + EPSILON if adaptive else 1.0
        return resize_bilinear((-squares / divisor).exp(), px.shape[1:])

    with torch.autocast(features.device.type, enabled=False):
        centers, counts = _weighted_centers(features, drawn)
        moved = centers
        for _ in range(rounds):
            with torch.no_grad():
                present = (counts > 0)[..., None, None]
                beyond = present & ~px.valid[:, None] & ~padding[:, None]
                moved, _ = _weighted_centers(features, drawn + torch.where(beyond, near(moved), 0))
        nearness = near(moved)
    present = counts > 0
    return Mixture(nearness * present[..., None, None], centers, present, padding)


@torch.no_grad()
def _variances(px: PixelBatch, squares: Tensor, padding: Tensor) -> Tensor:
    """σ² (B, C, 1, 1): the mean of d², weighed by the probability of the class."""
    size = (squares.shape[2], squares.shape[3])
    p = at_least_float32(px.logits).softmax(1)
    p = adaptive_avg_pool2d(torch.where(padding[:, None], 0, p), size).to(squares.dtype)
    return (p * squares).sum((2, 3), keepdim=True) / (p.sum((2, 3), keepdim=True) + EPSILON)


def _embedding(px: PixelBatch, user: object) -> Tensor:
    name = user if isinstance(user, str) else type(user).__name__
    embedding = px.taps.embedding
    if embedding is None or embedding.ndim != 4:
        found = "none was caught" if embedding is None else f"found {tuple(embedding.shape)}"
        raise ValueError(
            f"{name} needs the embedding (B, D, h, w) that enters the network's last classifier, and {found}: name the "
            "convolution that makes logits, hardpix.tap(model, embedding='…')"
        )
    px.require_graph("embedding", user)
    return embedding


def class_centers(features: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Mean feature of each class's labeled pixels in each image, and the number of these pixels.

    The features are those that bilinear resizing gives the labeled pixels; the resized map itself, D channels at the
    size of the labels, is never made. The gradient reaches the features.

    Args:
        features: (B, D, h, w).
        labels: (B, H, W), where everything that is no class from 0 to C − 1 is unlabeled.
        num_classes: C.

    Returns:
        Centers (B, C, D), 0 for a class without a pixel; counts (B, C). Both in float32, or float64 as the features.

    Example:
        >>> features = torch.tensor([1.0, 2.0, 5.0]).view(1, 1, 1, 3)
        >>> centers, counts = class_centers(features, torch.tensor([[[0, 0, 255]]]), 2)
        >>> centers.flatten().tolist(), counts.tolist()
        ([1.5, 0.0], [[2.0, 0.0]])
    """
    with torch.autocast(features.device.type, enabled=False):
        return _weighted_centers(features, _drawn(labels, num_classes, at_least_float32(features).dtype))


def _drawn(labels: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """(B, C, H, W): 1 where a pixel is labeled with a class."""
    classes = torch.arange(num_classes, device=labels.device)[:, None, None]
    return (labels[:, None] == classes).to(dtype)


def _weighted_centers(features: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the pixels of the resized features, weighed by (B, C, H, W), and the sums of the weights."""
    values = at_least_float32(features)
    total = drawn.sum((2, 3))
    # The weight of a cell is its share in the pixels of the class: the transpose of the resizing.
    rows, columns = (_resizing(*sizes, values) for sizes in zip(values.shape[2:], drawn.shape[2:], strict=True))
    weights = torch.einsum("yi,bkyx,xj->bkij", rows, drawn, columns)
    sums = torch.einsum("bkij,bdij->bkd", weights, values)
    # Classes that are present weigh 1 or more, for a labeled pixel weighs 1.
    return sums / total.clamp(min=1)[..., None], total


def distances_to_centers(features: Tensor, centers: Tensor) -> Tensor:
    """Mean absolute difference of every cell's feature to every center: (B, D, h, w), (B, C, D) → (B, C, h, w).

    Example:
        >>> distances_to_centers(torch.tensor([1.0, 3.0]).view(1, 2, 1, 1), torch.zeros(1, 1, 2))
        tensor([[[[2.]]]])
    """
    with torch.autocast(features.device.type, enabled=False):
        cells = at_least_float32(features).flatten(2).transpose(1, 2)
        # Without a copy of the features for each class, in the backward pass too.
        apart = torch.cdist(centers.to(cells.dtype).contiguous(), cells.contiguous(), p=1.0) / cells.shape[2]
        return apart.view(*centers.shape[:2], *features.shape[2:])


def _resizing(small: int, large: int, like: Tensor) -> Tensor:
    """Matrix (large, small) by which bilinear resizing acts along one side."""
    each = torch.eye(small, dtype=like.dtype, device=like.device)
    return resize_bilinear(each[None, None], (large, small))[0, 0]
