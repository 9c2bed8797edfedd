"""The folder that a training run leaves, and how a trained network comes out of it again."""

from __future__ import annotations

import json
from argparse import ArgumentError
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from jsonargparse import ArgumentParser
from torch.utils.data import Dataset

from hardpix.cli.arguments import explain
from hardpix.cli.errors import UsageError
from hardpix.cli.folder_lock import OWN, taken
from hardpix.cli.moved import with_new_places
from hardpix.cli.own_modules import name_modules
from hardpix.cli.results import read_json, write_whole
from hardpix.data import ClassTable, DataError, EvaluationTransform, ImageFormat, ImagePaths, SegmentationFolder
from hardpix.data.transforms import normalization
from hardpix.data.yaml_files import read_yaml
from hardpix.pixels import DatasetInfo
from hardpix.training.checkpoint_io import previous_of
from hardpix.training.checkpoints import load_weights, read_checkpoint
from hardpix.training.data_files import Record
from hardpix.training.data_module import SegmentationData
from hardpix.training.earlier_defaults import written_out
from hardpix.training.finite import require_finite_weights
from hardpix.training.given_files import GivenFiles
from hardpix.training.loading import count_classes
from hardpix.training.processes import is_first_process
from hardpix.training.run_files import RESTORE, require_config, require_split
from hardpix.training.task import SegmentationTask
from hardpix.training.trust import known_imports_alone, require_trusted

T = TypeVar("T")

# No setting finds files that were moved or renamed: the run knows them by their names.
AS_STARTED = "put the files back as they were when the run was started"
ADVICE = {"train": AS_STARTED, "val": f"{AS_STARTED}, or score others: --images and --masks"}


