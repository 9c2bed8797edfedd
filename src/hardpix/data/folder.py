"""Images and masks in folders, as a torch dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors

from hardpix.data.class_rules import require_no_class
from hardpix.data.classes import ClassTable
from hardpix.data.depth import DepthFormat
from hardpix.data.errors import DataError
from hardpix.data.image_format import PLAIN, ImageFormat
from hardpix.data.maps import MapKind, with_settings
from hardpix.data.mask_checks import classes_in
from hardpix.data.masks import read_mask
from hardpix.data.pairs import ImagePaths, folder_problems, pairing_problems
from hardpix.data.problems import ids_among_colors, unknown_labels, wrong_size
from hardpix.data.reading import reading
from hardpix.data.sample import Sample


class SegmentationFolder(Dataset[Sample]):
    """Images with masks, and perhaps depth, weight and other maps, paired by stem.

    Args:
        images: folder of png, jpg, tif, bmp or webp images; searched with its subfolders.
        masks: folder of masks: ids (whole numbers of any type), palette png, or RGB colors of the class table; None to
            predict.
        classes: what the labels mean; None finds the ids by reading every mask.
        depth: folder of depth maps (png, tif, npy); some images may have none.
        weights: folder of weight maps (16-bit png as v / 65535; float tif or npy as they are).
        maps: folders of maps of any kind, such as ``{MapKind("superpixel", …): "superpixels"}``.
        depth_format: how stored depth becomes meters; by default it is in meters.
        image_format: which bands of the images, and which of their numbers are black and white; by default RGB.
        image_suffix, mask_suffix, depth_suffix: what follows the stem in file names (see `ImagePaths`).
        ignore_index: marks pixels without a label in `target`.
        stems: the part of the data to use, such as one side of a split; None is all of them.

    A sample is a dict: `image` (3, H, W) uint8, `target` (H, W) int64 in 0 … C−1 or `ignore_index`, `depth` (H, W)
    float32 meters, `weight` (H, W) float32, `stem`. Depth is NaN where unknown; everywhere, if the image has no map.
    Other maps are (H, W), by the key and in the type of their kind; transforms and `collate` take these as `map_kinds`.
    Where `image_format` names bands, the image has as many channels; where it has a range, it is float32 in 0…1.
    `Transformed` passes samples through a transform. Nothing is ever written to the folders.

    Raises:
        DataError: files that do not pair up, all of them listed; later, a file that cannot be used.

    Example:
        >>> import numpy as np
        >>> from tempfile import TemporaryDirectory
        >>> from hardpix.data import write_mask
        >>> with TemporaryDirectory() as folder:
        ...     write_mask(f"{folder}/images/a.png", np.zeros((2, 3), np.uint8))
        ...     write_mask(f"{folder}/masks/a.png", np.array([[0, 4, 255]] * 2, np.uint8))
        ...     sample = SegmentationFolder(f"{folder}/images", f"{folder}/masks")[0]
        >>> sample["image"].shape, sample["target"][0].tolist(), sample["stem"]
        (torch.Size([3, 2, 3]), [0, 1, 255], 'a')
    """

    def __init__(
        self,
        images: str | Path,
        masks: str | Path | None = None,
        classes: ClassTable | None = None,
        *,
        depth: str | Path | None = None,
        weights: str | Path | None = None,
        maps: Mapping[MapKind, str | Path | None] | None = None,
        depth_format: DepthFormat | None = None,
        image_format: ImageFormat = PLAIN,
        image_suffix: str = "",
        mask_suffix: str = "",
        depth_suffix: str = "",
        ignore_index: int = 255,
        stems: Sequence[str] | None = None,
    ) -> None:
        short = {name: folder for name, folder in (("depth", depth), ("weights", weights)) if folder is not None}
        self.folders = ImagePaths(
            images,
            masks,
            **short,
            image_suffix=image_suffix,
            mask_suffix=mask_suffix,
            depth_suffix=depth_suffix,
            stems=stems,
            maps=maps,
        )
        if problems := folder_problems(self.folders) or pairing_problems(self.folders, chosen=stems is not None):
            raise DataError.of(problems)
        self.stems = tuple(self.folders.files["images"])
        self.files = {
            name: {stem: found[stem][0] for stem in self.stems if stem in found}
            for name, found in self.folders.files.items()
        }
        if classes is None and masks is not None:
            classes = classes_in(Path(masks), self.files["masks"].values(), max_pixels=image_format.max_pixels)
        if classes is not None:
            require_no_class(ignore_index, len(classes))
        self.classes = classes
        self.map_kinds = with_settings(self.folders.kinds, depth_format, image_format.max_pixels)
        self.image_format = image_format
        self.ignore_index = ignore_index

    @classmethod
    def of(cls, folders: ImagePaths, classes: ClassTable | None = None, **settings: Any) -> SegmentationFolder:
        """The data set of these folders; `settings` are those of the class that do not say where files are."""
        return cls(
            folders.images,
            folders.masks,
            classes,
            maps=folders.maps,
            image_suffix=folders.image_suffix,
            mask_suffix=folders.mask_suffix,
            stems=folders.stems,
            **settings,
        )

    def __len__(self) -> int:
        return len(self.stems)

    def __getitem__(self, index: int) -> Sample:
        stem = self.stems[index]
        image = self.image_format.read(self.files["images"][stem])
        sample: Sample = {"image": tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1))}
        if "masks" in self.files:
            sample["target"] = tv_tensors.Mask(self._target(stem))
        for key, kind in self.map_kinds.items():
            sample[key] = tv_tensors.Mask(self._map(kind, stem, image.shape[0], image.shape[1]))
        for name, values in sample.items():
            if values.shape[-2:] != image.shape[:2]:
                folder = "masks" if name == "target" else self.map_kinds[name].folder
                raise DataError.of([wrong_size(self.files[folder][stem], image.shape, tuple(values.shape[-2:]))])
        sample["stem"] = stem
        return sample

    def _target(self, stem: str) -> Tensor:
        path = self.files["masks"][stem]
        assert self.classes is not None
        stored = read_mask(path, by_color=self.classes.by_color, max_pixels=self.image_format.max_pixels)
        if self.classes.ids_made_up and stored.ndim == 2:
            raise DataError.of([ids_among_colors(path, self.classes.count(stored))])
        try:
            return torch.from_numpy(self.classes.indices(stored, self.ignore_index))
        except ValueError as error:
            raise DataError.of([unknown_labels(path, self.classes, self.classes.unknown(stored))]) from error

    def _map(self, kind: MapKind, stem: str, height: int, width: int) -> Tensor:
        if stem not in self.files[kind.folder]:
            return torch.full((height, width), kind.fill, dtype=kind.dtype)
        path = self.files[kind.folder][stem]
        with reading(path):
            return torch.from_numpy(kind.read(path)).to(kind.dtype)
