"""Branches of networks of one's own: fresh weights, other classifiers, nothing in place."""

import pytest
import torch
from torch import Tensor, nn

from hardpix.networks import detach_nested, tap

IMAGE = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))


def model_with(*head: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Sequential(*head))


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, features: Tensor) -> Tensor:
        return self.factor * features


class ResettableScale(Scale):
    def reset_parameters(self) -> None:
        nn.init.constant_(self.factor, 0.25)


@pytest.mark.parametrize(
    "classifier",
    [
        nn.Conv2d(6, 4, 3, stride=2, padding=1, bias=False, padding_mode="reflect"),
        nn.Conv2d(6, 4, 3, padding=2, dilation=2),
        nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1),
        nn.Conv2d(6, 4, 1, groups=2),
    ],
)
def test_a_replaced_classifier_keeps_its_geometry(classifier: nn.Module) -> None:
    network = tap(model_with(nn.ReLU(), classifier), decoder="1")
    out = network(IMAGE)
    new = network.new_branch(3).decoder[1]
    assert new(out.taps.embedding).shape == (2, 3, *classifier(out.taps.embedding).shape[2:])
    assert (new.bias is None) == (classifier.bias is None)
    assert new.padding_mode == classifier.padding_mode


def test_weights_are_fresh_and_running_statistics_too() -> None:
    model = model_with(nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Conv2d(6, 4, 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(100.0)
    network = tap(model, decoder="1")
    network(IMAGE)
    branch = network.new_branch()
    assert all(p.abs().max() <= 1 for p in branch.parameters())
    assert torch.equal(branch.decoder[1].running_mean, torch.zeros(6))
    assert not branch.decoder[2].inplace
    assert model[1][2].inplace
    assert not any(module._forward_pre_hooks for module in branch.modules())
    assert all(p.eq(100).all() for p in model.parameters())


def test_weights_that_nobody_draws_anew_are_named() -> None:
    network = tap(model_with(nn.Sequential(Scale()), nn.Conv2d(6, 4, 1)), decoder="1")
    with pytest.raises(ValueError, match=r"reaches 'factor' of '1.0.0' \(Scale\).*reset_parameters"):
        network.new_branch()
    network = tap(model_with(ResettableScale(), nn.Conv2d(6, 4, 1)), decoder="1")
    assert network.new_branch().decoder[0].factor.item() == 0.25


def test_attention_in_a_decoder_is_drawn_anew() -> None:
    class Attend(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
            self.classifier = nn.Conv2d(6, 4, 1)

        def forward(self, features: Tensor) -> Tensor:
            tokens = features.flatten(2).transpose(1, 2)
            return self.classifier(self.attention(tokens, tokens, tokens)[0].transpose(1, 2).reshape(features.shape))

    network = tap(nn.Sequential(nn.Conv2d(3, 6, 1), Attend()), decoder="1")
    branch = network.new_branch()
    assert branch(detach_nested(network(IMAGE).taps.features)).shape == (2, 1, 8, 12)
    assert all(p.isfinite().all() for p in branch.parameters())


@pytest.mark.parametrize("kind", ["copy", "light"])
def test_a_branch_follows_the_models_type_mode_and_place(kind: str) -> None:
    model = model_with(nn.BatchNorm2d(6), nn.Conv2d(6, 4, 1)).double().eval().requires_grad_(False)
    branch = tap(model, decoder="1").new_branch(2, kind)
    assert all(p.dtype == torch.float64 and p.requires_grad for p in branch.parameters())
    assert not any(module.training for module in branch.modules())
    on_meta = tap(model_with(nn.Conv2d(6, 4, 1)).to("meta"), decoder="1").new_branch(2, "light")
    assert all(p.device.type == "meta" for p in on_meta.parameters())


def test_a_classifier_behind_the_decoder_is_part_of_the_branch() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 8, 1), nn.Conv2d(8, 4, 1))
    network = tap(model, decoder="1", embedding="2")
    out = network(IMAGE)
    assert out.taps.embedding.shape == (2, 8, 8, 12)
    assert network.new_branch()(out.taps.features).shape == (2, 1, 8, 12)


def test_a_copy_needs_a_classifier_to_replace() -> None:
    network = tap(model_with(nn.ReLU()), decoder="1")
    with pytest.raises(ValueError, match=r"hardpix.tap\(model, embedding='…'\)"):
        network.new_branch()


def test_there_are_two_kinds() -> None:
    with pytest.raises(ValueError, match="'copy' or 'light', found 'lite'"):
        tap(model_with(nn.Conv2d(6, 4, 1)), decoder="1").new_branch(kind="lite")


def test_a_light_branch_needs_a_map() -> None:
    branch = tap(model_with(nn.Conv2d(6, 4, 1)), decoder="1").new_branch(kind="light")
    for embedding in (None, torch.rand(2, 10, 6)):
        with pytest.raises(ValueError, match=r"embedding of shape \(B, D, h, w\), found"):
            branch(None, embedding)


@pytest.mark.parametrize("size", [(1, 1), (1, 2)])
def test_a_light_branch_trains_on_one_image_whatever_the_size_of_its_embedding(size: tuple[int, int]) -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(size), nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1)))
    network = tap(model, decoder="1")
    out = network(IMAGE[:1])
    assert out.taps.embedding.shape == (1, 8, *size)
    branch = network.new_branch(kind="light")
    scores = branch(None, out.taps.embedding.detach())
    assert scores.shape == (1, 1, *size)
    scores.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in branch.parameters())


def test_a_decoder_that_returns_several_maps_is_not_copied_in_silence() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.aux, self.main = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 4, 1)

        def forward(self, features: Tensor) -> list[Tensor]:
            return [self.aux(features), self.main(features)]

    network = tap(model_with(nn.ReLU(), Heads()), decoder="1")
    out = network(IMAGE)
    assert torch.equal(out.logits, network.model(IMAGE)[1])
    with pytest.raises(TypeError, match=r"one map of the decoder '1', found list: .*kind='light'"):
        network.new_branch()(out.taps.features)
    assert network.new_branch(kind="light")(out.taps.features, out.taps.embedding).shape == (2, 1, 8, 12)
