"""Counts as states of a torchmetric that cannot be taken for those of another one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, overload

import torch
from torch import Tensor
from torchmetrics import Metric


class Counts:
    """A state of a :class:`CountsMetric`, read and written by its short name.

    Example:
        >>> class Pixels(CountsMetric):
        ...     seen = Counts()
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.add_counts({"seen": (2,)}, {})
        ...     def update(self, values):
        ...         self.seen += len(values)
        ...     def compute(self):
        ...         return {"seen": self.seen}
        >>> pixels = Pixels()
        >>> pixels.update([5, 5, 5])
        >>> pixels.compute()["seen"]
        tensor([3, 3])
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, metric: None, owner: type) -> Counts: ...
    @overload
    def __get__(self, metric: CountsMetric, owner: type) -> Tensor: ...
    def __get__(self, metric: CountsMetric | None, owner: type) -> Counts | Tensor:
        return self if metric is None else getattr(metric, metric.state_names[self._name])

    def __set__(self, metric: CountsMetric, counts: Tensor) -> None:
        setattr(metric, metric.state_names[self._name], counts)


class CountsMetric(Metric):
    """A torchmetric whose states are int64 sums, and whose result is a dictionary of tensors.

    ``torchmetrics.MetricCollection`` treats two metrics as one from the first batch on if the names and the values of
    their states are equal. A state's name therefore holds the metric's class and all settings that its counts depend
    on. A state dictionary of other settings does not load either.
    """

    full_state_update = False

    def __init__(self, **kwargs: Any) -> None:
        # Metric wraps compute in its __init__.
        self._shapes: dict[str, torch.Size] = {}
        super().__init__(**kwargs)
        self.state_names: dict[str, str] = {}

    def add_counts(self, shapes: Mapping[str, tuple[int, ...]], settings: Mapping[str, Any]) -> None:
        """Add states of zeros.

        Args:
            shapes: by the states' short names.
            settings: all that the counts depend on.
        """
        listed = ", ".join(f"{name}={plain(value)!r}" for name, value in settings.items())
        for name, shape in shapes.items():
            self.state_names[name] = f"{name} of {type(self).__name__}({listed})"
            self.add_state(self.state_names[name], torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")

    def _wrap_compute(self, compute: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
        """Restore the shapes of the results: torchmetrics makes a scalar of every tensor that holds one number."""

        def compute_with_shapes() -> dict[str, Tensor]:
            scores = compute()
            self._shapes = {name: value.shape for name, value in scores.items()}
            return scores

        squeezed = super()._wrap_compute(compute_with_shapes)

        @functools.wraps(compute)
        def wrapped() -> dict[str, Tensor]:
            return {name: value.reshape(self._shapes[name]) for name, value in squeezed().items()}

        return wrapped

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Add the counts of a metric of the same class and settings.

        Raises:
            ValueError: another class, or other settings.
        """
        found = incoming_state.metric_state if isinstance(incoming_state, Metric) else incoming_state
        if set(found) != set(self._defaults):
            raise ValueError(f"expected the states {sorted(self._defaults)}, found {sorted(found)}; settings differ")
        super().merge_state(incoming_state)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *arguments: Any, **keyword_arguments: Any
    ) -> None:
        # Earlier versions saved states by their short names.
        for name, full in self.state_names.items():
            saved, expected = state_dict.get(prefix + name), self._defaults[full]
            if isinstance(saved, Tensor) and isinstance(expected, Tensor) and saved.shape == expected.shape:
                state_dict.setdefault(prefix + full, state_dict.pop(prefix + name))
        super()._load_from_state_dict(state_dict, prefix, *arguments, **keyword_arguments)


def plain(value: Any) -> Any:
    """A setting in one spelling: a list, an array and a tuple of the same numbers are one, and so are 1 and 1.0."""
    if getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(plain(item) for item in value)
    if hasattr(value, "item"):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value
