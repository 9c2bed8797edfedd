"""Containers, orders and layouts in which networks return their logits."""

import copy
import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
import transformers as hf
from torch import Tensor, nn
from torch.nn import functional as F

from hardpix import TrainingStep
from hardpix.networks import tap
from hardpix.objectives import WeightedCrossEntropy
from hardpix.signals import HardnessLevel

CLASSES = 4
IMAGE = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
TARGET = torch.randint(CLASSES, (2, 32, 48), generator=torch.Generator().manual_seed(0))


class TwoHeads(nn.Module):
    """An auxiliary head and a main one, returned as ``wrap`` says."""

    def __init__(self, wrap: Callable[[Tensor, Tensor], Any] = lambda aux, main: [aux, main]) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
        self.aux_head = nn.Conv2d(8, CLASSES, 1)
        self.head = nn.Sequential(nn.Conv2d(8, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, CLASSES, 1))
        self.wrap = wrap

    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(image)
        return self.aux_head(features), self.head(features)

    def forward(self, image: Tensor) -> Any:
        return self.wrap(*self.both(image))


def to_image(logits: Tensor, **options: Any) -> Tensor:
    return F.interpolate(logits, IMAGE.shape[-2:], **{"mode": "bilinear", **options})


# The result of forward, and the map among it whose values are the main head's.
ORDERS: dict[str, tuple[Callable[[Tensor, Tensor], Any], Callable[[Tensor], Tensor]]] = {
    "as they are": (lambda aux, main: [aux, main], lambda main: main),
    "tuple": (lambda aux, main: (aux, main), lambda main: main),
    "main first": (lambda aux, main: [main, aux], lambda main: main),
    "resized": (lambda aux, main: [to_image(aux), to_image(main)], to_image),
    "corner to corner": (
        lambda aux, main: (to_image(aux, align_corners=True), to_image(main, align_corners=True)),
        lambda main: to_image(main, align_corners=True),
    ),
    "nearest": (
        lambda aux, main: [to_image(aux, mode="nearest"), to_image(main, mode="nearest")],
        lambda main: to_image(main, mode="nearest"),
    ),
    "cropped": (lambda aux, main: [aux[..., 1:, 1:], main[..., 1:, 1:]], lambda main: main[..., 1:, 1:]),
    "stacked": (lambda aux, main: torch.stack([to_image(aux), to_image(main)], 1), to_image),
    "under names of its own": (lambda aux, main: {"side": aux, "final": main}, lambda main: main),
    "nested": (lambda aux, main: ([aux], {"main": main}), lambda main: main),
    "in a mapping": (lambda aux, main: {"out": [aux, main], "aux": [2 * aux]}, lambda main: main),
    "heads in a list beside it": (lambda aux, main: (main, [aux, torch.zeros(2, 9, 4, 6)]), lambda main: main),
    "features and an edge": (
        lambda aux, main: [torch.zeros(2, 9, 16, 24), aux, main, torch.zeros(2, 1, 16, 24)],
        lambda main: main,
    ),
    "with features": (lambda aux, main: (aux, torch.zeros(2, 9, 16, 24), main), lambda main: main),
}


@pytest.mark.parametrize("no_grad", [False, True])
@pytest.mark.parametrize("named", [{"decoder": "head"}, {"embedding": "head.2"}])
@pytest.mark.parametrize(("wrap", "expected"), ORDERS.values(), ids=ORDERS)
def test_logits_are_those_of_the_classifier(
    wrap: Callable[[Tensor, Tensor], Any], expected: Callable[[Tensor], Tensor], named: dict[str, str], no_grad: bool
) -> None:
    model = TwoHeads(wrap)
    network = tap(model, **named)
    with torch.set_grad_enabled(not no_grad):
        out, again = network(IMAGE), network(IMAGE)
        aux, main = model.both(IMAGE)
    torch.testing.assert_close(out.logits, to_image(expected(main)))
    assert torch.equal(again.logits, out.logits)
    torch.testing.assert_close(to_image(out.taps.auxiliary[0][0]), to_image(expected(aux)))
    assert len(out.taps.auxiliary) == (2 if wrap is ORDERS["in a mapping"][0] else 1)


