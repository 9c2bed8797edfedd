"""Scores of label maps as torchmetrics: counts of one image by a pure function, summed over the set."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from hardpix.metrics.states import Counts, CountsMetric, plain
from hardpix.pixels.class_ids import require_batch

Init = TypeVar("Init", bound=Callable[..., None])


class CountingMetric(CountsMetric):
    """Sums the counts of single images; the state is int64 and adds up over batches and processes.

    Maps on another device are counted on the CPU, image by image: one copy to the host each update.

    A subclass is a declaration: three functions, and the signature of its ``__init__`` under :func:`declared`. Each
    function is given those of the settings that its own signature names.

    Attributes:
        count: from the maps of one image, as numpy arrays, to int64 counts; its settings are part of the state's name.
        score: from summed counts to named arrays.
        shape: of the counts, from settings alone.
    """

    count: ClassVar[Callable[..., np.ndarray]]
    score: ClassVar[Callable[..., Mapping[str, Any]]]
    shape: ClassVar[Callable[..., tuple[int, ...]]]
    counts = Counts()

    def __init__(self, settings: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        own = {name: plain(value) for name, value in settings.items()}
        for name, value in own.items():
            setattr(self, name, value)
        self._count, self._score, shape = (_with(function, own) for function in (self.count, self.score, self.shape))
        self.add_counts({"counts": shape()}, self._count.keywords)

    def count_batch(self, *maps: Tensor) -> None:
        """Add the counts of all images of a batch; none of them where one is refused."""
        total = sum((self._count(*image) for image in images_of(*maps)), start=np.zeros(self.counts.shape, np.int64))
        self.counts += torch.from_numpy(total).to(self.counts.device)

    def compute(self) -> dict[str, Tensor]:
        """The scores of all batches so far."""
        scores = self._score(self.counts.cpu().numpy())
        return {name: torch.from_numpy(np.asarray(value)) for name, value in scores.items()}


class LabelMetric(CountingMetric):
    """Counts of predicted and true labels."""

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count one batch of (B, H, W) class ids.

        Raises:
            ValueError: shapes that differ; ids outside the classes. Nothing of the batch is counted then.
        """
        require_pair(prediction, target)
        self.count_batch(prediction, target)


class ProbabilityMetric(CountingMetric):
    """Counts of the probabilities of all ``num_classes`` classes, and true labels."""

    def update(self, probabilities: Tensor, target: Tensor) -> None:
        """Count one batch of (B, C, H, W) probabilities and (B, H, W) class ids.

        Raises:
            ValueError: shapes that do not fit; probabilities of another type or outside 0 to 1; ids outside the
                classes. Nothing of the batch is counted then.
        """
        if probabilities.ndim != 4 or probabilities.shape[1] != self.num_classes:
            raise ValueError(
                f"expected probabilities (B, {self.num_classes}, H, W), found {tuple(probabilities.shape)}"
            )
        self.count_batch(probabilities, target)


class HardnessMetric(CountingMetric):
    """Counts of a hardness map, predicted and true labels."""

    def update(self, hardness: Tensor, prediction: Tensor, target: Tensor) -> None:
        """Count one batch of (B, H, W) maps.

        Raises:
            ValueError: shapes that differ; hardness of another type or outside 0 to 1; ids outside the classes. Nothing
                of the batch is counted then.
        """
        self.count_batch(hardness, prediction, target)


def declared(init: Init) -> Init:
    """Make the signature of a metric's ``__init__`` the declaration of its settings; its body is never run.

    Keyword arguments that the signature does not name go to ``torchmetrics.Metric``.

    Example:
        >>> class Ones(LabelMetric):
        ...     count = staticmethod(lambda prediction, target, weight: np.array([weight * (prediction == 1).sum()]))
        ...     score = staticmethod(lambda counts: {"ones": counts})
        ...     shape = staticmethod(lambda: (1,))
        ...     @declared
        ...     def __init__(self, weight: int = 1, **kwargs): ...
        >>> metric = Ones(weight=3)
        >>> metric.update(torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0, 0, 1]]]))
        >>> metric.compute()["ones"], metric.state_names["counts"]
        (tensor([6]), 'counts of Ones(weight=3)')
    """
    signature = inspect.signature(init)

    @functools.wraps(init)
    def initialize(self: CountingMetric, *arguments: Any, **further: Any) -> None:
        given = signature.bind(self, *arguments, **further)
        given.apply_defaults()
        _, *names = given.arguments
        settings = {name: given.arguments[name] for name in names if name != "kwargs"}
        CountingMetric.__init__(self, settings, **given.arguments.get("kwargs", {}))

    return cast(Init, initialize)


def _with(function: Callable[..., Any], settings: Mapping[str, Any]) -> partial[Any]:
    """A function with those of the settings that its signature names."""
    return partial(
        function, **{name: settings[name] for name in inspect.signature(function).parameters if name in settings}
    )


def require_pair(prediction: Tensor, target: Tensor) -> None:
    """Refuse what is not one predicted and one true label map for each image of a batch.

    Raises:
        ValueError: shapes that differ or are not (B, H, W).
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"expected prediction and target of one shape (B, H, W), found {tuple(prediction.shape)} and "
            f"{tuple(target.shape)}"
        )
    require_batch(target)


def images_of(*maps: Tensor) -> Iterator[tuple[np.ndarray, ...]]:
    """The images of a batch, one after the other, each as numpy arrays on the CPU.

    Args:
        maps: (B, H, W) or (B, C, H, W) each.

    Raises:
        ValueError: batches, heights or widths that differ; other axes.
    """
    shapes = [tuple(tensor.shape) for tensor in maps]
    if any(len(shape) not in (3, 4) for shape in shapes) or len({(shape[0], *shape[-2:]) for shape in shapes}) > 1:
        raise ValueError(
            f"expected maps of one batch, height and width, (B, H, W), found {' and '.join(map(str, shapes))}"
        )
    # numpy has no bfloat16.
    arrays = [(tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().cpu().numpy() for tensor in maps]
    return zip(*arrays, strict=True)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Counts over counts in float64, NaN where the whole is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / np.asarray(whole, dtype=np.float64), np.nan)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN; NaN where nothing is left."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(-1), known.sum(-1))


def f_score(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall; 0 where one of them is 0 or not defined, NaN where neither is defined."""
    score = np.nan_to_num(ratio(2 * precision * recall, precision + recall))
    return np.where(np.isnan(precision) & np.isnan(recall), np.nan, score)
