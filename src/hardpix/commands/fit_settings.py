"""Settings of ``hardpix fit``: its parser, and how a command line becomes them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.pytorch import Trainer

from hardpix.cli.arguments import ParagraphsFormatter, Parser, checked_input
from hardpix.cli.config_file import ConfigFile
from hardpix.cli.errors import UntrustedRun, UsageError
from hardpix.cli.moved import with_new_places
from hardpix.commands.default_recipe import with_default_recipe
from hardpix.data import MAPS, describe
from hardpix.data.yaml_files import read_yaml
from hardpix.objectives import Objective
from hardpix.objectives.default import default_setting
from hardpix.training.data_module import SegmentationData
from hardpix.training.run import Run, group
from hardpix.training.task import SegmentationTask
from hardpix.training.trust import RISKY, require_trusted

DESCRIPTION = """Train a segmentation network on a folder of images and masks.

With nothing but --data.images and --data.masks the classes are found in the masks, blocks of neighboring files are
held out for validation, and a network learns by cross-entropy weighted by learned pixel hardness and class balance.
It is a small U-Net from ImageNet weights (LiteUNet) where their package is installed, else a DDRNet-23-slim from random
weights.

With --data.unlabeled DIR it learns from images without labels, too: by mean teacher with CutMix, or by --model.recipe.

Everything can be set here or in YAML (--config, as often as you like; later ones win), and --print_config shows it all.
A class of your own is named by its path, such as --model.network my_module.MyNet, and its arguments by
--model.network.NAME VALUE, or by class_path and init_args in YAML; --model.network.help my_module.MyNet lists them.
"""

BATCH_LIMITS = {
    "limit_train_batches": "Number of training batches in an epoch, or with a decimal point the share of them.",
    "limit_val_batches": "The same for validation.",
}

# Modules whose classes are found by their name alone once they are imported, and that nothing else here imports.
NAMED = ("hardpix.data.batch_transforms", "hardpix.training.frozen_run")


def build_parser() -> Parser:
    """The parser of ``hardpix fit``."""
    for module in NAMED:
        import_module(module)
    parser = Parser(
        prog="hardpix fit",
        description=DESCRIPTION,
        formatter_class=ParagraphsFormatter,
        usage="hardpix fit --data.images DIR --data.masks DIR [options]\n       hardpix fit --config YAML [options]",
    )
    parser.add_argument("-c", "--config", action=ConfigFile, help="YAML with any of these settings.")
    parser.add_argument(
        "--run", type=str | None, default=None, help="Folder to write; runs/DATE-TIME if none is given."
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="Go on with the run in --run from its last checkpoint, with its settings; the result is that of a run "
        "that was never interrupted.",
    )
    parser.add_argument(
        "--trust_run",
        "--trust-run",
        action="store_true",
        help="With --resume: import whatever classes the run names; for runs of people you trust.",
    )
    parser.add_argument(
        "--accept_changed_data",
        action="store_true",
        help="With --resume: go on with images, masks or maps that have changed.",
    )
    parser.add_argument(
        "--checkpoint_minutes",
        type=float,
        default=10.0,
        help="Minutes after which last.ckpt is written within an epoch, too; at the end of each it always is.",
    )
    parser.add_argument("--seed", type=int, default=0, help="Of weights, order, augmentation and everything else.")
    parser.add_class_arguments(SegmentationData, "data")
    parser.add_class_arguments(SegmentationTask, "model")
    add_trainer(parser)
    # The data module's own sampler knows of several processes, and of the seed.
    parser.set_defaults(
        {"trainer.max_epochs": 100, "trainer.use_distributed_sampler": False, "trainer.log_every_n_steps": 10}
    )
    parser.link_arguments("seed", "data.seed")
    parser.link_arguments("data.ignore_index", "model.ignore_index")
    parser.link_arguments("data.num_classes", "model.num_classes", apply_on="instantiate")
    parser.link_arguments("data.channels", "model.in_channels", apply_on="instantiate")
    parser.link_arguments("data.sparse", "model.sparse", apply_on="instantiate")
    parser.link_arguments("data.class_names", "model.class_names", apply_on="instantiate")
    return parser


def add_trainer(parser: Parser) -> None:
    """Add the settings of Lightning's trainer, in groups with types that a command line can tell apart."""
    parser.add_class_arguments(Trainer, "trainer", instantiate=False, skip={"default_root_dir", *BATCH_LIMITS})
    # 1 is one batch, 1.0 is all of them. Lightning writes Union[int, float], of which typing makes Union[float, int]
    # where some other package has said so before, and the 1 of a command line would be read as 1.0.
    limits = parser.add_argument_group("How many batches an epoch has")
    for name, text in BATCH_LIMITS.items():
        limits.add_argument(f"--trainer.{name}", type=int | float | None, default=None, help=text)


