"""Training and evaluating a segmentation network, as Lightning sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MeanMetric

from hardpix.alike import not_sent
from hardpix.data import MAPS, restore
from hardpix.metrics import SegmentationScores
from hardpix.networks import DDRNet23Slim, TappedNetwork, tap
from hardpix.networks.input_channels import channels_advice
from hardpix.networks.probabilities import ends_in, explain_probabilities, looks_like
from hardpix.objectives import Objective, WeightedCrossEntropy, shown_signal, signals_in
from hardpix.pixels import DatasetInfo, cross_entropy_map, valid_mask
from hardpix.recipes import Recipe, Supervised
from hardpix.recipes.base import Batch
from hardpix.recipes.parts import parts_of
from hardpix.signals import HardnessLevel, Signal, signals_that_read
from hardpix.training.checkpoints import with_names_of_today
from hardpix.training.data_module import SegmentationData
from hardpix.training.schedule import polynomial_with_warmup

# Setting of the data module for each map that it reads.
_OPTIONS = {kind.key: kind.folder for kind in MAPS.values()}


class SegmentationTask(LightningModule):
    """A network, a recipe, an optimizer and a schedule.

    Args:
        num_classes: C; ``hardpix fit`` takes it from the data.
        network: any segmentation network with C output channels; DDRNet-23-slim if none is given.
        objective: what is minimized on the labeled images, short for the recipe Supervised with it; cross-entropy
            weighted by learned hardness if neither is given.
        decoder: module path of the network's decoder, for networks that are not known by themselves.
        embedding: module path of the network's last classifier, likewise.
        stages: module paths of further tensors that the objective wants, such as those for side outputs.
        optimizer: called with the parameters (of the network, of the signals' branches, of other heads); on the command
            line, another class keeps the learning rate and weight decay of the default unless it is given its own.
        branch_learning_rate: learning rate of branches whose gradient is stopped before the network, such as
            HardnessLevel's; default: the network's. Other branches, such as a depth branch or the projection of a
            contrast, have the network's rate.
        warmup: share of the training in which the learning rate rises linearly.
        power: of the polynomial by which it then falls to 0.
        channels_last: keep weights and maps in the order (B, H, W, C), in which convolutions of half types on a GPU and
            those on a CPU are faster; not for networks that reshape maps by ``view``.
        in_channels: channels of the images, which ``hardpix fit`` takes from the data; the default network has as many.
        class_names: for the logs; "class 0" and so on if none are given.
        ignore_index: the id of unlabeled pixels.
        recipe: who sees what in a step, such as hardpix.recipes.SelfTraining; it has its objective itself.

    Raises:
        ValueError: settings outside their range or that exclude each other; a decoder or stages that must be named.
    """

    def __init__(
        self,
        num_classes: int,
        network: nn.Module | None = None,
        objective: Objective | None = None,
        decoder: str | None = None,
        embedding: str | None = None,
        stages: list[str] | None = None,
        optimizer: Callable[[Iterable], Optimizer] = lambda parameters: torch.optim.AdamW(
            parameters, lr=1e-3, weight_decay=1e-4
        ),
        branch_learning_rate: float | None = None,
        warmup: float = 0.05,
        power: float = 0.9,
        channels_last: bool = False,
        in_channels: int = 3,
        class_names: Sequence[str] | None = None,
        ignore_index: int = 255,
        recipe: Recipe | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= warmup < 1:
            raise ValueError(f"expected warmup as a share of the training, from 0 to below 1, found {warmup}")
        names = [f"class {k}" for k in range(num_classes)] if class_names is None else list(class_names)
        if len(names) != num_classes:
            raise ValueError(f"expected {num_classes} class names, one a class, found {len(names)}: {names}")
        if objective is not None and recipe is not None:
            raise ValueError(
                f"expected an objective or a recipe, found both, {type(objective).__name__} and "
                f"{type(recipe).__name__}: a recipe has its objective itself, as --model.recipe.objective; leave "
                "--model.objective out, or set it to null where a configuration file has it"
            )
        network = DDRNet23Slim(num_classes, in_channels) if network is None else network
        if recipe is None:
            recipe = Supervised(WeightedCrossEntropy(HardnessLevel()) if objective is None else objective)
        try:
            tapped = tap(network, decoder=decoder, embedding=embedding, stages=stages, ignore_index=ignore_index)
            self.recipe = recipe.bind(tapped)
        except (ValueError, TypeError, RuntimeError) as error:
            options = "--model.decoder, --model.embedding, --model.stages"
            raise ValueError(f"{error} (on the command line {options})") from error
        self._ddp_params_and_buffers_to_ignore = not_sent(self)
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.class_names = names
        self.ignore_index = ignore_index
        self.build_optimizer = optimizer
        self.branch_learning_rate = branch_learning_rate
        self.warmup = warmup
        self.power = power
        self.scores = SegmentationScores(num_classes, ignore_index)
        self.mean_loss = MeanMetric()
        if channels_last:
            self.to(memory_format=torch.channels_last)
        # Lightning leaves the mode as it finds it, and pretrained networks often come in evaluation mode.
        self.train()

    @property
    def network(self) -> TappedNetwork:
        """The tapped network that learns; the user's own is its ``.model``."""
        return self.recipe.network

    @property
    def deployed(self) -> TappedNetwork:
        """The network that is validated and predicted with: the one that learns, or a teacher of it."""
        return self.recipe.deployed

    @property
    def shown_signal(self) -> Signal | None:
        """First signal of the recipe that has a level to show, such as learned hardness; None without one."""
        return shown_signal(self.recipe)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, C, H, W) of images (B, in_channels, H, W)."""
        return self.deployed(image).logits

    def setup(self, stage: str) -> None:
        if stage == "fit":
            self.prepare(self.trainer.datamodule)  # type: ignore[attr-defined]

    def prepare(self, data: SegmentationData) -> None:
        """Tell every part of the recipe that asks about the training set, such as the pixel counts of its classes."""
        data.want(self.recipe.streams)
        info = DatasetInfo(tuple(data.class_names), lambda: data.class_counts, data.ignore_index)
        for part in parts_of(self.recipe):
            if callable(prepare := getattr(part, "prepare", None)):
                prepare(info)

    def doubts_about_validation(self, data: SegmentationData) -> list[str]:
        """Sentences of parts of the recipe, such as teachers that were trained on images to validate on."""
        asked = [getattr(part, "doubts_about_validation", None) for part in parts_of(self.recipe)]
        return [doubt for tell in asked if callable(tell) for doubt in tell(data.val_images)]

    @torch.no_grad()
    def dry_run(
        self,
        batches: dict[str, Any],
        one_image_a_step: bool = False,
        map_kinds: Iterable[str] = MAPS,
    ) -> None:
        """Look at one batch without learning from it: what does not fit together shows before training.

        Args:
            batches: of one training image each, by stream, or the batch of the labeled images alone.
            one_image_a_step: whether the steps of the training have no more, which batch statistics may not allow.
            map_kinds: keys of the maps that the batches may hold beside the target.

        Raises:
            ValueError: the network cannot take the images, has other output channels than the data has classes, or the
                losses of the recipe cannot be computed.
        """
        batches = _by_stream(batches, map_kinds)
        first = next(iter(batches.values()))
        self.check_network(first["image"])
        # In evaluation, which this is tried in, depth may be missing. Factors come before their product.
        for signal in reversed(signals_in(self.recipe)):
            for name in sorted(signal.reads - first.keys()):
                folder = f"a folder of them (--data.{_OPTIONS[name]}), or " if name in _OPTIONS else ""
                raise ValueError(
                    f"{type(signal).__name__} needs {name} maps of the training images: give {folder}a train_set whose "
                    f"samples have {name}"
                )
        self.recipe.eval()
        try:
            self.recipe(batches, 0.0)
        except Exception as error:
            what = type(getattr(self.recipe, "objective", self.recipe)).__name__
            raise ValueError(f"{what} cannot be computed: {error}") from error
        self.recipe.train()
        if one_image_a_step:
            # In a copy: batch statistics would remain.
            trial = deepcopy(self.recipe)
            try:
                trial(batches, 0.0)
            except Exception as error:
                raise ValueError(
                    f"{type(self.network.model).__name__} cannot learn from one image at a time: {error}; give "
                    "--data.batch_size 2 or more and at least as many images, or larger crops"
                ) from error

    def unused_settings(self, maps: Iterable[str]) -> list[str]:
        """Settings that change nothing, in words: maps that were asked for and no signal reads, a rate of no branch.

        Args:
            maps: of "depth" and "weight", those that were asked for.
        """
        own = {self.recipe, *self.recipe.children()}
        parts = [part for part in parts_of(self.recipe) if part in own or isinstance(part, Objective | Signal)]
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
        if self.branch_learning_rate is not None and not self._branch_parameters():
            found.append("--model.branch_learning_rate is given, and there is no branch that no gradient leaves")
        return found

    def _branch_parameters(self) -> list[nn.Parameter]:
        """Parameters of branches whose gradient is stopped before the network; others learn at the network's rate."""
        signals = signals_in(self.recipe)
        attached = {p for signal in signals if not signal.stops_gradient for p in signal.parameters()}
        every = dict.fromkeys(p for signal in signals for p in signal.parameters())
        return [p for p in every if p.requires_grad and p not in attached]

    @torch.no_grad()
    def check_network(self, image: Tensor) -> None:
        """Look at the logits of an image (1, in_channels, H, W).

        Raises:
            ValueError: the network cannot take it, has other output channels than the data has classes, or ends in a
                softmax or sigmoid.
        """
        name = type(self.network.model).__name__
        size = "×".join(map(str, image.shape[-2:]))
        self.recipe.eval()
        try:
            self.network.model(image)
        except Exception as error:
            if advice := channels_advice(self.network.model, image.shape[1]):
                raise ValueError(advice) from error
            raise ValueError(
                f"{name} cannot take a training image, {image.shape[1]} channels of {size} (height × width; "
                f"--data.crop_size chooses it): {error}"
            ) from error
        try:
            # The graph shows a sigmoid at the network's end.
            with torch.enable_grad():
                logits = self(image)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError(
                f"{error} (on the command line --model.decoder, --model.embedding, --model.stages)"
            ) from error
        channels = logits.shape[1]
        if channels != self.num_classes:
            counted = " (one output counts as two: background and foreground)" if channels == 2 else ""
            raise ValueError(
                f"expected a network of {self.num_classes} output channels, one for each class of the data "
                f"({', '.join(self.class_names[:30])}), found {channels} of {name}{counted}; set its number of "
                f"classes to {self.num_classes} (the parameter is called num_classes, classes or num_labels)"
            )
        found = looks_like(logits)
        if found == "softmax" or (found == "sigmoid" and ends_in(logits) == "sigmoid"):
            raise ValueError(explain_probabilities(found, self.network.model))
        self.recipe.train()

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        progress = self.trainer.global_step / max(self.trainer.estimated_stepping_batches, 1)
        # A user's own loaders come without a data module.
        map_kinds = getattr(self.trainer.datamodule, "map_kinds", MAPS)  # type: ignore[attr-defined]
        batches = _by_stream(batch, map_kinds)
        losses = self.recipe(batches, progress)
        size = len(next(iter(batches.values()))["image"])
        self.log_dict({f"train/{name}": loss.detach() for name, loss in losses.items()}, batch_size=size)
        self.log("loss", losses["loss"].detach(), prog_bar=True, logger=False, batch_size=size)
        return losses["loss"]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"] = with_names_of_today(checkpoint["state_dict"])

    def on_train_epoch_end(self) -> None:
        # Lightning calls it after an epoch that was cut short, too.
        if self.trainer.is_last_batch:
            self.recipe.end_epoch()

    def _evaluate(self, batch: dict[str, Any]) -> None:
        # As at inference: scores of a mixed-precision run would depend on the machine, and differ from those of test.
        with torch.autocast(self.device.type, enabled=False):
            logits = self(batch["image"])
        # Each image is scored at the resolution of its own labels.
        loss_sum = logits.new_zeros((), dtype=torch.float32)
        count = logits.new_zeros((), dtype=torch.int64)
        for scores, content_size, target in zip(logits, batch["content_size"], batch["target"], strict=True):
            restored = restore(scores.float(), content_size, target.shape).unsqueeze(0)
            target = target.unsqueeze(0)
            loss_sum += cross_entropy_map(restored, target, self.ignore_index).sum()
            count += valid_mask(target, self.num_classes, self.ignore_index).sum()
            self.scores.update(restored.argmax(1), target)
        self.mean_loss.update(loss_sum / count.clamp(min=1), weight=count)

    def _report(self, stage: str) -> None:
        # Every process has the scores of all; sync_dist only tells Lightning so.
        scores = self.scores.compute()
        by_class = dict(zip(self.class_names, scores.pop("class_iou").reshape(-1).tolist(), strict=True))
        loss = self.mean_loss.compute()
        self.scores.reset()
        self.mean_loss.reset()
        for name, value in scores.items():
            self.log(f"{stage}/{name}", value.float().to(self.device), prog_bar=name == "miou", sync_dist=True)
        self.log(f"{stage}/loss", loss, sync_dist=True)
        self.log_dict({f"{stage}/iou/{name}": value for name, value in by_class.items()}, sync_dist=True)

    def validation_step(self, batches: Sequence[dict[str, Any]], batch_idx: int) -> None:
        for batch in batches:
            self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        self._report("val")

    def test_step(self, batches: Sequence[dict[str, Any]], batch_idx: int) -> None:
        self.validation_step(batches, batch_idx)

    def on_test_epoch_end(self) -> None:
        self._report("test")

    def _after_step(self, optimizer: Optimizer, *_: Any) -> None:
        # A fused optimizer is called for a step that it skips, too: gradients of 16 bits may overflow.
        overflow = getattr(optimizer, "found_inf", None)
        if overflow is None or not bool(overflow):
            self.recipe.end_step()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        weights = [p for p in self.network.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [{"params": weights, "name": "network"}]
        branches = self._branch_parameters()
        learned = set(branches)
        learned.update(weights)
        heads = [p for p in self.recipe.parameters() if p.requires_grad and p not in learned]
        if branches:
            rate = {} if self.branch_learning_rate is None else {"lr": self.branch_learning_rate}
            groups.append({"params": branches, "name": "branches", **rate})
        if heads:
            groups.append({"params": heads, "name": "heads"})
        optimizer = self.build_optimizer(groups)
        optimizer.register_step_post_hook(self._after_step)
        total = int(self.trainer.estimated_stepping_batches)
        schedule = polynomial_with_warmup(optimizer, total, round(self.warmup * total), self.power)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _by_stream(batch: dict[str, Any], map_kinds: Iterable[str]) -> dict[str, Batch]:
    """Batches by stream; one alone is that of the labeled images."""
    known = {"image", "target", "target_weight", *map_kinds}
    return {
        name: {key: value for key, value in entries.items() if key in known or not _like_a_map(value)}
        for name, entries in ({"labeled": batch} if "image" in batch else batch).items()
    }


def _like_a_map(value: Any) -> bool:
    """True of entries that would pass for maps of the pixels: those that nobody declared may be anything."""
    return isinstance(value, Tensor) and value.ndim > 2
