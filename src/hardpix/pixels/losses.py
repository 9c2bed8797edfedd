"""Per-pixel losses: cross-entropy with labels, divergence from a teacher."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.pixels.class_ids import class_ids
from hardpix.pixels.precision import at_least_float32
from hardpix.pixels.validity import valid_mask


def cross_entropy_map(
    logits: Tensor, target: Tensor, ignore_index: int = 255, *, label_smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy of every pixel, 0 where there is no label.

    ℓ_i = −log softmax(logits_i)[y_i], in nats; with label smoothing s the target distribution is
    (1 − s) · onehot(y_i) + s / C. Computed in float32 (float64 stays), also under autocast and for half types.

    Args:
        logits: (B, C, H, W).
        target: (B, H, W) integers of any type; everything that is no class from 0 to C − 1 counts as unlabeled here.
        ignore_index: the id of unlabeled pixels.
        label_smoothing: s, from 0 to 1.

    Returns:
        (B, H, W) float32 (or float64), ≥ 0. Neither value nor gradient depends on the logits of unlabeled
        pixels, which may be infinite or NaN.

    Raises:
        ValueError: shapes that do not fit; a target that is not of integers.

    Example:
        >>> logits = torch.zeros(1, 4, 1, 2)
        >>> cross_entropy_map(logits, torch.tensor([[[3, 255]]]))  # log 4, and nothing
        tensor([[[1.3863, 0.0000]]])
    """
    if logits.ndim != 4 or target.shape != logits[:, 0].shape:
        raise ValueError(
            f"expected logits (B, C, H, W) and target (B, H, W), found {tuple(logits.shape)} and {tuple(target.shape)}"
        )
    valid = valid_mask(target, logits.shape[1], ignore_index)
    safe_target = torch.where(valid, class_ids(target), -100)
    logits = _NoGradientOutside.apply(logits, valid)
    with torch.autocast(logits.device.type, enabled=False):
        return F.cross_entropy(
            at_least_float32(logits), safe_target, ignore_index=-100, reduction="none", label_smoothing=label_smoothing
        )


def divergence_map(logits: Tensor, teacher: Tensor, temperature: float = 1.0, mask: Tensor | None = None) -> Tensor:
    """Divergence of a network's class probabilities from those of a teacher at every pixel, 0 outside of a mask.

    KL(p ‖ q) = Σ_k p_k log(p_k / q_k) in nats, p = softmax(teacher / temperature), q = softmax(logits / temperature)
    over the classes. Computed in float32 (float64 stays), also under autocast and for half types.

    Args:
        logits: (B, C, H, W).
        teacher: the same shape; a class that it rules out (−∞) has no part.
        temperature: > 0; larger ones compare what is unlikely, too.
        mask: (B, H, W) boolean, by default every pixel.

    Returns:
        (B, H, W) float32 (or float64), ≥ 0 up to rounding. Neither value nor gradient depends on what is outside of the
        mask, which may be infinite or NaN. No gradient reaches the teacher.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> divergence_map(torch.zeros(1, 2, 1, 1), torch.tensor([3.0, 1.0]).log().view(1, 2, 1, 1))
        tensor([[[0.1308]]])
    """
    if logits.ndim != 4 or logits.shape != teacher.shape:
        raise ValueError(
            f"expected logits and those of a teacher, both (B, C, H, W), found {tuple(logits.shape)} and "
            f"{tuple(teacher.shape)}"
        )
    if mask is not None:
        logits = _NoGradientOutside.apply(logits, mask)
    with torch.autocast(logits.device.type, enabled=False):
        own, others = ((at_least_float32(each) / temperature).log_softmax(1) for each in (logits, teacher.detach()))
        found = divergence(others, own).sum(1)
    return found if mask is None else torch.where(mask, found, 0)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Terms exp(p) · (p − q) of the divergence of two distributions given by their logarithms; 0 where exp(p) is 0."""
    share = p.exp()
    return torch.where(share > 0, share * (p - q), 0)


class _NoGradientOutside(torch.autograd.Function):
    """The same (B, C, H, W) logits, whose gradient is 0 outside of the (B, H, W) mask.

    The gradient of a softmax of NaN is NaN, times 0 too. To mask the logits themselves would cost a copy of them in
    every forward; at the end of the backward pass of the loss its own memory is free again.
    """

    @staticmethod
    def forward(logits: Tensor, mask: Tensor) -> Tensor:
        return logits.view_as(logits)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (mask,) = ctx.saved_tensors
        return gradient.masked_fill(~mask.unsqueeze(1), 0), None
