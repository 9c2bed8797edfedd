"""Batches at the edge of what networks and masks hold: huge and tied logits, half types, one class or a thousand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from hardpix.pixels import PixelBatch, Queries, Taps
from testing import public_classes

# The same ones every time, so that a change fails for what it changed.
CASES = settings(max_examples=300, deadline=None, derandomize=True)

LABEL_TYPES = [torch.uint8, torch.int16, torch.int32, torch.int64]
FLOAT_TYPES = [torch.float32, torch.float16, torch.bfloat16]
LAYOUTS = ["contiguous", "channels_last", "sliced"]
# Many classes seldom, and on small maps, so that 300 cases take seconds.
FEW, MANY = [1, 2, 2, 3, 3, 3, 11, 11], [255, 1000]
# The network of `hardpix.testing.tapped` has so many in its features, embedding and stage.
CHANNELS = 6
ON_THE_GRAPH = ("logits", "features", "embedding", "auxiliary", "query_masks", "query_classes")
MAPS = ("image", "depth", "weight", "target_weight")
NAMES = (
    "logits",
    "features",
    "embedding",
    "auxiliary",
    *MAPS,
    "teacher",
    "target",
    "prediction",
    "teacher_embedding",
    "query_masks",
    "query_classes",
)
QUERIES = 3
# Networks normalize their features. In float16 the gradient e⁸ of a wild HardnessLevel times a feature of 30 overflows,
# which is what a gradient scaler is there for.
LARGEST_FEATURE = 10.0


@dataclass(frozen=True)
class Case:
    """A batch in words; its repr in a failure is all that is needed to make it again.

    Attributes:
        ignored: share of the pixels that have no label.
        cell: rows and columns of pixels that one cell of the embedding covers.
        trusted: True where the sample has "target_weight".
    """

    classes: int
    size: tuple[int, int, int]
    floats: torch.dtype
    scale: float
    labels: torch.dtype
    ignore_index: int
    ignored: float
    layout: str
    trusted: bool
    cell: int
    progress: float
    seed: int

    def tensors(self, *names: str) -> dict[str, Tensor]:
        """Labels, their trust, and what is asked for by name: contiguous, with the images along the first axis."""
        trust = ("target_weight",) if self.trusted else ()
        return {name: self._tensor(name) for name in ("target", *trust, *names)}

    def _tensor(self, name: str) -> Tensor:
        images, height, width = self.size
        generator = torch.Generator().manual_seed(self.seed + NAMES.index(name))
        cells = (-(-height // self.cell), -(-width // self.cell))
        if name in ("logits", "teacher", "auxiliary"):
            size = cells if name == "auxiliary" else (height, width)
            return _numbers((images, self.classes, *size), self.scale, generator).to(self.floats)
        if name in ("query_masks", "query_classes"):
            shape = (images, QUERIES, *cells) if name == "query_masks" else (images, QUERIES, self.classes + 1)
            return _numbers(shape, self.scale, generator).to(self.floats)
        if name in ("features", "embedding", "teacher_embedding"):
            values = _numbers((images, CHANNELS, *cells), min(self.scale, LARGEST_FEATURE), generator).to(self.floats)
            return values if name == "features" else values.relu()
        if name == "target":
            return self._target().to(self.labels)
        if name == "prediction":
            return _prediction(self._target(), self.classes, generator).to(self.labels)
        if name == "image":
            return torch.rand(images, 3, height, width, generator=generator)
        drawn = torch.rand(self.size, generator=generator)
        if name == "depth":
            unknown = torch.rand(self.size, generator=generator)
            drawn = 10 ** (5 * drawn - 2)
            for share, value in ((0.3, torch.nan), (0.2, 0.0), (0.1, torch.inf)):
                drawn = drawn.masked_fill(unknown < share, value)
        return torch.where(drawn < 0.3, 0, drawn) if name == "target_weight" else drawn

    def _target(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        target = _blocks(self.size, self.classes, generator)
        return target.masked_fill_(torch.rand(self.size, generator=generator) < self.ignored, self.ignore_index)

    def px(self, tensors: dict[str, Tensor]) -> PixelBatch:
        """The batch of tensors as :meth:`tensors` names them; logits and taps are leaves of the graph."""
        leaf = {name: tensors[name].detach().requires_grad_() for name in ON_THE_GRAPH if name in tensors}
        taps = Taps(
            features=((leaf["features"],), {}) if "features" in leaf else None,
            embedding=leaf.get("embedding"),
            auxiliary=((leaf["auxiliary"], 1.0),) if "auxiliary" in leaf else (),
            stages={"encoder": leaf["features"]} if "features" in leaf else {},
            queries=(Queries(leaf["query_classes"], leaf["query_masks"]),) if "query_masks" in leaf else (),
        )
        teacher = None
        if "teacher" in tensors:
            teacher = PixelBatch(tensors["teacher"], taps=Taps(embedding=tensors.get("teacher_embedding")))
        return PixelBatch(
            leaf["logits"],
            tensors.get("target"),
            self.ignore_index,
            sample={name: tensors[name] for name in MAPS if name in tensors},
            taps=taps,
            teacher=teacher,
            progress=self.progress,
        )

    def turned(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The same images in reverse, in the case's layout, labels in int64 and the network's numbers in float32."""
        types = dict.fromkeys(("target", "prediction"), torch.int64)
        types |= dict.fromkeys(("logits", "auxiliary", "teacher"), torch.float32)
        wide = {name: value.to(types.get(name, value.dtype)) for name, value in tensors.items()}
        return {name: relaid(value.flip(0), self.layout) for name, value in wide.items()}

    @property
    def autocast(self) -> torch.autocast:
        """The half type in which the network's modules run."""
        return torch.autocast("cpu", self.floats, enabled=self.floats != torch.float32)


