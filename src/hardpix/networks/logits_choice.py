"""Choice of the logits among several maps that a network returns."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hardpix.networks.provenance import equal_to, made_from
from hardpix.pixels.eager import eager

_REMEDY = (
    "Name the last classifier, the layer that makes the logits, by hardpix.tap(model, embedding='…'): its output is "
    "taken for the logits, the others for auxiliary heads. Or let the model return {'out': logits, 'aux': heads}"
)


class LogitsChoice:
    """Finds the logits among maps, and remembers the answer for outputs of the same kind."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}
        self._said = False

    def by_classifier(
        self,
        maps: list[Tensor],
        result: Tensor,
        path: str,
        training: bool,
        with_graph: Callable[[], tuple[list[Tensor], Tensor]],
    ) -> int:
        """Position of the map that is the classifier's result, as it is or resized.

        Args:
            maps: (B, C, h, w) each.
            result: the tensor that the classifier returned in the same forward.
            path: the classifier's, for the error.
            training: the model's mode; networks return more in training than in evaluation.
            with_graph: runs the model once more with gradients on, where this forward has no graph.

        Raises:
            ValueError: none is, or several cannot be told apart.
        """
        for k, each in enumerate(maps):
            if each is result:
                return k
        key = (training, *(each.shape[1] for each in maps))
        if key not in self._known:
            self._known[key] = _search(maps, result, path, with_graph)
        return self._known[key]

    def by_order(self, maps: list[Tensor]) -> int:
        """Position where no classifier is known: the first, if no two have as many channels.

        Raises:
            ValueError: two have as many channels, as logits and those of an auxiliary head.
        """
        if len({each.shape[1] for each in maps}) < len(maps):
            raise ValueError(
                f"the model returned {len(maps)} maps, {_shapes(maps)}, and nothing tells which are the logits and "
                f"which auxiliary heads. {_REMEDY}"
            )
        if not self._said and not torch.compiler.is_compiling():
            self._said = True
            warnings.warn(
                f"the model returned {len(maps)} maps, {_shapes(maps)}: the first is taken for the logits, the others "
                f"are not used. {_REMEDY}",
                stacklevel=2,
            )
        return 0


@eager
def _search(
    maps: list[Tensor], result: Tensor, path: str, with_graph: Callable[[], tuple[list[Tensor], Tensor]]
) -> int:
    if result.grad_fn is None:
        maps, result = with_graph()
    found = [k for k, each in enumerate(maps) if each is result] or made_from(maps, result)
    if len(found) > 1:
        found = _largest([found[k] for k in equal_to([maps[k] for k in found], result)], maps)
    if len(found) != 1:
        among = "none of them is made" if not found else f"{len(found)} of them are made alike"
        raise ValueError(
            f"the model returned {len(maps)} maps, {_shapes(maps)}, and {among} from the output of {path!r}, which was "
            f"taken for the last classifier. {_REMEDY}"
        )
    return found[0]


def _largest(found: list[int], maps: list[Tensor]) -> list[int]:
    """Largest of one result's several sizes."""
    largest = max((maps[k].shape[2:].numel() for k in found), default=0)
    return [k for k in found if maps[k].shape[2:].numel() == largest]


def _shapes(maps: list[Tensor]) -> str:
    return ", ".join(str(tuple(each.shape)) for each in maps)
