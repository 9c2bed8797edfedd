"""Most likely class of every pixel that may be labeled."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch, padding_of, resize_bilinear
from hardpix.pixels.precision import at_least_float32
from hardpix.refiners import Refiner


@torch.no_grad()
def most_likely(px: PixelBatch, refiner: Refiner | None = None) -> tuple[Tensor, Tensor]:
    """Class (B, H, W) int64 and its probability, float32; with a refiner, those of the refined probabilities.

    Raises:
        ValueError: a refiner, and a batch without its image.

    Example:
        >>> classes, confidence = most_likely(PixelBatch(torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)))
        >>> classes, confidence
        (tensor([[[1]]]), tensor([[[0.7311]]]))
    """
    if refiner is None:
        # The class of the highest logit, as in validation: probabilities may round to a tie.
        return px.logits.argmax(1), px.confidence
    image = px.sample.get("image")
    if image is None:
        raise ValueError(
            f"expected the image in the batch, by which {type(refiner).__name__} refines, found none: give it as "
            'sample={"image": …}, or leave the refiner out'
        )
    with torch.autocast(px.logits.device.type, enabled=False):
        probabilities = at_least_float32(px.logits).softmax(1)
        refined = refiner(probabilities, resize_bilinear(at_least_float32(image), px.shape[1:]))
    confidence, classes = refined.max(1)
    return classes, confidence


def known_trust(px: PixelBatch) -> Tensor:
    """Largest trust that a label of each pixel may have, (B, H, W) float32: 0 in padding, which stays unlabeled.

    Padding is ``ignore_index`` in the batch's target, or 0 in its "target_weight"; elsewhere that is the largest trust.

    Example:
        >>> known_trust(PixelBatch(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 255]]])))
        tensor([[[1., 0.]]])
    """
    trust = px.valid.float()
    given = px.sample.get("target_weight")
    return trust if given is None else trust * given.float()


def trust_beyond_labels(px: PixelBatch) -> Tensor:
    """Largest trust that a label of each pixel may have where labels are sparse, (B, H, W) float32: 0 in padding alone.

    Padding is 0 in the batch's "target_weight", or a row or column along the frame of its image in the mean color.

    Example:
        >>> trust_beyond_labels(PixelBatch(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 255]]])))
        tensor([[[1., 1.]]])
    """
    given, image = px.sample.get("target_weight"), px.sample.get("image")
    trust = torch.ones(px.shape, device=px.logits.device) if given is None else given.float()
    return trust if image is None else trust * ~padding_of(image, (px.shape[1], px.shape[2]))
