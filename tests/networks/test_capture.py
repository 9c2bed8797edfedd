"""Caught tensors stay what the decoder was called with, whatever the network does to them afterwards."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hardpix.networks import detach_nested, tap

IMAGE = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))


class Overwrites(nn.Module):
    """A decoder whose input is overwritten: by a module inside, by a function, through a view, or after its call."""

    def __init__(self, overwrite: Callable[[Tensor], Tensor], afterwards: Callable[[Tensor], object] = id) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Identity())
        self.decoder = Head(overwrite)
        self.afterwards = afterwards

    def forward(self, image: Tensor) -> Tensor:
        features = self.encoder(image)
        logits = self.decoder(features)
        self.afterwards(features)
        return logits


class Head(nn.Module):
    def __init__(self, overwrite: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.overwrite = overwrite
        self.classifier = nn.Conv2d(6, 4, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.classifier(self.overwrite(features))


IN_PLACE = {
    "LeakyReLU": lambda: nn.LeakyReLU(0.5, inplace=True),
    "inside": lambda: nn.Sequential(nn.Identity(), nn.Sequential(nn.CELU(inplace=True))),
    "twice": lambda: nn.Sequential(nn.Hardswish(inplace=True), nn.LeakyReLU(0.5, inplace=True)),
}


@pytest.mark.parametrize("overwrite", IN_PLACE.values(), ids=IN_PLACE)
@pytest.mark.parametrize("backend", [None, "eager", "aot_eager"])
def test_layers_that_overwrite_the_decoders_input_leave_what_was_caught(
    backend: str | None, overwrite: Callable[[], nn.Module]
) -> None:
    model = Overwrites(overwrite())
    network = tap(model, decoder="decoder")
    torch.compiler.reset()
    out = (network if backend is None else torch.compile(network, backend=backend, fullgraph=True))(IMAGE)
    torch.testing.assert_close(out.logits, model(IMAGE))
    torch.testing.assert_close(out.taps.features[0][0], model.encoder(IMAGE))
    # Hooks that are in place make no difference to a copy with the network's own weights, nor to its gradients.
    branch = network.new_branch(4)
    branch.decoder.load_state_dict(model.decoder.state_dict())
    scores = branch(out.taps.features)
    torch.testing.assert_close(scores, out.logits)
    weight = model.encoder[0].weight
    of_scores, of_logits = (
        torch.autograd.grad(x.square().sum(), weight, retain_graph=True)[0] for x in (scores, out.logits)
    )
    torch.testing.assert_close(of_scores, of_logits)


class AddsOne(nn.Sequential):
    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features.add_(1))


OVERWRITTEN = {
    "function": (lambda x: F.leaky_relu(x, 0.5, inplace=True), id),
    "operator": (lambda x: x.add_(1), id),
    "view": (nn.Sequential(nn.Unflatten(1, (2, 3)), nn.LeakyReLU(0.5, inplace=True), nn.Flatten(1, 2)), id),
    "operator before a layer": (AddsOne(nn.LeakyReLU(0.5, inplace=True)), id),
    "after the decoder": (nn.Identity(), lambda x: x.mul_(2)),
}


@pytest.mark.parametrize(("overwrite", "afterwards"), OVERWRITTEN.values(), ids=OVERWRITTEN)
def test_what_was_overwritten_since_it_was_caught_is_said_where_it_is_needed(
    overwrite: Callable[[Tensor], Tensor], afterwards: Callable[[Tensor], object]
) -> None:
    network = tap(Overwrites(overwrite, afterwards), decoder="decoder")
    branch, light = network.new_branch(), network.new_branch(kind="light")
    with torch.no_grad():
        out = network(IMAGE)
        assert light(out.taps.features, out.taps.embedding).shape == (2, 1, 8, 12)
        with pytest.raises(
            RuntimeError, match=r"decoder 'decoder' was called with, found None.*in place.*kind='light'"
        ):
            branch(detach_nested(out.taps.features), out.taps.embedding)


def test_inference_mode_counts_no_versions_and_needs_none() -> None:
    network = tap(Overwrites(nn.LeakyReLU(0.5, inplace=True)), decoder="decoder")
    with torch.inference_mode():
        out = network(IMAGE)
        torch.testing.assert_close(out.taps.features[0][0], network.model.encoder(IMAGE))
        assert network.new_branch()(out.taps.features).shape == (2, 1, 8, 12)


def test_a_branch_leaves_the_containers_it_is_given_as_they_are() -> None:
    class Pops(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.classifier = nn.Conv2d(6, 4, 1)

        def forward(self, features: list[Tensor]) -> Tensor:
            return self.classifier(features.pop())

    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = nn.Conv2d(3, 6, 1), Pops()

        def forward(self, image: Tensor) -> Tensor:
            return self.decoder([self.encoder(image)])

    network = tap(Listed(), decoder="decoder")
    branch, out = network.new_branch(), network(IMAGE)
    assert torch.equal(branch(out.taps.features), branch(out.taps.features))


@pytest.mark.parametrize("inplace", [False, True])
def test_a_stage_that_is_overwritten_is_said(inplace: bool) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=inplace), nn.Sequential(nn.Conv2d(6, 6, 1), nn.Conv2d(6, 4, 1))
    )
    network = tap(model, decoder="2", stages=("0",))
    if inplace:
        with pytest.raises(RuntimeError, match="the network overwrites what '0' returned"):
            network(IMAGE)
    else:
        assert torch.equal(network(IMAGE).taps.stages["0"], model[0](IMAGE))
