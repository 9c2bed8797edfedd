"""Containers of tensors, as decoders take them: lists, tuples, dictionaries and dataclasses in one another."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

_PLAIN = (type(None), bool, int, float, str, torch.dtype, torch.device)


def copy_containers(value: Any) -> Any:
    """The same leaves in new containers, so that who changes a container changes nobody else's.

    Mappings become dictionaries; lists, tuples and dataclasses keep their type.

    Example:
        >>> features = [torch.zeros(1), {"low": torch.ones(1)}]
        >>> copied = copy_containers(features)
        >>> copied[1]["low"] is features[1]["low"], copied[1] is features[1]
        (True, False)
    """
    return _map_leaves(lambda leaf: leaf, value)


def map_tensors(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """The function of every tensor, in new containers; other leaves as they are.

    Example:
        >>> map_tensors(torch.neg, [torch.ones(1), {"size": 3}])
        [tensor([-1.]), {'size': 3}]
    """
    return _map_leaves(lambda leaf: function(leaf) if isinstance(leaf, Tensor) else leaf, value)


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor, in order.

    Example:
        >>> tensors_in([torch.ones(1), {"size": 3, "low": torch.zeros(1)}])
        [tensor([1.]), tensor([0.])]
    """
    found: list[Tensor] = []
    _map_leaves(lambda leaf: found.append(leaf) if isinstance(leaf, Tensor) else None, value)
    return found


def detach_nested(value: Any) -> Any:
    """New containers with every tensor detached; None and plain values pass.

    Raises:
        TypeError: an object that may hide tensors, which would let gradients through.

    Example:
        >>> weight = torch.ones(1, requires_grad=True)
        >>> detach_nested(([2 * weight], {"size": (3, 4)}))
        ([tensor([2.])], {'size': (3, 4)})
    """
    return _map_leaves(_detach, value)


def _detach(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return leaf.detach()
    if isinstance(leaf, _PLAIN):
        return leaf
    raise TypeError(
        f"cannot detach a {type(leaf).__name__}: expected tensors and plain values in lists, tuples, dictionaries and "
        "dataclasses; name a decoder that is called with those"
    )


def _map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{field.name: _map_leaves(function, getattr(value, field.name)) for field in fields(value)})
    if isinstance(value, Mapping):
        return {key: _map_leaves(function, item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_map_leaves(function, item) for item in value])
    if isinstance(value, list | tuple):
        return type(value)([_map_leaves(function, item) for item in value])
    return function(value)
