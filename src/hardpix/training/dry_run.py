"""One batch before training: everything that does not fit together shows, and nothing is learned from it."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from hardpix.data import MAPS
from hardpix.networks.input_channels import channels_advice
from hardpix.networks.probabilities import ends_in, explain_probabilities, looks_like
from hardpix.objectives import Objective, signals_in
from hardpix.recipes.parts import parts_of
from hardpix.signals import Signal, signals_that_read
from hardpix.training.stream_batches import by_stream
from hardpix.training.task import SegmentationTask

# Setting of the data module for each map that it reads.
_OPTIONS = {kind.key: kind.folder for kind in MAPS.values()}


@torch.no_grad()
def dry_run(
    task: SegmentationTask,
    batches: dict[str, Any],
    one_image_a_step: bool = False,
    map_kinds: Iterable[str] = MAPS,
) -> None:
    """Look at one batch without learning from it: what does not fit together shows before training.

    Args:
        task: in training.
        batches: of one training image each, by stream, or the batch of the labeled images alone.
        one_image_a_step: whether the steps of the training have no more, which batch statistics may not allow.
        map_kinds: keys of the maps that the batches may hold beside the target.

    Raises:
        ValueError: the network cannot take the images, has other output channels than the data has classes, or the
            losses of the recipe cannot be computed.
    """
    batches = by_stream(batches, map_kinds)
    first = next(iter(batches.values()))
    check_network(task, first["image"])
    # In evaluation, which this is tried in, depth may be missing. Factors come before their product.
    for signal in reversed(signals_in(task.recipe)):
        for name in sorted(signal.reads - first.keys()):
            folder = f"a folder of them (--data.{_OPTIONS[name]}), or " if name in _OPTIONS else ""
            raise ValueError(
                f"{type(signal).__name__} needs {name} maps of the training images: give {folder}a train_set whose "
                f"samples have {name}"
            )
    task.recipe.eval()
    try:
        task.recipe(batches, 0.0)
    except Exception as error:
        what = type(getattr(task.recipe, "objective", task.recipe)).__name__
        raise ValueError(f"{what} cannot be computed: {error}") from error
    task.recipe.train()
    if one_image_a_step:
        # In a copy: batch statistics would remain.
        trial = deepcopy(task.recipe)
        trial.use_optimizer(torch.optim.SGD([p for p in trial.parameters() if p.requires_grad], lr=0.0))
        try:
            trial(batches, 0.0)
        except Exception as error:
            raise ValueError(
                f"{type(task.network.model).__name__} cannot learn from one image at a time: {error}; give "
                "--data.batch_size 2 or more and at least as many images, or larger crops"
            ) from error


def unused_settings(task: SegmentationTask, maps: Iterable[str]) -> list[str]:
    """Settings that change nothing, in words: maps that were asked for and no signal reads, a rate of no branch.

    Args:
        task: with its recipe.
        maps: of "depth" and "weight", those that were asked for.
    """
    own = {task.recipe, *task.recipe.children()}
    parts = [part for part in parts_of(task.recipe) if part in own or isinstance(part, Objective | Signal)]
    found = []
    # A class of the user's own may read anything.
    if all(type(part).__module__.startswith("hardpix.") for part in parts):
        read = frozenset[str]().union(*(part.reads for part in parts if isinstance(part, Signal)))
        for name in maps:
            if name not in read:
                readers = " or ".join(signals_that_read(name))
                found.append(
                    f"--data.{_OPTIONS.get(name, name)} is read, and nothing uses it: weigh by it "
                    f"(--model.objective WeightedCrossEntropy --model.objective.signal {readers}), or leave it out"
                )
    if task.branch_learning_rate is not None and not task.branch_parameters():
        found.append("--model.branch_learning_rate is given, and there is no branch that no gradient leaves")
    return found


@torch.no_grad()
def check_network(task: SegmentationTask, image: Tensor) -> None:
    """Look at the logits of an image (1, in_channels, H, W).

    Raises:
        ValueError: the network cannot take it, has other output channels than the data has classes, or ends in a
            softmax or sigmoid.
    """
    name = type(task.network.model).__name__
    size = "×".join(map(str, image.shape[-2:]))
    task.recipe.eval()
    try:
        task.network.model(image)
    except Exception as error:
        if advice := channels_advice(task.network.model, image.shape[1]):
            raise ValueError(advice) from error
        raise ValueError(
            f"{name} cannot take a training image, {image.shape[1]} channels of {size} (height × width; "
            f"--data.crop_size chooses it): {error}"
        ) from error
    try:
        # The graph shows a sigmoid at the network's end.
        with torch.enable_grad():
            logits = task(image)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{error} (on the command line --model.decoder, --model.embedding, --model.stages)") from error
    channels = logits.shape[1]
    if channels != task.num_classes:
        counted = " (one output counts as two: background and foreground)" if channels == 2 else ""
        raise ValueError(
            f"expected a network of {task.num_classes} output channels, one for each class of the data "
            f"({', '.join(task.class_names[:30])}), found {channels} of {name}{counted}; set its number of "
            f"classes to {task.num_classes} (the parameter is called num_classes, classes or num_labels)"
        )
    found = looks_like(logits)
    if found == "softmax" or (found == "sigmoid" and ends_in(logits) == "sigmoid"):
        raise ValueError(explain_probabilities(found, task.network.model))
    task.recipe.train()
