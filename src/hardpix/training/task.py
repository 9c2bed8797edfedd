"""Training and evaluating a segmentation network, as Lightning sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer

from hardpix.alike import not_sent
from hardpix.data import MAPS
from hardpix.data.transforms import normalization
from hardpix.networks import TappedNetwork, default_network, tap
from hardpix.networks.binding import NotReturnedError, bound
from hardpix.objectives import Objective, shown_signal, signals_in
from hardpix.objectives.default import default_objective
from hardpix.pixels import DatasetInfo, prepare_all
from hardpix.recipes import Recipe, Supervised
from hardpix.recipes.parts import parts_of
from hardpix.signals import Signal
from hardpix.training.checkpoints import with_names_of_today
from hardpix.training.data_module import SegmentationData
from hardpix.training.schedule import polynomial_with_warmup
from hardpix.training.scored_module import ScoredModule
from hardpix.training.stream_batches import by_stream


class SegmentationTask(ScoredModule):
    """A network, a recipe, an optimizer and a schedule.

    Args:
        num_classes: C; ``hardpix fit`` takes it from the data.
        network: any segmentation network with C output channels; if none is given, a small U-Net from ImageNet weights
            (LiteUNet) where the extra [pretrained] is installed, else DDRNet-23-slim from random weights.
        objective: what is minimized on the labeled images, short for the recipe Supervised with it; cross-entropy
            weighted by learned hardness and by the square root of inverse class frequency if neither is given, and for
            sparse labels plain cross-entropy with GaussianMixture.
        decoder: module path of the network's decoder, for networks that are not known by themselves.
        embedding: module path of the network's last classifier, likewise.
        stages: module paths of further tensors that the objective wants, such as those for side outputs.
        optimizer: called with the parameters (of the network, of the signals' branches, of other heads); on the command
            line, another class keeps the learning rate and weight decay of the default unless it is given its own.
        encoder_learning_rate: learning rate of all that comes before the network's decoder, such as a tenth of the
            optimizer's where the encoder is pretrained and the images few; default: the network's.
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
        sparse: whether labels are sparse, which ``hardpix fit`` takes from the data.

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
        encoder_learning_rate: float | None = None,
        branch_learning_rate: float | None = None,
        warmup: float = 0.05,
        power: float = 0.9,
        channels_last: bool = False,
        in_channels: int = 3,
        class_names: Sequence[str] | None = None,
        ignore_index: int = 255,
        recipe: Recipe | None = None,
        sparse: bool = False,
    ) -> None:
        super().__init__(num_classes, ignore_index)
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
        network = default_network(num_classes, in_channels) if network is None else network
        if recipe is None:
            recipe = Supervised(default_objective(sparse) if objective is None else objective)
        try:
            tapped = tap(network, decoder=decoder, embedding=embedding, stages=stages, ignore_index=ignore_index)
            if encoder_learning_rate is not None:
                tapped.encoder_parameters()
            self.recipe = bound(recipe, tapped)
        except NotReturnedError:
            raise
        except (ValueError, TypeError, RuntimeError) as error:
            options = "--model.decoder, --model.embedding, --model.stages"
            raise ValueError(f"{error} (on the command line {options})") from error
        self._ddp_params_and_buffers_to_ignore = not_sent(self)
        self.in_channels = in_channels
        self.class_names = names
        self.build_optimizer = optimizer
        self.encoder_learning_rate = encoder_learning_rate
        self.branch_learning_rate = branch_learning_rate
        self.warmup = warmup
        self.power = power
        self.losses: dict[str, Tensor] = {}
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
        std, tree = tuple(normalization(data.channels)[1]), data.classes.tree
        info = DatasetInfo(tuple(data.class_names), lambda: data.class_counts, data.ignore_index, tree, std)
        prepare_all(parts_of(self.recipe), info)

    def doubts_about_validation(self, data: SegmentationData) -> list[str]:
        """Sentences of parts of the recipe, such as teachers that were trained on images to validate on."""
        asked = [getattr(part, "doubts_about_validation", None) for part in parts_of(self.recipe)]
        return [doubt for tell in asked if callable(tell) for doubt in tell(data.val_images)]

    def branch_parameters(self) -> list[nn.Parameter]:
        """Parameters of branches whose gradient is stopped before the network; others learn at the network's rate."""
        signals = signals_in(self.recipe)
        attached = {p for signal in signals if not signal.stops_gradient for p in signal.parameters()}
        every = dict.fromkeys(p for signal in signals for p in signal.parameters())
        return [p for p in every if p.requires_grad and p not in attached]

    def _slower_encoder(self) -> list[nn.Parameter]:
        return [] if self.encoder_learning_rate is None else self.network.encoder_parameters()

    def losses_of(self, batch: dict[str, Any], progress: float, map_kinds: Iterable[str] = MAPS) -> dict[str, Tensor]:
        """Losses of one step.

        Args:
            batch: of the labeled images, or one a stream, by its name.
            progress: share of the training done.
            map_kinds: keys of the maps that the batches may hold beside the target.
        """
        return self.recipe(by_stream(batch, map_kinds), progress)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        progress = self.trainer.global_step / max(self.trainer.estimated_stepping_batches, 1)
        # A user's own loaders come without a data module.
        map_kinds = getattr(self.trainer.datamodule, "map_kinds", MAPS)  # type: ignore[attr-defined]
        losses = self.losses_of(batch, progress, map_kinds)
        self.losses = {name: loss.detach() for name, loss in losses.items()}
        size = len(next(iter(by_stream(batch, ()).values()))["image"])
        self.log_dict({f"train/{name}": loss.detach() for name, loss in losses.items()}, batch_size=size)
        self.log("loss", losses["loss"].detach(), prog_bar=True, logger=False, batch_size=size)
        return losses["loss"]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"] = with_names_of_today(checkpoint["state_dict"])

    def on_train_epoch_end(self) -> None:
        # Lightning calls it after an epoch that was cut short, too.
        if self.trainer.is_last_batch:
            self.recipe.end_epoch()

    def _after_step(self, optimizer: Optimizer, *_: Any) -> None:
        # A fused optimizer is called for a step that it skips, too: gradients of 16 bits may overflow.
        overflow = getattr(optimizer, "found_inf", None)
        if overflow is None or not bool(overflow):
            self.recipe.end_step()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        weights = [p for p in self.network.parameters() if p.requires_grad]
        encoder = set(self._slower_encoder())
        rest = [p for p in weights if p not in encoder]
        groups: list[dict[str, Any]] = [{"params": rest, "name": "network"}]
        if encoder:
            slow = [p for p in weights if p in encoder]
            groups.append({"params": slow, "name": "encoder", "lr": self.encoder_learning_rate})
        branches = self.branch_parameters()
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
        self.recipe.use_optimizer(optimizer)
        total = int(self.trainer.estimated_stepping_batches)
        schedule = polynomial_with_warmup(optimizer, total, round(self.warmup * total), self.power)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
