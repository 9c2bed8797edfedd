"""Logits of student and teacher, side by side."""

from __future__ import annotations

from torch import Tensor

from hardpix.pixels import PixelBatch
from hardpix.pixels.precision import at_least_float32


def student_and_teacher(px: PixelBatch, method: object) -> tuple[Tensor, Tensor]:
    """Logits (B, C, H, W) of both, float32 or float64, the teacher's without gradient.

    Raises:
        ValueError: no teacher was asked, or one of other classes or pixels; ``method`` is who wants to know.

    Example:
        >>> import torch
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 1), teacher=PixelBatch(torch.ones(1, 2, 1, 1)))
        >>> [logits.flatten().tolist() for logits in student_and_teacher(px, "a test")]
        [[0.0, 0.0], [1.0, 1.0]]
    """
    name = type(method).__name__
    if px.teacher is None:
        raise ValueError(
            f"{name} needs what a teacher says of the same pixels, found none: give the recipe a teacher, such as "
            "hardpix.teachers.Frozen (--model.recipe.teacher), or in a loop of your own step(…, teacher=teacher(batch))"
        )
    own, others = tuple(px.logits.shape), tuple(px.teacher.logits.shape)
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
    student, teacher = at_least_float32(px.logits), at_least_float32(px.teacher.logits.detach())
    return student, teacher.to(student.dtype) if student.dtype.itemsize > teacher.dtype.itemsize else teacher
