"""Sparse labels: clicks, scribbles, blocks, told from dense ones by the share of labeled pixels."""

from __future__ import annotations

# Clicks label 0.01 % of CamVid's pixels (20 an image), blocks 1 %, scribbles 10 % (one stroke a region), its own dense
# masks 96 %; the sparse ones drawn by benchmarks/sparse_labels.py.
SPARSE_BELOW = 0.2


def is_sparse(labeled_share: float | None) -> bool:
    """True if so small a share of labeled pixels is that of clicks, scribbles or blocks; None is not known.

    Example:
        >>> is_sparse(0.03), is_sparse(0.85), is_sparse(None), is_sparse(0.0)
        (True, False, False, False)
    """
    return labeled_share is not None and 0 < labeled_share < SPARSE_BELOW


def about_sparse(labeled: float | None, validation: float | None, by_default: bool = True) -> list[str]:
    """Sentences on sparse labels: their share, how they are trained, and what to set instead.

    Args:
        labeled: share of the training pixels that have a class, in images that have any; None is not known.
        validation: the same of the validation pixels.
        by_default: whether the objective is that of sparse labels, as nobody named another.

    Example:
        >>> about_sparse(0.0001, 0.04)[1]
        'Validation is sparse, too: 4 % of its pixels are labeled, and scores are those of these pixels alone.'
    """
    share = "" if labeled is None else f": {100 * labeled:.3g} % of the training pixels are labeled"
    trained = "plain cross-entropy of the labeled pixels, and GaussianMixture, which teaches the others by features"
    named = f"Trained by {trained}; --model.objective names another objective. " if by_default else ""
    lines = [f"Sparse labels{share}. {named}--data.sparse false treats them as dense ones."]
    if is_sparse(validation):
        found = f"{100 * (validation or 0):.3g} % of its pixels are labeled"
        lines.append(f"Validation is sparse, too: {found}, and scores are those of these pixels alone.")
    return lines
