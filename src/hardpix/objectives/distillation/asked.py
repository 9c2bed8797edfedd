"""Student and teacher, side by side."""

from __future__ import annotations

from torch import Tensor

from hardpix.pixels import PixelBatch
from hardpix.pixels.precision import at_least_float32
from hardpix.teachers.ensemble import EnsembleBatch


def asked_teacher(px: PixelBatch, user: object, member: str | None = None) -> PixelBatch:
    """The pixels as the teacher sees them, or one member of a teacher that is an ensemble.

    Raises:
        ValueError: no teacher was asked, or one of other classes or pixels, or it has no such member; ``user`` is who
            wants to know.

    Example:
        >>> import torch
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 1), teacher=PixelBatch(torch.ones(1, 2, 1, 1)))
        >>> asked_teacher(px, "a test") is px.teacher
        True
    """
    name, teacher = type(user).__name__, px.teacher
    if teacher is None:
        raise ValueError(
            f"{name} needs what a teacher says of the same pixels, found none: give the recipe a teacher, such as "
            "hardpix.teachers.Frozen (--model.recipe.teacher), or in your own loop step(…, teacher=teacher(batch)); "
            "in SelfTraining there is none for its labeled images, and for others only where nothing mixes them"
        )
    if member is not None:
        members = teacher.members if isinstance(teacher, EnsembleBatch) else {}
        if member not in members:
            raise ValueError(
                f"{name} needs the member {member!r} of the teacher, found "
                f"{', '.join(map(repr, members)) or 'a teacher that is no Ensemble'}: name one of its members"
            )
        teacher = members[member]
    own, others = tuple(px.logits.shape), tuple(teacher.logits.shape)
    if own[1] != others[1]:
        raise ValueError(
            f"{name} expects a teacher of the student's {own[1]} classes, found one of {others[1]}: train both with "
            "one class table, in the same order"
        )
    if own != others:
        raise ValueError(
            f"{name} expects logits of the teacher for the student's pixels, {own}, found {others}: ask the teacher "
            "about the same batch"
        )
    return teacher


def student_and_teacher(px: PixelBatch, method: object, member: str | None = None) -> tuple[Tensor, Tensor]:
    """Logits (B, C, H, W) of both, float32 or float64, the teacher's without gradient.

    Raises:
        ValueError: as of :func:`asked_teacher`; ``method`` is who wants to know.

    Example:
        >>> import torch
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 1), teacher=PixelBatch(torch.ones(1, 2, 1, 1)))
        >>> [logits.flatten().tolist() for logits in student_and_teacher(px, "a test")]
        [[0.0, 0.0], [1.0, 1.0]]
    """
    seen = asked_teacher(px, method, member)
    student, teacher = at_least_float32(px.logits), at_least_float32(seen.logits.detach())
    return student, teacher.to(student.dtype) if student.dtype.itemsize > teacher.dtype.itemsize else teacher
