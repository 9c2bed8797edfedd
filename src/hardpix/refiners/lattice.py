"""Gaussian filtering in many dimensions on the permutohedral lattice (Adams, Baek and Davis, Eurographics 2010)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


class Lattice:
    """Approximate sums Σ_j exp(−½ |f_i − f_j|²) v_j over all points, in time linear in their number.

    The features of N points are laid into the lattice, whose cells are simplices of d + 1 corners. Values are spread to
    the corners of each point's cell by its barycentric weights. They are blurred along the d + 1 axes by (½, 1, ½), and
    read back by the same weights. Every step is linear in the values, and gradients reach them.

    Only corners of a cell with a point are kept, so that sums are too low where points are sparse. Means, which are
    sums divided by those of ones, are some percent off those of the exact kernel.

    Args:
        features: (N, d) finite numbers, each divided by its scale.

    Raises:
        ValueError: features that are not finite.

    Example:
        >>> lattice = Lattice(torch.tensor([[0.0, 0.0], [0.0, 0.0], [9.0, 9.0]]))
        >>> alike = lattice.filter(torch.eye(3))
        >>> bool(alike[0, 0] == alike[0, 1]), float(alike[0, 2])
        (True, 0.0)
    """

    def __init__(self, features: Tensor) -> None:
        if not bool(features.isfinite().all()):
            raise ValueError("expected finite features, found NaN or infinity: correct the image, or leave it out")
        points, dimensions = features.shape
        keys, self.weights = _corners(_elevated(features))
        # Linear, so that steps from corner to corner are steps of the codes, too.
        factors = torch.tensor([_factor(k) for k in range(dimensions)], device=features.device)
        codes = (keys * factors).sum(1)
        occupied, places = codes.unique(return_inverse=True)
        self.places = places.view(points, dimensions + 1)
        self.size = len(occupied)
        order = places.argsort(stable=True)
        self._points, self._spread_weights = order // (dimensions + 1), self.weights.flatten()[order]
        counts = places.bincount(minlength=self.size)
        self._starts = counts.cumsum(0) - counts
        self.scale = 1 / (1 + 2.0**-dimensions)
        steps = torch.ones(dimensions + 1, dimensions, dtype=torch.int64, device=features.device)
        steps[:dimensions] -= (dimensions + 1) * torch.eye(dimensions, dtype=torch.int64, device=features.device)
        self.around = [_found(occupied, step) for step in (steps * factors).sum(1)]

    def filter(self, values: Tensor) -> Tensor:
        """The sums of values (C, N), (C, N)."""
        # Bags of weighted rows, the quickest sums of this kind that torch has.
        weights, spread_weights = self.weights.to(values.dtype), self._spread_weights.to(values.dtype)
        spread = embedding_bag(
            self._points, values.T.contiguous(), self._starts, mode="sum", per_sample_weights=spread_weights
        )
        # The last row stands for corners that are not kept, and stays 0.
        nothing = spread.new_zeros(1, spread.shape[1])
        for before, after in self.around:
            kept = torch.cat([spread, nothing])
            around = kept.index_select(0, before) + kept.index_select(0, after)
            spread = spread + around / 2
        kept = torch.cat([spread, nothing])
        return self.scale * embedding_bag(self.places, kept, mode="sum", per_sample_weights=weights).T


def _factor(number: int) -> int:
    """An odd number of 64 bits without a pattern (splitmix64); sums of products with it wrap around.

    Two of a million corners have the same code with a probability of 3 in 100 million.
    """
    mixed = (number + 1) * 0x9E3779B97F4A7C15 % 2**64
    for shift, by in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ mixed >> shift) * by % 2**64
    mixed = (mixed ^ mixed >> 31) | 1
    return mixed - 2**64 if mixed >= 2**63 else mixed


def _found(occupied: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """For every corner the places of those one step before and after it; the number of corners where there is none."""
    found = []
    for code in (occupied - step, occupied + step):
        place = torch.searchsorted(occupied, code).clamp_(max=len(occupied) - 1)
        found.append(torch.where(occupied[place] == code, place, len(occupied)))
    return found[0], found[1]


def _elevated(features: Tensor) -> Tensor:
    """Features on the hyperplane of coordinates that sum to 0, (N, d + 1), scaled so that the blur is the kernel."""
    dimensions = features.shape[1]
    number = torch.arange(dimensions, dtype=features.dtype, device=features.device)
    scaled = features * ((dimensions + 1) * (2 / 3) ** 0.5 / ((number + 1) * (number + 2)).sqrt())
    # Coordinate k is the sum of the scaled features from k on, less k times the one before.
    after = scaled.flip(1).cumsum(1).flip(1)
    zero = scaled.new_zeros(len(scaled), 1)
    sums, before = torch.cat([after, zero], 1), torch.cat([zero, scaled], 1)
    return sums - before * torch.arange(dimensions + 1, dtype=features.dtype, device=features.device)


def _corners(elevated: Tensor) -> tuple[Tensor, Tensor]:
    """Corners of the simplex around each point, (N · (d + 1), d) integers, and their weights (N, d + 1)."""
    points, sides = elevated.shape
    origin = (elevated / sides).round() * sides
    rank = (elevated - origin).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    # The sum of the rounded coordinates says by how many axes the origin is off the hyperplane.
    rank = rank + (origin.sum(1, keepdim=True) / sides).round().long()
    shift = (rank < 0).long() - (rank >= sides).long()
    rank, origin = rank + shift * sides, origin + (shift * sides).to(origin)
    apart = (elevated - origin) / sides
    weights = elevated.new_zeros(points, sides + 1)
    weights.scatter_add_(1, sides - 1 - rank, apart)
    weights.scatter_add_(1, sides - rank, -apart)
    weights[:, 0] += 1 + weights[:, sides]
    corner = torch.arange(sides, device=elevated.device)
    moved = corner[:, None] - sides * (rank[:, None] > sides - 1 - corner[:, None]).long()
    keys = origin.long()[:, None, :-1] + moved[..., :-1]
    return keys.reshape(-1, sides - 1), weights[:, :sides]
