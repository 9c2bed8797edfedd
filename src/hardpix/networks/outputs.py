"""Containers that segmentation networks return, and the maps in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from hardpix.networks.map_layouts import as_map
from hardpix.networks.mask_classification import read_queries, semantic_logits
from hardpix.pixels import Queries

_EXPECTED = (
    "expected the model to return logits: a tensor (B, C, h, w), one in a tuple or list, the classes and masks of "
    "queries, or 'logits' or 'out' of a mapping"
)


@dataclass
class Returned:
    """Maps (B, C, h, w) that one forward returned."""

    maps: list[Tensor]
    """Maps that may be the logits: one, or several of a sequence in its order."""
    nested: list[Tensor] = field(default_factory=list)
    """Maps of sequences inside the sequence, which may be auxiliary heads or features."""
    auxiliary: list[Tensor] = field(default_factory=list)
    """Logits of heads that were returned as such."""
    queries: tuple[Queries, ...] = ()
    """Classes and masks of queries that the maps were made from: of the last layer first."""
    named: bool = True
    """False where the maps are values of a mapping without a key for logits: only a named classifier tells."""


def read_output(output: Any, image_shape: torch.Size, size: tuple[int, int]) -> Returned:
    """The maps in what a model returned.

    Args:
        output: a tensor, mapping, dataclass, named tuple, object with ``logits`` or ``out``, tuple or list.
        image_shape: (B, channels, H, W).
        size: height and width at which the masks of queries are summed.

    Raises:
        TypeError: nothing in it that may be logits.
        ValueError: logits of another shape.
    """
    named = _fields(output)
    if named is None:
        found = Returned(*_split(output, image_shape))
    elif queries := read_queries(named):
        last, *earlier = queries
        found = Returned(
            [semantic_logits(last.classes, last.masks, size)],
            auxiliary=[semantic_logits(layer.classes, layer.masks) for layer in earlier],
            queries=queries,
        )
    elif (logits := named.get("logits", named.get("out"))) is not None:
        heads = [value for key, value in named.items() if str(key).startswith("aux")]
        found = Returned(*_split(logits, image_shape), auxiliary=_maps_in(heads, image_shape))
        output = logits
    else:
        found = Returned(*_split(list(named.values()), image_shape), named=False)
    if not found.maps:
        _refuse(output)
    return found


def describe_output(output: Any) -> str:
    """Keys or type of what was returned, for an error message."""
    named = _fields(output)
    return type(output).__name__ if named is None else f"keys {list(named)}"


def refuse_unnamed(output: Any) -> None:
    """Raise for a mapping without a key for logits."""
    raise TypeError(
        f"{_EXPECTED}; found {describe_output(output)}. Or name the last classifier by "
        "hardpix.tap(model, embedding='…'): its output is taken for the logits"
    )


def _refuse(output: Any) -> None:
    if isinstance(output, Tensor) and output.is_floating_point():
        raise ValueError(f"expected logits of shape (B, C, h, w), found {tuple(output.shape)}")
    found = f"{output.dtype}, as if class ids" if isinstance(output, Tensor) else describe_output(output)
    raise TypeError(f"{_EXPECTED}; found {found}")


def _fields(output: Any) -> Mapping[str, Any] | None:
    if isinstance(output, Mapping):
        return output
    if is_dataclass(output) and not isinstance(output, type):
        return {each.name: getattr(output, each.name) for each in fields(output)}
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return dict(zip(output._fields, output, strict=True))
    if isinstance(output, Tensor | tuple | list):
        return None
    # An object of the user's own.
    return {key: getattr(output, key) for key in ("logits", "out", "aux") if hasattr(output, key)} or None


def _split(value: Any, image_shape: torch.Size) -> tuple[list[Tensor], list[Tensor]]:
    """Maps of a sequence, or one alone, and maps of sequences inside it; the latter first if there are no others."""
    if isinstance(value, Tensor) and value.ndim == 5 and len(value) == image_shape[0]:
        # Deep supervision stacked along a second axis.
        value = list(value.unbind(1))
    if not isinstance(value, list | tuple):
        value = [value]
    read = [as_map(item, image_shape) for item in value]
    own = [each for each in read if each is not None]
    nested = [each for item in value for each in _maps_in(_items_of(item), image_shape)]
    return (own, nested) if own else (nested, [])


def _maps_in(values: list[Any], image_shape: torch.Size) -> list[Tensor]:
    """Every map, however deep."""
    own, nested = _split(values, image_shape)
    return [*own, *nested]


def _items_of(value: Any) -> list[Any]:
    named = _fields(value)
    if named is not None:
        return list(named.values())
    return list(value) if isinstance(value, list | tuple) else []
