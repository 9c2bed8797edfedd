"""Pixels of one class pulled together across images, and away from those of other classes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal, Self

import torch
from torch import Generator, Tensor

from hardpix.networks import ProjectionHead
from hardpix.networks.binding import bound
from hardpix.objectives.embedding import embedding_of
from hardpix.objectives.groups import cells_at, groups_of, means_of_groups, region_embeddings
from hardpix.objectives.info_nce import info_nce
from hardpix.objectives.keys import Pool, Sampling, draw_keys
from hardpix.objectives.memory import Ring, of_all_processes
from hardpix.objectives.sampling import draw_by_group
from hardpix.objectives.seeded import Seeded
from hardpix.objectives.weighting import published_map
from hardpix.pixels import PixelBatch, cell_labels, cell_values, process_mean
from hardpix.pixels.eager import eager
from hardpix.signals import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class PixelContrast(Seeded):
    """Contrast of pixel embeddings across images, with a memory (arXiv 2101.11939).

    A projection head turns the network's embedding into vectors of unit length; it is no part of the network, and gone
    at inference. For an anchor i with positives P (its class) and negatives N (other classes),

        L_i = mean_{p∈P} −log( e^{i·p/τ} / (e^{i·p/τ} + Σ_{n∈N} e^{i·n/τ}) )

    and the loss is the mean over the anchors that have both. Positives and negatives are drawn from the batch's other
    anchors and from a memory of earlier batches: for each class a ring of region embeddings (the mean over a class's
    cells in an image) and one of single ones. Labels come to the embedding's grid by
    :func:`hardpix.pixels.cell_labels`.

    Draws are seeded by a counter of training steps that is part of every checkpoint, as the memory is. So a resumed run
    goes on as if it had not been interrupted. With several processes each remembers what all of them saw; a checkpoint
    must be loaded in each of them. On its own, without cross-entropy beside it in a ``Sum``, it leaves the classifier
    without a gradient, and DDP needs ``find_unused_parameters=True``.

    Args:
        hard: what makes an anchor hard: None, that the network is wrong there; the name of a map that an objective
            before this one in a ``Sum`` has published, such as "hardness"; or a signal of its own. By a map, the cells
            above the mean of their class in their image are hard.
        temperature: τ > 0. The authors' code has 0.1 without a memory and 0.07 with one. It also multiplies the loss
            by τ / 0.07, which is not done here: their weight of 0.1 without a memory is 0.143 in a ``Sum``, and 1 with
            a memory.
        anchors: of a class and image, at most; half of them hard, where there are enough.
        sampling: "semi-hard" draws at random from the nearest tenth of the negatives and the farthest tenth of the
            positives, "hardest" takes the nearest and farthest of all, "random" any.
        positives: of an anchor, about so many, where there are as many.
        negatives: of an anchor, at least about so many, where there are as many.
        labels: how the class of a cell is found, "any" or "majority".
        memory: entries of a class in each ring; 0 remembers nothing.
        remembered: embeddings of a class and image that enter the ring of single ones.
        channels: of the vectors.
        warmup: forwards in training before the loss begins.
        memory_warmup: forwards in training before the memory, which fills from the first one, is read.
        seed: of the draws.
        across_processes: the mean is over the anchors of all processes that train together.

    Returns (from forward):
        "loss" and "contrast", which are the same.

    Raises:
        ValueError: settings outside their range; more anchors than the embedding has cells; an embedding that must be
            named to the tap or is no map; a map that nobody has published.
        RuntimeError: a forward before :meth:`bind`; an embedding that no gradient comes back from, as with reentrant
            checkpointing.

    Example:
        >>> import hardpix
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 2, 1)))
        >>> objective = PixelContrast(anchors=4, memory=100)
        >>> step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), objective)
        >>> losses = step(torch.rand(2, 3, 8, 8), torch.randint(0, 2, (2, 8, 8)))
        >>> sorted(losses), objective.pixel_ring.filled.tolist()
        (['contrast', 'loss'], [20, 20])
    """

    def __init__(
        self,
        hard: str | Signal | None = None,
        temperature: float = 0.1,
        anchors: int = 50,
        sampling: Sampling = "semi-hard",
        positives: int = 512,
        negatives: int = 1024,
        labels: Literal["any", "majority"] = "any",
        memory: int = 0,
        remembered: int = 10,
        channels: int = 256,
        warmup: int = 0,
        memory_warmup: int = 0,
        seed: int = 0,
        across_processes: bool = True,
    ) -> None:
        super().__init__(seed)
        if not temperature > 0:
            raise ValueError(f"expected temperature > 0 (0.1 in the paper), found {temperature}")
        counts = {"anchors": anchors, "positives": positives, "negatives": negatives, "channels": channels}
        for name, value in {**counts, "remembered": remembered}.items():
            if value < 1:
                raise ValueError(f"expected {name} ≥ 1, found {value}")
        for name, value in {"memory": memory, "warmup": warmup, "memory_warmup": memory_warmup}.items():
            if value < 0:
                raise ValueError(f"expected {name} ≥ 0, found {value}")
        if sampling not in ("semi-hard", "hardest", "random"):
            raise ValueError(f"expected sampling 'semi-hard', 'hardest' or 'random', found {sampling!r}")
        if labels not in ("any", "majority"):
            raise ValueError(f"expected labels 'any' or 'majority', found {labels!r}")
        if memory_warmup and not memory:
            raise ValueError(f"expected no memory_warmup without a memory, found {memory_warmup}; give memory too")
        if isinstance(hard, Signal) and hard.name in ("loss", "contrast"):
            raise ValueError(
                f"expected a signal with a name other than 'loss' and 'contrast', which this objective's own losses "
                f"have, found {hard.name!r} of {type(hard).__name__}; rename it"
            )
        self.hard = hard
        self.temperature = temperature
        self.anchors = anchors
        self.sampling = sampling
        self.positives = positives
        self.negatives = negatives
        self.labels = labels
        self.memory = memory
        self.remembered = remembered
        self.channels = channels
        self.warmup = warmup
        self.memory_warmup = memory_warmup
        self.across_processes = across_processes
        self.head: ProjectionHead | None = None
        self.pixel_ring: Ring | None = None
        self.region_ring: Ring | None = None

    def bind(self, network: TappedNetwork) -> Self:
        if self.head is None:
            weight = next(network.parameters())
            self.head = ProjectionHead(network.embedding_channels, self.channels).to(weight.device, weight.dtype)
            if self.memory:
                self.pixel_ring = Ring(network.num_classes, self.memory, self.channels).to(weight.device)
                self.region_ring = Ring(network.num_classes, self.memory, self.channels).to(weight.device)
            if isinstance(self.hard, Signal):
                bound(self.hard, network)
        return self

    @eager
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        if self.head is None:
            raise RuntimeError(
                "PixelContrast has no projection head yet: give it to hardpix.TrainingStep, or call bind(network) first"
            )
        embedding = embedding_of(px, self)
        step = self.count_step()
        self._warn_if_it_never_begins(step, px.progress)
        projected = self.head(embedding)
        size = (projected.shape[2], projected.shape[3])
        if self.anchors > size[0] * size[1]:
            raise ValueError(
                f"expected at most as many anchors of a class and image as the embedding has cells, {size[0]} × "
                f"{size[1]}, found {self.anchors}; ask for fewer, train on larger crops, or tap a finer embedding"
            )
        num_classes = px.logits.shape[1]
        with torch.no_grad():
            # An ignore_index may be a class's id, too.
            target = torch.where(px.valid, px.labels, -1)
            labels = cell_labels(target, size, num_classes, -1, self.labels)
            group = groups_of(labels, num_classes)
            hard = self._hard(px, target, labels, group).flatten()
            generator = self.generator(step, projected.device)
            drawn = draw_by_group(group.flatten(), num_classes * len(labels), self.anchors, generator, first=hard)
        anchors = cells_at(projected, drawn)
        if step > self.warmup:
            loss = self._contrast(anchors, labels.flatten()[drawn], num_classes, step, generator)
        else:
            # On the graph: several processes wait for a gradient of every parameter.
            loss = 0 * anchors.sum()
        if self.training:
            self._remember(projected.detach(), labels, group, num_classes, generator)
        return {"loss": loss, "contrast": loss}

    def _contrast(self, anchors: Tensor, classes: Tensor, num_classes: int, step: int, generator: Generator) -> Tensor:
        rings = [ring for ring in (self.pixel_ring, self.region_ring) if ring is not None]
        if step <= self.memory_warmup:
            rings = []
        pool = Pool(
            anchors=anchors,
            # A classifier before a pixel shuffle has several outputs for a class; rows beyond the classes stay empty.
            memories=[ring.entries[:num_classes].flatten(0, 1) for ring in rings],
            classes=torch.cat([classes, *(ring.classes[: num_classes * ring.size] for ring in rings)]),
        )
        plans, negatives = draw_keys(pool, num_classes, self.sampling, self.positives, self.negatives, generator)
        total, count = info_nce(anchors, plans, negatives, self.temperature, exact=self.sampling == "hardest")
        share = process_mean(count) if self.across_processes and self.training else count
        return total / torch.where(share > 0, share, 1)

    @torch.no_grad()
    def _hard(self, px: PixelBatch, target: Tensor, labels: Tensor, group: Tensor) -> Tensor:
        """(B, h, w) boolean: which cells are hard."""
        if self.hard is None:
            wrong = (px.logits.argmax(1) != target) & px.valid
            return cell_values(wrong.float(), target, labels) > 0
        if isinstance(self.hard, Signal):
            values = px.map(self.hard)
        else:
            values = published_map(px, self.hard, "what makes anchors hard", "hard")
        cells = cell_values(values.detach(), target, labels)
        return cells > means_of_groups(cells, group)

    @torch.no_grad()
    def _remember(
        self, projected: Tensor, labels: Tensor, group: Tensor, num_classes: int, generator: Generator
    ) -> None:
        if self.pixel_ring is None or self.region_ring is None:
            return
        drawn = draw_by_group(group.flatten(), num_classes * len(labels), self.remembered, generator)
        regions, classes = region_embeddings(projected, labels, num_classes)
        self.pixel_ring.store(*of_all_processes(cells_at(projected, drawn), labels.flatten()[drawn]))
        self.region_ring.store(*of_all_processes(regions, classes))

    def _warn_if_it_never_begins(self, step: int, progress: float | None) -> None:
        """Once, in the second step, by what the first one was of the whole."""
        if self.training and step == 2 and progress and self.warmup >= 1 / progress:
            warnings.warn(
                f"the contrast begins after {self.warmup} steps (warmup), and this training has about "
                f"{round(1 / progress)}: it will never begin; choose a shorter warmup",
                stacklevel=2,
            )