def test_the_named_head_learns_and_the_other_is_an_auxiliary_one() -> None:
    model = TwoHeads()
    step = TrainingStep(tap(model, decoder="head"), WeightedCrossEntropy(HardnessLevel(), auxiliary_weight=0.4))
    losses = step(IMAGE, TARGET)
    losses["loss"].backward()
    assert all(p.grad.any() for head in (model.head, model.aux_head) for p in head.parameters())
    plain = TrainingStep(tap(model, decoder="head"), WeightedCrossEntropy(auxiliary_weight=0.4))(IMAGE, TARGET)
    aux, main = (F.cross_entropy(to_image(each), TARGET) for each in model.both(IMAGE))
    torch.testing.assert_close(plain["loss"], main + 0.4 * aux)


def test_a_classifier_that_feeds_another_head_gives_its_own_logits() -> None:
    """As in OCR: the main head stands on the auxiliary head's result."""

    class Refining(TwoHeads):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Conv2d(CLASSES, CLASSES, 3, padding=1)

        def forward(self, image: Tensor) -> list[Tensor]:
            first = self.head(self.backbone(image))
            return [to_image(first), to_image(self.last(first))]

    model = Refining()
    for path, position in (("head.2", 0), ("last", 1)):
        torch.testing.assert_close(tap(model, embedding=path)(IMAGE).logits, model(IMAGE)[position])


def test_heads_that_give_the_same_values_are_told_apart() -> None:
    """A classifier may start from zeros."""
    model = TwoHeads(ORDERS["resized"][0])
    for layer in (model.aux_head, model.head[2]):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    network = tap(model, decoder="head")
    with torch.inference_mode():
        network(IMAGE)
    nn.init.ones_(model.head[2].bias)
    assert torch.equal(network(IMAGE).logits, torch.ones(2, CLASSES, 32, 48))


def test_more_maps_in_training_than_in_evaluation() -> None:
    class Supervised(TwoHeads):
        def forward(self, image: Tensor) -> list[Tensor]:
            aux, main = map(to_image, self.both(image))
            return [aux, aux, main] if self.training else [main, main.softmax(1)]

    network = tap(Supervised(), decoder="head")
    for _ in range(2):
        for mode in (True, False):
            network.train(mode)
            torch.testing.assert_close(network(IMAGE).logits, to_image(network.model.both(IMAGE)[1]))


def test_looking_for_the_logits_changes_no_buffer() -> None:
    model = TwoHeads(ORDERS["resized"][0])
    model.backbone.append(nn.BatchNorm2d(8))
    with torch.no_grad():
        tap(model, decoder="head")(IMAGE)
    assert model.backbone[2].num_batches_tracked == 1


def test_the_choice_follows_copies_and_works_compiled() -> None:
    network = tap(TwoHeads(ORDERS["resized"][0]), decoder="head").eval()
    expected = network(IMAGE).logits
    for twin in (copy.deepcopy(network), torch.compile(network, backend="eager", fullgraph=True)):
        torch.testing.assert_close(twin(IMAGE).logits, expected)
    fresh = torch.compile(tap(network.model, decoder="head"), backend="eager")
    torch.testing.assert_close(fresh(IMAGE).logits, expected)
    torch._dynamo.reset()
    network.model.wrap = None
    assert pickle.loads(pickle.dumps(network))._choice._known == network._choice._known


def test_an_order_that_cannot_be_told_is_refused() -> None:
    message = r"returned 2 maps, \(2, 4, 16, 24\), \(2, 4, 16, 24\), and nothing tells .*embedding='…'"
    with pytest.raises(ValueError, match=message):
        tap(TwoHeads())(IMAGE)
    with pytest.raises(ValueError, match=r"none of them is made from the output of 'head.2'.*embedding='…'"):
        tap(TwoHeads(lambda aux, main: [aux, aux + 1]), decoder="head")(IMAGE)


