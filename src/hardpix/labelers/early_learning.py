"""ADELE: wrong labels are corrected, per class, before they are learned by heart (CVPR 2022, arXiv 2110.03740)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hardpix.labelers.base import Labeler, PseudoLabels
from hardpix.labelers.learning_curve import LearningCurve, fit_curve
from hardpix.labelers.most_likely import known_trust, most_likely
from hardpix.pixels import DatasetInfo, PixelBatch, global_sum
from hardpix.refiners import Refiner

# The authors look at the first 15 epochs of a curve.
_SAID_AT = 15


class EarlyLearning(Labeler):
    """The given labels, corrected where the network is sure of a class that it has learned early, from then on.

    A network learns what is right in noisy labels first, and what is wrong in them later, each class at its own pace.
    Per class, the IoU of the predictions with the given labels is kept for every epoch. Through these goes a curve
    f(t) = a (1 − exp(−t^b / c)); once its slope has lost more than 90 % of f′(1), the class is corrected, and always
    from then on. A label y becomes the prediction ŷ where

    - ŷ ≠ y is a class that is corrected by now, with a probability above the threshold,
    - and, with `within_image`, ŷ is a class of the labels of that image or crop,
    - and, with a `signal` [ours], its level there is at least `min_level`: the label is hard and the network sure.

    Use it in :class:`~hardpix.recipes.Supervised`, best with a MovingAverage teacher. It corrects what is wrong early
    in a training: a network that has learned wrong labels by heart agrees with them.

    [ours], where the authors' code does otherwise:

    - Each batch is corrected by what the network says of it now; they rewrite the stored labels after each epoch. The
      IoU is always that with the given labels. It is counted in training mode alone.
    - The epoch of a class is the first in which the slope is low. They count all such epochs among 15, where a slope
      that has grown counts as falling no more.
    - One IoU an epoch, at t = 1, 2, …; they take several, the first at t = 0, where it has not been measured.
    - Epochs before a class begins to be learned are cut.
    - Any class may be a class like others: there is no background with rules of its own. Unlabeled pixels stay so.

    The counts of all epochs and the epochs from which classes are corrected are in the state_dict, alike in every
    process.

    Args:
        threshold: probability above which a prediction replaces a label, from 0 to 1.
        slowed: share of its first slope that a curve must have lost, from 0 to below 1.
        within_image: whether a class must be among the labels of the image; turn it off where whole objects may be
            labeled as another class.
        refiner: corrects the probabilities by the image first.
        signal: such as HardnessLevel(), whose level is 0.5 where the loss of the given label is expected
            to be the average. The recipe trains it, by the given labels.
        min_level: of the signal.

    Raises:
        ValueError: settings outside their range; a refiner, and a batch without its image.

    Example:
        >>> labeler = EarlyLearning()
        >>> px = PixelBatch(torch.tensor([[0.0, 0.0], [4.0, 1.0]]).view(1, 2, 1, 2), torch.tensor([[[0, 1]]]))
        >>> labeler(px).target  # no class has been learned yet
        tensor([[[0, 1]]])
        >>> labeler.corrected_from = torch.tensor([0, 7])  # class 1, from epoch 7 on
        >>> labeler(px).target
        tensor([[[1, 1]]])
    """

    counts: Tensor
    history: Tensor
    corrected_from: Tensor
    # A Signal, whose room is beside this one.
    signal: Any

    def __init__(
        self,
        threshold: float = 0.8,
        slowed: float = 0.9,
        within_image: bool = True,
        refiner: Refiner | None = None,
        signal: nn.Module | None = None,
        min_level: float = 0.5,
    ) -> None:
        super().__init__(refiner)
        if not 0 <= threshold <= 1 or not 0 <= slowed < 1:
            raise ValueError(
                f"expected threshold from 0 to 1 and slowed from 0 to below 1, found {threshold} and {slowed}"
            )
        self.threshold = threshold
        self.slowed = slowed
        self.within_image = within_image
        self.signal = signal
        self.min_level = min_level
        self._names: tuple[str, ...] = ()
        self._news: list[str] = []
        self._make(0)

    def prepare(self, info: DatasetInfo) -> None:
        self._names = tuple(info.class_names)
        if len(self.corrected_from) != len(self._names):
            self._make(len(self._names))

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> PseudoLabels:
        trust = known_trust(px)
        if px.target is None:
            return PseudoLabels(torch.full(px.shape, px.ignore_index, device=trust.device), torch.zeros_like(trust))
        given = torch.where(px.valid, px.target, px.ignore_index)
        if len(self.corrected_from) != px.logits.shape[1]:
            self._make(px.logits.shape[1], px.logits.device)
        if self.training:
            self.counts += global_sum(_counts(px))
        predicted, confidence = most_likely(px, self.refiner)
        replaced = px.valid & (predicted != given) & (confidence > self.threshold) & self._open(px)[predicted]
        if self.within_image:
            replaced &= _classes_of_images(px).gather(1, predicted.flatten(1)).view(px.shape)
        if self.signal is not None:
            replaced &= self.signal.level(px) >= self.min_level
        target = torch.where(replaced, predicted, given)
        return PseudoLabels(target, torch.where(px.valid, trust, 0))

    def end_epoch(self) -> None:
        super().end_epoch()
        self.history = torch.cat((self.history, self.counts[None]))
        self.counts = torch.zeros_like(self.counts)
        last, begun = len(self.history), self.corrected_from.tolist()
        new, unfit = [], []
        for k, curve in enumerate(self.curves()):
            if begun[k]:
                continue
            if curve is None:
                unfit.append(k)
            elif curve.slowed_at(self.slowed, last) is not None:
                begun[k] = last + 1
                new.append(k)
        self.corrected_from = torch.tensor(begun, device=self.corrected_from.device)
        if new:
            self._news.append(f"labels of {self._named(new)} are corrected from epoch {last + 1} on")
        if unfit and last == _SAID_AT:
            self._news.append(
                f"labels are not corrected to {self._named(unfit)}: no learning curve can be fitted, for the IoU with "
                f"the given labels is 0 or unknown in the first {last} epochs"
            )

    def iou(self) -> np.ndarray:
        """(epochs, C) float64, IoU with the given labels; NaN where a class did not occur."""
        hits, labeled, predicted = self.history.cpu().numpy().transpose(1, 0, 2).astype(np.float64)
        with np.errstate(invalid="ignore"):
            return hits / (labeled + predicted - hits)

    def curves(self) -> list[LearningCurve | None]:
        """The fitted curve of each class, None where there can be none."""
        return [fit_curve(each) for each in self.iou().T]

    def news(self) -> list[str]:
        """Sentences on what has changed since the last call."""
        said, self._news = self._news, []
        return said

    def _open(self, px: PixelBatch) -> Tensor:
        """(C,) True for classes that labels are corrected to by now."""
        return (self.corrected_from > 0).to(px.logits.device)

    def _named(self, classes: list[int]) -> str:
        return ", ".join(self._names[k] if self._names else f"class {k}" for k in classes)

    def _make(self, classes: int, device: Any = None) -> None:
        # Whole numbers, which no change of the network's type rounds.
        self.register_buffer("counts", torch.zeros(3, classes, dtype=torch.int64, device=device))
        self.register_buffer("history", torch.zeros(0, 3, classes, dtype=torch.int64, device=device))
        self.register_buffer("corrected_from", torch.zeros(classes, dtype=torch.int64, device=device))


def _counts(px: PixelBatch) -> Tensor:
    """(3, C) pixels that were hit, that are labeled so, and that are predicted so, of the given labels."""
    classes = px.logits.shape[1]
    # One more class takes what is not counted: a selection by a mask would make the host wait for a GPU.
    given = torch.where(px.valid, px.labels, classes)
    predicted = torch.where(px.valid, px.logits.argmax(1), classes)
    groups = torch.stack((torch.where(given == predicted, given, classes), given, predicted)).flatten(1)
    counts = torch.zeros(3, classes + 1, dtype=torch.int64, device=groups.device)
    return counts.scatter_add_(1, groups, torch.ones_like(groups))[:, :classes]


def _classes_of_images(px: PixelBatch) -> Tensor:
    """(B, C) True for classes that occur among the labels of an image."""
    classes = px.logits.shape[1]
    given = torch.where(px.valid, px.labels, classes).flatten(1)
    found = torch.zeros(len(given), classes + 1, dtype=torch.bool, device=given.device)
    return found.scatter_(1, given, True)[:, :classes]
