"""Semantic logits of networks that classify masks: MaskFormer (arXiv 2107.06278), Mask2Former, OneFormer, EoMT."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hardpix.pixels import Queries, resize_bilinear
from hardpix.pixels.precision import at_least_float32

# Keys of the classes and the masks of the queries, and of those of earlier layers, which deep supervision trains.
_KEYS = (
    ("class_queries_logits", "masks_queries_logits", "auxiliary_logits"),  # transformers
    ("pred_logits", "pred_masks", "aux_outputs"),  # detectron2 and what derives from it
)
_SMALLEST = 1e-30


def semantic_logits(classes: Tensor, masks: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """Logits of semantic segmentation from queries that each have a class and a mask.

    The semantic score of class c at a pixel is S_c = Σ_q softmax(classes_q)_c · sigmoid(masks_q), without the last
    class, "no object". Scores do not sum to 1 over the classes: their sum may be anything from 0 to Q. The logits are
    log(S_c / Σ_k S_k). So their softmax is S / Σ S, their argmax that of S, and their cross-entropy −log(S_y / Σ S).

    Args:
        classes: (B, Q, C + 1), the last one "no object".
        masks: (B, Q, h, w).
        size: height and width of the result, to which the masks are brought (bilinear) before they are summed.

    Returns:
        (B, C, H, W) float32 (float64 stays), also of half types and under autocast; finite where every mask is off.

    Example:
        >>> certain = torch.tensor([[[50.0, 0.0, 0.0], [0.0, 50.0, 0.0]]])  # one query for each of two classes
        >>> masks = torch.tensor([[[[50.0, -50.0]], [[-50.0, 50.0]]]])
        >>> semantic_logits(certain, masks).argmax(1)
        tensor([[[0, 1]]])
    """
    if classes.ndim != 3 or masks.ndim != 4 or classes.shape[:2] != masks.shape[:2]:
        raise ValueError(
            "expected classes (B, Q, C + 1) and masks (B, Q, h, w) of the same queries, found "
            f"{tuple(classes.shape)} and {tuple(masks.shape)}"
        )
    with torch.autocast(masks.device.type, enabled=False):
        masks = at_least_float32(masks)
        if size is not None and masks.shape[-2:] != size:
            masks = resize_bilinear(masks, size)
        of_classes = at_least_float32(classes).log_softmax(-1)[..., :-1]
        # Only ratios count: each query and each pixel is scaled by its largest term, so that nothing underflows where
        # every mask is off, or every query says "no object".
        largest = of_classes.amax(-1, keepdim=True)
        weights = F.logsigmoid(masks) + largest.unsqueeze(-1)
        weights = (weights - weights.detach().amax(1, keepdim=True)).exp()
        scores = torch.einsum("bqc,bqhw->bchw", (of_classes - largest).exp(), weights)
        logits = (scores + _SMALLEST).log()
        return logits - logits.logsumexp(1, keepdim=True)


def read_queries(output: Mapping[str, Any]) -> tuple[Queries, ...]:
    """The queries of a network's last layer, and then of its earlier ones; none of a network without queries."""
    for classes, masks, earlier in _KEYS:
        if isinstance(output.get(classes), Tensor) and isinstance(output.get(masks), Tensor):
            return tuple(Queries(each[classes], each[masks]) for each in (output, *(output.get(earlier) or ())))
    return ()
