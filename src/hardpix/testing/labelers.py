"""Properties of labelers."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import torch

from hardpix.labelers import Labeler, PseudoLabels
from hardpix.pixels import PixelBatch, prepare_all
from hardpix.testing.batches import make_batch, sure_of, tapped
from hardpix.testing.bench import AWKWARD, SURE, check_state, dataset_info, even_counts, in_type, uneven_counts
from hardpix.testing.complaints import during, named, require


def check_labeler(labeler: Labeler, *, num_classes: int = 3) -> None:
    """Hold a labeler against what every labeler must be.

    - Its labels are classes or ``ignore_index``, (B, H, W) int64; their trust is float32 from 0 to 1, without gradient.
      So it is for images of any shape, with and without labels, and for logits of half types.
    - The same holds for a network that is sure (logits of ±120 and ±10⁴). It holds for classes of 1 to 10¹² training
      pixels, and for one that never occurs.
    - It labels some pixel of some batch.
    - Padding stays unlabeled: pixels that are ``ignore_index`` in the target, or have "target_weight" 0. A labeler that
      ``completes`` labels keeps those that are there, and is tried on batches with a target alone.
    - The images' order does not matter; copies and loaded states label alike; evaluation changes no state.

    Args:
        labeler: it stays as it is; copies are tried.
        num_classes: of the predictions.

    Raises:
        AssertionError: what does not hold, and what to do.

    Example:
        >>> class Everything(Labeler):
        ...     def forward(self, px):
        ...         return PseudoLabels(px.logits.argmax(1), torch.ones(px.shape))
        >>> check_labeler(Everything())
        Traceback (most recent call last):
        ...
        AssertionError: Everything, padding: expected no label where the batch has "target_weight" 0, found some: ...
    """
    labeler = deepcopy(labeler)
    with named(type(labeler).__name__):
        for counts in (*uneven_counts(num_classes), even_counts(num_classes)):
            with during(f"class_counts {tuple(counts)}"):
                px = make_batch(tapped(num_classes))
                prepare_all(labeler.modules(), dataset_info(counts))
                _labeled(labeler(px), px)
        labels = 0
        for what, (size, label, dtype) in AWKWARD.items():
            for with_target in (True,) if labeler.completes else (True, False):
                with in_type(dtype), during(what if with_target else f"{what}, without a target"):
                    px = make_batch(tapped(num_classes), size, label=label, with_target=with_target)
                    labels += _labeled(labeler(px), px)
        for surety in SURE:
            with during(f"logits of ±{surety:g}"):
                px = sure_of(make_batch(tapped(num_classes)), surety)
                labels += _labeled(labeler(px), px)
        require(
            labels > 0,
            "it labels no pixel of any batch that was tried, not even of a network that is sure: mend it, or give "
            "settings with which it labels some",
        )
        px = make_batch(tapped(num_classes))
        weighted = replace(
            px,
            target=px.target if labeler.completes else None,
            sample={**px.sample, "target_weight": px.valid.float()},
        )
        cases = [(weighted, 'the batch has "target_weight" 0')]
        if labeler.completes:
            kept = labeler(px).target[px.valid]
            require(bool((kept == px.labels[px.valid]).all()), "expected the labels that are there, found others")
        else:
            cases.append((px, "the target is ignore_index"))
        for case, padding in cases:
            found = labeler(case)
            require(
                bool((found.target[~px.valid] == px.ignore_index).all() and (found.weight[~px.valid] == 0).all()),
                f"padding: expected no label where {padding}, found some: mask by hardpix.labelers.known_trust",
            )
        embedding = px.taps.embedding
        with during("the same images in another order"):
            flipped = labeler(
                replace(
                    px,
                    logits=px.logits.flip(0),
                    target=px.labels.flip(0),
                    sample={"image": px.sample["image"].flip(0)},
                    taps=replace(px.taps, embedding=None if embedding is None else embedding.flip(0)),
                )
            )
            torch.testing.assert_close(flipped.target.flip(0), labeler(px).target)
        check_state(labeler, lambda made: vars(made(px)))


def _labeled(found: PseudoLabels, px: PixelBatch) -> int:
    """Number of labeled pixels, of labels that are as they must be."""
    require(isinstance(found, PseudoLabels), f"expected PseudoLabels, found {type(found).__name__}")
    target, weight = found.target, found.weight
    require(
        tuple(target.shape) == tuple(weight.shape) == px.shape,
        f"expected labels and trust of shape {px.shape}, found {tuple(target.shape)} and {tuple(weight.shape)}",
    )
    require(
        target.dtype == torch.int64 and weight.dtype == torch.float32,
        f"expected labels in int64 and trust in float32, found {target.dtype} and {weight.dtype}",
    )
    known = (target == px.ignore_index) | ((target >= 0) & (target < px.logits.shape[1]))
    require(bool(known.all()), f"expected classes or {px.ignore_index}, found {sorted(set(target[~known].tolist()))}")
    require(bool(((weight >= 0) & (weight <= 1)).all()), "expected a trust from 0 to 1, found others")
    require(not weight.requires_grad, "expected a trust without gradient: decorate forward with @torch.no_grad()")
    return int((target != px.ignore_index).sum())
