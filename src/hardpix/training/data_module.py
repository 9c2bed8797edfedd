"""The data of a training run: folders checked, split, transformed and batched, as Lightning sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch.utils.data import Dataset

from hardpix.data import DepthFormat, ImageFormat
from hardpix.data.limits import MAX_PIXELS
from hardpix.training.augmentation import AUGMENTATION, Augmentation, takes_moved
from hardpix.training.batched_data import BatchedData
from hardpix.training.data_settings import (
    BatchSettings,
    DataSettings,
    FolderSettings,
    LabelSettings,
    MapSettings,
    PartSettings,
    PresetSettings,
    ViewSettings,
)
from hardpix.training.more_images import LabeledImages
from hardpix.training.open_data import open_folders, open_sets
from hardpix.training.streams import UNLABELED, Stream
from hardpix.training.unlabeled_folder import with_unlabeled


class SegmentationData(BatchedData):
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
        augment: random changes of the training images.
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
        sparse: true where most pixels of the training masks are unlabeled on purpose, as with clicks and scribbles.
            Shrinking images then loses no label, and the default objective is one for sparse labels. By default true
            where less than 20 % of the pixels are labeled.
        more: further labeled images, all of them to train on, such as [{images: DIR, masks: DIR, trust: DIR}]; trust
            says how far pseudo-labels count. With image_suffix and mask_suffix of their own.
        unlabeled: folder of images without labels to learn from, of the same kind of camera; short for the stream
            unlabeled with this folder. Without a recipe hardpix fit takes mean teacher with CutMix.

    Raises:
        DataError: everything that is wrong with the files, in one list.
        ValueError: settings that contradict each other.
    """

    @takes_moved
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
        augment: Augmentation = AUGMENTATION,
        divisor: int = 32,
        batch_size: int = 8,
        val_batch_size: int | None = None,
        workers: int | None = None,
        seed: int = 0,
        ignore_index: int = 255,
        streams: dict[str, Stream] | None = None,
        labeled_stems: str | None = None,
        labeled_every: int | None = None,
        more: list[LabeledImages] | None = None,
        unlabeled: str | None = None,
        sparse: bool | None = None,
    ) -> None:
        view = ViewSettings(resolution, crop_size, divisor, augment, sparse)
        batching = BatchSettings(batch_size, val_batch_size, workers, seed)
        settings = DataSettings(
            FolderSettings(images, masks, val_images, val_masks, image_suffix, mask_suffix, depth_suffix),
            PresetSettings(preset, root),
            PartSettings(val_share, val_stems, labeled_stems, labeled_every),
            LabelSettings(classes, label_map, threshold, palette),
            MapSettings(depth, depth_format, weights),
            ImageFormat(bands, value_range, max_pixels),
            ignore_index,
            with_unlabeled(streams or {}, unlabeled),
            more or (),
        )
        own = train_set is not None or val_set is not None
        # Read here, and not in `setup`: the number of classes is an argument of the task.
        opened = open_sets(settings, train_set, val_set) if own else open_folders(settings)
        super().__init__(opened, view, batching, settings.streams, ignore_index)
        self.unlabeled = unlabeled
        # Kept so that `fit` can warn about maps that no signal reads.
        self.maps_asked_for = [key for key, place in settings.maps.asked.items() if place not in (None, False)]

    def want(self, streams: Sequence[str]) -> None:
        """Bring batches of these streams from now on.

        Raises:
            ValueError: there are none of that name; images without labels, and nobody who wants them.
        """
        if self.unlabeled is not None and UNLABELED not in streams:
            raise ValueError(
                f"expected a recipe that learns from images without labels, those of --data.unlabeled, found one that "
                f"wants {', '.join(streams)} images alone: leave the recipe out for mean teacher with CutMix, name "
                "another (--model.recipe SelfTraining, TwoViews, FutureSelfTraining), or leave --data.unlabeled out"
            )
        super().want(streams)
