"""Temperature scaling (Guo et al., ICML 2017, arXiv 1706.04599), from sums over images that come one by one."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from hardpix.estimators.evidence import require_finite

# Temperatures at which the slope of the loss is summed up.
LOWEST, HIGHEST, STEPS = 0.1, 10.0, 41
MOST_PIXELS = 50_000


class TemperatureFit:
    """The temperature T that minimizes the negative log-likelihood of labels under softmax(z / T).

    The loss is convex in b = 1/T, with the slope Σ (E_b[z] − z of the label), which rises. It is summed up at 41 fixed
    values, and its zero is found between two of them: memory does not grow with the images. Of an image at most some
    50,000 pixels count, evenly spread.

    Example:
        >>> import torch
        >>> fit = TemperatureFit()
        >>> fit.add(torch.tensor([0.0, 2.0]).reshape(2, 1, 1).expand(2, 1, 4), torch.tensor([[1, 1, 1, 0]]))
        >>> round(fit.temperature, 2)  # right in 3 of 4: 2 / log 3
        1.82
    """

    def __init__(self, ignore_index: int = 255) -> None:
        self.ignore_index = ignore_index
        self.slopes = np.zeros(STEPS)
        self.pixels = 0

    def add(self, logits: Tensor, target: Tensor) -> None:
        """The next image: (C, H, W) logits, (H, W) labels.

        Raises:
            ValueError: logits that are not finite.
        """
        require_finite(logits)
        labeled = (target.reshape(-1) != self.ignore_index).nonzero()[:, 0]
        labeled = labeled[:: -(-len(labeled) // MOST_PIXELS) or 1]
        seen = logits.reshape(len(logits), -1)[:, labeled].float()
        own = seen.gather(0, target.reshape(-1)[labeled][None].long())[0].double().sum()
        for place, temperature in enumerate(temperatures()):
            mean = ((seen / temperature).softmax(0) * seen).sum(0).double().sum()
            self.slopes[place] += float(mean - own)
        self.pixels += len(labeled)

    @property
    def temperature(self) -> float:
        """The fit so far, from 0.1 to 10; 1 without any labeled pixel."""
        if not self.pixels:
            return 1.0
        # By falling 1/T, so that slopes fall, too.
        falling = self.slopes
        if falling[0] <= 0:
            return LOWEST
        if falling[-1] >= 0:
            return HIGHEST
        after = int(np.argmax(falling < 0))
        high, low = falling[after - 1], falling[after]
        inverse = 1 / temperatures()[after - 1 : after + 1]
        return float(1 / (inverse[0] + (inverse[1] - inverse[0]) * high / (high - low)))


def temperatures() -> np.ndarray:
    """The temperatures of the slopes, rising by one factor."""
    return np.geomspace(LOWEST, HIGHEST, STEPS)