def test_the_first_of_several_kinds_of_maps_is_taken_and_said() -> None:
    network = tap(TwoHeads(lambda aux, main: (main, torch.zeros(2, 9, 16, 24))))
    with pytest.warns(UserWarning, match=r"\(2, 4, 16, 24\), \(2, 9, 16, 24\): the first is taken for the logits"):
        out = network(IMAGE)
    assert out.taps.auxiliary == ()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network(IMAGE)


@dataclass
class Output:
    logits: Tensor
    loss: Tensor | None = None


class Named(NamedTuple):
    loss: Tensor
    out: Tensor


@pytest.mark.parametrize(
    "wrap",
    [
        lambda main: Output(main),
        lambda main: Named(main.sum(), main),
        lambda main: SimpleNamespace(logits=main),
        lambda main: (main.sum(), main),
        lambda main: (main, (torch.zeros(2, 8, 16, 24), torch.zeros(2, 8, 8, 12))),
        lambda main: (main, torch.zeros(2, 7)),
        lambda main: (torch.zeros(2, 16, 24, dtype=torch.long), main),
        lambda main: {"logits": main, "hidden_states": (torch.zeros(2, 8, 16, 24),)},
        lambda main: main.permute(0, 2, 3, 1),
        lambda main: {"logits": main.permute(0, 2, 3, 1)},
    ],
)
def test_logits_of_all_kinds_of_containers_and_layouts(wrap: Callable[[Tensor], Any]) -> None:
    model = TwoHeads(lambda aux, main: wrap(main))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = tap(model)(IMAGE)
    torch.testing.assert_close(out.logits, to_image(model.both(IMAGE)[1]))
    assert out.taps.auxiliary == ()


def test_outputs_of_transformers_with_a_loss_hidden_states_or_as_a_tuple() -> None:
    config = hf.SegformerConfig(
        num_labels=CLASSES, depths=[1] * 4, hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16, dropout=0.0
    )
    model = hf.SegformerForSemanticSegmentation(config).eval()
    expected = to_image(model(IMAGE).logits)

    class Called(nn.Module):
        def __init__(self, **options: bool) -> None:
            super().__init__()
            self.model, self.options = model, options

        def forward(self, image: Tensor) -> Any:
            return self.model(image, **self.options)

    for options in ({"output_hidden_states": True}, {"return_dict": False}):
        out = tap(Called(**options))(IMAGE)
        torch.testing.assert_close(out.logits, expected)
        # A wrapper of a known network is looked through.
        assert out.taps.embedding.shape == (2, 16, 8, 12)


def test_heads_in_a_list_beside_the_logits_need_no_name() -> None:
    model = TwoHeads(lambda aux, main: (main, [aux, torch.zeros(2, 9, 4, 6)]))
    out, (aux, main) = tap(model)(IMAGE), model.both(IMAGE)
    torch.testing.assert_close(out.logits, to_image(main))
    [(head, _)] = out.taps.auxiliary
    torch.testing.assert_close(head, aux)


def test_a_classifier_with_an_output_for_every_small_cell() -> None:
    """Sub-pixel convolution: four times as many outputs as classes."""

    class Shuffled(TwoHeads):
        def __init__(self) -> None:
            super().__init__()
            self.aux_head, self.head[2] = nn.Conv2d(8, 4 * CLASSES, 1), nn.Conv2d(6, 4 * CLASSES, 1)

        def forward(self, image: Tensor) -> list[Tensor]:
            return [F.pixel_shuffle(each, 2) for each in self.both(image)]

    model = Shuffled()
    torch.testing.assert_close(tap(model, decoder="head")(IMAGE).logits, model(IMAGE)[1])


def test_class_ids_are_no_logits() -> None:
    with pytest.raises(TypeError, match=r"expected the model to return logits.*found torch.int64, as if class ids"):
        tap(TwoHeads(lambda aux, main: main.argmax(1)))(IMAGE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types(dtype: torch.dtype) -> None:
    model = TwoHeads(lambda aux, main: [to_image(aux).to(dtype), to_image(main).to(dtype)])
    px = tap(model, decoder="head").pixels(IMAGE, TARGET)
    expected = F.cross_entropy(to_image(model.both(IMAGE)[1]).to(dtype).float(), TARGET, reduction="none")
    torch.testing.assert_close(px.loss, expected)
