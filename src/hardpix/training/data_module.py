"""The data of a training run: folders checked, split, transformed and batched, as Lightning sees them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import CombinedLoader
from torch.utils.data import DataLoader, Dataset

from hardpix.data import (
    MAPS,
    DataError,
    DepthFormat,
    EvaluationTransform,
    Folders,
    ImageFormat,
    SeededDataset,
    SegmentationFolder,
    TrainingTransform,
    Transformed,
)
from hardpix.data.class_rules import require_no_class
from hardpix.data.class_source import class_table
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.palette_reading import read_by
from hardpix.data.transforms import normalization
from hardpix.training.folders import described, split_folders
from hardpix.training.loading import count_classes
from hardpix.training.resumable import ResumableLoader
from hardpix.training.sources import in_depth_format, own_folders, own_sets, preset_folders, refuse, with_maps
from hardpix.training.stream_loaders import SampleStream, loaders_of
from hardpix.training.streams import (
    TRUST,
    UNLABELED,
    Sources,
    Stream,
    WithoutLabels,
    open_streams,
    seed_of,
    stream_folders,
    stream_problems,
    with_labeled_part,
)
from hardpix.training.validation_batches import BatchesOf, EvaluationBatches, split_by_size

# Images of further streams come without maps, but for the trust by which labelers tell their padding.
_WITH_TRUST = MAPS | {TRUST.key: TRUST}


class SegmentationData(LightningDataModule):
    """Training and validation images with their labels.

    Say where they are in one of three ways:

    - folders: ``images`` and ``masks``, and ``val_images`` and ``val_masks`` if validation has its own;
    - a known data set: ``preset`` and ``root``;
    - data sets of your own: ``train_set`` and ``val_set``.

    A recipe may want further streams of images, such as unlabeled ones: those of ``streams``, and the training images
    that ``labeled_stems`` or ``labeled_every`` leave. A batch then is a dict of batches by the name of their stream. An
    epoch is one pass over the labeled images, and takes as many batches of every other stream. There it goes on where
    the epoch before ended, so that all images of the stream come equally often.

    Args:
        images: folder of the training images.
        masks: folder of their masks: ids (8 or 16 bit, or palette png), or colors of the class table.
        val_images: folder of the validation images; without, some of the training images are held out.
        val_masks: folder of their masks.
        preset: name of a known data set, for instance camvid, or YAML file of one of your own; without a part val in
            it, some of the training images are held out.
        root: folder of the known data set.
        train_set: a map-style data set of dicts with "image" (3, H, W) uint8 and "target" (H, W), and with
            ``.classes``, a ClassTable or names, if classes are not given.
        val_set: the same for validation.
        classes: YAML file of the class table, or names of the classes with the ids 0, 1, 2, …; found in the masks if
            not given.
        label_map: ids in the masks → number of the class, or "ignore".
        threshold: for masks of black and white with soft edges: numbers at or above it are class 1, others class 0.
        palette: colors reads palette files by the colors that they show, of the class table if there is one; ids by
            their indices, whatever colors they show. By default as ids, and refused where their colors contradict.
        depth: folder of the training images' depth maps, which some may lack; true for that of the preset.
        weights: folder of the training images' weight maps, for the signal Precomputed.
        depth_format: how stored depth becomes meters, such as --data.depth_format.scale 0.001 for millimeters (see
            --data.depth_format.help); by default as the preset says, else it is in meters.
        bands: numbers of the bands that the network sees, in its order, such as [4, 1, 2]; the first band of a file is
            1, as GIS tools count. By default red, green and blue, and gray three times.
        value_range: the stored numbers that are black and white, such as [0, 3000]; one pair for all bands or one pair
            a band; measured takes the 1st and 99th percentile of each band in the training images. By default 8 bits
            are taken as they are, and of 16 bits the upper 8.
        max_pixels: height × width of the largest file that is read.
        image_suffix: ending of the image file names that is no part of the stem, such as _leftImg8bit. A star stands
            for the stem where something comes before it: img_*.
        mask_suffix: ending of the mask file names, such as _gtFine_labelIds or mask_*.
        depth_suffix: ending of the depth file names, such as _disparity.
        val_share: share of the training images that is held out, in contiguous blocks of file names.
        val_stems: pattern with * and ? of the file stems to hold out instead, such as seq05_*.
        resolution: share of the images' own height and width at which the network sees them. Scores are those at the
            size of the labels nevertheless.
        crop_size: height and width of the training crops; by default what the smallest image allows, up to 512.
        scale: range of the scale jitter; what is enlarged s times gets a depth s times smaller.
        max_class_share: largest share of a crop's labeled pixels that one class may have.
        flip: chance of a horizontal flip.
        photometric: whether brightness, contrast, saturation and hue are jittered; of bands other than [1, 2, 3]
            brightness and contrast alone, all bands alike.
        divisor: images are padded to multiples of it for evaluation.
        batch_size: images in a step, per process.
        val_batch_size: most images in a validation step, per process; by default batch_size. They have one size, so
            that scores do not depend on it. A step has at most as many pixels as one of training, or a single image.
        workers: processes that read ahead, per process; by default one for each core, up to 8.
        seed: of order and augmentation.
        ignore_index: the id of unlabeled pixels inside hardpix.
        streams: further images by the name that a recipe has for them, such as {unlabeled: {images: DIR}}; beside the
            folder batch_size, crop_size, scale, flip and photometric of its own, see `Stream`.
        labeled_stems: pattern with * and ? of the training images that count as labeled, or text file of their stems,
            one a line; the others are the stream unlabeled and need no masks.
        labeled_every: the same by their order: one in so many images of each sequence, from its first. Stems of a
            sequence differ in their last number alone.

    Raises:
        DataError: everything that is wrong with the files, in one list.
        ValueError: settings that contradict each other.
    """

    def __init__(
        self,
        images: str | None = None,
        masks: str | None = None,
        val_images: str | None = None,
        val_masks: str | None = None,
        preset: str | None = None,
        root: str | None = None,
        train_set: Dataset | None = None,
        val_set: Dataset | None = None,
        classes: str | list[str] | None = None,
        label_map: dict[int, int | str] | None = None,
        threshold: int | None = None,
        palette: Literal["ids", "colors"] | None = None,
        depth: bool | str | None = None,
        weights: str | None = None,
        depth_format: DepthFormat | None = None,
        bands: list[int] | None = None,
        value_range: list[float] | list[list[float]] | Literal["measured"] | None = None,
        max_pixels: int = MAX_PIXELS,
        image_suffix: str = "",
        mask_suffix: str = "",
        depth_suffix: str = "",
        val_share: float = 0.2,
        val_stems: str | None = None,
        resolution: float = 1.0,
        crop_size: tuple[int, int] | None = None,
        scale: tuple[float, float] = (0.5, 2.0),
        max_class_share: float = 0.75,
        flip: float = 0.5,
        photometric: bool = True,
        divisor: int = 32,
        batch_size: int = 8,
        val_batch_size: int | None = None,
        workers: int | None = None,
        seed: int = 0,
        ignore_index: int = 255,
        streams: dict[str, Stream] | None = None,
        labeled_stems: str | None = None,
        labeled_every: int | None = None,
    ) -> None:
        super().__init__()
        if resolution <= 0 or divisor < 1:
            own = "1 is the images' own, 0.5 half of it"
            raise ValueError(f"expected resolution > 0 ({own}) and divisor ≥ 1, found {resolution} and {divisor}")
        if batch_size < 1 or (workers is not None and workers < 0):
            raise ValueError(f"expected batch_size ≥ 1 and workers ≥ 0, found {batch_size} and {workers}")
        if val_batch_size is not None and val_batch_size < 1:
            raise ValueError(f"expected val_batch_size ≥ 1, found {val_batch_size}")
        self.resolution = resolution
        self.crop_size = crop_size
        self.scale = scale
        self.max_class_share = max_class_share
        self.flip = flip
        self.photometric = photometric
        self.divisor = divisor
        self.batch_size = batch_size
        self.val_batch_size = batch_size if val_batch_size is None else val_batch_size
        self.workers = min(os.cpu_count() or 1, 8) if workers is None else workers
        self.seed = seed
        self.ignore_index = ignore_index
        self.first_epoch = 0
        self.stream_settings = dict(streams or {})
        self.wanted: tuple[str, ...] = ("labeled",)
        self._loaders: dict[str, ResumableLoader] = {}
        self._places: dict[str, dict[str, int]] = {}

        # A preset's depth has to be asked for, its weights come along.
        asked = {"depth": depth or False, "weight": weights}
        # Kept so that `fit` can warn about maps that no signal reads.
        self.maps_asked_for = [key for key, place in asked.items() if place not in (None, False)]
        self.image_format = ImageFormat(bands, value_range, max_pixels)
        given = class_table(classes, label_map, threshold, palette)
        places = {"images": images, "masks": masks, "val_images": val_images, "val_masks": val_masks}
        names = {"image_suffix": image_suffix, "mask_suffix": mask_suffix, "depth_suffix": depth_suffix}
        self.lacking: dict[str, tuple[str, ...]] = {}
        if train_set is not None or val_set is not None:
            others: dict[str, Any] = {"preset": preset, "root": root, "val_stems": val_stems, "label_map": label_map}
            others |= {"threshold": threshold, "palette": palette}
            others |= {"labeled_stems": labeled_stems, "labeled_every": labeled_every}
            maps = {"depth": depth, "depth_format": depth_format, "weights": weights}
            formats = {"bands": bands, "value_range": value_range}
            refuse("train_set", places | names | others | maps | formats)
            self.train_set, self.val_set, self.classes = own_sets(train_set, val_set, given)
            require_no_class(ignore_index, len(self.classes))
            self.map_kinds = MAPS | getattr(self.train_set, "map_kinds", {})
            self.channels, *self._smallest = self.train_set[0]["image"].shape[-3:]
            self._counts: list[int] | None = None
            self._val_sizes: tuple[tuple[int, int], ...] | None = None
            self._open_streams(stream_folders(self.stream_settings))
            return
        if preset is not None:
            refuse("preset", places | names)
            training, validation, known = preset_folders(preset, root, val_stems)
            given, stored = given or read_by(known.classes, palette or known.classes.palette), known.depth_format
        else:
            refuse("images", {"root": root})
            training, validation = own_folders(images, masks, val_images, val_masks, names, val_stems)
            stored = None
        training = in_depth_format(with_maps(training, asked), depth_format, stored)
        sources = Sources(training, validation, stream_folders(self.stream_settings))
        if labeled_stems is not None or labeled_every is not None:
            sources = with_labeled_part(sources, labeled_stems, labeled_every, val_share, val_stems)
        problems = stream_problems(sources.streams, self.image_format, ignore_index)
        try:
            split = split_folders(
                sources.training,
                sources.validation,
                given,
                val_share=val_share,
                val_stems=val_stems,
                image_format=self.image_format,
                ignore_index=ignore_index,
                palette=palette,
                label_map=label_map,
            )
        except DataError as error:
            raise DataError.of([*error.problems, *problems], error.class_names) if problems else error from None
        if problems:
            raise DataError.of(problems, split.classes.names)
        self.classes, self.train_set, self.val_set = split.classes, split.train, split.val
        self._smallest, self._counts = split.smallest, split.class_pixels
        self._val_sizes = split.val_sizes
        self.image_format = split.train.image_format
        self.channels = self.image_format.channels
        self.map_kinds = split.train.map_kinds
        self.lacking = split.lacking
        self.streams = open_streams(sources.streams, self.val_set, self.image_format, ignore_index)

    def _open_streams(self, folders: Mapping[str, Folders]) -> None:
        if problems := stream_problems(folders, self.image_format, self.ignore_index):
            raise DataError.of(problems)
        self.streams = open_streams(folders, self.val_set, self.image_format, self.ignore_index)

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
        if self._counts is None:
            self._counts = count_classes(self.train_set, self.num_classes, self.ignore_index)
        return self._counts

    @property
    def training_size(self) -> tuple[int, int]:
        """Height and width of the training crops."""
        if self.crop_size is not None:
            return self.crop_size
        height, width = (min(512, max(32, int(side * self.resolution) // 32 * 32)) for side in self._smallest)
        return height, width

    def training_transform(self, stream: Stream | None = None) -> TrainingTransform:
        """What happens to a training image, a labeled one or one of a stream with settings of its own."""
        own = Stream(photometric=self.photometric) if stream is None else stream
        mean, std = normalization(self.channels)
        useless = () if self.image_format.is_rgb else ("saturation", "hue")
        off: Any = dict.fromkeys(useless if own.photometric else ("brightness", "contrast", "saturation", "hue"), 0.0)
        return TrainingTransform(
            self.training_size if own.crop_size is None else own.crop_size,
            scale=self.scale if own.scale is None else own.scale,
            max_class_share=self.max_class_share,
            flip=self.flip if own.flip is None else own.flip,
            ignore_index=self.ignore_index,
            resolution=self.resolution,
            map_kinds=self.map_kinds if stream is None else _WITH_TRUST,
            mean=mean,
            std=std,
            **off,
        )

    def evaluation_transform(self) -> EvaluationTransform:
        """What happens to an image that is evaluated or predicted; labels stay as they are."""
        return EvaluationTransform(self.resolution, self.divisor, *normalization(self.channels))

    @property
    def folders(self) -> list[Path]:
        """The user's own folders that are read."""
        every = (self.train_set, self.val_set, *self.streams.values())
        sets = [samples for samples in every if isinstance(samples, SegmentationFolder)]
        return [folder for samples in sets for folder in samples.folders.given.values()]

    @property
    def split(self) -> dict[str, Any] | None:
        """Folders and stems of what is trained on ("train"), held out ("val") and in each stream, by its name.

        None for data sets of your own.
        """
        if not isinstance(self.train_set, SegmentationFolder) or not isinstance(self.val_set, SegmentationFolder):
            return None
        parts = {"train": self.train_set, "val": self.val_set, **self.streams}
        return {name: described(samples) for name, samples in parts.items()}

    @property
    def images_a_step(self) -> int:
        """Least number of images in a batch of any stream, in a process that has all of them."""
        labeled = min(self.batch_size, len(self.train_set))  # type: ignore[arg-type]
        return min([labeled, *(self._batch_size(name) for name in self.wanted if name != "labeled")])

    def first_batch(self) -> dict[str, Any]:
        """A batch of one labeled image."""
        return self._stream("labeled").first_batch()

    def first_batches(self) -> dict[str, dict[str, Any]]:
        """A batch of one image of each stream that is wanted."""
        return {name: self._stream(name).first_batch() for name in self.wanted}

    def want(self, streams: Sequence[str]) -> None:
        """Bring batches of these streams from now on.

        Raises:
            ValueError: there are none of that name.
        """
        for name in streams:
            if name not in ("labeled", *self.streams):
                rest = ", or say by --data.labeled_stems or --data.labeled_every which training images are labeled"
                raise ValueError(
                    f"expected images of the stream {name}, which the recipe wants, found none: give their folder as "
                    f"--data.streams '{{{name}: {{images: DIR}}}}'{rest if name == UNLABELED else ''}"
                )
        self.wanted = tuple(streams)

    @property
    def unwanted(self) -> list[str]:
        """Streams that there are images of, and that the recipe does not want."""
        return [name for name in self.streams if name not in self.wanted]

    def _stream(self, name: str) -> SampleStream:
        if name == "labeled":
            samples, transform, kinds = self.train_set, self.training_transform(), self.map_kinds
        else:
            settings = self.stream_settings.get(name, Stream())
            samples, transform, kinds = (
                WithoutLabels(self.streams[name]),
                self.training_transform(settings),
                _WITH_TRUST,
            )
        seeded = SeededDataset(Transformed(samples, transform), seed_of(name, self.seed))
        return SampleStream(seeded, self._batch_size(name), self.ignore_index, kinds)

    def _batch_size(self, name: str) -> int:
        return self.stream_settings.get(name, Stream()).batch_size or self.batch_size

    def train_dataloader(self) -> DataLoader | CombinedLoader:
        epoch = max(self.first_epoch, 0 if self.trainer is None else self.trainer.current_epoch)
        streams = {name: self._stream(name) for name in self.wanted}
        self._loaders = loaders_of(streams, epoch, **self._reading())
        for name in self._loaders.keys() & self._places.keys():
            self._loaders[name].load_state_dict(self._places[name])
        self._places = {}
        return self._loaders["labeled"] if self.wanted == ("labeled",) else CombinedLoader(self._loaders, "min_size")

    def state_dict(self) -> dict[str, dict[str, int]]:
        """Place of each stream in its epoch, for checkpoints."""
        return {name: loader.state_dict() for name, loader in self._loaders.items()}

    def load_state_dict(self, state_dict: dict[str, dict[str, int]]) -> None:
        """Go on from these places; Lightning calls it before it asks for the loaders."""
        self._places = state_dict

    def val_dataloader(self) -> DataLoader:
        transform = self.evaluation_transform()
        sizes = None if self._val_sizes is None else [transform.seen_size(size) for size in self._val_sizes]
        height, width = self.training_size
        max_pixels = self.batch_size * height * width
        samples = BatchesOf(Transformed(self.val_set, transform), self.ignore_index)
        # The sampler makes whole batches. As a sampler, and not a batch sampler, Lightning leaves it as it is.
        sampler = EvaluationBatches(samples, sizes, batch_size=self.val_batch_size, max_pixels=max_pixels)
        collate_fn = partial(split_by_size, max_pixels=max_pixels)
        return DataLoader(samples, batch_size=None, sampler=sampler, collate_fn=collate_fn, **self._reading())

    def _reading(self) -> dict[str, Any]:
        pinned = torch.cuda.is_available()
        return {"num_workers": self.workers, "persistent_workers": self.workers > 0, "pin_memory": pinned}
