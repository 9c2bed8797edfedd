"""More weight for rare classes."""

from collections.abc import Callable, Sequence
from typing import Literal, Self

import torch
from torch import Tensor

from hardpix.pixels import DatasetInfo, PixelBatch
from hardpix.signals.base import Signal


class ClassBalance(Signal):
    """A weight for each class, from how many pixels it has.

    "inverse_frequency": w_c ∝ n_c^{−power}. "effective_number": w_c ∝ (1 − β) / (1 − β^{n_c}) (arXiv 1901.05555),
    milder, between equal weights (β = 0) and inverse frequency (β → 1). Scaled so that the mean weight over all pixels
    is 1. A class without pixels gets the largest weight of the others.

    Power ½ is the square root of inverse frequency (arXiv 1805.00932 samples by it). From pretrained weights on CamVid
    it was better than power 1, which starves the large classes.

    Args:
        counts: number of pixels of each class in the training set; None: set later, by :meth:`prepare`
            (``hardpix fit`` does it) or :meth:`set_counts`.
        method: see above.
        beta: β; None: 1 − C / Σ n_c, the average class's worth of pixels as the number from which on more of the same
            teaches little.
        power: of the inverse frequency, ≥ 0; 0 weighs all classes alike. The effective number does not use it.

    Raises:
        ValueError: counts that are negative or all zero; β outside [0, 1); a negative power, or one that is not used.
        RuntimeError: a forward without counts.

    Example:
        >>> signal = ClassBalance(counts=[30, 10])
        >>> signal(PixelBatch(torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, 255]]])))
        tensor([[[0.6667, 2.0000, 0.0000]]])
    """

    name = "class_balance"
    needs_target = True
    weights: Tensor

    def __init__(
        self,
        counts: Sequence[int] | None = None,
        method: Literal["inverse_frequency", "effective_number"] = "inverse_frequency",
        beta: float | None = None,
        power: float = 1.0,
    ) -> None:
        super().__init__()
        if method not in ("inverse_frequency", "effective_number"):
            raise ValueError(f"expected method 'inverse_frequency' or 'effective_number', found {method!r}")
        if beta is not None and not 0 <= beta < 1:
            raise ValueError(
                f"expected beta from 0 to below 1, found {beta}; values such as 0.9999999 suit pixel counts"
            )
        if not 0 <= power < float("inf"):
            raise ValueError(f"expected power ≥ 0 and finite, such as 0.5 or 1, found {power}")
        if power != 1 and method != "inverse_frequency":
            raise ValueError(f"expected power for method 'inverse_frequency' alone, found {power} with {method!r}")
        self.method = method
        self.power = power
        self.beta = beta
        self.register_buffer("weights", torch.empty(0))
        if counts is not None:
            self.set_counts(counts)

    def set_counts(self, counts: Sequence[int]) -> None:
        """Take the weights from the number of pixels of each class."""
        n = torch.as_tensor(counts, dtype=torch.float64)
        if n.ndim != 1 or bool((n < 0).any()) or n.sum() == 0:
            raise ValueError(
                f"expected one pixel count ≥ 0 for each class and at least one above 0, found {list(counts)}"
            )
        present = n > 0
        weights = torch.zeros_like(n)
        weights[present] = self._weigh(n[present], beta=1 - len(n) / n.sum().item() if self.beta is None else self.beta)
        weights[~present] = weights.max()
        weights *= n.sum() / (n * weights).sum()
        self.weights = weights.float().to(self.weights.device)

    def _weigh(self, n: Tensor, beta: float) -> Tensor:
        if self.method == "inverse_frequency" or beta <= 0:
            return n**-self.power if self.method == "inverse_frequency" else torch.ones_like(n)
        # β^n for a β close to 1 and n in the millions loses all digits as 1 − β**n.
        return (1 - beta) / -torch.expm1(n * torch.log(torch.tensor(beta, dtype=n.dtype)))

    def prepare(self, info: DatasetInfo) -> None:
        """Take the pixel counts of the training set, where none were given."""
        if len(self.weights) > 0:
            return
        if not any(info.class_counts):
            raise ValueError(
                "expected labeled pixels in the training set, whose classes ClassBalance weighs by their number, found "
                "none; give their numbers (counts), or an objective without it (such as WeightedCrossEntropy)"
            )
        self.set_counts(info.class_counts)

    def forward(self, px: PixelBatch) -> Tensor:
        if len(self.weights) == 0:
            raise RuntimeError("ClassBalance has no pixel counts: give counts=[…], one number for each class")
        if len(self.weights) != px.logits.shape[1]:
            raise ValueError(
                f"ClassBalance has counts of {len(self.weights)} classes, the network's logits have "
                f"{px.logits.shape[1]}; give one count for each class"
            )
        return self.weights[torch.where(px.valid, px.labels, 0)] * px.valid

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        weights = self.weights
        super()._apply(fn, recurse)
        # In a half type a rare class's weight would be rounded, or infinite.
        self.weights = self.weights.float() if weights.is_meta else weights.to(self.weights.device)
        return self
