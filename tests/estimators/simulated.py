"""Images whose labels are drawn from known probabilities, so that the truth about every estimate is known."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hardpix.estimators import Evidence, confidence_bins, count_pixels, stack

CLASSES = 4


def image(
    rng: np.random.Generator, temperature: float = 1.0, spread: float = 0.4, side: int = 20
) -> tuple[Tensor, Tensor]:
    """Logits (4, side, side) of an image of its own difficulty, and labels drawn from softmax(logits / temperature)."""
    sharpness = np.exp(rng.normal(0.7, spread))
    frequent = rng.dirichlet(np.full(CLASSES, 2.0))
    logits = sharpness * rng.normal(size=(CLASSES, side, side)) + np.log(frequent)[:, None, None]
    shares = torch.from_numpy(logits / temperature).softmax(0).numpy().reshape(CLASSES, -1)
    drawn = (rng.random(side * side) > shares.cumsum(0)).sum(0).clip(0, CLASSES - 1)
    return torch.from_numpy(logits).float(), torch.from_numpy(drawn.reshape(side, side))


def images(rng: np.random.Generator, count: int, **settings: float) -> Evidence:
    """Evidence of several images with labels."""
    drawn = [image(rng, **settings) for _ in range(count)]
    return stack([count_pixels(logits, confidence_bins(logits), target) for logits, target in drawn])


def without_labels(evidence: Evidence) -> Evidence:
    return Evidence(evidence.levels, evidence.expected)
