"""Generated scenes, drawn once and kept in a file that several trainings read at the same time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hardpix.data import Sample
from hardpix.scenes import GeneratedScenes
from hardpix.training.loader_worker import start_worker

KEPT = ("image", "target", "ambiguity")


class DrawnScenes(Dataset[Sample]):
    """N scenes as stacked maps: "image" (N, 3, H, W) uint8, "target" (N, H, W) uint8, "ambiguity" (N, H, W) float32.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> scenes = DrawnScenes.draw(GeneratedScenes(2, seed=3, size=(32, 64)), "drawing")
        >>> with TemporaryDirectory() as folder:
        ...     scenes.save(Path(folder) / "scenes.pt")
        ...     DrawnScenes.open(Path(folder) / "scenes.pt")[1]["stem"]
        'roads-1_3_00001'
    """

    classes = GeneratedScenes.classes

    def __init__(self, stems: list[str], maps: dict[str, Tensor]) -> None:
        self.stems = stems
        self.maps = maps

    @classmethod
    def draw(cls, scenes: GeneratedScenes, label: str) -> Self:
        """All scenes, drawn on all cores with a progress bar."""
        workers = min(os.cpu_count() or 1, 8)
        loader = DataLoader(scenes, batch_size=None, num_workers=workers, worker_init_fn=start_worker)
        stems: list[str] = []
        maps: dict[str, Tensor] = {}
        for k, scene in enumerate(track(loader, label, total=len(scenes), console=Console(stderr=True))):
            scene["target"] = scene["target"].to(torch.uint8)
            stems.append(scene["stem"])
            for name in KEPT:
                # A copy: tensors of another process lie in shared memory, each with an open file.
                maps.setdefault(name, scene[name].new_empty(len(scenes), *scene[name].shape))[k] = scene[name]
        return cls(stems, maps)

    def save(self, path: Path) -> None:
        """Write the scenes to a file."""
        torch.save({"stems": self.stems, **self.maps}, path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The scenes of a file; processes that open the same one share its memory."""
        found: dict[str, Any] = torch.load(path, mmap=True, weights_only=True)
        return cls(found.pop("stems"), found)

    def __len__(self) -> int:
        return len(self.stems)

    def __getitem__(self, index: int) -> Sample:
        image, target = self.maps["image"][index], self.maps["target"][index].long()
        return {"image": image, "target": target, "stem": self.stems[index]}
