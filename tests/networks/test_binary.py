"""Binary networks of one channel: the two classes of the logits (0, z), against torch's loss for one logit."""

from collections.abc import Callable

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hardpix import TrainingStep
from hardpix.metrics import SegmentationScores
from hardpix.networks import tap
from hardpix.objectives import PixelContrast, SideOutputs, Sum, WeightedCrossEntropy
from hardpix.objectives.base import Objective
from hardpix.signals import Focal, HardnessLevel, OnlineHard

IMAGE = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
TARGET = (torch.rand(2, 16, 24, generator=torch.Generator().manual_seed(1)) > 0.7).long()
TARGET[:, 0] = 255
LABELED = TARGET != 255


class OneChannel(nn.Module):
    """One logit a pixel, as ``wrap`` returns it."""

    def __init__(self, wrap: Callable[[Tensor], object] = lambda z: z) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(6, 1, 1)
        self.wrap = wrap

    def forward(self, image: Tensor) -> object:
        return self.wrap(3 * self.head(self.encoder(image)))


def single(model: nn.Module) -> Tensor:
    return 3 * model.head(model.encoder(IMAGE))[:, 0]


def binary_loss(z: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, (TARGET == 1).to(z.dtype), reduction="none")


def gradients(model: nn.Module) -> list[Tensor]:
    found = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    return found


@pytest.mark.parametrize(
    "wrap", [lambda z: z, lambda z: {"out": z}, lambda z: z[:, 0], lambda z: z.permute(0, 2, 3, 1), lambda z: (z,)]
)
def test_loss_and_gradient_are_those_of_one_logit(wrap: Callable[[Tensor], object]) -> None:
    model = OneChannel(wrap)
    network = tap(model, decoder="head")
    assert network.num_classes == 2
    loss = TrainingStep(network, WeightedCrossEntropy())(IMAGE, TARGET)["loss"]
    loss.backward()
    found = gradients(model)
    expected = binary_loss(single(model))[LABELED].mean()
    expected.backward()
    torch.testing.assert_close(loss, expected)
    for mine, theirs in zip(found, gradients(model), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_focal_weights_and_online_hard_pixels_are_those_of_one_logit() -> None:
    model = OneChannel()
    z = single(model).detach()
    loss, probability = binary_loss(z), torch.where(TARGET == 1, z.sigmoid(), 1 - z.sigmoid())
    px = tap(model, decoder="head").pixels(IMAGE, TARGET)
    torch.testing.assert_close(px.loss.detach(), loss * LABELED)
    torch.testing.assert_close(px.map(Focal(gamma=2.0)).detach(), (1 - probability) ** 2 * LABELED)
    hard = px.map(OnlineHard(threshold=0.5, min_kept=0)) > 0
    assert torch.equal(hard, (probability < 0.5) & LABELED)


def test_probabilities_predictions_and_scores() -> None:
    model = OneChannel()
    with torch.no_grad():
        logits, z = tap(model, decoder="head")(IMAGE).logits, single(model)
    torch.testing.assert_close(logits.softmax(1)[:, 1], z.sigmoid())
    assert torch.equal(logits.argmax(1), (z > 0).long())
    scores = SegmentationScores(2, 255)
    scores.update(logits.argmax(1), TARGET)
    hit = ((z > 0) & (TARGET == 1) & LABELED).sum()
    found = ((z > 0) | (TARGET == 1)) & LABELED
    torch.testing.assert_close(scores.compute()["class_iou"].reshape(-1)[1].double(), hit.double() / found.sum())


@pytest.mark.parametrize("kind", ["copy", "light"])
@pytest.mark.parametrize(
    "make",
    [
        lambda kind: WeightedCrossEntropy(HardnessLevel(kind=kind)),
        lambda kind: Sum(
            {
                "cross_entropy": WeightedCrossEntropy(HardnessLevel(kind=kind)),
                "side": SideOutputs("hardness"),
                "contrast": PixelContrast("hardness"),
            }
        ),
    ],
)
def test_one_channel_of_a_known_network(make: Callable[[str], Objective], kind: str) -> None:
    model = smp.Unet("tu-test_resnet", encoder_weights=None, classes=1)
    step = TrainingStep(tap(model, stages=["decoder.blocks.3"]), make(kind))
    target = (torch.rand(2, 64, 64) > 0.5).long()
    step(torch.rand(2, 3, 64, 64), target)["loss"].backward()
    assert all(p.grad.isfinite().all() for p in step.parameters())
    assert model.segmentation_head[0].weight.grad.any()


def test_auxiliary_heads_of_one_channel() -> None:
    model = OneChannel(lambda z: {"out": z, "aux": F.avg_pool2d(z, 2)})
    losses = TrainingStep(tap(model, decoder="head"), WeightedCrossEntropy(auxiliary_weight=1.0))(IMAGE, TARGET)
    z = F.interpolate(F.avg_pool2d(single(model)[:, None], 2), (16, 24), mode="bilinear")[:, 0]
    torch.testing.assert_close(losses["auxiliary"], binary_loss(z)[LABELED].mean())
