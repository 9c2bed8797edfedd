"""What signals and objectives may look at."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hardpix.pixels.class_ids import class_ids
from hardpix.pixels.losses import cross_entropy_map
from hardpix.pixels.precision import at_least_float32
from hardpix.pixels.validity import valid_mask

if TYPE_CHECKING:
    from hardpix.signals import Signal


@dataclass(eq=False)
class PixelBatch:
    """One batch at label resolution: logits, target, and what else is known of its pixels.

    Args:
        logits: (B, C, H, W) raw scores.
        target: (B, H, W) class ids from 0 to C − 1, or ``ignore_index``.
        ignore_index: the id of unlabelled pixels.
        image: (B, 3, H, W) as the network saw it.
        depth: (B, H, W) metres; NaN where unknown.
        weight: (B, H, W) a weight map that came with the data.
        features: positional and keyword arguments that the network's decoder was called with; None where the network
            has overwritten them.
        embedding: (B, D, h, w) what entered the network's last classifier.
        auxiliary: logits of auxiliary heads, (B, C, h, w), each with its relative weight.
        stages: named tensors from inside the network.
        without_graph: which of "features", "embedding", "auxiliary" and the names of stages were caught where the
            network turns gradients off, as reentrant checkpointing does; see :meth:`require_graph`.
        progress: share of the training that is done, from 0 to 1.

    Features, embedding, auxiliary logits and stages are on the graph: a signal that must not reach the network
    detaches.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> px = PixelBatch(logits=torch.zeros(1, 2, 1, 3), target=torch.tensor([[[0, 1, 255]]]))
        >>> px.valid
        tensor([[[ True,  True, False]]])
        >>> px.loss
        tensor([[[0.6931, 0.6931, 0.0000]]])
    """

    logits: Tensor
    target: Tensor
    ignore_index: int = 255
    image: Tensor | None = None
    depth: Tensor | None = None
    weight: Tensor | None = None
    features: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    embedding: Tensor | None = None
    auxiliary: list[tuple[Tensor, float]] = field(default_factory=list)
    stages: dict[str, Tensor] = field(default_factory=dict)
    without_graph: frozenset[str] = frozenset()
    progress: float | None = None
    maps: dict[str, Tensor] = field(default_factory=dict, init=False)
    """The maps computed so far, by the name of their signal, as they left it (on the graph)."""
    publishers: dict[str, Signal] = field(default_factory=dict, init=False)
    """Whose map each of ``maps`` is."""

    def __post_init__(self) -> None:
        if self.logits.ndim != 4:
            raise ValueError(f"expected logits of shape (B, C, H, W), found {tuple(self.logits.shape)}")
        expected = (self.logits.shape[0], *self.logits.shape[2:])
        for name in ("target", "depth", "weight"):
            given = getattr(self, name)
            if given is not None and tuple(given.shape) != expected:
                raise ValueError(
                    f"expected {name} of shape {expected} (B, H, W, as the logits), found {tuple(given.shape)}; "
                    f"{name} has no channel axis and label resolution"
                )
        if self.target.dtype == torch.bool:
            raise ValueError("expected integer class ids in target, found torch.bool; call target.long()")
        self.target = class_ids(self.target)
        self._computed: dict[Hashable, Tensor] = {}
        self._own_losses: dict[Signal, tuple[object, Tensor | None]] = {}
        # Not for who asks first to decide.
        self._with_graph = torch.is_grad_enabled()

    @property
    def valid(self) -> Tensor:
        """(B, H, W) boolean: pixels that carry a class."""
        return self.once("valid", lambda: valid_mask(self.target, self.logits.shape[1], self.ignore_index))

    @property
    def loss(self) -> Tensor:
        """(B, H, W) plain cross-entropy in nats, 0 where invalid; float32."""
        return self.once("loss", lambda: cross_entropy_map(self.logits, self.target, self.ignore_index))

    @property
    def true_probability(self) -> Tensor:
        """(B, H, W) probability of the labelled class, 0 where invalid; float32."""
        return self.once("true_probability", lambda: torch.exp(-self.loss) * self.valid)

    @property
    def confidence(self) -> Tensor:
        """(B, H, W) largest class probability, 0 where invalid; float32, no gradient."""
        return self.once("confidence", self._confidence)

    def map(self, signal: Signal) -> Tensor:
        """The signal's map, (B, H, W) float32 ≥ 0, computed once a batch; also kept in ``maps`` under its name."""
        if signal not in self._computed:
            found = self.once(signal, lambda: signal(self))
            if found.shape != self.target.shape:
                del self._computed[signal]
                raise ValueError(
                    f"expected a map of shape {tuple(self.target.shape)} (B, H, W, as the target) of the signal "
                    f"{signal.name} ({type(signal).__name__}), found {tuple(found.shape)}"
                )
            self.maps[signal.name] = found
            self.publishers[signal.name] = signal
        return self._computed[signal]

    def own_loss(self, signal: Signal, asker: object) -> Tensor | None:
        """The signal's own loss for the first who asks for it (an objective, a product), None for everybody else.

        So a signal that several share learns once a batch. Who asks again gets the same answer.
        """
        if signal not in self._own_losses:
            with torch.set_grad_enabled(self._with_graph):
                self._own_losses[signal] = asker, signal.own_loss(self)
        first, loss = self._own_losses[signal]
        return loss if asker is first else None

    def require_graph(self, name: str, user: object) -> None:
        """Refuse what a loss would send its gradient through in vain.

        Args:
            name: "features", "embedding", "auxiliary" or the name of a stage.
            user: whose loss it is.

        Raises:
            RuntimeError: it was caught where gradients are off, while the logits have one.
        """
        if name in self.without_graph and self.logits.requires_grad:
            kind = name if name in ("features", "embedding", "auxiliary") else f"stage {name!r}"
            raise RuntimeError(
                f"no gradient of {type(user).__name__} would reach the network: expected its {kind} on the graph, "
                "found one that was made while gradients were off. Reentrant checkpointing does that: choose "
                "use_reentrant=False (in transformers model.gradient_checkpointing_enable("
                "gradient_checkpointing_kwargs={'use_reentrant': False})), or tap a module outside of torch.no_grad()"
            )

    def once(self, key: Hashable, compute: Callable[[], Tensor]) -> Tensor:
        """What ``compute`` makes, computed once a batch for everybody who asks by the same key.

        For what several parts of a signal look at, such as a branch's output that both its map and its own loss need.
        It is on the graph if the batch was made with gradients on, whoever asks first.
        """
        # functools.cached_property holds a lock, at which torch.compile breaks its graph.
        if key not in self._computed:
            with torch.set_grad_enabled(self._with_graph):
                self._computed[key] = compute()
        return self._computed[key]

    def _confidence(self) -> Tensor:
        with torch.no_grad(), torch.autocast(self.logits.device.type, enabled=False):
            logits = at_least_float32(self.logits.detach())
            # max softmax = exp(max − logsumexp): no (B, C, H, W) tensor of probabilities.
            confidence = torch.exp(logits.amax(1) - logits.logsumexp(1))
            return torch.where(self.valid, confidence, torch.zeros_like(confidence))
