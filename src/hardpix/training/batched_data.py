"""Batches of opened data, as Lightning and the task ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import CombinedLoader
from torch.utils.data import DataLoader

from hardpix.data import (
    MAPS,
    EvaluationTransform,
    SeededDataset,
    SegmentationFolder,
    TrainingTransform,
    Transformed,
)
from hardpix.data.sparse import is_sparse
from hardpix.data.transforms import normalization
from hardpix.training.data_settings import BatchSettings, ViewSettings
from hardpix.training.loader_worker import start_worker
from hardpix.training.loading import count_classes
from hardpix.training.open_data import OpenedData
from hardpix.training.seeding import seed_of
from hardpix.training.stream_loaders import SampleStream, StreamLoaders
from hardpix.training.streams import Stream
from hardpix.training.validation_batches import validation_loader
from hardpix.training.without_labels import TRUST, WithoutLabels

# Images of further streams come without maps, but for the trust by which labelers tell their padding.
_WITH_TRUST = MAPS | {TRUST.key: TRUST}


class BatchedData(LightningDataModule):
    """Batches of the labeled images, of further streams, and of the images to validate on.

    Args:
        opened: the data sets.
        view: how a network sees their images.
        batching: the number of images in a batch, and how they are read.
        streams: settings of the streams by their names.
        ignore_index: the id of unlabeled pixels.
    """

    def __init__(
        self,
        opened: OpenedData,
        view: ViewSettings,
        batching: BatchSettings,
        streams: Mapping[str, Stream],
        ignore_index: int,
    ) -> None:
        super().__init__()
        self.opened, self.view, self.batching = opened, view, batching
        self.stream_settings, self.ignore_index = streams, ignore_index
        self.classes, self.train_set, self.val_set = opened.classes, opened.train_set, opened.val_set
        self.image_format, self.channels, self.lacking = opened.image_format, opened.channels, opened.lacking
        self.map_kinds, self.streams = opened.map_kinds, opened.streams
        self.val_batch_size = batching.batch_size if batching.val_batch_size is None else batching.val_batch_size
        self.first_epoch = 0
        self._class_pixels = opened.class_pixels
        self._batches = StreamLoaders(self.streams, self._stream)

    @property
    def without_depth(self) -> tuple[str, ...]:
        """The stems of training images whose depth is not known, where depth was asked for."""
        return self.lacking.get("depth", ())

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.classes)

    @property
    def class_names(self) -> list[str]:
        """One name a class."""
        return list(self.classes.names)

    @property
    def class_counts(self) -> list[int]:
        """Number of training pixels of each class."""
        if self._class_pixels is None:
            self._class_pixels = count_classes(self.train_set, self.num_classes, self.ignore_index)
        return self._class_pixels

    @property
    def sparse(self) -> bool:
        """True where most pixels of the training masks are unlabeled, as with clicks and scribbles."""
        return self.view.sparse if self.view.sparse is not None else is_sparse(self.opened.labeled_share)

    @property
    def training_size(self) -> tuple[int, int]:
        """Height and width of the training crops."""
        if self.view.crop_size is not None:
            return self.view.crop_size
        height, width = (
            min(512, max(32, int(side * self.view.resolution) // 32 * 32)) for side in self.opened.smallest
        )
        return height, width

    def training_transform(self, stream: Stream | None = None) -> TrainingTransform:
        """The transform of a labeled training image, or of one of a stream with settings of its own."""
        mean, std = normalization(self.channels)
        augment, crop_size, kinds = self.view.augment, None, self.map_kinds
        of_labels: dict[str, Any] = {"num_classes": self.num_classes, "keep_labels": self.sparse}
        if stream is not None:
            augment, crop_size, kinds = self.view.augment.of(stream), stream.crop_size, _WITH_TRUST
            of_labels = {}
        return augment.transform(
            crop_size or self.training_size,
            is_rgb=self.image_format.is_rgb,
            class_counts=lambda: self.class_counts,
            ignore_index=self.ignore_index,
            resolution=self.view.resolution,
            map_kinds=kinds,
            mean=mean,
            std=std,
            **of_labels,
        )

    def evaluation_transform(self) -> EvaluationTransform:
        """The transform of an image that is evaluated or predicted; labels stay as they are."""
        return EvaluationTransform(self.view.resolution, self.view.divisor, *normalization(self.channels))

    @property
    def folders(self) -> list[Path]:
        """The user's own folders that are read."""
        return self.opened.folders

    @property
    def val_images(self) -> Mapping[str, Path]:
        """Files of the validation images by their stem; none for data sets of your own."""
        return self.val_set.files["images"] if isinstance(self.val_set, SegmentationFolder) else {}

    @property
    def split(self) -> dict[str, Any] | None:
        """Folders and stems of what is trained on ("train"), held out ("val") and in each stream, by its name.

        None for data sets of your own.
        """
        return self.opened.split

    @property
    def images_a_step(self) -> int:
        """Least number of images in a batch of any stream, in a process that has all of them."""
        labeled = min(self.batching.batch_size, len(self.train_set))  # type: ignore[arg-type]
        return min([labeled, *(self._batch_size(name) for name in self._batches.wanted if name != "labeled")])

    def first_batch(self) -> dict[str, Any]:
        """A batch of one labeled image."""
        return self._stream("labeled").first_batch()

    def first_batches(self) -> dict[str, dict[str, Any]]:
        """A batch of one image of each stream that is wanted."""
        return self._batches.first_batches()

    def want(self, streams: Sequence[str]) -> None:
        """Bring batches of these streams from now on.

        Raises:
            ValueError: there are none of that name.
        """
        self._batches.want(streams)

    @property
    def unwanted(self) -> list[str]:
        """Streams that there are images of, and that the recipe does not want."""
        return [name for name in self.streams if name not in self._batches.wanted]

    def _stream(self, name: str) -> SampleStream:
        settings = self.stream_settings.get(name, Stream())
        if name == "labeled":
            samples, transform, kinds = self.train_set, self.training_transform(), self.map_kinds
        else:
            samples, transform, kinds = (
                WithoutLabels(self.streams[name]),
                self.training_transform(settings),
                _WITH_TRUST,
            )
        seeded = SeededDataset(Transformed(samples, transform), seed_of(name, self.batching.seed))
        return SampleStream(seeded, self._batch_size(name), self.ignore_index, kinds)

    def _batch_size(self, name: str) -> int:
        return self.stream_settings.get(name, Stream()).batch_size or self.batching.batch_size

    def train_dataloader(self) -> DataLoader | CombinedLoader:
        epoch = max(self.first_epoch, 0 if self.trainer is None else self.trainer.current_epoch)
        return self._batches.loader(epoch, **self._reading())

    def state_dict(self) -> dict[str, dict[str, int]]:
        """Place of each stream in its epoch, for checkpoints."""
        return self._batches.state_dict()

    def load_state_dict(self, state_dict: dict[str, dict[str, int]]) -> None:
        """Go on from these places; Lightning calls it before it asks for the loaders."""
        self._batches.load_state_dict(state_dict)

    def val_dataloader(self) -> DataLoader:
        height, width = self.training_size
        return validation_loader(
            self.val_set,
            self.evaluation_transform(),
            self.opened.val_sizes,
            batch_size=self.val_batch_size,
            max_pixels=self.batching.batch_size * height * width,
            ignore_index=self.ignore_index,
            **self._reading(),
        )

    def _reading(self) -> dict[str, Any]:
        pinned = torch.cuda.is_available()
        workers = self.batching.processes
        return {
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "pin_memory": pinned,
            "worker_init_fn": start_worker,
        }