@dataclass(frozen=True)
class Run:
    """Files of a run.

    - config.yaml: everything that ``hardpix fit`` was given
    - classes.yaml: the class table
    - split.yaml: which files were trained on and which held out
    - files.json: size, time and checksum of every file that is read
    - images.yaml: bands and range of images that are not plain RGB
    - checkpoints/best.ckpt and last.ckpt
    - logs/part_0: metrics.csv and TensorBoard's events; part_1 after the run was resumed once, and so on
    - record.json: learning curve, time, memory, versions, hardware

    A run may come from anybody: unless it is trusted, nothing is built for it but known classes of installed packages.

    Args:
        path: of the folder.
        trusted: whether classes of any module may be imported that its config.yaml names. Modules in the folder itself
            are never imported, and checkpoints never unpickled.
    """

    path: Path
    trusted: bool = False

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
    def files(self) -> Path:
        return self.path / "files.json"

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

    def checkpoints_to_resume(self) -> list[Path]:
        """Checkpoints that a run may go on from, the best choice first.

        Beside the last one there may be the one before it, where a process ended while one took the other's place, and
        the best.
        """
        last, best = (self.checkpoints / f"{which}.ckpt" for which in ("last", "best"))
        return [path for path in (last, previous_of(last), best, previous_of(best)) if path.is_file()]

    def require_new(self) -> None:
        """The folder is for a run to come.

        Raises:
            FileExistsError: there is something in it. Of several processes only the first looks, before the others
                start.
        """
        entries = self.path.iterdir() if self.path.is_dir() else iter([self.path] * self.path.exists())
        empty = all(path.name.startswith(OWN) for path in entries)
        if empty or not is_first_process():
            return
        earlier = self.config.exists()
        found, way_on = ("an earlier run", ", or --resume to go on with it") if earlier else ("files", "")
        raise FileExistsError(
            f"expected a new or empty folder as --run, found {found} in {self.path}; give another one{way_on}"
        )

    def taken(self) -> AbstractContextManager[None]:
        """Keeps other commands out of the folder; of several processes only the first does.

        Raises:
            FolderInUse: another process trains there.
        """
        return taken(self.path) if is_first_process() else nullcontext()

    def require_outside(self, folders: Iterable[Path]) -> None:
        """A run's files stay away from the data.

        Raises:
            ValueError: the run's folder is one of the data's folders, or lies in it.
        """
        for data in folders:
            if self.path.resolve().is_relative_to(data.resolve()):
                raise ValueError(f"expected a run folder outside of the data ({data}), found {self.path}")

    def save(self, config: str, data: SegmentationData, files: Record | None = None) -> None:
        """Write what a run is started with."""
        write_whole(self.classes, _as_yaml(data.classes.to_dict()))
        if data.image_format != ImageFormat() or data.channels != 3:
            seen = {**data.image_format.to_dict(), "channels": data.channels}
            write_whole(self.images, _as_yaml(seen))
        if data.split is not None:
            write_whole(self.split, _as_yaml(data.split))
        if files:
            lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in files.items())
            write_whole(self.files, f"{{\n{lines}\n}}\n")
        # The last: a folder with a configuration is a run.
        write_whole(self.config, config)

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
        config = with_new_places(require_config(_read(self.config, dict), self.config), {})
        model = config.get("model")
        if isinstance(model, dict):
            config["model"] = model | self.settings_of_then(model)
        return config

    def settings_of_then(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of the model that the run left to the defaults of its time, as they were then.

        Args:
            model: the group of its configuration.
        """
        then = written_out(model)
        if model.get("network") is None:
            numbers = {"num_classes": len(self.read_classes()), "in_channels": self.channels}
            then["network"] = {"class_path": "hardpix.networks.DDRNet23Slim", "init_args": numbers}
        return then

    def read_split(self) -> dict[str, dict[str, Any]] | None:
        """Folders and stems of what was trained on ("train") and held out ("val"); None for data sets in code."""
        if self.split.exists():
            return require_split(_read(self.split, dict), self.split)
        data = self.read_config()["data"]
        if data.get("images") or data.get("preset"):
            # Splitting anew might score images that were trained on.
            raise ValueError(
                f"expected {self.split}, which says what the run trained on and what it held out, found none; {RESTORE}"
            )
        return None

    def read_files(self) -> Record | None:
        """Files that the run was started with; None of runs of earlier versions and of data sets in code.

        Raises:
            ValueError: the record is broken.
        """
        if not self.files.exists():
            return None
        try:
            content = read_json(self.files)
            return {key: (int(size), int(time), str(checksum)) for key, (size, time, checksum) in content.items()}
        except (OSError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(
                f"expected size, time and checksum of every file of the run in {self.files}, found something else "
                f"({error}); remove it, and the data are no longer compared"
            ) from error

    def read_classes(self) -> ClassTable:
        """The classes that the network learned."""
        return _read(self.classes, ClassTable.from_dict)

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
        return _read(self.images, dict) if self.images.exists() else {"channels": 3}

    def load_task(self, which: str = "best", *, predict_only: bool = False) -> SegmentationTask:
        """The task with the weights of a checkpoint, in evaluation mode, on the CPU.

        Built are the network and the recipe with its objective, whose branches ``hardpix mine`` needs; no optimizer.

        Args:
            which: best, last, or the path of a checkpoint.
            predict_only: leave the objective out where the network that learned is the one that is deployed.

        Raises:
            FileNotFoundError: the folder holds no run, or no such checkpoint.
            UntrustedRun: other code would run, and the run is not trusted.
            NotFinite: its weights hold NaN or infinity.
        """
        predict_only = predict_only and _class_path(group(self.read_config(), "model").get("recipe")) in SUPERVISED
        task = self.build_task(predict_only=predict_only)
        path = self.checkpoint(which)
        saved = read_checkpoint(path)["state_dict"]
        if predict_only:
            saved = {name.removeprefix(NETWORK): each for name, each in saved.items() if name.startswith(NETWORK)}
        module = task.network if predict_only else task
        require_finite_weights(saved, module, path)
        load_weights(
            module,
            saved,
            f"expected the weights of the network and objective in {self.config}, found others in {path}; give a "
            "checkpoint of this run",
        )
        return task.eval()

    def network_setting(self) -> dict[str, Any]:
        """Class path and arguments to build the network from, without weights that would be loaded first."""
        setting = _without_downloads(group(self.read_config(), "model").get("network"))
        return {"class_path": setting, "init_args": {}} if isinstance(setting, str) else setting

    def build_task(self, *, predict_only: bool = False) -> SegmentationTask:
        """The task as it was before the training, on the CPU; its weights are random. It has no optimizer.

        Args:
            predict_only: leave the recipe and its objective out.

        Raises:
            FileNotFoundError: the folder holds no run.
            UntrustedRun: other code would run, and the run is not trusted.
            ValueError: it cannot be built.
        """
        config, classes = self.read_config(), self.read_classes()
        with_new_places(_read(self.config, dict))
        settings = {name: value for name, value in group(config, "model").items() if name in BUILT}
        if predict_only:
            # The default would learn, and want a branch that not every network can have.
            settings |= {"recipe": None, "objective": {"class_path": "hardpix.objectives.WeightedCrossEntropy"}}
        settings |= {
            "num_classes": len(classes),
            "class_names": list(classes.names),
            "in_channels": self.channels,
            "ignore_index": config["data"]["ignore_index"],
        }
        return self._build(SegmentationTask, _without_downloads(settings), "model")

    def dataset_info(self) -> DatasetInfo:
        """Facts of the training set; the pixels of its masks are counted when somebody asks."""
        ignore_index = self.read_config()["data"]["ignore_index"]
        classes, std = self.read_classes(), tuple(normalization(self.channels)[1])
        return DatasetInfo(classes.names, self._count_pixels, ignore_index, classes.tree, std)

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
        config = group(self.read_config(), "data")
        split = self.read_split()
        if split is None:
            data = self._build(SegmentationData, config, "data")
            return data.train_set if name == "train" else data.val_set
        classes, image_format = self.read_classes(), self.read_image_format(max_pixels)
        try:
            return SegmentationFolder(
                **split[name], classes=classes, image_format=image_format, ignore_index=config["ignore_index"]
            )
        except DataError as error:
            raise DataError.of([replace(problem, advice=ADVICE[name]) for problem in error.problems]) from error

    def folders(self, given: GivenFiles) -> ImagePaths:
        """Folders whose files are named as those of the run, unless other suffixes are given."""
        split = self.read_split()
        trained_on = self.read_config()["data"] if split is None else split["train"]
        of_images, of_masks = (
            trained_on[name] if own is None else own
            for name, own in (("image_suffix", given.image_suffix), ("mask_suffix", given.mask_suffix))
        )
        return ImagePaths(
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

    def _build(self, kind: type[T], settings: dict[str, Any], name: str) -> T:
        require_trusted({name: settings}, self.path, self.trusted)
        if self.trusted:
            name_modules(repr(settings))
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(kind, name)
        try:
            with nullcontext() if self.trusted else known_imports_alone(settings, self.path):
                return parser.instantiate(parser.parse_object({name: settings}))[name]
        except ArgumentError as error:
            raise ValueError(
                f"expected what the run was trained with in {self.config}, found that it cannot be built again: "
                f"{explain(error)}; give the command where Python finds your own modules, as it did for hardpix fit"
            ) from error
        except ValueError as error:
            if isinstance(error, DataError | UsageError):
                raise
            raise ValueError(f"{self.config}: {error}") from error


# Settings of the task that inference has a use for.
BUILT = ("network", "objective", "recipe", "decoder", "embedding", "stages", "channels_last")
# Recipes that deploy the network that learns, whatever their objective.
SUPERVISED = (None, "hardpix.recipes.Supervised", "hardpix.recipes.supervised.Supervised")
# Prefix of that network's weights.
NETWORK = "recipe.network."
# Weights that networks of segmentation-models-pytorch and torchvision load before training: a checkpoint has others.
PRETRAINED = ("encoder_weights", "weights_backbone")


def _without_downloads(settings: Any) -> Any:
    """The settings without pretrained weights, wherever they stand."""
    if isinstance(settings, dict):
        # timm's networks and those of hardpix have a switch instead.
        switch = {"pretrained": False} if settings.get("pretrained") is True else {}
        blank = dict.fromkeys(PRETRAINED) | switch
        return {name: blank[name] if name in blank else _without_downloads(below) for name, below in settings.items()}
    return [*map(_without_downloads, settings)] if isinstance(settings, list) else settings


def _read(path: Path, made_into: Callable[[dict[str, Any]], T]) -> T:
    try:
        return read_yaml(path, made_into)
    except DataError as error:
        raise DataError(f"{error}; {RESTORE}") from error


def _as_yaml(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def group(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Settings of one group; a parser would take a text for the name of another file.

    Raises:
        ValueError: the group is something else than settings.
    """
    group = config.get(name)
    if not isinstance(group, dict):
        raise ValueError(f"expected the settings of {name} in the run's config.yaml, found {group!r}")
    return group


def _class_path(setting: Any) -> Any:
    return setting.get("class_path") if isinstance(setting, dict) else setting
