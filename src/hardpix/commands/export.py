"""``hardpix export``: the weights of a trained network, in a file that other programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from hardpix.cli.arguments import checked_input
from hardpix.cli.folder_lock import OWN, taken
from hardpix.cli.results import require_no_links, require_outside
from hardpix.data.transforms import normalization
from hardpix.data.whole_files import whole_file
from hardpix.networks import untap
from hardpix.training.checkpoints import read_checkpoint
from hardpix.training.inference import console
from hardpix.training.run import Run

ENDING = ".safetensors"
# In the metadata of every file that this command writes.
VERSION = "hardpix_version"


def export(run: Path, out: Path, checkpoint: str = "best", overwrite: bool = False, trust_run: bool = False) -> None:
    """Write the weights of the network that hardpix predict uses, as safetensors: without branches, and without code.

    The names of the weights are those of the network's own class. The metadata say which class that is, how images
    reach it, and which classes it tells apart.

    Args:
        run: Folder that hardpix fit wrote.
        out: New file, whose name ends with .safetensors.
        checkpoint: best, last, or the path of a checkpoint.
        overwrite: Whether OUT may be replaced where it is an earlier export; another file never is.
        trust_run: Whether classes of any module may be imported that the run names; for your own runs and those of
            people you trust.
    """
    folder = Run(run, trust_run)
    with ExitStack() as until_done:
        with checked_input():
            _require_place(out, overwrite)
            require_outside(out, folder.data_folders(), "weights")
            model = untap(folder.load_task(checkpoint, predict_only=True).deployed)
            weights = whole_tensors(model)
            metadata = _metadata(folder, checkpoint)
            # A lock of this file alone: other exports, and a training, may write to its folder.
            until_done.enter_context(taken(out.with_name(OWN + out.name)))
            _require_place(out, overwrite)
        with whole_file(out, durable=True) as file:
            file.write(save(weights, metadata))
    count = sum(weight.numel() for weight in model.parameters())
    console.print(f"{type(model).__name__}, {count:,} weights of step {metadata['step']}, written to {out}")


def whole_tensors(model: nn.Module) -> dict[str, Tensor]:
    """State of a module, every entry with a memory of its own, one number after the other.

    Weights that are tied have each of their names, so that `load_state_dict` finds all of them.

    Raises:
        ValueError: the state has something else than tensors.

    Example:
        >>> whole_tensors(nn.Conv2d(1, 2, 1))["bias"].shape
        torch.Size([2])
    """
    state = model.state_dict()
    if other := next((name for name, value in state.items() if not isinstance(value, Tensor)), None):
        raise ValueError(
            f"expected tensors alone in the state of {type(model).__name__}, found {type(state[other]).__name__} as "
            f"{other}, which safetensors cannot hold: keep it in a buffer, or use the checkpoint itself"
        )
    return {name: value.detach().clone().contiguous() for name, value in state.items()}


def _metadata(folder: Run, checkpoint: str) -> dict[str, str]:
    """Texts by their names, as safetensors have them; all but two are JSON."""
    classes, channels, data = folder.read_classes(), folder.channels, folder.read_config()["data"]
    mean, std = normalization(channels)
    facts: Mapping[str, Any] = {
        "network": folder.network_setting(),
        "class_names": list(classes.names),
        "in_channels": channels,
        "mean": list(mean),
        "std": list(std),
        "resolution": data["resolution"],
        "divisor": data["divisor"],
        "images": {key: value for key, value in folder.read_image_format().to_dict().items() if key != "max_pixels"},
        "step": read_checkpoint(folder.checkpoint(checkpoint)).get("global_step"),
    }
    texts = {name: json.dumps(fact, ensure_ascii=False, default=str) for name, fact in facts.items()}
    return {"format": "pt", VERSION: version("hardpix"), **texts}


def _require_place(out: Path, overwrite: bool) -> None:
    """A file that may be written, which is not there yet or is an earlier export.

    Raises:
        ValueError: its name ends otherwise.
        FileExistsError: it may not be replaced.
    """
    if out.suffix != ENDING:
        raise ValueError(f"expected a file whose name ends with {ENDING} as --out, found {out}")
    require_no_links(out.parent, [out.name, OWN + out.name])
    if not out.exists():
        return
    if not _is_export(out):
        raise FileExistsError(
            f"expected a new file as --out, found {out}, which hardpix export has not written; give another name"
        )
    if not overwrite:
        raise FileExistsError(
            f"expected a new file as --out, found {out}; give another name, or --overwrite to replace that export"
        )


def _is_export(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return VERSION in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False