def cases(images: Iterable[int] = (1, 2, 3), classes: Iterable[int] = (*FEW, *MANY)) -> st.SearchStrategy[Case]:
    """Cases of so many images and classes."""
    return st.composite(_draw)(list(images), list(classes))


def _draw(draw: st.DrawFn, images: list[int], classes: list[int]) -> Case:
    count = draw(st.sampled_from(classes))
    side = st.integers(1, 12 if count <= 11 else 4)
    labels = draw(st.sampled_from(LABEL_TYPES if count <= 255 else LABEL_TYPES[1:]))
    limits = torch.iinfo(labels)
    # Also the first id beyond the classes, and one that is a class: it wins there.
    marks = [mark for mark in (255, -100, count, -1, 65535, 0) if limits.min <= mark <= limits.max]
    return Case(
        classes=count,
        size=(draw(st.sampled_from(images)), draw(side), draw(side)),
        floats=draw(st.sampled_from(FLOAT_TYPES)),
        scale=draw(st.sampled_from([0.0, 1.0, 30.0, 1e4])),
        labels=labels,
        ignore_index=draw(st.sampled_from(marks)),
        ignored=draw(st.sampled_from([0.0, 0.3, 0.3, 1.0])),
        layout=draw(st.sampled_from(LAYOUTS)),
        trusted=draw(st.booleans()),
        cell=draw(st.sampled_from([1, 2])),
        progress=draw(st.sampled_from([0.0, 0.3, 1.0])),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def of_classes(classes: int) -> Case:
    """One small case of so many classes, where 300 draws of them would take minutes."""
    labels = torch.uint8 if classes <= 255 else torch.int16
    return Case(classes, (2, 2, 3), torch.float16, 30.0, labels, 255, 0.3, "sliced", False, 1, 0.3, classes)


def relaid(tensor: Tensor, layout: str) -> Tensor:
    """Equal tensor that lies otherwise in memory: rows and columns or channels swapped, or every other column of one.

    Example:
        >>> relaid(torch.zeros(2, 3, 4, 5), "sliced").stride()
        (120, 40, 10, 2)
    """
    if layout == "channels_last":
        return tensor.movedim(1, -1).contiguous().movedim(-1, 1)
    if layout == "sliced":
        return tensor.repeat_interleave(2, -1)[..., ::2]
    return tensor.contiguous()


def joined(parts: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """One batch of the images of several."""
    first, *rest = parts
    return {name: torch.cat([first[name], *(part[name] for part in rest)]) for name in first}


def near(found: Tensor, expected: Tensor, what: str) -> None:
    """Equal up to rounding: a sum in another order, and in half types the last bit of a gradient."""
    # torch.testing.assert_close takes a third of the time of all cases.
    rtol = {torch.float16: 1e-2, torch.bfloat16: 3e-2}.get(expected.dtype, 1e-4)
    assert found.shape == expected.shape, what
    if expected.numel():
        largest = expected.abs().max()
        difference = (found - expected).abs().max()
        assert difference <= rtol * (largest + 1e-3), f"{what}: expected {expected}, found {found}"


def taken(tensors: dict[str, Tensor], images: slice) -> dict[str, Tensor]:
    """Some of the images."""
    return {name: value[images] for name, value in tensors.items()}


def missing(given: Iterable[type], room: ModuleType, contract: type, where: str) -> str:
    """A sentence that names the public classes that have no case; empty where all have one."""
    names = sorted(kind.__name__ for kind in public_classes(room, contract) - set(given))
    if not names:
        return ""
    return f"expected cases of every {contract.__name__}, found none of {', '.join(names)}: add it to {where}"


def _numbers(shape: tuple[int, ...], scale: float, generator: torch.Generator) -> Tensor:
    """Numbers up to ±scale, a third of them at the ends; a fifth of the pixels is tied in all channels."""
    values = 2 * torch.rand(shape, generator=generator) - 1
    values = torch.where(torch.rand(shape, generator=generator) < 1 / 3, values.sign(), values)
    tied = torch.rand((shape[0], 1, *shape[2:]), generator=generator) < 0.2
    return scale * torch.where(tied, values[:, :1], values)


def _blocks(size: tuple[int, int, int], classes: int, generator: torch.Generator) -> Tensor:
    """Labels in blocks of 1 to 3 pixels, so that some parts are thin, and others are not."""
    block = int(torch.randint(1, 4, (), generator=generator))
    coarse = torch.randint(0, classes, (size[0], *(-(-side // block) for side in size[1:])), generator=generator)
    return coarse.repeat_interleave(block, 1).repeat_interleave(block, 2)[:, : size[1], : size[2]].contiguous()


def _prediction(target: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """Mostly the labels; something else at a third of the pixels and wherever there is no label."""
    guess = torch.randint(0, classes, target.shape, generator=generator)
    right = (target >= 0) & (target < classes) & (torch.rand(target.shape, generator=generator) < 2 / 3)
    return torch.where(right, target, guess)
