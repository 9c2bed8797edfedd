"""One batch of pixels: what signals and objectives may look at."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from hardpix.pixels.class_ids import class_ids
from hardpix.pixels.losses import cross_entropy_map
from hardpix.pixels.padding import padding_of
from hardpix.pixels.percent import percent
from hardpix.pixels.points import read_bilinear, read_nearest, read_sample, require_points
from hardpix.pixels.precision import at_least_float32
from hardpix.pixels.taps import NO_TAPS, Taps
from hardpix.pixels.validity import valid_mask


class MapSource(Hashable, Protocol):
    """Anything that turns a batch of pixels into a map, such as a signal.

    Example:
        >>> class Confidence:
        ...     name = "confidence"
        ...     needs_target = False
        ...     def __call__(self, px):
        ...         return px.confidence
        >>> PixelBatch(torch.zeros(1, 4, 1, 2)).map(Confidence())
        tensor([[[0.2500, 0.2500]]])
    """

    @property
    def name(self) -> str:
        """Name under which the map is published."""

    @property
    def needs_target(self) -> bool:
        """True if nothing can be said of images without labels."""

    def __call__(self, px: PixelBatch) -> Tensor:
        """The map, (B, H, W)."""


@dataclass(eq=False)
class PixelBatch:
    """Pixels of one view of some images at label resolution, as one network sees them.

    Args:
        logits: (B, C, H, W) raw scores.
        target: (B, H, W) class ids from 0 to C − 1, or ``ignore_index``; None for images without labels.
        ignore_index: the id of unlabeled pixels.
        sample: every other entry of the batch: "image" (B, 3, H, W) as the network saw it, "depth", "weight" and
            further maps (B, H, W), "stem" and the like. "stream" is "unlabeled" for images that a teacher labels.
        taps: tensors from inside the network.
        teacher: the same pixels as a teacher sees them.
        progress: share of the training that is done, from 0 to 1.
        watch: called with the batch and the source of each map as soon as it is published, to refuse faulty maps.
        whole: of a batch at points (:meth:`at`), the batch that they were read from.
        points: of such a batch, its points (B, N, 2).

    Raises:
        ValueError: shapes that do not belong together; logits of one channel, and labels of several classes.

    Example:
        >>> px = PixelBatch(logits=torch.zeros(1, 2, 1, 3), target=torch.tensor([[[0, 1, 255]]]))
        >>> px.valid
        tensor([[[ True,  True, False]]])
        >>> px.loss
        tensor([[[0.6931, 0.6931, 0.0000]]])
    """

    logits: Tensor
    target: Tensor | None = None
    ignore_index: int = 255
    sample: Mapping[str, Any] = field(default_factory=dict)
    taps: Taps = NO_TAPS
    teacher: PixelBatch | None = None
    progress: float | None = None
    watch: Callable[[PixelBatch, MapSource], None] | None = field(default=None, repr=False)
    whole: PixelBatch | None = field(default=None, repr=False)
    points: Tensor | None = field(default=None, repr=False)
    maps: dict[str, Tensor] = field(default_factory=dict, init=False)
    """Maps computed so far, by the name of their source, as the source left them (on the graph)."""
    publishers: dict[str, MapSource] = field(default_factory=dict, init=False)
    """Source of each of ``maps``."""

    def __post_init__(self) -> None:
        if self.logits.ndim != 4:
            raise ValueError(f"expected logits of shape (B, C, H, W), found {tuple(self.logits.shape)}")
        for name, given in (("target", self.target), *self._label_maps()):
            if given is not None and tuple(given.shape) != self.shape:
                raise ValueError(
                    f"expected {name} of shape {self.shape} (B, H, W, as the logits), found {tuple(given.shape)}; "
                    f"{name} has no channel axis and label resolution"
                )
        if self.target is not None:
            if self.target.dtype == torch.bool:
                raise ValueError("expected integer class ids in target, found torch.bool; call target.long()")
            self.target = class_ids(self.target)
            if self.logits.shape[1] == 1:
                self._require_one_class(self.target)
        self._cache: dict[Hashable, Tensor] = {}
        # Fixed here: whether maps carry gradients must not depend on who asks for them first.
        self._with_graph = torch.is_grad_enabled()
        if self.whole is not None:
            self.maps.update({name: self._read(found) for name, found in self.whole.maps.items()})
            self.publishers.update(self.whole.publishers)

    def _require_one_class(self, target: Tensor) -> None:
        foreign = (target != self.ignore_index) & (target > 0)
        if bool(foreign.any()):
            share, ids = foreign.double().mean().item(), target[foreign]
            raise ValueError(
                f"expected logits of one channel for each class, found one channel and ids from {ids.min().item()} to "
                f"{ids.max().item()} in {percent(share)} of the pixels. Of a binary network, hardpix.tap(model) makes "
                "two classes out of one channel, background and foreground; without it give torch.cat("
                "[torch.zeros_like(logits), logits], 1). A network of more classes needs as many output channels"
            )

    def _label_maps(self) -> list[tuple[str, Tensor]]:
        """Entries of the sample that are one number a pixel, by their name in the sample."""
        return [
            (name, value)
            for name, value in self.sample.items()
            # An image may have one channel, and another resolution than the labels.
            if name != "image"
            and isinstance(value, Tensor)
            and (value.ndim == 3 or (value.ndim == 4 and value.shape[1] == 1))
        ]

    @property
    def shape(self) -> tuple[int, int, int]:
        """B, H and W."""
        images, _, height, width = self.logits.shape
        return images, height, width

    @property
    def labels(self) -> Tensor:
        """(B, H, W) int64 target, which must be there.

        Raises:
            ValueError: the images have no labels.
        """
        if self.target is None:
            raise ValueError("expected a target, found images without labels: leave out what needs labels")
        return self.target

    @property
    def valid(self) -> Tensor:
        """(B, H, W) boolean: pixels that carry a class; every pixel of images without labels."""
        if self.target is None:
            return self.cached("valid", lambda: torch.ones(self.shape, dtype=torch.bool, device=self.logits.device))
        return self.cached("valid", lambda: valid_mask(self.labels, self.logits.shape[1], self.ignore_index))

    @property
    def inside(self) -> Tensor:
        """(B, H, W) boolean: pixels of the image itself, and not of what a crop or a batch was padded with.

        "inside" of the sample where it is there, else what shows in the image (:func:`padding_of`). A label is inside.

        Example:
            >>> image = torch.tensor([1.0, 0.0, 2.0, 0.0]).expand(1, 3, 2, 4)
            >>> PixelBatch(torch.zeros(1, 2, 2, 4), sample={"image": image}).inside[0, 0]
            tensor([ True,  True,  True, False])
        """
        return self.cached("inside", self._inside)

    def masked(self, weight: Tensor) -> Tensor:
        """Weights (B, H, W) where there is a label, else 0: the one place that masks.

        "target_weight" of the sample, the share from 0 to 1 by which each label is trusted, multiplies them.

        Example:
            >>> sample = {"target_weight": torch.tensor([[[0.5, 1.0]]])}
            >>> px = PixelBatch(torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]]), sample=sample)
            >>> px.masked(torch.full((1, 1, 2), 3.0))
            tensor([[[1.5000, 0.0000]]])
        """
        if (trust := self.sample.get("target_weight")) is not None:
            weight = weight * trust
        return torch.where(self.valid, weight, 0)

    @property
    def loss(self) -> Tensor:
        """(B, H, W) plain cross-entropy in nats, 0 where invalid; float32."""
        return self.cached("loss", lambda: cross_entropy_map(self.logits, self.labels, self.ignore_index))

    @property
    def true_probability(self) -> Tensor:
        """(B, H, W) probability of the labeled class, 0 where invalid; float32."""
        return self.cached("true_probability", lambda: torch.exp(-self.loss) * self.valid)

    @property
    def confidence(self) -> Tensor:
        """(B, H, W) largest class probability of every pixel; float32, no gradient."""
        return self.cached("confidence", self._confidence)

    def at(self, points: Tensor) -> Self:
        """The batch at points alone, as images of one row and N columns: any loss that sums over pixels runs on it.

        Logits, image, embedding, stages and auxiliary logits are read bilinearly, each at its own resolution. Labels
        and further maps of the sample are those of the pixel that holds the point. Unlabeled pixels have no part in
        the logits of a labeled point. Signals see the whole batch, of which their maps are then read, and may look at
        neighbors; in N columns there are none. The decoder's inputs are left out.

        Args:
            points: (B, N, 2): x from 0, the left edge, to 1, the right one, and y from top to bottom. The center of
                the pixel in row i and column j is ((j + 0.5) / W, (i + 0.5) / H); there the logits are the pixel's own.

        Returns:
            Logits (B, C, 1, N), target (B, 1, N); gradients reach what was read.

        Raises:
            ValueError: no such points, or some outside of the image.

        Example:
            >>> px = PixelBatch(torch.tensor([[[[0.0, 4.0]], [[0.0, 0.0]]]]), torch.tensor([[[0, 1]]]))
            >>> at = px.at(torch.tensor([[[0.25, 0.5], [0.6, 0.5]]]))
            >>> at.logits[0, 0], at.labels
            (tensor([[0.0000, 2.8000]]), tensor([[[0, 1]]]))
        """
        require_points(points, self.shape[0])
        points = points.detach()
        return replace(
            self,
            logits=read_bilinear(self.logits, points, self.valid)[:, :, None],
            target=None if self.target is None else read_nearest(self.target, points)[:, None],
            sample=read_sample(self.sample, points),
            taps=self.taps.at(points),
            teacher=None if self.teacher is None else self.teacher.at(points),
            watch=None,
            whole=self,
            points=points,
        )

    def _read(self, values: Tensor) -> Tensor:
        """A map of the whole batch at the points."""
        assert self.points is not None
        return read_nearest(values, self.points)[:, None]

    def map(self, source: MapSource) -> Tensor:
        """Map of a source, (B, H, W) float32 ≥ 0 at every pixel, computed once a batch and published under its name.

        Raises:
            ValueError: a map of another shape; a source whose name another one has published already; a source that
                needs labels, for images without.
        """
        if source not in self._cache:
            self._require_new_name(source)
            if source.needs_target and self.target is None:
                raise ValueError(
                    f"{type(source).__name__} needs labels, found images without: give their masks, or choose a signal "
                    "that speaks of unlabeled images, such as HardnessLevel"
                )
            found = self.cached(source, lambda: self._read(self.whole.map(source)) if self.whole else source(self))
            if found.shape != self.shape:
                del self._cache[source]
                raise ValueError(
                    f"expected a map of shape {self.shape} (B, H, W, as the target) of the signal "
                    f"{source.name} ({type(source).__name__}), found {tuple(found.shape)}"
                )
            self.maps[source.name] = found
            self.publishers[source.name] = source
            if self.watch is not None:
                self.watch(self, source)
        return self._cache[source]

    def _require_new_name(self, source: MapSource) -> None:
        other = self.publishers.get(source.name)
        if other is not None and other is not source:
            raise ValueError(
                f"two signals are named {source.name!r}, a {type(other).__name__} and a {type(source).__name__}: "
                "expected one signal of each name; share one of them, or give your own class another name"
            )

    def require_graph(self, name: str, user: object) -> None:
        """Refuse a tap through which a loss would send its gradient in vain.

        Args:
            name: "features", "embedding", "auxiliary" or the name of a stage.
            user: object whose loss it is.

        Raises:
            RuntimeError: it was caught where gradients are off, while the logits have one.
        """
        if name in self.taps.without_graph and self.logits.requires_grad:
            kind = name if name in ("features", "embedding", "auxiliary") else f"stage {name!r}"
            raise RuntimeError(
                f"no gradient of {type(user).__name__} would reach the network: expected its {kind} on the graph, "
                "found one that was made while gradients were off. Reentrant checkpointing does that: choose "
                "use_reentrant=False (in transformers model.gradient_checkpointing_enable("
                "gradient_checkpointing_kwargs={'use_reentrant': False})), or tap a module outside of torch.no_grad()"
            )

    def cached(self, key: Hashable, compute: Callable[[], Tensor]) -> Tensor:
        """Result of ``compute``, computed once a batch for everybody who asks by the same key.

        For tensors that several parts of a signal look at, such as a branch's output that both its map and its loss
        need. It is on the graph if the batch was made with gradients on, whoever asks first.
        """
        # functools.cached_property holds a lock, at which torch.compile breaks its graph.
        if key not in self._cache:
            with torch.set_grad_enabled(self._with_graph):
                self._cache[key] = compute()
        return self._cache[key]

    def _inside(self) -> Tensor:
        image = self.sample.get("image")
        if (given := self.sample.get("inside")) is not None:
            return given
        if image is None:
            return torch.ones(self.shape, dtype=torch.bool, device=self.logits.device)
        own = ~padding_of(image, self.shape[1:])
        return own if self.target is None else own | self.valid

    def _confidence(self) -> Tensor:
        with torch.no_grad(), torch.autocast(self.logits.device.type, enabled=False):
            logits = at_least_float32(self.logits.detach())
            # max softmax = exp(max − logsumexp): no (B, C, H, W) tensor of probabilities.
            return torch.exp(logits.amax(1) - logits.logsumexp(1))
