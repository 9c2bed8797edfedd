"""Rules for run folders of strangers: which of the classes that they name are built."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torchvision
from lightning.pytorch.callbacks import Callback, Checkpoint
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import Dataset

from hardpix.cli.class_paths import class_paths, files_of
from hardpix.cli.errors import UntrustedRun

# Classes of these bases do nothing but compute when they are built; data sets and callbacks of others may do more.
BASES: dict[str, tuple[type, ...]] = {
    "hardpix": (nn.Module, Dataset),
    "torch.nn": (nn.Module,),
    "torch.optim": (Optimizer,),
    "torchvision": (nn.Module,),
    "segmentation_models_pytorch": (nn.Module,),
    "timm": (nn.Module, Optimizer),
    "transformers": (nn.Module,),
    "lightning.pytorch.callbacks": (Callback,),
}
# Arguments by which such a class runs code of others.
RISKY = ("trust_remote_code", "auto_map", "attn_implementation", "_attn_implementation", "checkpoint_path")
MOST_SHOWN = 10


def require_trusted(
    settings: Mapping[str, Any], run: Path, trusted: bool = False, *, risky: Collection[str] = RISKY
) -> None:
    """Refuse settings of a run that would import or call more than known classes, before any of it is imported.

    Args:
        settings: of the run's config.yaml, or a part of it.
        run: folder of the run. A module in it is never imported, trusted or not.
        trusted: whether the user vouches for the run.
        risky: names of arguments that must not be given.

    Raises:
        UntrustedRun: the settings name other modules, functions, or classes of other kinds.
        ValueError: they name a module in the run folder.
    """
    found = list(class_paths(settings))
    for place, path in found:
        if any(file.resolve().is_relative_to(run.resolve()) for file in files_of(path)):
            raise ValueError(
                f"expected no code in the folder of a run, found {path} ({place}) in {run}: nothing is imported from "
                "there; move the module out, look at it, and give the folder it is in as the current one"
            )
    if not trusted:
        foreign = [f"{place}: {_with_file(path)}" for place, path in found if not is_known(path)]
        foreign += [f"{place}: {value!r}" for place, value in _risky(settings, risky)]
        if foreign:
            raise refusal(foreign, run)


def refusal(foreign: list[str], run: Path) -> UntrustedRun:
    """Message that lists what would be imported or called."""
    more = f"\n  and {len(foreign) - MOST_SHOWN} more" if len(foreign) > MOST_SHOWN else ""
    return UntrustedRun(
        "expected a run that names known classes of hardpix, torch, torchvision, segmentation_models_pytorch, timm or "
        f"transformers alone, found in {run / 'config.yaml'} what would run other code:\n  "
        + "\n  ".join(foreign[:MOST_SHOWN])
        + more
        + "\nif the run is your own, or you trust who made it, add --trust-run"
    )


def is_known(path: str) -> bool:
    """True for a class that may be built for a stranger: defined in a known package, with a base that fits it.

    Functions are none, but for the builders of torchvision's networks. A name without a module is a class that hardpix
    has imported itself.

    Example:
        >>> is_known("hardpix.signals.HardnessLevel"), is_known("os.system"), is_known("hardpix.__main__.os.system")
        (True, False, False)
    """
    if "." not in path:
        return True
    if not any(_inside(path, package) for package in BASES):
        return False
    try:
        found = resolve_name(path)
    except (ImportError, AttributeError, ValueError):
        # There is no such thing, which the parser says better.
        return True
    return _is_harmless(found)


def _is_harmless(found: Any) -> bool:
    if inspect.isfunction(found):
        return found in _torchvision_builders()
    if not inspect.isclass(found):
        return False
    bases = next((bases for package, bases in BASES.items() if _inside(found.__module__, package)), ())
    configuration = getattr(sys.modules.get("transformers"), "PretrainedConfig", None)
    if configuration is not None and _inside(found.__module__, "transformers"):
        bases += (configuration,)
    return issubclass(found, bases) and not issubclass(found, Checkpoint)


@contextmanager
def known_imports_alone(settings: Mapping[str, Any], run: Path, words: str = "") -> Iterator[None]:
    """Around a parser that builds what a stranger's run names: refuses what `require_trusted` cannot see.

    A parser imports text where it expects a class or a function, and only the parser knows where that is. Pickles are
    refused, too, whoever loads them meanwhile.

    Args:
        settings: of the run's config.yaml.
        run: folder of the run.
        words: of the user's own command line, which may name anything.

    Raises:
        UntrustedRun: something else would have been imported.
    """
    text = repr(settings)
    refused: list[str] = []

    def checked(load: Callable[..., Any]) -> Callable[..., Any]:
        def import_object(name: Any, *arguments: Any, **options: Any) -> Any:
            theirs = isinstance(name, str) and name in text and name not in words
            if theirs and not is_known(name):
                refused.append(_with_file(name))
                raise ImportError(f"{name} is not imported for a run that is not trusted")
            found = load(name, *arguments, **options)
            if theirs and not _is_harmless(found):
                refused.append(_with_file(name))
                raise ImportError(f"{name} is not called for a run that is not trusted")
            return found

        return import_object

    homes = [module for name, module in sys.modules.items() if name.startswith("jsonargparse.")]
    originals = {module: module.import_object for module in homes if hasattr(module, "import_object")}
    if not originals:
        raise RuntimeError("expected jsonargparse's import_object, found none: this version of it is not supported")
    forced = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(forced)
    try:
        os.environ[forced] = "1"
        for module, original in originals.items():
            module.import_object = checked(original)  # type: ignore[attr-defined]
        yield
    except Exception as error:
        if refused:
            raise refusal([*dict.fromkeys(refused)], run) from error
        raise
    finally:
        for module, original in originals.items():
            module.import_object = original  # type: ignore[attr-defined]
        if before is None:
            os.environ.pop(forced)
        else:
            os.environ[forced] = before


def _inside(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


@cache
def _torchvision_builders() -> frozenset[Any]:
    return frozenset(torchvision.models.get_model_builder(name) for name in torchvision.models.list_models())


def _with_file(path: str) -> str:
    files = files_of(path)
    return f"{path}, of {files[-1]}" if files else path


def _risky(settings: Any, names: Collection[str], place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(settings, dict):
        for key, below in settings.items():
            at = f"{place}.{key}".lstrip(".")
            if key in names and below:
                yield at, below
            yield from _risky(below, names, at)
    elif isinstance(settings, list):
        for number, below in enumerate(settings):
            yield from _risky(below, names, f"{place}[{number}]")
