"""Images of a stream without labels, and the trust that tells their pixels from padding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors

from hardpix.data import MapKind
from hardpix.data.sample import Sample


def _no_file(path: Path) -> np.ndarray:
    raise NotImplementedError("the trust of a stream's pixels comes with no file")


# Labelers tell by it what is padding: a crop of an image that is smaller than the crop.
TRUST = MapKind("target_weight", "target_weights", 0.0, _no_file)


class WithoutLabels(Dataset[Sample]):
    """Images whose every pixel may be labeled, by a "target_weight" of 1.

    Example:
        >>> WithoutLabels([{"image": torch.zeros(3, 1, 2)}])[0]["target_weight"]
        Mask([[1., 1.]])
    """

    def __init__(self, samples: Any) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        sample = self.samples[index]
        return sample | {TRUST.key: tv_tensors.Mask(torch.ones(sample["image"].shape[-2:]))}
