"""Samples on their way from a data set to the network."""

from __future__ import annotations

import numpy as np
from torch.utils.data import Dataset

from hardpix.data import DataError, Sample


class ErrorsAsSamples(Dataset):
    """Hands on what is wrong with a file as it is; from another process it would come with that one's traceback."""

    def __init__(self, samples: Dataset) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Sample | DataError:
        try:
            return self.samples[index]
        except DataError as error:
            return error


def count_classes(samples: Dataset, num_classes: int, ignore_index: int) -> list[int]:
    """Number of pixels of each class in a data set."""
    counts = np.zeros(num_classes, dtype=np.int64)
    for index in range(len(samples)):  # type: ignore[arg-type]
        target = np.asarray(samples[index]["target"])
        counts += np.bincount(target[target != ignore_index], minlength=num_classes)
    return counts.tolist()
