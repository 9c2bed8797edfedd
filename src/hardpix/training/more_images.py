"""Further labeled images to train on, such as pseudo-labeled ones, beside those that the classes come from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors

from hardpix.data import ImagePaths, MapKind, SegmentationFolder
from hardpix.data.images import read_weight
from hardpix.data.sample import Sample

# Trust in each label, 0 to 1; it multiplies the weights of losses. Padding has no label to trust.
TRUST_FILES = MapKind("target_weight", "trust", 0.0, read_weight, training_only=True)


@dataclass
class LabeledImages:
    """Further images with masks to train on; none of them is held out.

    Args:
        images: folder of the images, searched with its subfolders.
        masks: folder of their masks, which hold the classes of the other masks.
        trust: folder of maps of how far each label is to be trusted, such as ``hardpix label`` writes; 16-bit png as
            v / 65535. Without it, and in all other images, labels are trusted fully.
        image_suffix: ending of the image file names that is no part of the stem.
        mask_suffix: ending of the mask file names.
    """

    images: str
    masks: str
    trust: str | None = None
    image_suffix: str = ""
    mask_suffix: str = ""

    @property
    def folders(self) -> ImagePaths:
        """The folders, as they are checked and read."""
        return ImagePaths(
            self.images,
            self.masks,
            image_suffix=self.image_suffix,
            mask_suffix=self.mask_suffix,
            maps={TRUST_FILES: self.trust},
        )


class JoinedFolders(Dataset[Sample]):
    """Several folders as one data set, whose samples all have the same maps.

    Args:
        parts: the folders, one after the other.

    Where an image has no map of a kind that others have, its labels are trusted fully, and other maps are unknown.
    """

    def __init__(self, parts: Sequence[SegmentationFolder]) -> None:
        self.parts = parts
        self.map_kinds: Mapping[str, MapKind] = {key: kind for part in parts for key, kind in part.map_kinds.items()}
        self._ends = [*accumulate(len(part) for part in parts)]

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        number = bisect_right(self._ends, index)
        part = self.parts[number]
        sample = part[index - self._ends[number] + len(part)]
        size = sample["image"].shape[-2:]
        for key, kind in self.map_kinds.items():
            if key not in sample:
                value = 1.0 if key == TRUST_FILES.key else kind.fill
                sample[key] = tv_tensors.Mask(torch.full(size, value, dtype=kind.dtype))
        return sample
