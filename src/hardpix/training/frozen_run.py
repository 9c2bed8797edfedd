"""Teacher out of the folder of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from hardpix.cli.errors import UntrustedRun
from hardpix.networks import TappedNetwork
from hardpix.pixels import DatasetInfo, PixelBatch
from hardpix.teachers import Frozen, Teacher
from hardpix.training.run import Run
from hardpix.training.trained_on import trained_on


class FrozenRun(Teacher):
    """The network that an earlier ``hardpix fit`` has trained, as a :class:`~hardpix.teachers.Frozen` teacher.

    It is read from its folder at the start of a training and when a training is resumed, and is in no checkpoint of the
    student. Testing and predicting with the student does without the folder. Its classes must be those of the data.
    Images come to it as the student's settings read and normalize them: train both on the same bands and range.

    Args:
        run: folder that hardpix fit wrote.
        checkpoint: best, last, or the path of a checkpoint.
        trust: whether classes of any module may be imported that the run names, such as a network of your own.

    Raises:
        FileNotFoundError: the folder holds no run, or no such checkpoint.
        UntrustedRun: the run names classes of other modules, and is not trusted.
        ValueError: classes other than those of the data.

    Example:
        >>> FrozenRun("runs/large").teacher is None  # not read before it is needed
        True
    """

    def __init__(self, run: Path, checkpoint: str = "best", trust: bool = False) -> None:
        super().__init__()
        self.folder = Run(Path(run), trust)
        self.checkpoint = checkpoint
        self.teacher: Frozen | None = None
        self._ignore_index = 255

    def bind(self, student: TappedNetwork) -> Self:
        self._ignore_index = student.ignore_index
        return self

    def prepare(self, info: DatasetInfo) -> None:
        """Hold the run's classes against those of the training set."""
        self._read().prepare(info)

    def doubts_about_validation(self, images: Mapping[str, Path]) -> list[str]:
        """Sentences on the student's validation images (files by stem) that this teacher was trained on."""
        return trained_on(self.folder, images).sentences(
            "the student learns them from its teacher, so that its scores are too good; hold out what the teacher's "
            "run held out (--data.val_images or --data.val_stems)"
        )

    def forward(self, batch: Mapping[str, Any]) -> PixelBatch:
        teacher = self._read()
        device = batch["image"].device
        if next(teacher.network.parameters()).device != device:
            teacher.to(device)
        return replace(teacher(batch), ignore_index=self._ignore_index)

    def _read(self) -> Frozen:
        if self.teacher is None:
            try:
                network = self.folder.load_task(self.checkpoint, predict_only=True).deployed
            except UntrustedRun as error:
                # The command's own option is about the run that it goes on with.
                option = ("--model.recipe.teacher.trust", "true")
                raise UntrustedRun(str(error).replace("--trust-run", " ".join(option)), option) from error
            self.teacher = Frozen(network, self.folder.read_classes().names)
        return self.teacher
