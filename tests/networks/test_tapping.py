"""Tapping networks of one's own: what is named, what is caught, and what goes wrong."""

import copy
import gc
import weakref
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hardpix.networks import DDRNet, detach_nested, tap, untap

IMAGE = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
TARGET = torch.randint(4, (2, 8, 12), generator=torch.Generator().manual_seed(0))


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU())
        self.head = nn.Sequential(nn.Conv2d(6, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.encoder(image))


class Returns(nn.Module):
    """Gives its logits in whatever ``wrap`` makes of them."""

    def __init__(self, wrap: Any) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)
        self.wrap = wrap

    def forward(self, image: Tensor) -> Any:
        return self.wrap(self.layer(image))


class Tokens(nn.Module):
    """Works channels-last, with a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 6, 2, stride=2)
        self.classifier = nn.Linear(6, 4)

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.embed(image).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda logits: logits,
        lambda logits: (logits, "more"),
        lambda logits: [logits],
        lambda logits: {"out": logits},
        lambda logits: {"logits": logits, "loss": None},
    ],
)
def test_logits_of_all_kinds_of_outputs(wrap: Any) -> None:
    model = Returns(wrap)
    out = tap(model, decoder="layer")(IMAGE)
    assert torch.equal(out.logits, model.layer(IMAGE))
    assert out.taps.auxiliary == ()


def test_auxiliary_logits_of_a_mapping() -> None:
    out = tap(Returns(lambda logits: {"out": logits, "aux": 2 * logits}))(IMAGE)
    [(logits, weight)] = out.taps.auxiliary
    assert torch.equal(logits, 2 * out.logits)
    assert weight == 1.0


@pytest.mark.parametrize(
    ("wrap", "error", "message"),
    [
        (lambda logits: {"masks": logits}, TypeError, r"'logits' or 'out' of a mapping; found keys \['masks'\]"),
        (lambda logits: None, TypeError, "found NoneType"),
        (lambda logits: logits.mean((2, 3)), ValueError, r"\(B, C, h, w\), found \(2, 4\)"),
    ],
)
def test_outputs_without_logits(wrap: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tap(Returns(wrap))(IMAGE)


def test_logits_are_resized_once_to_the_target() -> None:
    model = Plain().eval()
    raw = model(IMAGE)
    px = tap(model, decoder="head").pixels(IMAGE, torch.zeros(2, 5, 7, dtype=torch.long))
    torch.testing.assert_close(px.logits, F.interpolate(raw, (5, 7), mode="bilinear", align_corners=False))


def test_pixels_carries_all_that_is_known() -> None:
    depth, weight = torch.rand(2, 8, 12), torch.rand(2, 8, 12)
    network = tap(Plain(), decoder="head", stages=["encoder.0"], ignore_index=7)
    px = network.pixels(IMAGE, TARGET, depth=depth, weight=weight, progress=0.5)
    assert px.sample["image"] is IMAGE
    assert px.target is TARGET
    assert px.sample["depth"] is depth
    assert px.sample["weight"] is weight
    assert px.progress == 0.5
    assert px.ignore_index == 7
    assert px.taps.stages.keys() == {"encoder.0"}
    assert px.taps.stages["encoder.0"].shape == (2, 6, 4, 6)
    torch.testing.assert_close(px.taps.features[0][0], px.taps.stages["encoder.0"].relu())
    assert px.taps.embedding.shape == (2, 8, 4, 6)


def test_a_linear_classifier_has_an_embedding_with_channels_first() -> None:
    network = tap(Tokens(), decoder="classifier")
    out = network(IMAGE)
    torch.testing.assert_close(out.taps.embedding, network.model.embed(IMAGE))
    assert network.embedding_channels == 6
    assert network.new_branch(kind="light")(out.taps.features, out.taps.embedding).shape == (2, 1, 4, 6)


def test_a_network_of_no_family_runs_without_a_decoder() -> None:
    network = tap(Plain())
    out = network(IMAGE)
    assert out.taps.features is None
    assert out.taps.embedding is None
    # A light branch stands on the embedding, and needs no more.
    for kind, role in (("copy", "decoder"), ("light", "embedding")):
        with pytest.raises(ValueError, match=rf"{role}='…'\); its top-level modules are 'encoder' .*, 'head' "):
            network.new_branch(kind=kind)


def test_a_known_network_that_was_rebuilt_is_of_no_family() -> None:
    class Rebuilt(DDRNet):
        def __init__(self) -> None:
            super().__init__(4, width=8, pooling_width=8, head_width=8)
            self.neck, self.head = self.head, None

        def forward(self, image: Tensor) -> Tensor:
            return self.neck(self.stem(image).repeat(1, 2, 1, 1))

    assert tap(Rebuilt())(IMAGE).taps.features is None
    assert tap(Rebuilt(), decoder="neck")(IMAGE).taps.embedding.shape[1] == 8


@pytest.mark.parametrize("argument", ["decoder", "embedding", "stages"])
def test_names_that_are_no_modules(argument: str) -> None:
    given = ["neck"] if argument == "stages" else "neck"
    with pytest.raises(ValueError, match=f"{argument}='neck' is no module of this Plain; .*'encoder'"):
        tap(Plain(), **{argument: given})


def test_an_embedding_is_named_by_its_layer() -> None:
    with pytest.raises(ValueError, match="Linear at 'head', found Sequential"):
        tap(Plain(), decoder="head", embedding="head")


def test_a_wrong_guess_of_the_classifier_is_said() -> None:
    with pytest.raises(ValueError, match=r"'encoder.0' was taken for .* 6 outputs and the logits 4 .*embedding="):
        tap(Plain(), decoder="encoder")(IMAGE)


def test_a_stage_must_be_a_tensor() -> None:
    class Split(nn.Module):
        def forward(self, features: Tensor) -> list[Tensor]:
            return [features]

    class Model(Plain):
        def forward(self, image: Tensor) -> Tensor:
            return self.head(self.split(self.encoder(image))[0])

    model = Model()
    model.split = Split()
    with pytest.raises(TypeError, match="stage 'split' to return a tensor, found list"):
        tap(model, stages=["split"])(IMAGE)


def test_a_decoder_that_is_not_called_is_said() -> None:
    class Bypass(Plain):
        def forward(self, image: Tensor) -> Tensor:
            features = self.encoder(image)
            for layer in self.head:
                features = layer(features)
            return features

    with pytest.raises(RuntimeError, match=r"nothing was caught at 'head'.*decoder= naming"):
        tap(Bypass(), decoder="head")(IMAGE)


def test_tapping_again_replaces_the_tap() -> None:
    model = Plain()
    first = tap(model, decoder="head")
    hooks = sum(len(module._forward_pre_hooks) for module in model.modules())
    second = tap(model, decoder="head")
    assert sum(len(module._forward_pre_hooks) for module in model.modules()) == hooks
    assert second(IMAGE).taps.embedding is not None
    with pytest.raises(RuntimeError, match="tapped anew"):
        first(IMAGE)


def test_hooks_of_others_stay() -> None:
    model, calls = Plain(), []
    model.head.register_forward_pre_hook(lambda module, args: calls.append("user"))
    untap(tap(model, decoder="head"))
    model(IMAGE)
    assert calls == ["user"]


def test_untap_reaches_through_what_contains_the_model() -> None:
    model = Plain()
    outer = nn.Sequential(tap(model, decoder="head"))
    assert untap(outer) is outer
    assert not model.head._forward_pre_hooks


def test_a_copied_model_is_not_caught_by_the_original() -> None:
    model = Plain().eval()
    network = tap(model, decoder="head")
    twin = copy.deepcopy(model)
    torch.testing.assert_close(twin(IMAGE), model(IMAGE))
    tap(twin, decoder="head")(IMAGE)
    assert network(IMAGE).taps.embedding is not None


def test_nothing_is_kept_when_the_forward_fails_or_runs_by_itself() -> None:
    class Fails(Plain):
        def forward(self, image: Tensor) -> Tensor:
            logits = super().forward(image)
            if logits.shape[0] == 1:
                raise ZeroDivisionError
            return logits

    model, seen = Fails(), []
    network = tap(model, decoder="head")
    model.encoder.register_forward_hook(lambda module, args, output: seen.append(weakref.ref(output)))
    with pytest.raises(ZeroDivisionError):
        network(IMAGE[:1])
    model(IMAGE)
    gc.collect()
    assert [reference() for reference in seen] == [None, None]
    assert network(IMAGE).taps.embedding is not None


def test_a_compiled_model_is_refused() -> None:
    in_place = Plain()
    in_place.compile(backend="eager")
    inside = Plain()
    inside.head.compile(backend="eager")
    for model in (torch.compile(Plain(), backend="eager"), in_place, inside):
        with pytest.raises(RuntimeError, match="Tap the model before compiling"):
            tap(model, decoder="head" if model is not in_place else None)
    elsewhere = Plain()
    elsewhere.encoder.compile(backend="eager")
    assert tap(elsewhere, decoder="head")(IMAGE).taps.embedding is not None


def test_no_grad_and_autocast() -> None:
    network = tap(Plain(), decoder="head")
    with torch.no_grad():
        assert not network(IMAGE).taps.embedding.requires_grad
    with torch.autocast("cpu", torch.bfloat16):
        out = network(IMAGE)
        assert out.taps.embedding.dtype == torch.bfloat16
        for kind in ("copy", "light"):
            branch = network.new_branch(kind=kind)
            branch(detach_nested(out.taps.features), out.taps.embedding.detach()).float().sum().backward()
            assert all(p.grad.dtype == torch.float32 for p in branch.parameters())


class Point(NamedTuple):
    x: Tensor
    name: str


def test_detach_nested_keeps_structure_and_cuts_every_gradient() -> None:
    weight = torch.ones(2, requires_grad=True)
    nested = ([2 * weight, Point(3 * weight, "p")], {"size": torch.Size([1, 2]), "more": (None, 4, weight)})
    found = detach_nested(nested)
    assert not any(leaf.requires_grad for leaf in (found[0][0], found[0][1].x, found[1]["more"][2]))
    assert isinstance(found[0][1], Point)
    assert found[1]["size"] == torch.Size([1, 2])
    assert torch.equal(found[0][1].x, torch.full((2,), 3.0))
    assert found[0][0].data_ptr() == nested[0][0].data_ptr()
    with pytest.raises(TypeError, match="cannot detach a Plain"):
        detach_nested([Plain()])
