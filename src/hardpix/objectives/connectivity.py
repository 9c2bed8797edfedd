"""Connectivity of neighbors in place of classes (ConnNet, Kampffmeyer et al., arXiv 1804.07836)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hardpix.objectives.base import Objective
from hardpix.objectives.embedding import embedding_of
from hardpix.objectives.thin_classes import ThinClasses
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import (
    PixelBatch,
    at_least_float32,
    best_votes,
    both_weights,
    connectivity,
    log_votes,
    resize_bilinear,
)

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class Connectivity(Objective):
    """Asks each pixel of a class whether it is connected with its eight neighbors, so that lines stay unbroken.

    One 1×1 convolution on the network's embedding has eight channels for each class, enlarged to the labels. With s_k
    the sigmoid of number k, t_k the truth (:func:`hardpix.pixels.connectivity`) and the vote of both pixels of a pair,
    V_k(i) = s_k(i) · s_{7−k}(i + k), the parts are

        connections  binary cross-entropy of s_k and t_k over pairs
        votes        the same of V_k
        mask         that of max_k V_k and the mask of the class, over pixels
        dice         1 − Dice of max_k V_k and the mask, mean over images that show the class
        edges        −log(1 − min_k V_k), over pixels of the class with some, but not all neighbors connected
        loss = connections + vote_weight · votes + mask + dice + edges

    Pairs with an unlabeled pixel, or beyond the image, do not exist. Each part is a mean over the classes, too. A pixel
    counts by the trust in its label ("target_weight" of the sample), a pair by the product of both. The loss is added
    to one that learns the classes: ``Sum({"segmentation": …, "connectivity": Connectivity()})``.

    At inference nothing of it runs, unless its own answer is asked for (:meth:`probabilities`).

    [ours], where the code of a follower (DconnNet), whose coding and losses these are, does otherwise:

    - Votes are products of probabilities for several classes, too; theirs of raw scores, where two denials agree.
    - The edge term is divided by the number of edge pixels, not by a sum of predictions. Pixels of a full mask along
      the frame of the image are no edge.
    - A pixel of the class without a neighbor of it is left out of mask and dice, which would contradict connections.
    - Dice has no constant; images without the class do not count in it.

    Args:
        classes: names or ids; None: the classes that are thin by what has been seen in training
            (:class:`~hardpix.objectives.thin_classes.ThinClasses`). Memory grows by 8 maps a class.
        vote_weight: of the cross-entropy of votes.
        thin_share: least share of a thin class's pixels that lie in parts of at most 6 pixels' width.
        across_processes: sums are those of the joined batch of all processes that train together.

    Returns (from forward):
        "loss" and its parts without their weights; for the log "classes", the number of classes that are asked.

    Raises:
        ValueError: settings outside their range; names or ids that are no class; no embedding.
        RuntimeError: a forward before `bind`; names of classes that nobody has looked up.

    Example:
        >>> import hardpix
        >>> network = hardpix.tap(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 1)), embedding="1")
        >>> objective = Connectivity(classes=[1]).bind(network)
        >>> px = network.pixels(torch.rand(1, 3, 8, 8), torch.ones(1, 8, 8, dtype=torch.long))
        >>> sorted(objective(px))
        ['classes', 'connections', 'dice', 'edges', 'loss', 'mask', 'votes']
        >>> objective.probabilities(px).shape
        torch.Size([1, 2, 8, 8])
    """

    def __init__(
        self,
        classes: Sequence[int | str] | None = None,
        vote_weight: float = 0.2,
        thin_share: float = 1 / 3,
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if vote_weight < 0:
            raise ValueError(f"expected vote_weight ≥ 0, found {vote_weight}")
        self.classes = ThinClasses(classes, thin_share)
        self.vote_weight = vote_weight
        self.across_processes = across_processes
        self.head: nn.Conv2d | None = None

    def bind(self, network: TappedNetwork) -> Self:
        if self.head is None:
            like = next(network.parameters())
            # Thin classes are found in training, after the optimizer has its parameters.
            self.head = nn.Conv2d(network.embedding_channels, 8 * network.num_classes, 1).to(like.device, like.dtype)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        joined = self.across_processes and self.training
        chosen = self.classes(px, joined).nonzero().squeeze(1)
        labels = torch.where(px.valid, px.labels, -1)
        logits = self._connections(px, chosen)
        with torch.autocast(logits.device.type, enabled=False):
            connected, pairs = connectivity(labels, chosen, ignore_index=-1)
            is_class = labels[:, None] == chosen[:, None, None]
            weight = at_least_float32(weight_map(px, None))
            terms = _terms(logits, connected, pairs, is_class, weight)
            names = ("connections", "votes", "mask", "edges", "dice")
            parts = dict(zip(names, weighted_means(terms, joined), strict=True))
        total = parts["connections"] + self.vote_weight * parts["votes"] + parts["mask"] + parts["edges"]
        number = torch.tensor(len(chosen), dtype=total.dtype, device=total.device)
        return {"loss": total + parts["dice"], **parts, "classes": number}

    def probabilities(self, px: PixelBatch) -> Tensor:
        """Probabilities (B, C, H, W) by connections where classes have them, shared out by the network elsewhere.

        A class with connections has max_k V_k, divided by their sum over such classes if it is above 1. What is left
        goes to the other classes in the shares that the network gives them. Of a background and one class with
        connections, a pixel is of the class where a pair is connected by more than ½. Where no class claims a pixel and
        all have connections, the network's own are left. Labels do not matter; "inside" of the sample, (B, H, W)
        boolean, tells padding, which is no neighbor.
        """
        # Thin classes have been counted in training; labels that images may have say nothing of them.
        unlabeled = replace(px, target=torch.full(px.shape, px.ignore_index, device=px.logits.device))
        mask = self.classes(unlabeled)
        logits = self._connections(px, mask.nonzero().squeeze(1))
        with torch.autocast(logits.device.type, enabled=False):
            # Padding is no neighbor.
            inside = px.sample.get("inside", torch.ones(px.shape, dtype=torch.bool, device=logits.device))
            votes = best_votes(logits, both_weights(inside))
            total = votes.sum(1, keepdim=True)
            shares = at_least_float32(px.logits).softmax(1)
            found = shares.masked_fill(mask[:, None, None], 0)
            others = found.sum(1, keepdim=True)
            found = found / others.clamp(min=1e-30) * (1 - total).clamp(min=0)
            found[:, mask] = (votes / total.clamp(min=1)).to(found.dtype)
            whole = found.sum(1, keepdim=True)
            return torch.where(whole > 1e-30, found / whole.clamp(min=1e-30), shares)

    def _connections(self, px: PixelBatch, chosen: Tensor) -> Tensor:
        """Raw scores (B, K, 8, H, W) of the chosen classes (K,), in at least 32 bits."""
        if self.head is None:
            raise RuntimeError(
                "Connectivity has no connections yet: give it to hardpix.TrainingStep, or call bind(network) first"
            )
        weight, bias = (each.unflatten(0, (-1, 8))[chosen].flatten(0, 1) for each in self.head.parameters())
        # A convolution without channels is refused; where no class is thin, its gradient is 0.
        found = torch.einsum("bdhw,kd->bkhw", embedding_of(px, self), weight.flatten(1)) + bias[:, None, None]
        with torch.autocast(found.device.type, enabled=False):
            return resize_bilinear(at_least_float32(found), px.shape[1:]).unflatten(1, (len(chosen), 8))


def connectivity_of(module: nn.Module) -> Connectivity:
    """The one objective Connectivity in an objective or a recipe.

    Raises:
        ValueError: there is none, or several.

    Example:
        >>> from hardpix.objectives import Sum, WeightedCrossEntropy
        >>> connectivity_of(Sum({"plain": WeightedCrossEntropy(), "lines": Connectivity(["wire"])})).classes.classes
        ['wire']
    """
    found = [inside for inside in module.modules() if isinstance(inside, Connectivity)]
    if len(found) != 1:
        raise ValueError(
            f"expected a run that learned connections by the objective Connectivity, found {len(found) or 'none'} of "
            "them: leave --connectivity out, or train with one"
        )
    return found[0]


def _terms(
    logits: Tensor, connected: Tensor, pairs: Tensor, is_class: Tensor, weight: Tensor
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Losses, their weights, and what is added up to divide by: of connections, votes, masks, edges and Dice.

    Args:
        logits: (B, K, 8, H, W), as the connections that there are.
        connected: (B, K, 8, H, W).
        pairs: (B, 8, H, W).
        is_class: (B, K, H, W).
        weight: (B, H, W).
    """
    votes, against = log_votes(logits)
    there = pairs[:, None]
    best = votes.masked_fill(~there, -torch.inf).amax(2)
    best_against = against.masked_fill(~there, 0).amin(2)
    worst_against = against.masked_fill(~there, -torch.inf).amax(2)
    number = connected.sum(2)
    touches = number > 0
    is_edge = touches & (number < there.sum(2))
    by_pair = (both_weights(weight) * pairs)[:, None].expand_as(logits)
    # A pixel without a neighbor of its class cannot be told by connections.
    by_pixel = weight[:, None] * (touches | ~is_class)
    by_edge = weight[:, None] * is_edge
    zero = torch.zeros_like(best)
    losses = (
        F.binary_cross_entropy_with_logits(logits, connected.to(logits.dtype), reduction="none"),
        -torch.where(connected, votes, against),
        -torch.where(touches, best, best_against),
        -torch.where(is_edge, worst_against, zero),
    )
    weights = (by_pair, by_pair, by_pixel, by_edge)
    terms = [(loss, each, each) for loss, each in zip(losses, weights, strict=True)]
    claimed = (by_pixel * best.exp()).sum((2, 3))
    true = (by_pixel * touches).sum((2, 3))
    both = (by_pixel * touches * best.exp()).sum((2, 3))
    shown = (true > 0).to(weight.dtype)
    return [*terms, (1 - 2 * both / torch.where(true > 0, claimed + true, 1), shown, shown)]
