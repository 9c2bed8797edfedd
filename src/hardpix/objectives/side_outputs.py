"""Classifiers of their own for the stages of a network, with the weight map at every stage's scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import torch
from torch import Tensor, nn

from hardpix.networks import blank_run
from hardpix.networks.batch_norm import BatchNorm
from hardpix.networks.binding import bound
from hardpix.objectives.base import Objective
from hardpix.objectives.weighting import weighted_means, weights_by
from hardpix.pixels import PixelBatch, cell_labels, cell_values, cross_entropy_map, valid_mask
from hardpix.signals import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class SideOutputs(Objective):
    """Deep supervision: the mean over stages s of Σ w_s ℓ_s / Σ w_s, each at its own scale.

    Every stage that the tap catches, (B, D, h, w), gets a head: 3×3 convolution, norm, ReLU, 1×1 convolution. Its
    logits (B, C, h, w) are compared with the labels on that grid. The loss ℓ_s is their cross-entropy with the
    label of the cell (:func:`hardpix.pixels.cell_labels`), w_s the mean weight of the cell's pixels of that label.
    Nothing is enlarged to label resolution. The heads belong to the objective, not to the network, and never run at
    inference.

    As in :class:`~hardpix.objectives.WeightedCrossEntropy` the weights are constants unless the signal is
    differentiable, and signals with ``normalizer`` "count" divide by the number of labeled cells.

    Args:
        signal: the name of a map that an objective before this one in a ``Sum`` has published, such as "hardness"; or a
            signal of its own; None weighs every pixel alike, plain cross-entropy.
        labels: how the label of a cell is found: "majority", the most frequent class in it, or "any", the rarest (by
            the pixels of this process's batch).
        channels: inside a head, at most; never more than its stage has.
        image_size: height and width of an image that the network takes, which shows once how many channels the stages
            have. Without it some usual squares are tried.
        across_processes: normalizers are those of the joined batch of all processes that train together.

    Returns (from forward):
        "loss", and every stage's own as "stages/…", of which the loss has the mean.

    Raises:
        ValueError: settings outside their range; no stages are known; a stage that is no map; a map that nobody has
            published.
        RuntimeError: a forward before :meth:`bind`, or on other stages than were bound; a stage that no gradient comes
            back from, as with reentrant checkpointing.

    Source: deep supervision, Lee et al., arXiv 1409.5185.

    Example:
        >>> import hardpix
        >>> from hardpix.objectives import Sum, WeightedCrossEntropy
        >>> from hardpix.signals import HardnessLevel
        >>> learn = {"cross_entropy": WeightedCrossEntropy(HardnessLevel()), "side": SideOutputs("hardness")}
        >>> network = hardpix.tap(hardpix.networks.DDRNet23Slim(num_classes=2))
        >>> step = hardpix.TrainingStep(network, Sum(learn, weights={"side": 0.4}))
        >>> losses = step(torch.rand(2, 3, 64, 96), torch.randint(0, 2, (2, 64, 96)))
        >>> [name for name in losses if "stages" in name]
        ['side/stages/third.0.context', 'side/stages/fourth.context', 'side/stages/fourth.detail']
    """

    needs_neighbors = True

    def __init__(
        self,
        signal: str | Signal | None = None,
        labels: Literal["majority", "any"] = "majority",
        channels: int = 64,
        image_size: tuple[int, int] | None = None,
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if labels not in ("majority", "any"):
            raise ValueError(f"expected labels 'majority' or 'any', found {labels!r}")
        if channels < 1:
            raise ValueError(f"expected channels ≥ 1, found {channels}")
        self.signal = signal
        if isinstance(self.signal, Signal) and self.signal.name == "loss":
            raise ValueError("'loss' names a part of the loss already; give the signal another name")
        self.labels = labels
        self.channels = channels
        self.image_size = image_size
        self.across_processes = across_processes
        self.stages: tuple[str, ...] = ()
        self.heads = nn.ModuleDict()

    def bind(self, network: TappedNetwork) -> Self:
        # A network that was tapped anew catches them anew.
        stages = network.catch_stages()
        if not self.stages:
            out = blank_run(network, self.image_size)
            for stage in stages:
                self.heads[_key(stage)] = self._new_head(stage, out.taps.stages[stage], num_classes=out.logits.shape[1])
            self.stages = stages
        if isinstance(self.signal, Signal):
            bound(self.signal, network)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        if not self.stages:
            raise RuntimeError(
                "SideOutputs has no heads yet: give it to hardpix.TrainingStep, or call bind(network) first"
            )
        weight, by_count = weights_by(px, self.signal, "what weighs the side outputs")
        losses = weighted_means(
            [self._stage(stage, px, weight, by_count) for stage in self.stages],
            # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
            joined=self.across_processes and self.training,
        )
        total = torch.stack(losses).mean()
        parts = {f"stages/{stage}": loss for stage, loss in zip(self.stages, losses, strict=True)}
        return {"loss": total, **parts}

    def _stage(self, stage: str, px: PixelBatch, weight: Tensor, by_count: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Losses, their weights, and what is added up to divide by: (B, h, w) each."""
        head = self.heads[_key(stage)]
        expected, features = head[0].in_channels, px.taps.stages.get(stage)  # type: ignore[index]
        if features is None or features.ndim != 4 or features.shape[1] != expected:
            found = "nothing" if features is None else f"shape {tuple(features.shape)}"
            raise RuntimeError(
                f"expected {expected} channels at the stage {stage!r}, (B, {expected}, h, w), for which its head was "
                f"made, found {found}; name modules whose outputs have their channels first, and bind the objective to "
                "the network that it is used with"
            )
        px.require_graph(stage, self)
        logits = head(features)
        size = (logits.shape[2], logits.shape[3])
        num_classes = logits.shape[1]
        labels = cell_labels(px.labels, size, num_classes, px.ignore_index, self.labels)
        valid = valid_mask(labels, num_classes, px.ignore_index)
        weights = cell_values(weight, px.labels, labels, "mean") * valid
        return cross_entropy_map(logits, labels, px.ignore_index), weights, valid if by_count else weights

    def _new_head(self, stage: str, features: Tensor, num_classes: int) -> nn.Sequential:
        if features.ndim != 4:
            raise ValueError(
                f"expected maps (B, D, h, w) at the stage {stage!r}, found shape {tuple(features.shape)}; name a "
                "module that returns maps, hardpix.tap(model, stages=['…'])"
            )
        inputs = features.shape[1]
        width = min(inputs, self.channels)
        head = nn.Sequential(
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            BatchNorm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, num_classes, 1),
        )
        return head.to(features.device, features.dtype)


def _key(stage: str) -> str:
    """A path as the name of a submodule, which may have no dots, nor be an attribute of a ModuleDict."""
    return "/" + stage.replace(".", "/")
