"""Future self-training: a teacher that has seen the next steps (FST, Du et al., NeurIPS 2022, arXiv 2209.06993)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hardpix.labelers import Labeler
from hardpix.objectives import Objective
from hardpix.pixels import process_count, process_mean
from hardpix.recipes.base import Batch
from hardpix.recipes.self_training import SelfTraining
from hardpix.recipes.snapshot import Snapshot
from hardpix.teachers import Teacher


class FutureSelfTraining(SelfTraining):
    """Self-training whose teacher has learned from students that do not exist yet, and are then thrown away.

    "deep" (FST-D): from the network θ the optimizer takes so many steps on the batch of the step, and the teacher is
    updated after each. "wide" (FST-W): it takes one step from θ on each of so many parts of the batch, and the teacher
    is updated once by the mean of these students. Then all but the teacher is as it was: parameters, buffers, the
    optimizer, draws. The real step follows, with labels of this teacher, who is updated after it as always.

    A deep step costs 1 + `students` ordinary ones, a wide one about 2.

    [ours], where the authors' code does otherwise:

    - Everything is brought back. Theirs keeps momentum and statistics of batch norm of the students that are no more.
    - Wide students learn from parts of the step's own batch, each at least two images. Theirs load more batches.
    - The teacher is updated after the real step, not before the next one, so that it is validated with that step.
    - Labeler, objective and views are those of SelfTraining. Theirs keep the 80 % of pixels with the least entropy.

    Steps ahead have the optimizer's rates of the moment, and no clipping of gradients. Under --trainer.precision
    16-mixed their gradients are not scaled, and small ones vanish; bf16-mixed needs no scaling. Where gradients are
    accumulated, every batch has students of its own. In several processes gradients are averaged, as DDP does.

    Args:
        objective: minimized on the labeled images; this and what follows as in SelfTraining.
        teacher: asked about the unlabeled images; MovingAverage.
        labeler: makes labels.
        augment: makes the strong view.
        partner: images that `augment` mixes in.
        unlabeled: minimized on the unlabeled images.
        weight: of their loss.
        ramp: share of the training in which the weight rises.
        deploy: the network is validated and predicted with, or the teacher.
        future: "deep" or "wide".
        students: number of steps ahead, ≥ 0; 0 is SelfTraining.

    Raises:
        ValueError: settings outside their range.
        RuntimeError: a step in training before `use_optimizer`, which ``hardpix fit`` calls.

    Example:
        >>> from hardpix.labelers import ConfidenceThreshold
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> from hardpix.teachers import MovingAverage
        >>> FutureSelfTraining(WeightedCrossEntropy(), MovingAverage(), ConfidenceThreshold(), future="wide").students
        3
    """

    def __init__(
        self,
        objective: Objective,
        teacher: Teacher,
        labeler: Labeler,
        augment: nn.Module | None = None,
        partner: Literal["labeled", "unlabeled"] = "labeled",
        unlabeled: Objective | None = None,
        weight: float = 1.0,
        ramp: float = 0.0,
        deploy: Literal["network", "teacher"] = "network",
        future: Literal["deep", "wide"] = "deep",
        students: int = 3,
        both: Objective | None = None,
    ) -> None:
        super().__init__(objective, teacher, labeler, augment, partner, unlabeled, weight, ramp, deploy, both)
        if future not in ("deep", "wide") or students < 0:
            raise ValueError(f"expected future 'deep' or 'wide' and students ≥ 0, found {future!r} and {students}")
        self.future = future
        self.students = students
        self._optimizer: Optimizer | None = None
        self._ahead = False

    def use_optimizer(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def forward(self, batches: Mapping[str, Batch], progress: float) -> dict[str, Tensor]:
        # In evaluation no state changes, and so there is no future.
        if self.training and self.students:
            self.look_ahead(batches, progress)
        return super().forward(batches, progress)

    def end_step(self) -> None:
        # Training code hears of every step of the optimizer, of those ahead too.
        if not self._ahead:
            super().end_step()

    def look_ahead(self, batches: Mapping[str, Batch], progress: float) -> None:
        """Teach the teacher by students of the next steps; everything else is as before."""
        if self._optimizer is None:
            raise RuntimeError(
                "expected the optimizer, whose next steps FutureSelfTraining tries, found none: call "
                "recipe.use_optimizer(optimizer) before the first step"
            )
        before = Snapshot(self, self._optimizer, but=[self.teacher])
        self._ahead = True
        try:
            if self.future == "deep":
                for _ in range(self.students):
                    self._step_ahead(self._optimizer, batches, progress)
                    self.teacher.update(self.network)
            else:
                self._teach_mean(self._optimizer, batches, progress, before)
        finally:
            before.restore()
            self._ahead = False

    def _step_ahead(self, optimizer: Optimizer, batches: Mapping[str, Batch], progress: float) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        with torch.enable_grad():
            loss = super().forward(batches, progress)["loss"]
        # Not backward(): DDP would take these gradients for those of the real step.
        gradients = joined(torch.autograd.grad(loss, parameters, allow_unused=True), parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        torch.clear_autocast_cache()

    def _teach_mean(
        self, optimizer: Optimizer, batches: Mapping[str, Batch], progress: float, before: Snapshot
    ) -> None:
        sums: dict[str, Tensor] = {}
        parts = list(parts_of_batches(batches, self.students))
        for part in parts:
            self._step_ahead(optimizer, part, progress)
            for name, value in self.network.state_dict().items():
                if isinstance(value, Tensor) and value.is_floating_point():
                    share = value.detach() / len(parts)
                    sums[name] = sums[name] + share if name in sums else share
            before.restore()
        self.network.load_state_dict(sums, strict=False)
        self.teacher.update(self.network)


def parts_of_batches(batches: Mapping[str, Batch], count: int) -> Iterator[dict[str, Batch]]:
    """So many parts of batches, each image in one of them; fewer where a part would have less than two images.

    Example:
        >>> batch = {"image": torch.arange(5), "stem": list("abcde")}
        >>> [part["labeled"]["stem"] for part in parts_of_batches({"labeled": batch}, 3)]
        [['a', 'c', 'e'], ['b', 'd']]
    """
    count = max(1, min(count, *(len(batch["image"]) // 2 for batch in batches.values())))
    for k in range(count):
        yield {name: {key: _images(value, k, count) for key, value in batch.items()} for name, batch in batches.items()}


def _images(value: Any, first: int, step: int) -> Any:
    return value[first::step] if isinstance(value, Tensor | list | tuple) else value


def joined(gradients: tuple[Tensor | None, ...], parameters: list[nn.Parameter]) -> list[Tensor | None]:
    """Mean of gradients over all processes, 0 where there is none; in a single process the gradients themselves."""
    if process_count() == 1:
        return list(gradients)
    pairs = zip(gradients, parameters, strict=True)
    every = [torch.zeros_like(parameter) if gradient is None else gradient for gradient, parameter in pairs]
    parts = process_mean(torch.cat([gradient.flatten() for gradient in every])).split([p.numel() for p in parameters])
    return [part.view_as(parameter) for part, parameter in zip(parts, parameters, strict=True)]