def read_settings(arguments: list[str]) -> tuple[Namespace, dict[str, Any]]:
    """The settings that ``hardpix fit`` would have, as its parser has them and as a run's config.yaml would.

    Raises:
        UsageError: arguments or files of settings that are wrong, unknown keys too.
    """
    with checked_input():
        parser = build_parser()
        settings = with_default_recipe(parser, parse(parser, with_new_places(arguments)))
        if parser.unknown_keys:
            raise UsageError(describe(parser.unknown_keys))
        return settings, yaml.safe_load(parser.dump(settings, skip_validation=True, skip_unset=False))


def with_saved_config(arguments: list[str]) -> tuple[list[str], Run | None]:
    """A resumed run starts from its own saved settings, so that nothing has to be said twice; they are checked first.

    Returns:
        The words of the command line with these settings before them, and the run to go on with.

    Raises:
        UntrustedRun: the settings would run other code, and the run is not trusted.
    """
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--run")
    early.add_argument("--resume", action="store_true")
    early.add_argument("--trust_run", "--trust-run", action="store_true")
    known, _ = early.parse_known_args(arguments)
    if not known.resume:
        return arguments, None
    if known.run is None:
        raise ValueError("--resume needs --run with the folder of the run to go on with")
    folder = Run(Path(known.run), known.trust_run)
    config = folder.read_config()
    if not folder.trusted:
        for name in ("model", "data", "trainer"):
            group(config, name)
    require_trusted(config, folder.path, folder.trusted, risky=(*RISKY, "trust"))
    then = folder.settings_of_then(with_new_places(group(read_yaml(folder.config, dict), "model"), {}))
    words = [word for name, part in then.items() for word in (f"--model.{name}", json.dumps(part))]
    return ["--config", str(folder.config), *words, *arguments], folder


@contextmanager
def option_within_reach(settings: Namespace) -> Iterator[None]:
    """Around what reads the run of a teacher: where an option cannot reach the teacher, the file of settings is named.

    Raises:
        UntrustedRun: the run is not trusted; its option is one that this command has for these settings.
    """
    try:
        yield
    except UntrustedRun as error:
        found: Any = settings
        for name in error.option[0].removeprefix("--").split("."):
            inside = found.get("init_args") if isinstance(found, Namespace) and "class_path" in found else found
            found = inside.get(name) if isinstance(inside, Namespace) else None
        if found is not None or not error.option[0].startswith("--model."):
            raise
        words = "trust: true to the init_args of this FrozenRun in the file of settings (--config)"
        raise UntrustedRun(str(error).replace(" ".join(error.option), words), ()) from error


def names_no_objective(model: Namespace) -> bool:
    """True if settings of the model leave what is trained to the default."""
    return model.objective is None and model.recipe is None


def default_in_full(sparse: bool) -> dict[str, Any]:
    """The default objective with all its arguments, so that later defaults change nothing about a run that has it.

    Args:
        sparse: whether labels are sparse, for which it is another one.
    """
    parser = Parser()
    parser.add_argument("--objective", type=Objective)
    parsed = parser.parse_object({"objective": default_setting(sparse)})
    return yaml.safe_load(parser.dump(parsed, skip_validation=True, skip_unset=False))["objective"]


def parse(parser: Parser, arguments: list[str]) -> Namespace:
    """The settings; the keys of configuration files that are none do not hide what is wrong with others."""
    try:
        return parser.parse_args(arguments)
    except UsageError as error:
        if not parser.unknown_keys:
            raise
        raise UsageError(f"{describe(parser.unknown_keys)}\nand {error}") from error


# Settings that name a file or folder, if they name any.
PATHS = ("images", "masks", "val_images", "val_masks", "unlabeled", "root", *(kind.folder for kind in MAPS.values()))


def with_whole_paths(settings: Namespace) -> Namespace:
    """The settings as they are saved: whoever goes on with the run may do so from another directory."""
    for name in PATHS:
        if isinstance(settings.data.get(name), str):
            settings.data[name] = str(Path(settings.data[name]).absolute())
    for name, stream in (settings.data.get("streams") or {}).items():
        if stream.get("images"):
            settings.data["streams"][name]["images"] = str(Path(stream["images"]).absolute())
    for pair in settings.data.get("more") or []:
        for name in ("images", "masks", "trust"):
            if pair[name]:
                pair[name] = str(Path(pair[name]).absolute())
    for name in ("classes", "preset", "labeled_stems"):
        given = settings.data[name]
        if isinstance(given, str) and Path(given).is_file():
            settings.data[name] = str(Path(given).absolute())
    return settings
