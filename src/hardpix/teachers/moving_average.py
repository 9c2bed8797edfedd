"""Mean teacher (Tarvainen and Valpola, NeurIPS 2017, arXiv 1703.01780)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from hardpix.pixels import PixelBatch, process_count
from hardpix.teachers.base import Teacher, predict_pixels

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork

HALF = (torch.float16, torch.bfloat16)


class MovingAverage(Teacher):
    """Exponential moving average of the student's weights θ over the steps of the optimizer.

    After t earlier updates

        θ' ← m θ' + (1 − m) θ,    m = min(momentum, 1 − 1/(t + 1))

    so the first update copies the student, and until m reaches `momentum` the teacher is the plain mean of all students
    so far.

    Statistics of batch norm are averaged with the same m, as timm and UniMatch V2 do: the weights are those of many
    steps, and so are the statistics then. Numbers that are not floating-point, such as counters, are copied. The
    teacher always runs in evaluation mode, with these statistics and without dropout. Mean Teacher itself left it in
    training mode; there a prediction depends on the rest of the batch, and statistics change without an update.

    In several processes the statistics are those of the first process, which DDP's students go on with too; weights
    are equal in all processes already. So all teachers are exactly equal after each update.

    `network` is the teacher's own tapped network, made by `bind`. It and the number of updates are in the state_dict.

    Args:
        momentum: largest m, from 0 (the student itself) to below 1.

    Raises:
        ValueError: a momentum outside its range; a student whose weights have other names or shapes than the teacher's,
            or a half type, in which an average would not move.
        RuntimeError: a forward or an update before `bind`.

    Example:
        >>> import hardpix
        >>> student = hardpix.tap(nn.Conv2d(3, 2, 1, bias=False))
        >>> teacher = MovingAverage(momentum=0.9).bind(student)
        >>> for value in (1.0, 3.0):
        ...     nn.init.constant_(student.model.weight, value).sum().item()
        ...     teacher.update(student)
        6.0
        18.0
        >>> teacher.network.model.weight.unique()  # (1 + 3) / 2, as after two updates m = 1/2
        tensor([2.])
    """

    follows_student = True
    network: TappedNetwork | None

    def __init__(self, momentum: float = 0.99) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise ValueError(f"expected momentum from 0 to below 1, found {momentum}")
        self.momentum = momentum
        self.updates = 0
        self.network = None

    def bind(self, student: TappedNetwork) -> Self:
        if self.network is None:
            self.network = deepcopy(student).requires_grad_(False).eval()
        return self

    def forward(self, batch: Mapping[str, Any]) -> PixelBatch:
        return predict_pixels(self._bound(), batch)

    @torch.no_grad()
    def update(self, student: TappedNetwork) -> None:
        momentum = min(self.momentum, 1 - 1 / (self.updates + 1))
        own, given = named_tensors(self._bound()), named_tensors(student)
        self._check(own, given)
        buffers = [name for name, _ in student.named_buffers() if given[name].is_floating_point()]
        given |= dict(zip(buffers, from_first_process([given[name] for name in buffers]), strict=True))
        averaged = {name for name, old in own.items() if old.is_floating_point() and momentum > 0}
        for name in own.keys() - averaged:
            own[name].copy_(given[name])
        for name in averaged & set(buffers):
            # Constants stay as they are, infinite ones too, as in masks of attention.
            old, new = own[name], given[name]
            old.copy_(torch.where(old == new, old, old.lerp(new, 1 - momentum)))
        if weights := sorted(averaged - set(buffers)):
            get_ema_multi_avg_fn(momentum)([own[name] for name in weights], [given[name] for name in weights], 0)
        self.updates += 1

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.network is not None:
            self.network.eval()
        return self

    def get_extra_state(self) -> Tensor:
        # No buffer: on a GPU the host would wait for it at every update.
        return torch.tensor(self.updates)

    def set_extra_state(self, state: Tensor) -> None:
        self.updates = int(state)

    def _bound(self) -> TappedNetwork:
        if self.network is None:
            raise RuntimeError(
                "expected a teacher that was made from a student, found none: call MovingAverage.bind(student), with "
                "the tapped network, before the first step"
            )
        return self.network

    @staticmethod
    def _check(own: dict[str, Tensor], given: dict[str, Tensor]) -> None:
        shapes, wanted = ({name: tuple(values.shape) for name, values in each.items()} for each in (given, own))
        if differing := {name for name, _ in shapes.items() ^ wanted.items()}:
            raise ValueError(
                "expected the student that the teacher was made from, with weights of the same names and shapes, found "
                f"{len(differing)} that differ, such as {min(differing)}: give the tapped network itself, not what "
                "wraps it, and change its layers before bind"
            )
        if half := [name for name, values in own.items() if values.dtype in HALF]:
            raise ValueError(
                f"expected weights in float32, found {half[0]} in {own[half[0]].dtype}, in which an average does not "
                "move: steps of 1 − momentum are below its precision. Keep the weights in float32 and compute in half "
                "types by torch.autocast (--trainer.precision bf16-mixed)"
            )


def named_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, each once, whatever modules share it."""
    return dict(chain(network.named_parameters(), network.named_buffers()))


def from_first_process(tensors: list[Tensor]) -> list[Tensor]:
    """Tensors as the first process has them; in a single process the tensors themselves."""
    if process_count() == 1 or not tensors:
        return tensors
    # One message: batch norms have dozens of small tensors.
    flat = torch.cat([tensor.detach().double().flatten() for tensor in tensors])
    dist.broadcast(flat, src=0)
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape).to(tensor.dtype) for part, tensor in zip(parts, tensors, strict=True)]
