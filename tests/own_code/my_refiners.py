"""Refiners of a user's own, whose results are known."""

import os
from pathlib import Path

import torch
from torch import Tensor

from hardpix.refiners import Refiner


class BrightIsLast(Refiner):
    """The last class where the image is bright, else what is most probable; adds 1/10 to no other class."""

    @property
    def reach(self) -> int:
        return 0

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        refined = probabilities.clone()
        refined[:, -1] += (image.float().mean(1) > 128).float()
        return refined


class ByProbability(Refiner):
    """The second most probable class where its probability is above 1/4."""

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        first = probabilities.amax(1, keepdim=True)
        others = torch.where(probabilities == first, 0.0, probabilities)
        return torch.where(others.amax(1, keepdim=True) > 0.25, others, probabilities)


class Interrupted(BrightIsLast):
    """Presses Ctrl-C at the second image while a file is there."""

    seen = 0

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        self.seen += 1
        if self.seen == 2 and Path(os.environ["HARDPIX_TEST_STOP"]).exists():
            raise KeyboardInterrupt
        return super().forward(probabilities, image)


class OfHalfTheSize(Refiner):
    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        return probabilities[..., ::2]


class Nowhere(Refiner):
    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        return probabilities / 0
