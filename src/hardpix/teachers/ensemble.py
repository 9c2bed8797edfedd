"""Several teachers at once, such as the wide and the deep one of MGD (ECCV 2022, arXiv 2208.10169)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor, nn

from hardpix.networks.binding import bound
from hardpix.pixels import PixelBatch
from hardpix.pixels.precision import at_least_float32
from hardpix.teachers.base import Teacher

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


@dataclass(eq=False)
class EnsembleBatch(PixelBatch):
    """Pixels as several teachers see them: the logits are those of their mean, `members` what each says.

    Example:
        >>> one = PixelBatch(torch.zeros(1, 2, 1, 1))
        >>> EnsembleBatch(one.logits, members={"wide": one}).members["wide"] is one
        True
    """

    members: Mapping[str, PixelBatch] = field(default_factory=dict)

    def at(self, points: Tensor) -> Self:
        members = {name: member.at(points) for name, member in self.members.items()}
        return replace(super().at(points), members=members)


class Ensemble(Teacher):
    """Teachers that are asked together: the logits are the logarithms of their mean probabilities.

    So labelers, and objectives that want one teacher, have one that is sure only where all members agree. An objective
    that wants one of them names it, as ``RegionDistillation(member="wide")`` does; :class:`LabelDistillation` learns
    from each.

    Members that are frozen stay in evaluation mode. In MGD's code their statistics of batch norm drift, as they run in
    training mode without a gradient.

    Args:
        teachers: by name.

    Raises:
        ValueError: no teacher; a name that no submodule can have; members of other classes than the first one.

    Example:
        >>> from hardpix.teachers import Frozen
        >>> wide, deep = nn.Conv2d(3, 2, 3, padding=1), nn.Conv2d(3, 2, 1)
        >>> teacher = Ensemble({"wide": Frozen(wide), "deep": Frozen(deep)})
        >>> px = teacher({"image": torch.zeros(1, 3, 4, 6)})
        >>> torch.allclose(px.logits.exp().sum(1), torch.ones(())), list(px.members)
        (True, ['wide', 'deep'])
    """

    def __init__(self, teachers: Mapping[str, Teacher]) -> None:
        super().__init__()
        if not teachers:
            raise ValueError("Ensemble needs at least one teacher, found none")
        for name in teachers:
            if not isinstance(name, str) or name == "" or "." in name or hasattr(nn.ModuleDict(), name):
                raise ValueError(
                    f"a teacher cannot be named {name!r}: expected a text, not empty, without dots, that is no "
                    "attribute of torch.nn.ModuleDict (such as 'keys' or 'type'); give it another name"
                )
        self.teachers = nn.ModuleDict(dict(teachers))

    def named(self) -> list[tuple[str, Teacher]]:
        """Members with their names, in order."""
        return [(name, cast(Teacher, teacher)) for name, teacher in self.teachers.items()]

    def bind(self, student: TappedNetwork) -> Self:
        for _, teacher in self.named():
            bound(teacher, student)
        return self

    def forward(self, batch: Mapping[str, Any]) -> EnsembleBatch:
        members = {name: teacher(batch) for name, teacher in self.named()}
        first, *others = members.values()
        for name, other in members.items():
            if other.logits.shape != first.logits.shape:
                raise ValueError(
                    f"expected members of one number of classes, {first.logits.shape[1]} as {next(iter(members))!r}, "
                    f"found {other.logits.shape[1]} of {name!r}: train all with one class table, in the same order"
                )
        return EnsembleBatch(
            mean_logits([px.logits for px in (first, *others)]),
            first.target,
            first.ignore_index,
            sample=first.sample,
            members=members,
        )

    def update(self, student: TappedNetwork) -> None:
        for _, teacher in self.named():
            teacher.update(student)


@torch.no_grad()
def mean_logits(logits: list[Tensor]) -> Tensor:
    """Logarithms of the mean class probabilities of several predictions (B, C, H, W), at least float32.

    Example:
        >>> one, other = torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.5])
        >>> mean_logits([each.log().view(1, 2, 1, 1) for each in (one, other)]).exp().flatten()
        tensor([0.7000, 0.3000])
    """
    with torch.autocast(logits[0].device.type, enabled=False):
        shares = torch.stack([at_least_float32(each).log_softmax(1) for each in logits])
        return shares.logsumexp(0) - math.log(len(logits))
