"""Teacher that was trained before (Hinton, Vinyals and Dean 2015, arXiv 1503.02531)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from torch import Tensor, nn

from hardpix.networks import TappedNetwork, tap
from hardpix.pixels import DatasetInfo, PixelBatch
from hardpix.teachers.base import Teacher, predict_pixels


class Frozen(Teacher):
    """A trained network that stays as it is: in evaluation mode for ever, in no optimizer and in no checkpoint.

    It is no submodule, so that neither ``parameters()`` nor ``state_dict()`` nor ``train()`` reaches it, while
    ``to()`` and its like do. A checkpoint of the student thus stays as small as the student; whoever resumes gives the
    teacher again. For the network of a run folder see :class:`~hardpix.training.frozen_run.FrozenRun`.

    Args:
        network: tapped or not; of its own stride, its logits come at the resolution of the labels. It is used itself,
            not a copy of it, and put in evaluation mode.
        class_names: its classes in order, to be held against those of the data; without them only their number is.

    Raises:
        ValueError: classes other than those of the data; a network that shares weights with the student.

    Example:
        >>> import torch
        >>> teacher = Frozen(nn.Conv2d(3, 2, 1, stride=4))
        >>> teacher({"image": torch.zeros(1, 3, 8, 12)}).logits.shape, len(list(teacher.parameters()))
        (torch.Size([1, 2, 8, 12]), 0)
    """

    def __init__(self, network: nn.Module, class_names: Sequence[str] | None = None) -> None:
        super().__init__()
        self.class_names = None if class_names is None else tuple(class_names)
        tapped = network if isinstance(network, TappedNetwork) else tap(network)
        # In a tuple modules do not find it.
        self._held = (tapped.eval(),)
        self._ignore_index: int | None = None

    @property
    def network(self) -> TappedNetwork:
        """The tapped network."""
        return self._held[0]

    def bind(self, student: TappedNetwork) -> Self:
        own = {id(parameter) for parameter in self.network.parameters()}
        if any(id(parameter) in own for parameter in student.parameters()):
            raise ValueError(
                "expected a teacher with weights of its own, found some that the student learns: give "
                "Frozen(copy.deepcopy(network)) to learn from the network as it is now"
            )
        self._ignore_index = student.ignore_index
        return self

    def prepare(self, info: DatasetInfo) -> None:
        """Hold the teacher's classes against those of the training set."""
        if self.class_names is not None:
            require_same_classes(self.class_names, info.class_names)

    def forward(self, batch: Mapping[str, Any]) -> PixelBatch:
        if self.network.model.training:
            self.network.eval()
        px = predict_pixels(self.network, batch)
        # The batch is the student's, and so is its id of unlabeled pixels.
        return px if self._ignore_index is None else replace(px, ignore_index=self._ignore_index)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.network._apply(fn)
        return super()._apply(fn, recurse)


def require_same_classes(teacher: Sequence[str], student: Sequence[str]) -> None:
    """Refuse a teacher of other classes, or of the same ones in another order.

    Example:
        >>> require_same_classes(["road", "car"], ["road", "pole"])
        Traceback (most recent call last):
        ValueError: expected a teacher of the student's 2 classes in their order, found one of 2 classes, which differ \
first at 1: 'car', where the student has 'pole'. Train both with one class table (--data.classes)
    """
    teacher, student = list(teacher), list(student)
    if teacher == student:
        return
    pairs = enumerate(zip(teacher, student, strict=False))
    place = next((k for k, (one, other) in pairs if one != other), min(len(teacher), len(student)))
    one, other = (repr(names[place]) if place < len(names) else "none" for names in (teacher, student))
    raise ValueError(
        f"expected a teacher of the student's {len(student)} classes in their order, found one of {len(teacher)} "
        f"classes, which differ first at {place}: {one}, where the student has {other}. Train both with one class "
        "table (--data.classes)"
    )
