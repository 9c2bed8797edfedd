"""``hardpix replay``: a training step that went wrong, once more."""

from __future__ import annotations

import random
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hardpix.cli.arguments import checked_input
from hardpix.pixels.map_check import FaultyMap
from hardpix.training.checkpoints import load_weights
from hardpix.training.dump import read_dump, stems_of
from hardpix.training.finite import not_finite
from hardpix.training.inference import choose_device, console
from hardpix.training.run import Run

HALF = {"bf16": torch.bfloat16, "16-mixed": torch.float16, "16-true": torch.float16}


def replay(dump: Path, run: Path | None = None, device: str | None = None, trust_run: bool = False) -> dict[str, Any]:
    """Compute a training step that was not finite once more, and say where it begins.

    Prints the parts of the loss, the inputs and weights that are not finite, and the first module whose output is not.
    The network and objective are built from the configuration of the run.

    Args:
        dump: File not_finite_step_N.pt that hardpix fit wrote.
        run: Folder of the run; by default the dump's own.
        device: Such as cpu or cuda:1; a GPU if there is one.
        trust_run: Whether classes of any module may be imported that the run names; for your own runs and those of
            people you trust.

    Returns:
        step, images, losses, inputs, weights, module, gradients, as printed.
    """
    with checked_input():
        content = read_dump(dump)
        folder = Run(dump.parent if run is None else run, trust_run)
        task = folder.build_task().to(choose_device(device))
        otherwise = f"expected the weights of the network and objective in {folder.config}, found others in {dump}"
        load_weights(task, content["state_dict"], f"{otherwise}; give the folder of the run as --run")
    task.train()
    batches = _on(content["batches"], task.device)
    first: list[str] = []
    hooks = [part.register_forward_hook(_Note(name, first)) for name, part in task.recipe.named_modules() if name]
    random.seed(content["seed"])
    np.random.seed(content["seed"])  # noqa: NPY002 (a user's own code may draw from it)
    torch.manual_seed(content["seed"])
    half = next((kind for name, kind in HALF.items() if name in content["precision"]), None)
    with nullcontext() if half is None else torch.autocast(task.device.type, half):
        try:
            losses = task.losses_of(batches, content["progress"], content["map_kinds"])
        except FaultyMap as error:
            console.print(str(error))
            losses = {}
    for hook in hooks:
        hook.remove()
    if losses and losses["loss"].requires_grad:
        losses["loss"].backward()
    gradients = not_finite({name: p.grad for name, p in task.recipe.named_parameters() if p.grad is not None})
    found = {
        "step": content["step"],
        "images": stems_of(batches),
        "losses": {name: float(loss.detach()) for name, loss in losses.items()},
        "inputs": not_finite(_flat(batches)),
        "weights": not_finite(dict(task.recipe.named_parameters())),
        "module": first[0] if first else None,
        "gradients": gradients,
    }
    console.print(f"step {found['step']} of {folder.path}, images {', '.join(found['images']) or 'without stems'}")
    for name, loss in found["losses"].items():
        console.print(f"  {name}: {loss:g} (in training {content['losses'].get(name, float('nan')):g})")
    for title, names in (
        ("inputs that are not finite", found["inputs"]),
        ("weights that are not finite", found["weights"]),
        ("first module whose output is not finite", first[:1]),
        ("gradients that are not finite", gradients),
    ):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        console.print(f"{title}: {', '.join(names[:3]) or 'none'}{more}")
    return found


class _Note:
    """A hook that notes the names of modules whose output is not finite, in the order in which they come."""

    def __init__(self, name: str, names: list[str]) -> None:
        self.name, self.names = name, names

    def __call__(self, module: nn.Module, inputs: object, output: object) -> None:
        if not self.names and not_finite(_flat(output)):
            self.names.append(f"{self.name} ({type(module).__name__})")


def _flat(value: Any, name: str = "") -> dict[str, Tensor]:
    """Tensors inside dicts, lists and tuples, by where they are."""
    if isinstance(value, Tensor):
        return {name: value}
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    return {k: v for key, entry in entries for k, v in _flat(entry, f"{name}.{key}" if name else str(key)).items()}


def _on(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _on(entry, device) for key, entry in value.items()}
    return value
