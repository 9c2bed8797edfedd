"""Depth that only the training images have."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Self, get_args

import torch
from torch import Tensor, nn

from hardpix.networks import detach_nested
from hardpix.pixels import (
    PixelBatch,
    depth_aware_error,
    depth_loss,
    depth_prediction_error,
    global_sum,
    known_depth,
    kth_smallest,
    resize_bilinear,
)
from hardpix.pixels.depth import require_window
from hardpix.pixels.depth_losses import DepthLoss
from hardpix.pixels.precision import at_least_float32
from hardpix.pixels.shares import share_of
from hardpix.signals.base import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork

# λ at a share t of the training.
CURRICULA: dict[str, Callable[[float], float]] = {
    "cosine": lambda t: (1 - math.cos(math.pi * t)) / 2,
    "linear": lambda t: t,
    "step": lambda t: float(t >= 0.5),
    "none": lambda t: 1.0,
}
# A measure is 1 at this quantile.
QUANTILE = 0.95
# Share of the running quantile that a batch replaces.
MOMENTUM = 0.05


class DepthPrivileged(Signal):
    """Hard pixels by depth maps that exist in training only (after the loss weight module of arXiv 1906.11437).

    A branch predicts depth from what the network's decoder sees. Where it fails, and where the classes at one depth are
    confused, a pixel weighs more; the network sees RGB alone and is at inference what it was. The paper gives the
    ingredients (both errors, a weight map, a curriculum); their formulas are not public, and these are our own:

        DPE_i = |r_i − median of r over the image|, r = log d̂ − log d
        DSE_i = Σ_j κ_ij (1 − p_j) / Σ_j κ_ij, the mean error of what lies around i at its depth
        w = 1 + λ(t) · (a · DPE + b · DSE)

    p_j is the probability of the labeled class; see :func:`~hardpix.pixels.depth_prediction_error` and
    :func:`~hardpix.pixels.depth_aware_error`. Each measure is scaled to [0, 1] by its running 95th percentile. Where
    depth is unknown (NaN, infinite or not above 0) w = 1. The loss is divided by Σ w: beside images with depth, whose
    pixels weigh up to 1 + λ (a + b), those without have a smaller part of it.

    Args:
        dpe: a ≥ 0.
        dse: b ≥ 0.
        curriculum: λ at the share t of the training that is done. "cosine" is (1 − cos πt) / 2, "linear" is t, "step"
            is 0 in the first half and 1 after it, "none" is 1 throughout.
        loss: what the branch minimizes, "berhu", "l1" or "scale_invariant" of log depth (see
            :func:`~hardpix.pixels.depth_loss`).
        loss_weight: of that loss, > 0 where ``dpe`` is; with 0 and no ``dpe`` there is no branch.
        detach: True keeps the branch's gradient from the network, which else learns depth as a second task.
        kind: of the branch, "copy" or "light".
        radius, step, tolerance: of the window of DSE, in pixels of the labels, and of what is one depth in it.
        across_processes: percentiles and the mean loss are those of the joined batch of all processes.

    Raises:
        ValueError: settings outside their range; a batch without depth maps, or, with a curriculum, without progress.
        RuntimeError: a forward before :meth:`bind`; without ``detach``, features that no gradient comes back from, as
            with reentrant checkpointing.

    Example:
        >>> import hardpix
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 2, 1)))
        >>> step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), WeightedCrossEntropy(DepthPrivileged()))
        >>> image, target = torch.rand(2, 3, 8, 8), torch.zeros(2, 8, 8, dtype=torch.long)
        >>> depth = torch.full((2, 8, 8), 3.0)
        >>> sorted(step(image, target, depth=depth, progress=0.5))
        ['depth', 'loss', 'segmentation']
    """

    name = "depth"
    reads = frozenset({"depth"})
    quantiles: Tensor
    """(2,) the running 95th percentiles of DPE and DSE; 0 before the first batch with depth."""

    def __init__(
        self,
        dpe: float = 1.0,
        dse: float = 1.0,
        curriculum: Literal["cosine", "linear", "step", "none"] = "cosine",
        loss: DepthLoss = "berhu",
        loss_weight: float = 1.0,
        detach: bool = False,
        kind: Literal["copy", "light"] = "copy",
        radius: int = 2,
        step: int = 3,
        tolerance: float = 0.1,
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if not all(0 <= factor < math.inf for factor in (dpe, dse, loss_weight)):
            raise ValueError(f"expected finite dpe, dse and loss_weight ≥ 0, found {dpe}, {dse} and {loss_weight}")
        if dpe > 0 and loss_weight == 0:
            raise ValueError("expected loss_weight > 0, since dpe is the error of a branch that must learn, found 0")
        if curriculum not in CURRICULA:
            raise ValueError(f"expected a curriculum {', '.join(map(repr, CURRICULA))}, found {curriculum!r}")
        if loss not in get_args(DepthLoss):
            raise ValueError(f"expected a loss {', '.join(map(repr, get_args(DepthLoss)))}, found {loss!r}")
        if kind not in ("copy", "light"):
            raise ValueError(f"expected kind 'copy' or 'light', found {kind!r}")
        require_window(radius, step, tolerance)
        self.dpe = dpe
        self.dse = dse
        self.curriculum = curriculum
        self.penalty = loss
        self.loss_weight = loss_weight
        self.detach = detach
        self.kind = kind
        self.radius = radius
        self.step = step
        self.tolerance = tolerance
        self.across_processes = across_processes
        # Only DSE asks for labels.
        self.needs_target = dse > 0
        self.branch: nn.Module | None = None
        self.register_buffer("quantiles", torch.zeros(2))

    @property
    def stops_gradient(self) -> bool:
        return self.detach

    @property
    def _predicts(self) -> bool:
        """True if there is a branch."""
        return self.loss_weight > 0

    def _is_evaluation_without_depth(self, px: PixelBatch) -> bool:
        """True for images that were held out, which have no depth by design: they weigh 1."""
        return "depth" not in px.sample and not self.training

    def bind(self, network: TappedNetwork) -> Self:
        if self.branch is None and self._predicts:
            self.branch = network.new_branch(out_channels=1, kind=self.kind)
        self.quantiles = self.quantiles.to(next(network.parameters()).device)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        quantiles = self.quantiles
        super()._apply(fn, recurse)
        # A half type would round away the small steps of a running figure.
        self.quantiles = self.quantiles.float() if quantiles.is_meta else quantiles.to(self.quantiles.device)
        return self

    def log_depth(self, px: PixelBatch) -> Tensor:
        """The branch's log d̂, (B, H, W) float32, on its graph."""
        branch = self.branch
        if branch is None:
            raise RuntimeError(
                "DepthPrivileged has no branch yet: give it to hardpix.TrainingStep, or call bind(network) first"
            )
        return px.cached((self, "log_depth"), lambda: self._predict(px, branch))

    def _predict(self, px: PixelBatch, branch: nn.Module) -> Tensor:
        features, embedding = px.taps.features, px.taps.embedding
        if not self.detach:
            px.require_graph("features" if self.kind == "copy" else "embedding", self)
        else:
            features, embedding = detach_nested(features), None if embedding is None else embedding.detach()
        scores = branch(features, embedding)
        with torch.autocast(px.logits.device.type, enabled=False):
            return resize_bilinear(at_least_float32(scores), px.shape[1:]).squeeze(1)

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> Tensor:
        if self._is_evaluation_without_depth(px):
            return torch.ones(px.shape, device=px.logits.device)
        depth = self._depth(px)
        weight = torch.ones_like(depth)
        strength = self._strength(px) if self.dpe or self.dse else 0.0
        for place, (factor, measure) in enumerate(((self.dpe, self._dpe), (self.dse, self._dse))):
            if factor:
                weight += strength * factor * self._scaled(measure(px), px.valid & known_depth(depth), place)
        return weight

    def loss(self, px: PixelBatch) -> Tensor | None:
        if not self._predicts or self._is_evaluation_without_depth(px):
            return None
        joined = self.across_processes and self.training
        return self.loss_weight * depth_loss(self.log_depth(px), self._depth(px), self.penalty, across_processes=joined)

    def _dpe(self, px: PixelBatch) -> Tensor:
        return depth_prediction_error(self.log_depth(px), self._depth(px))

    def _dse(self, px: PixelBatch) -> Tensor:
        error = 1 - px.true_probability
        return depth_aware_error(
            error, self._depth(px), px.valid, radius=self.radius, step=self.step, tolerance=self.tolerance
        )

    def _scaled(self, measure: Tensor, counts: Tensor, place: int) -> Tensor:
        """The measure by its running percentile, at most 1; training moves the percentile on."""
        joined = self.across_processes and self.training
        number = counts.sum()
        rank = share_of(global_sum(number) if joined else number, QUANTILE)
        found = kth_smallest(measure.reshape(1, -1), counts.reshape(1, -1), rank[None], across_processes=joined)[0]
        running = self.quantiles[place]
        found = found.to(running.dtype)
        moved = torch.where(running == 0, found, torch.lerp(running, found, MOMENTUM))
        # One batch that overflows would else spoil the percentile for good.
        moved = torch.where((rank > 0) & found.isfinite(), moved, running)
        if self.training:
            self.quantiles[place] = moved
        scale = torch.where(moved > 0, moved, 1)
        return (measure / scale).clamp(max=1) * counts

    def _strength(self, px: PixelBatch) -> float:
        if self.curriculum == "none":
            return 1.0
        if px.progress is None:
            raise ValueError(
                "DepthPrivileged needs the share of the training that is done for its curriculum: give "
                "step(…, progress=done / all), or choose curriculum='none'"
            )
        if not 0 <= px.progress <= 1:
            raise ValueError(f"expected progress, the share of the training that is done, in 0…1, found {px.progress}")
        return CURRICULA[self.curriculum](px.progress)

    def _depth(self, px: PixelBatch) -> Tensor:
        depth = px.sample.get("depth")
        if depth is None:
            raise ValueError(
                "DepthPrivileged needs depth maps of the training images: give step(…, depth=meters), (B, H, W) with "
                "NaN where unknown (on the command line --data.depth)"
            )
        # The network's type decides: depth that comes in float64, as numpy has it, would make the loss one of float64.
        return depth.to(torch.promote_types(px.logits.dtype, torch.float32))
