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
    """Number of pixels of each class in a data set.

    Raises:
        ValueError: a label that is no class and not `ignore_index`.
    """
    counts = np.zeros(num_classes, dtype=np.int64)
    for index in range(len(samples)):  # type: ignore[arg-type]
        sample = samples[index]
        target = np.asarray(sample["target"])
        labels = target[target != ignore_index]
        other = labels[(labels < 0) | (labels >= num_classes)]
        if other.size:
            found = ", ".join(map(str, np.unique(other)[:5]))
            raise ValueError(
                f"expected class numbers from 0 to {num_classes - 1} in the targets of {type(samples).__name__}, and "
                f"{ignore_index} where there is no label (--data.ignore_index), found {found} at "
                f"{100 * other.size / target.size:.3g} % of the pixels of sample {sample.get('stem', index)}"
            )
        counts += np.bincount(labels, minlength=num_classes)
    return counts.tolist()
