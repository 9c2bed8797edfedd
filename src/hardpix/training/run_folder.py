"""The folder that a training run leaves, and how a trained network comes out of it again."""

from __future__ import annotations

from argparse import ArgumentError
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from jsonargparse import ArgumentParser
from torch.utils.data import Dataset

from hardpix.cli.arguments import explain
from hardpix.cli.moved import with_new_places
from hardpix.data import ClassTable, DataError, EvaluationTransform, Folders, ImageFormat, SegmentationFolder
from hardpix.data.transforms import normalization
from hardpix.data.yaml_files import read_yaml
from hardpix.pixels import DatasetInfo
from hardpix.training.checkpoints import load_weights, read_checkpoint
from hardpix.training.data_module import SegmentationData
from hardpix.training.given_files import GivenFiles
from hardpix.training.loading import count_classes
from hardpix.training.processes import is_first_process
from hardpix.training.task import SegmentationTask

T = TypeVar("T")

# No setting finds files that were moved or renamed: the run knows them by their names.
AS_STARTED = "put the files back as they were when the run was started"
ADVICE = {"train": AS_STARTED, "val": f"{AS_STARTED}, or score others: --images and --masks"}


@dataclass(frozen=True)
class RunFolder:
    """Files of a run.

    - config.yaml: everything that ``hardpix fit`` was given
    - classes.yaml: the class table
    - split.yaml: which files were trained on and which held out
    - images.yaml: bands and range of images that are not plain RGB
    - checkpoints/best.ckpt and last.ckpt
    - logs/part_0: metrics.csv and TensorBoard's events; part_1 after the run was resumed once, and so on
    - record.json: learning curve, time, memory, versions, hardware
    """

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def classes(self) -> Path:
        return self.path / "classes.yaml"

    @property
    def split(self) -> Path:
        return self.path / "split.yaml"

    @property
    def images(self) -> Path:
        return self.path / "images.yaml"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def record(self) -> Path:
        return self.path / "record.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def checkpoint(self, which: str = "best") -> Path:
        """The file of the best or last checkpoint, or of the one whose path is given.

        Raises:
            FileNotFoundError: there is none.
        """
        path = self.checkpoints / f"{which}.ckpt" if which in ("best", "last") else Path(which)
        if not path.is_file():
            found = ", ".join(sorted(p.name for p in self.checkpoints.glob("*.ckpt"))) or "none"
            raise FileNotFoundError(
                f"expected a checkpoint at {path}, found no such file (checkpoints of this run: {found}); give best, "
                "last or the path of a checkpoint as --checkpoint; a run that ended before its first validation has "
                "none and must be started again in another folder"
            )
        return path

    def require_new(self) -> None:
        """The folder is for a run to come.

        Raises:
            FileExistsError: there is something in it. Of several processes only the first looks, before the others
                start.
        """
        empty = not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir()))
        if empty or not is_first_process():
            return
        earlier = self.config.exists()
        found, way_on = ("an earlier run", ", or --resume to go on with it") if earlier else ("files", "")
        raise FileExistsError(
            f"expected a new or empty folder as --run, found {found} in {self.path}; give another one{way_on}"
        )

    def require_outside(self, folders: Iterable[Path]) -> None:
        """A run's files stay away from the data.

        Raises:
            ValueError: the run's folder is one of the data's folders, or lies in it.
        """
        for data in folders:
            if self.path.resolve().is_relative_to(data.resolve()):
                raise ValueError(f"expected a run folder outside of the data ({data}), found {self.path}")

    def save(self, config: str, data: SegmentationData) -> None:
        """Write what a run is started with."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.config.write_text(config, encoding="utf-8")
        self.classes.write_text(_as_yaml(data.classes.to_dict()), encoding="utf-8")
        if data.image_format != ImageFormat() or data.channels != 3:
            seen = {**data.image_format.to_dict(), "channels": data.channels}
            self.images.write_text(_as_yaml(seen), encoding="utf-8")
        if data.split is not None:
            self.split.write_text(_as_yaml(data.split), encoding="utf-8")

    def read_config(self) -> dict[str, Any]:
        """Settings that ``hardpix fit`` was given.

        Raises:
            FileNotFoundError: the folder holds no run.
        """
        for path in (self.config, self.classes):
            if not path.is_file():
                raise FileNotFoundError(
                    f"expected the folder of a run, with {path.name} in it, found none at {path}; "
                    "give the folder that hardpix fit printed as --run"
                )
        # Said where the run is opened (`load_task`), not once more for every setting that is looked up.
        return with_new_places(read_yaml(self.config, dict), {})

    def read_split(self) -> dict[str, dict[str, Any]] | None:
        """Folders and stems of what was trained on ("train") and held out ("val"); None for data sets in code."""
        return read_yaml(self.split, dict) if self.split.is_file() else None

    def read_classes(self) -> ClassTable:
        """The classes that the network learned."""
        return read_yaml(self.classes, ClassTable.from_dict)

    def read_image_format(self, max_pixels: int | None = None) -> ImageFormat:
        """The bands and range that the network learned from, so that other images are read alike.

        Args:
            max_pixels: another limit than that of the run.
        """
        seen = self._read_images()
        limit = {} if max_pixels is None else {"max_pixels": max_pixels}
        return ImageFormat(**{name: value for name, value in seen.items() if name != "channels"} | limit)

    @property
    def channels(self) -> int:
        """Number of channels of the images that the network takes."""
        return self._read_images()["channels"]

    def _read_images(self) -> dict[str, Any]:
        # Runs on plain images have no such file.
        return read_yaml(self.images, dict) if self.images.is_file() else {"channels": 3}

    def load_task(self, which: str = "best") -> SegmentationTask:
        """The task with the weights of a checkpoint, in evaluation mode, on the CPU.

        The branches of the objective are loaded too: ``hardpix mine`` needs them, inference does not run them.

        Raises:
            FileNotFoundError: the folder holds no run, or no such checkpoint.
        """
        config, classes = self.read_config(), self.read_classes()
        with_new_places(read_yaml(self.config, dict))
        settings: dict[str, Any] = config["model"]
        settings |= {
            "num_classes": len(classes),
            "class_names": list(classes.names),
            "in_channels": self.channels,
            "ignore_index": config["data"]["ignore_index"],
        }
        task = _build(SegmentationTask, _without_downloads(settings), "model")
        path = self.checkpoint(which)
        load_weights(
            task,
            read_checkpoint(path, weights_only=True)["state_dict"],
            f"expected the weights of the network and objective in {self.config}, found others in {path}; give a "
            "checkpoint of this run",
        )
        return task.eval()

    def dataset_info(self) -> DatasetInfo:
        """Facts of the training set; the pixels of its masks are counted when somebody asks."""
        ignore_index = self.read_config()["data"]["ignore_index"]
        return DatasetInfo(self.read_classes().names, self._count_pixels, ignore_index)

    def _count_pixels(self) -> list[int]:
        return count_classes(self._part("train"), len(self.read_classes()), self.read_config()["data"]["ignore_index"])

    def validation_set(self, max_pixels: int | None = None) -> Dataset:
        """The images that the run held out, whatever has been added to their folder since.

        Args:
            max_pixels: another limit of height × width than that of the run.

        Raises:
            DataError: some of them are no longer there.
        """
        return self._part("val", max_pixels)

    def _part(self, name: Literal["train", "val"], max_pixels: int | None = None) -> Dataset:
        config = self.read_config()["data"]
        split = self.read_split()
        if split is None:
            data = _build(SegmentationData, config, "data")
            return data.train_set if name == "train" else data.val_set
        classes, image_format = self.read_classes(), self.read_image_format(max_pixels)
        try:
            return SegmentationFolder(
                **split[name], classes=classes, image_format=image_format, ignore_index=config["ignore_index"]
            )
        except DataError as error:
            raise DataError.of([replace(problem, advice=ADVICE[name]) for problem in error.problems]) from error

    def folders(self, given: GivenFiles) -> Folders:
        """Folders whose files are named as those of the run, unless other suffixes are given."""
        split = self.read_split()
        trained_on = self.read_config()["data"] if split is None else split["train"]
        of_images, of_masks = (
            trained_on[name] if own is None else own
            for name, own in (("image_suffix", given.image_suffix), ("mask_suffix", given.mask_suffix))
        )
        return Folders(
            given.images, given.masks, image_suffix=of_images, mask_suffix="" if given.masks is None else of_masks
        )

    def data_folders(self) -> list[Path]:
        """The folders that the run was trained and validated on."""
        parts = (self.read_split() or {}).values()
        return [Path(part[kind]) for part in parts for kind in ("images", "masks") if part[kind] is not None]

    def evaluation_transform(self, keep_original: bool = False) -> EvaluationTransform:
        """Transform of an image before the network sees it outside of training, as in the run.

        Args:
            keep_original: see :class:`~hardpix.data.EvaluationTransform`.
        """
        settings = self.read_config()["data"]
        mean, std = normalization(self.channels)
        return EvaluationTransform(settings["resolution"], settings["divisor"], mean, std, keep_original)


# Weights that networks of segmentation-models-pytorch and torchvision load before training: a checkpoint has others.
PRETRAINED = ("encoder_weights", "weights_backbone")


def _without_downloads(settings: dict[str, Any]) -> dict[str, Any]:
    network = settings.get("network") or {}
    for name in PRETRAINED:
        if network.get("init_args", {}).get(name) is not None:
            network["init_args"][name] = None
    return settings


def _as_yaml(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _build(kind: type[T], settings: dict[str, Any], name: str) -> T:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, name)
    try:
        return parser.instantiate(parser.parse_object({name: settings}))[name]
    except ArgumentError as error:
        raise ValueError(
            f"expected what the run was trained with, found that it cannot be built again: {explain(error)}; give the "
            "command where Python finds your own modules, as it did for hardpix fit"
        ) from error
