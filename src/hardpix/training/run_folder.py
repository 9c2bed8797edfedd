"""The folder that a training run leaves, and how a trained network comes out of it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import yaml
from jsonargparse import ArgumentParser

from hardpix.data import ClassTable, EvaluationTransform, Folders
from hardpix.training.data_module import SegmentationData
from hardpix.training.task import SegmentationTask

T = TypeVar("T")


@dataclass(frozen=True)
class RunFolder:
    """Where the files of a run are.

    config.yaml (everything that ``hardpix fit`` was given), classes.yaml, checkpoints/best.ckpt and last.ckpt, and
    logs/part_0 with metrics.csv and TensorBoard's events (part_1 after the run was resumed once, and so on).
    """

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def classes(self) -> Path:
        return self.path / "classes.yaml"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

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
                f"expected a checkpoint at {path}, found no such file (checkpoints of this run: {found}); "
                "give best, last or the path of a checkpoint, and the folder that hardpix fit wrote as --run"
            )
        return path

    def read_config(self) -> dict[str, Any]:
        """What ``hardpix fit`` was given.

        Raises:
            FileNotFoundError: the folder holds no run.
        """
        for path in (self.config, self.classes):
            if not path.is_file():
                raise FileNotFoundError(
                    f"expected the folder of a run, with {path.name} in it, found none at {path}; "
                    "give the folder that hardpix fit printed as --run"
                )
        return yaml.safe_load(self.config.read_text())

    def read_classes(self) -> ClassTable:
        """The classes that the network learned."""
        return ClassTable.from_dict(yaml.safe_load(self.classes.read_text()))

    def load_task(self, which: str = "best") -> SegmentationTask:
        """The task with the weights of a checkpoint, in evaluation mode, on the CPU.

        The branches of the objective are loaded too: ``hardpix mine`` needs them, inference does not run them.

        Raises:
            FileNotFoundError: the folder holds no run, or no such checkpoint.
        """
        settings, classes = self.read_config()["model"], self.read_classes()
        settings |= {"num_classes": len(classes), "class_names": list(classes.names)}
        weights = torch.load(self.checkpoint(which), map_location="cpu", weights_only=False)["state_dict"]
        task = _build(SegmentationTask, settings)
        task.load_state_dict(weights)
        return task.eval()

    def load_data(self) -> SegmentationData:
        """The data of the run, checked and split as they were for training."""
        return _build(SegmentationData, self.read_config()["data"])

    def folders(self, images: Path, masks: Path | None = None) -> Folders:
        """Folders whose files are named as those of the run."""
        settings = self.read_config()["data"]
        return Folders(
            images, masks, image_suffix=settings["image_suffix"], mask_suffix=settings["mask_suffix"] if masks else ""
        )

    def evaluation_transform(self) -> EvaluationTransform:
        """What the run does to an image before the network sees it outside of training."""
        settings = self.read_config()["data"]
        return EvaluationTransform(settings["resolution"], settings["divisor"])


def _build(kind: type[T], settings: dict[str, Any]) -> T:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, "it")
    return parser.instantiate(parser.parse_object({"it": settings}))["it"]
