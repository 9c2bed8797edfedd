"""Shared parts of the checks: fresh copies of what is checked, and batches for it."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from hardpix.networks import TappedNetwork
from hardpix.objectives import signals_in
from hardpix.pixels import ClassTree, DatasetInfo, PixelBatch, prepare_all
from hardpix.recipes.parts import parts_of
from hardpix.testing.batches import make_batch, sure_of, tapped
from hardpix.testing.complaints import during, require

Checked = TypeVar("Checked", bound=nn.Module)

IGNORED = 255
# Sizes of logits of a network that is sure: of a well-trained one, and of one that has run away. In float32.
SURE = (120.0, 1e4)
# Shape of the batch, label of all of its pixels (None: drawn, a fifth unlabeled), type that the network runs in.
AWKWARD: dict[str, tuple[tuple[int, int, int], int | None, torch.dtype]] = {
    "an ordinary batch": ((2, 4, 5), None, torch.float32),
    "wide images": ((2, 2, 9), None, torch.float32),
    "a single column": ((1, 9, 1), None, torch.float32),
    "one pixel": ((1, 1, 1), 0, torch.float32),
    "one pixel without a label": ((1, 1, 1), IGNORED, torch.float32),
    "no labeled pixel": ((2, 4, 5), IGNORED, torch.float32),
    "labels of one class": ((2, 4, 5), 0, torch.float32),
    "float16": ((2, 4, 5), None, torch.float16),
    "bfloat16": ((2, 4, 5), None, torch.bfloat16),
}


def even_counts(num_classes: int) -> range:
    """Pixels of each class in a training set of no surprises."""
    return range(1, num_classes + 1)


def uneven_counts(num_classes: int) -> list[list[int]]:
    """Pixels of each class in training sets of surprises: from one pixel to 10¹², and a class that never occurs.

    Example:
        >>> uneven_counts(4)
        [[1, 10000, 100000000, 1000000000000], [0, 2, 3, 4]]
    """
    powers = [round(10 ** (12 * k / max(num_classes - 1, 1))) for k in range(num_classes)]
    return [powers, [0, *range(2, num_classes + 1)]] if num_classes > 1 else [powers]


def dataset_info(counts: Sequence[int]) -> DatasetInfo:
    """Facts of a training set with so many pixels of each class; one group holds all classes but the last."""
    names = tuple(f"class {k}" for k in range(len(counts)))
    tree = ClassTree.from_groups({"a group": names[: max(1, len(names) - 1)]}, names)
    return DatasetInfo(names, lambda: counts, tree=tree)


@dataclass
class Bench(Generic[Checked]):
    """Fresh copies of what is checked, and batches for it.

    Attributes:
        given: as its maker left it, not bound to a network.
        num_classes: of network and labels.
        sample: further entries of the sample, by the size (B, H, W) of the batch.
        make_network: from the number of classes.
    """

    given: Checked
    num_classes: int = 3
    sample: Callable[[tuple[int, int, int]], Mapping[str, Any]] | None = None
    make_network: Callable[[int], TappedNetwork] = tapped
    reads: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.reads = frozenset[str]().union(*(signal.reads for signal in signals_in(self.given)))

    def network(self) -> TappedNetwork:
        return self.make_network(self.num_classes)

    def bound(self, network: TappedNetwork | None = None, prepared: bool = True) -> Checked:
        """A copy, bound to a network of its own, in evaluation mode: batch norm has no variance of one pixel."""
        return self.bound_to(network, even_counts(self.num_classes) if prepared else None)

    def bound_to(self, network: TappedNetwork | None, counts: Sequence[int] | None) -> Checked:
        """The same, prepared for a training set with so many pixels of each class; not prepared without them."""
        found = copy.deepcopy(self.given)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            found.bind(network or self.network())  # type: ignore[operator]
        if counts is not None:
            prepare_all(parts_of(found), dataset_info(counts))
        return found.eval()

    def batch(
        self, network: TappedNetwork | None = None, size: tuple[int, int, int] = (2, 4, 5), **settings: Any
    ) -> PixelBatch:
        further = {} if self.sample is None else self.sample(size)
        return make_batch(
            network or self.network(),
            size,
            reads=self.reads - set(further),
            sample=further,
            num_classes=self.num_classes,
            **settings,
        )

    def awkward(self) -> Iterator[tuple[str, torch.dtype, Callable[[TappedNetwork], PixelBatch]]]:
        """Awkward batches: what is so, the type to run in, and a function that makes the batch."""
        for what, (size, label, dtype) in AWKWARD.items():
            yield what, dtype, partial(self.batch, size=size, label=label)
        for surety in SURE:
            yield f"logits of ±{surety:g}", torch.float32, partial(self.sure_batch, surety)

    def sure_batch(self, surety: float, network: TappedNetwork | None = None) -> PixelBatch:
        """A batch of a network that is sure at every pixel, rightly or not."""
        return sure_of(self.batch(network), surety)

    def surprising(self) -> Iterator[tuple[str, Callable[[TappedNetwork], Checked]]]:
        """Copies that were prepared for training sets of surprises: in words, and a function that makes the copy."""
        for counts in uneven_counts(self.num_classes):
            yield f"class_counts {tuple(counts)}", partial(self.bound_to, counts=counts)


def in_type(dtype: torch.dtype) -> torch.autocast:
    """Autocast to a half type; none for float32."""
    return torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32)


def check_bind(bench: Bench[Any]) -> None:
    """``bind`` returns the object, changes nothing the second time, and does not keep the network."""
    network = bench.network()
    bound = bench.bound(network)
    before, state = list(bound.parameters()), copy.deepcopy(bound.state_dict())
    require(bound.bind(network) is bound, "bind(network) must return the object itself: end it with return self")
    after = list(bound.parameters())
    require(
        len(before) == len(after)
        and all(one is two for one, two in zip(before, after, strict=True))
        and same_state(state, bound.state_dict()),
        "a second bind(network) makes new parameters or buffers: build only what is not there yet",
    )
    kept = [path for path, module in bound.named_modules() if module in (network, network.model)]
    require(
        not kept,
        f"the network is a submodule ({', '.join(kept)}): it would be saved and optimized twice. Keep what you need of "
        "it, such as a branch, and not the network",
    )


def check_copies(bench: Bench[Any], result: Callable[[Any, PixelBatch], Any]) -> None:
    """Copies, pickles and loaded states give the same result; evaluation changes no state."""
    original = bench.bound()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in original.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter))
    check_state(original, lambda made: result(made, bench.batch()), bench.bound(prepared=False))


def check_state(original: nn.Module, result: Callable[[Any], Any], loaded: nn.Module | None = None) -> None:
    """A module in evaluation gives one result, and so do its copies and ``loaded``, which takes its state."""
    loaded = copy.deepcopy(original) if loaded is None else loaded
    state = copy.deepcopy(original.eval().state_dict())
    expected = result(original)
    require(
        same_state(state, original.state_dict()),
        "evaluation changes the state: change buffers only where self.training is True",
    )
    loaded.eval().load_state_dict(state)
    twins = {
        "the same object, asked again,": original,
        "a deep copy": copy.deepcopy(original),
        "what loads its state_dict": loaded,
    }
    if is_importable(original):
        twins["a pickle"] = pickle.loads(pickle.dumps(original))
    for what, twin in twins.items():
        with during(f"{what} must give what the original gives; all that learns or counts belongs into the state_dict"):
            torch.testing.assert_close(result(twin), expected, rtol=0, atol=0, equal_nan=True)


def is_importable(thing: object) -> bool:
    """True if pickle finds its class, and those of submodules: not what a function or a notebook's cell has made."""
    kinds = {type(inside) for inside in thing.modules()} if isinstance(thing, nn.Module) else {type(thing)}
    return all(getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind for kind in kinds)


def same_state(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """True if two state dictionaries have the same keys and equal tensors."""
    return one.keys() == two.keys() and all(
        torch.equal(one[name], two[name]) if isinstance(one[name], Tensor) else True for name in one
    )


def restrided(value: Any) -> Any:
    """Equal tensors that lie transposed in memory, inside of tuples and dictionaries too."""
    if isinstance(value, Tensor) and value.ndim > 2:
        return value.transpose(-1, -2).contiguous().transpose(-1, -2)
    if isinstance(value, tuple):
        return tuple(restrided(item) for item in value)
    if isinstance(value, Mapping):
        return {name: restrided(item) for name, item in value.items()}
    return value
