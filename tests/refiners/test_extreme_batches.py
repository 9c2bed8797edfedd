"""Every refiner on 300 extreme batches: probabilities stay such, whatever the layout and the order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from torch import nn

import hardpix.refiners
from extreme_batches import CASES, Case, cases, missing, near, taken
from hardpix.pixels import prepare_all
from hardpix.refiners import (
    PAMR,
    PAR,
    Affinity,
    DenseCRF,
    FeaturePooling,
    LocalAffinity,
    Refiner,
    SegFix,
    Tiled,
    TreeMessages,
    TreePath,
)
from hardpix.testing.bench import dataset_info

pytestmark = pytest.mark.slow


class Offsets(nn.Module):
    """Borders where the image is bright, and directions by its colors."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([image, image, image, image[:, :1]], 1)


REFINERS: dict[str, Callable[[], Refiner]] = {
    "PAMR": lambda: PAMR((1, 12), steps=2),
    "PAR": lambda: PAR((1, 12), steps=2),
    "local affinity": lambda: LocalAffinity((1, 3), steps=2, power=2),
    "tiled": lambda: Tiled(PAMR((1, 3), steps=2), tile=4),
    "dense CRF": lambda: DenseCRF(steps=2, color_range=100.0),
    "feature pooling": lambda: FeaturePooling(nn.Identity()),
    "SegFix": lambda: SegFix(Offsets()),
    "affinity": lambda: Affinity(cell=2),
    "tree path": TreePath,
    "inside the group": lambda: TreePath("inside"),
    "tree messages": TreeMessages,
}


@pytest.mark.parametrize("name", REFINERS)
@CASES
@given(case=cases())
def test_probabilities_stay_such_and_the_same_whatever_must_not_matter(name: str, case: Case) -> None:
    refine = REFINERS[name]()
    prepare_all(refine.modules(), dataset_info([1] * case.classes))
    logits, image = case.tensors("logits"), case.tensors("image")["image"]
    # Pictures of one color, and with colors of any size.
    image = (image.round() if case.seed % 2 else image) * case.scale
    given = {"maps": logits["logits"].float().softmax(1).to(case.floats), "image": image}
    maps = given["maps"].detach().requires_grad_()
    found = refine(maps, image)
    assert found.shape == maps.shape
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    # In half types the sums of what comes in are 1 up to rounding alone.
    if case.floats == torch.float32:
        near(found.sum(1), torch.ones(case.size), "sums")
    (gradient,) = torch.autograd.grad(found.square().sum(), maps)
    assert gradient.isfinite().all()
    turned = case.turned(given)
    near(refine(turned["maps"].float(), turned["image"]).flip(0), found, "in reverse, laid out otherwise, in float32")
    alone = taken(given, slice(0, 1))
    near(refine(alone["maps"], alone["image"]), found[:1], "the first image alone")


def test_every_refiner_has_cases() -> None:
    given = {type(make()) for make in REFINERS.values()}
    sentence = missing(given, hardpix.refiners, Refiner, "REFINERS of this file")
    assert not sentence, sentence
