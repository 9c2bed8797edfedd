"""A training that stops where a number is not finite, before a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from hardpix.cli.errors import UsageError
from hardpix.pixels.map_check import FaultyMap
from hardpix.training.dump import as_stored, stems_of, write_dump
from hardpix.training.seeding import batch_seed

# A scaler of 16 bits halves its factor, at first 2¹⁶, at every step that it skips: so many in a row are no overflow.
MOST_SKIPPED = 40


class NotFinite(UsageError):
    """A loss, gradient, weight or output that is NaN or infinite."""


@dataclass
class Step:
    """A batch and the state before it, kept until its loss and gradient are known to be finite."""

    number: int
    epoch: int
    index: int
    progress: float
    batch: Any
    buffers: dict[str, Tensor]
    losses: Mapping[str, Tensor]
    bad: Tensor | None = None
    copied: torch.cuda.Event | None = None

    def is_bad(self) -> bool:
        """True where loss or gradient is not finite; waits for the device as far as it has to."""
        if self.copied is not None:
            self.copied.synchronize()
        return self.bad is not None and bool(self.bad)


class StopWhereNotFinite(Callback):
    """Stops a training at a loss or gradient that is not finite, and writes what reproduces it.

    On a CPU each backward pass is looked at before the optimizer takes its step. On another device looking would wait
    for it. There the backward pass before is looked at, while the device already works on the next one; until then the
    weights before are kept in a copy. Weights and optimizer are looked at before every checkpoint and every validation.

    A mixed-precision scaler that skips a step has found a gradient that is not finite, as it should: only more than
    `MOST_SKIPPED` in a row stop the training.

    Args:
        folder: of the run, for the dump.
        seed: of the run.
        late: look at the backward pass before; by default on devices other than the CPU.
    """

    def __init__(self, folder: Path, seed: int, late: bool | None = None) -> None:
        self.folder, self.seed, self.late = folder, seed, late
        self.exempt: frozenset[str] = frozenset()
        self.step: Step | None = None
        self.before: Step | None = None
        self.weights: list[Tensor] | None = None
        self.skipped: Tensor | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Runs without a name: other processes have named their folder by their own clock.
        self.folder = Path(trainer.strategy.broadcast(str(self.folder)))
        self.late = pl_module.device.type != "cpu" if self.late is None else self.late
        # Masks of attention hold −inf by design.
        self.exempt = frozenset(not_finite(dict(pl_module.named_buffers())))

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.step = Step(
            trainer.global_step,
            trainer.current_epoch,
            batch_idx,
            trainer.global_step / max(trainer.estimated_stepping_batches, 1),
            batch,
            {name: buffer.detach().clone() for name, buffer in pl_module.named_buffers()},
            {},
        )

    @torch.no_grad()
    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.step is None:
            return
        assert isinstance(pl_module.losses, dict)
        self.step.losses = pl_module.losses
        loss = self.step.losses["loss"]
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None and p.grad.layout == torch.strided]
        bad = ~torch.isfinite(torch.nn.utils.get_total_norm(gradients, torch.inf)) if gradients else loss.new_zeros(())
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            before = bad.new_zeros((), dtype=torch.int64) if self.skipped is None else self.skipped
            self.skipped = (before + 1) * bad
            bad = self.skipped > MOST_SKIPPED
        self.step.bad = bad.bool() | ~loss.isfinite()
        if not self.late:
            self._require_finite(trainer, pl_module, self.step)
            return
        self._require_finite(trainer, pl_module, self.before)
        learned = [p.detach() for p in pl_module.parameters() if p.requires_grad]
        if self.weights is None:
            self.weights = [p.clone() for p in learned]
        else:
            torch._foreach_copy_(self.weights, learned)
        if self.step.bad.is_cuda:
            pinned = torch.empty((), dtype=torch.bool, pin_memory=True)
            self.step.bad = pinned.copy_(self.step.bad, non_blocking=True)
            self.step.copied = torch.cuda.Event()
            self.step.copied.record()
        self.before = self.step

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, FaultyMap):
            self._stop(
                trainer, pl_module, self.step, "finite maps ≥ 0 of the signals", f"another ({exception})", before=True
            )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._require_finite_state(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._require_finite_state(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._require_finite_state(trainer, pl_module)

    def _require_finite_state(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._require_finite(trainer, pl_module, self.before if self.late else None)
        state = {**dict(pl_module.named_parameters()), **dict(pl_module.named_buffers())}
        for optimizer in trainer.optimizers:
            for k, kept in enumerate(optimizer.state.values()):
                state |= {f"{key} {k} of the optimizer": v for key, v in kept.items() if isinstance(v, Tensor)}
        names = [name for name in not_finite(state) if name not in self.exempt]
        if names:
            found = f"{len(names)} of {len(state)} tensors of weights and optimizer that are not, {_first(names)}"
            self._stop(trainer, pl_module, self.step, "finite weights", found, before=False)

    def _require_finite(self, trainer: Trainer, pl_module: LightningModule, step: Step | None) -> None:
        if step is None or not step.is_bad():
            return
        losses = {name: float(loss) for name, loss in step.losses.items()}
        values = ", ".join(f"{name} {value:g}" for name, value in losses.items())
        found = f"{values}" + ("" if not torch.tensor(losses["loss"]).isfinite() else ", and a gradient that is not")
        self._stop(trainer, pl_module, step, "a finite loss and gradient", found, before=True)

    def _stop(
        self, trainer: Trainer, pl_module: LightningModule, step: Step | None, wanted: str, found: str, before: bool
    ) -> None:
        if step is None:
            raise NotFinite(f"expected {wanted} before the first step of this part of the run, found {found}")
        state = {name: value.detach() for name, value in pl_module.state_dict().items()}
        if before:
            state |= {name: value for name, value in step.buffers.items() if name in state}
            if self.late and self.weights is not None:
                learned = (name for name, p in pl_module.named_parameters() if p.requires_grad)
                state |= {n: v for n, v in zip(learned, self.weights, strict=True) if n in state}
        rank = f"_process_{trainer.global_rank}" if trainer.world_size > 1 else ""
        file = self.folder / f"not_finite_step_{step.number}{rank}.pt"
        numbers = (self.seed, step.epoch, step.index, trainer.global_rank)
        dump = {
            "step": step.number,
            "epoch": step.epoch,
            "batch": step.index,
            "progress": step.progress,
            "seed": batch_seed(*numbers),
            "precision": str(trainer.precision),
            "map_kinds": list(getattr(trainer.datamodule, "map_kinds", ())),  # type: ignore[attr-defined]
            "losses": {name: float(loss) for name, loss in step.losses.items()},
            "batches": as_stored(step.batch),
            "state_dict": as_stored(state),
        }
        try:
            write_dump(file, dump)
            way_on = f"hardpix replay {quote(str(file))} shows where it begins"
        except (OSError, RuntimeError) as error:
            way_on = f"what reproduces it could not be written to {file}: {error}"
        names = stems_of(step.batch)
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise NotFinite(
            f"expected {wanted} in step {step.number} (epoch {step.epoch + 1}, batch {step.index + 1}), found {found}; "
            f"images: {shown or 'of a data set without stems'}. The training stops; the checkpoints before it stay. "
            f"{way_on}. A lower --model.optimizer.lr, or --trainer.gradient_clip_val 1, may help; so may bf16-mixed "
            "in place of 16-mixed, and images and weights without NaN and infinity"
        )


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that hold NaN or infinity; all are looked at together, which waits for a device once.

    Example:
        >>> not_finite({"a": torch.ones(2), "b": torch.tensor([0.0, torch.nan]), "c": torch.arange(3)})
        ['b']
    """
    named = {
        name: value
        for name, value in tensors.items()
        if isinstance(value, Tensor) and value.is_floating_point() and value.numel()
    }
    by_device: dict[torch.device, list[tuple[str, Tensor]]] = {}
    for name, value in named.items():
        by_device.setdefault(value.device, []).append((name, value.detach().isfinite().all()))
    bad: set[str] = set()
    for found in by_device.values():
        finite = torch.stack([value for _, value in found]).tolist()
        bad |= {name for (name, _), fine in zip(found, finite, strict=True) if not fine}
    return [name for name in named if name in bad]


def require_finite_weights(weights: Mapping[str, Tensor], built: nn.Module, file: Path) -> None:
    """Refuse weights that hold NaN or infinity where those that were just built do not.

    Args:
        weights: of a checkpoint.
        built: the module that they are for, with its first weights.
        file: the checkpoint, for the message.

    Raises:
        NotFinite: some do.
    """
    exempt = set(not_finite(dict(built.named_buffers())))
    names = [name for name in not_finite(weights) if name not in exempt]
    if names:
        raise NotFinite(
            f"expected finite weights in {file}, found {len(names)} of {len(weights)} tensors with NaN or infinity, "
            f"{_first(names)}; give another checkpoint (--checkpoint), or train again with a lower learning rate"
        )


def _first(names: Iterable[str]) -> str:
    names = list(names)
    return "such as " + ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
