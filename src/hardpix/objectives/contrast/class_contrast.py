"""Contrast of pixels with the distributions of classes: SePiCo (TPAMI 2023, arXiv 2204.08808)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import torch
from torch import Tensor

from hardpix.networks import ProjectionHead
from hardpix.networks.binding import bound
from hardpix.objectives.base import Objective
from hardpix.objectives.contrast.distribution import bank_contrast, centroid_contrast, distribution_contrast, undecided
from hardpix.objectives.contrast.statistics import ClassStatistics
from hardpix.objectives.embedding import embedding_of
from hardpix.objectives.groups import cells_at
from hardpix.objectives.memory import Ring
from hardpix.objectives.weighting import weighted_means, weights_by
from hardpix.pixels import PixelBatch, cell_labels, cell_values, global_sum, joined_sum
from hardpix.pixels.eager import eager
from hardpix.signals import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork

# Share of a cell's pixels that its class must have.
SHARE = 0.75


class ClassContrast(Objective):
    """Contrast of pixel embeddings with what was learned of each class from labeled images (arXiv 2204.08808).

    A projection head turns the network's embedding into vectors q of unit length; it is no part of the network, and
    gone at inference. Each cell of the embedding of class y is compared with all classes that were seen so far:

    - "distribution": infinitely many positives and negatives, drawn from a normal distribution of each class,
      −q·μ_y/τ + log Σ_k exp(q·μ_k/τ + ½ q²·σ_k²/τ²), in closed form.
    - "centroid": the same without variances, cross-entropy with logits q·μ_k/τ.
    - "bank": the mean vectors that each class had in the last batches.

    Mean and variance are those of all vectors ever seen, without gradient, updated in training before the loss. A cell
    has a label where one class has three quarters of its pixels. Images whose sample says ``stream="unlabeled"``, as
    :class:`~hardpix.recipes.SelfTraining` gives them, are compared and teach the statistics nothing. There this
    objective is given as `both`, one for labeled and unlabeled images.

    [ours], where the authors' code does otherwise:

    - The statistics are of the network's own vectors; there of those of its average over the steps, at the price of one
      more forward.
    - A class that was never seen is no negative; there it is one with the logit 0. Entries of the bank that were never
      written do not count.
    - τ = 0.1, as for :class:`~hardpix.objectives.PixelContrast`. With their 100 all logits lie within 0.01, and the
      gradient is a hundredth of it or less.
    - Their regularizer has the wrong sign and draws the mean vector to one class. `diversity` is its weight with the
      right one, and 0 by default.

    Args:
        against: "distribution", "centroid" or "bank".
        temperature: τ > 0.
        signal: weighs the cells, by the mean over a cell's pixels of its class; a signal, or the name of a map that an
            objective before this one in a ``Sum`` has published, such as "hardness"; None weighs every cell alike.
        diversity: weight of KL(uniform ‖ softmax(q̄·μ/τ)) / log C, q̄ the mean vector of the batch. It asks all classes
            to be equally frequent. Not with a bank.
        bank: entries of a class in the bank.
        channels: of the vectors.
        warmup: batches of labeled images in training before the loss begins; statistics are gathered from the first.
        across_processes: the mean is over the cells of all processes that train together.

    Returns (from forward):
        "loss", "contrast", and with a weight "diversity".

    Raises:
        ValueError: settings outside their range; an embedding that must be named to the tap or is no map.
        RuntimeError: a forward before :meth:`bind`; an embedding that no gradient comes back from.

    Example:
        >>> import hardpix
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 2, 1)))
        >>> objective = ClassContrast(channels=4)
        >>> step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), objective)
        >>> losses = step(torch.rand(2, 3, 8, 8), torch.randint(0, 2, (2, 8, 8)))
        >>> sorted(losses), objective.memory.count.sum().item()
        (['contrast', 'loss'], 128)
    """

    step: Tensor

    def __init__(
        self,
        against: Literal["distribution", "centroid", "bank"] = "distribution",
        temperature: float = 0.1,
        signal: Signal | str | None = None,
        diversity: float = 0.0,
        bank: int = 200,
        channels: int = 256,
        warmup: int = 0,
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if against not in ("distribution", "centroid", "bank"):
            raise ValueError(f"expected against 'distribution', 'centroid' or 'bank', found {against!r}")
        if not temperature > 0:
            raise ValueError(f"expected temperature > 0, found {temperature}")
        if bank < 1 or channels < 1 or warmup < 0 or diversity < 0:
            raise ValueError(
                f"expected bank and channels ≥ 1, warmup and diversity ≥ 0, found {bank}, {channels}, {warmup} and "
                f"{diversity}"
            )
        if diversity and against == "bank":
            raise ValueError("expected no diversity with a bank, which has no centroids; leave it 0")
        self.against = against
        self.temperature = temperature
        self.signal = signal
        self.diversity = diversity
        self.bank = bank
        self.channels = channels
        self.warmup = warmup
        self.across_processes = across_processes
        self.head: ProjectionHead | None = None
        self.memory: ClassStatistics | Ring | None = None
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def bind(self, network: TappedNetwork) -> Self:
        if self.head is None:
            weight = next(network.parameters())
            self.head = ProjectionHead(network.embedding_channels, self.channels).to(weight.device, weight.dtype)
            if self.against == "bank":
                self.memory = Ring(network.num_classes, self.bank, self.channels).to(weight.device)
            else:
                self.memory = ClassStatistics(network.num_classes, self.channels).to(weight.device)
            if isinstance(self.signal, Signal):
                bound(self.signal, network)
        return self

    @eager
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        if self.head is None or self.memory is None:
            raise RuntimeError(
                "ClassContrast has no projection head yet: give it to hardpix.TrainingStep, or call bind(network) first"
            )
        projected = self.head(embedding_of(px, self))
        weight, by_count = weights_by(px, self.signal, "what weighs the contrast")
        # An ignore_index may be a class's id, too.
        target = torch.where(px.masked(torch.ones_like(weight)) > 0, px.labels, -1)
        size = (projected.shape[2], projected.shape[3])
        labels = cell_labels(target, size, px.logits.shape[1], -1, "majority", SHARE)
        with torch.autocast(projected.device.type, enabled=False):
            self._learn(px, projected.detach(), labels)
            known = self._known()
            labels = torch.where((labels >= 0) & known[labels], labels, -1)
            places = (labels.flatten() >= 0).nonzero().squeeze(1)
            vectors, classes = cells_at(projected, places), labels.flatten()[places]
            weights = cell_values(weight, target, labels, "mean").flatten()[places].to(vectors.dtype)
            if self.step <= self.warmup:
                # On the graph: several processes wait for a gradient of every parameter.
                weights = torch.zeros_like(weights)
            # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
            joined = self.across_processes and self.training
            divisor = torch.ones_like(weights) if by_count else weights
            (contrast,) = weighted_means([(self._compare(vectors, classes), weights, divisor)], joined)
            if not self.diversity:
                return {"loss": contrast, "contrast": contrast}
            diversity = self._undecided(vectors, weights, joined)
        return {"loss": contrast + self.diversity * diversity, "contrast": contrast, "diversity": diversity}

    def _learn(self, px: PixelBatch, projected: Tensor, labels: Tensor) -> None:
        """Update the memory by labeled images."""
        if not self.training or px.sample.get("stream") == "unlabeled":
            return
        self.step += 1
        places = (labels.flatten() >= 0).nonzero().squeeze(1)
        vectors, classes = cells_at(projected, places), labels.flatten()[places]
        if isinstance(self.memory, ClassStatistics):
            self.memory.store(vectors, classes)
        elif isinstance(self.memory, Ring):
            # One entry of a class and batch, whatever the number of processes.
            rows = ClassStatistics(len(self.memory.written), self.channels).to(vectors)
            rows.store(vectors, classes)
            there = rows.count.nonzero().squeeze(1)
            self.memory.store(rows.mean[there], there)

    def _known(self) -> Tensor:
        """(C,) boolean: classes that something is known of."""
        memory = self.memory
        assert memory is not None
        return (memory.written if isinstance(memory, Ring) else memory.count) > 0

    def _compare(self, vectors: Tensor, classes: Tensor) -> Tensor:
        """Contrast of each vector (M,) with the classes."""
        memory, known = self.memory, self._known()
        if isinstance(memory, Ring):
            return bank_contrast(vectors, classes, memory.entries.to(vectors.dtype), memory.filled, self.temperature)
        assert memory is not None
        mean, variance = memory.mean.to(vectors.dtype), memory.variance.to(vectors.dtype)
        if self.against == "centroid":
            return centroid_contrast(vectors, classes, mean, known, self.temperature)
        return distribution_contrast(vectors, classes, mean, variance, known, self.temperature)

    def _undecided(self, vectors: Tensor, weights: Tensor, joined: bool) -> Tensor:
        assert isinstance(self.memory, ClassStatistics)
        total, count = (weights[:, None] * vectors).sum(0), weights.sum()
        if joined:
            total, count = joined_sum(total), global_sum(count)
        found = undecided(
            total / torch.where(count > 0, count, 1), self.memory.mean.to(total.dtype), self._known(), self.temperature
        )
        return torch.where(count > 0, found, 0)
