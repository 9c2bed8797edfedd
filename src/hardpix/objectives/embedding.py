"""Embedding that an objective compares pixels by."""

from __future__ import annotations

from torch import Tensor

from hardpix.pixels import PixelBatch


def embedding_of(px: PixelBatch, user: object, whose: str = "network") -> Tensor:
    """The embedding (B, D, h, w) that entered the network's last classifier, on the graph.

    Args:
        px: one batch.
        user: object that wants it, named in errors.
        whose: "network" or "teacher", named in errors.

    Raises:
        ValueError: none was caught, or it is no map.
        RuntimeError: no gradient comes back from it, as with reentrant checkpointing.

    Example:
        >>> import torch
        >>> from hardpix.pixels import Taps
        >>> px = PixelBatch(torch.zeros(1, 2, 4, 4), taps=Taps(embedding=torch.zeros(1, 8, 2, 2)))
        >>> embedding_of(px, "an example").shape
        torch.Size([1, 8, 2, 2])
    """
    name, embedding = type(user).__name__, px.taps.embedding
    if embedding is None:
        raise ValueError(
            f"{name} needs the embedding that enters the {whose}'s last classifier, and none was caught: "
            "name the classifier, hardpix.tap(model, embedding='…')"
        )
    if embedding.ndim != 4:
        raise ValueError(
            f"{name} needs an embedding (B, D, h, w), found {tuple(embedding.shape)}: name a convolution "
            "that makes logits, hardpix.tap(model, embedding='…')"
        )
    px.require_graph("embedding", user)
    return embedding
