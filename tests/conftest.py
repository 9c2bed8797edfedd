"""Batches and branches whose every number is known."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, settings
from torch import Tensor, nn

from hardpix.pixels import PixelBatch
from hardpix.signals import HardnessLevel
from testing import batch_of

# The workers of a parallel run are as many as the cores; with more threads each would wait for the others.
torch.set_num_threads(1)

# What is slow on a busy machine is not wrong. The same examples every time, so that a change fails for what it changed;
# `pytest --hypothesis-profile search` looks further.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("hardpix", derandomize=True, **PATIENT)
settings.register_profile("search", max_examples=1500, **PATIENT)
settings.load_profile("hardpix")


class Scores(nn.Module):
    """A branch whose output D is its parameter, whatever it sees."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores.unsqueeze(1))

    def forward(self, features: object, embedding: Tensor | None = None) -> Tensor:
        return self.scores


def make_batch(seed: int = 0, shape: tuple[int, int, int] = (2, 3, 5), classes: int = 4, **known: Tensor) -> PixelBatch:
    """Float64 logits that want a gradient, a third of the pixels ignored, in every image another number of them."""
    generator = torch.Generator().manual_seed(seed)
    images, height, width = shape
    logits = 2 * torch.randn(images, classes, height, width, generator=generator, dtype=torch.float64)
    target = torch.randint(0, classes, shape, generator=generator)
    target[torch.rand(shape, generator=generator) < 1 / 3] = 255
    target[:, 0, 0] = 0
    return batch_of(logits.requires_grad_(), target, **known)


def with_scores(scores: Tensor, **settings: object) -> HardnessLevel:
    """A bound hardness level with D = scores, (B, h, w)."""
    signal = HardnessLevel(**settings)  # type: ignore[arg-type]
    signal.branch = Scores(scores)
    return signal


@pytest.fixture(scope="session")
def pixel_batch() -> Callable[..., PixelBatch]:
    return make_batch


@pytest.fixture(scope="session")
def hardness_with_scores() -> Callable[..., HardnessLevel]:
    return with_scores
