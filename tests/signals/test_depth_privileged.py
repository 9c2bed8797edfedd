"""Depth as privileged information: the weight map from its parts, the branch, the curriculum."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import hardpix
from hardpix.objectives import WeightedCrossEntropy, with_signal_losses
from hardpix.objectives.weighting import weight_map
from hardpix.pixels import PixelBatch, depth_aware_error, depth_loss, depth_prediction_error
from hardpix.signals import DepthPrivileged, HardnessLevel, Product
from testing import batch_of

Make = Callable[..., PixelBatch]


class Predicts(nn.Module):
    """A branch whose log depth is its parameter, whatever it sees."""

    def __init__(self, log_depth: Tensor) -> None:
        super().__init__()
        self.log_depth = nn.Parameter(log_depth.unsqueeze(1))

    def forward(self, features: object, embedding: Tensor | None = None) -> Tensor:
        return self.log_depth


def random_depth(shape: tuple[int, ...], seed: int = 3) -> Tensor:
    """Meters, a fifth unknown."""
    generator = torch.Generator().manual_seed(seed)
    depth = 1 + 5 * torch.rand(shape, generator=generator, dtype=torch.float64)
    depth[torch.rand(shape, generator=generator) < 0.2] = torch.nan
    return depth


def with_prediction(px: PixelBatch, seed: int = 5, **settings: object) -> DepthPrivileged:
    generator = torch.Generator().manual_seed(seed)
    signal = DepthPrivileged(**settings).double()
    signal.branch = Predicts(torch.randn(px.target.shape, generator=generator, dtype=torch.float64))
    return signal


def model(classes: int = 4) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(6, classes, 1))).double()


def step_and_batch(**settings: object) -> tuple[hardpix.TrainingStep, dict[str, Tensor]]:
    step = hardpix.TrainingStep(hardpix.tap(model(), decoder="1"), WeightedCrossEntropy(DepthPrivileged(**settings)))
    generator = torch.Generator().manual_seed(2)
    image = torch.randn(2, 3, 6, 8, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 4, (2, 6, 8), generator=generator)
    return step.double(), {"image": image, "target": target, "depth": random_depth((2, 6, 8))}


def percentile(measure: Tensor, counts: Tensor) -> float:
    """The smallest value that 95 % of those that count do not exceed."""
    values = np.sort(measure[counts].numpy())
    return float(values[math.ceil(0.95 * len(values)) - 1])


@pytest.mark.parametrize(("dpe", "dse"), [(1.0, 1.0), (2.0, 0.5), (0.0, 1.0), (1.0, 0.0)])
def test_the_map_is_one_plus_both_measures_scaled_by_their_percentiles(
    dpe: float, dse: float, pixel_batch: Make
) -> None:
    px = pixel_batch(shape=(2, 9, 11), depth=random_depth((2, 9, 11)), progress=1.0)
    signal = with_prediction(px, dpe=dpe, dse=dse)
    known = px.valid & px.sample["depth"].isfinite()
    error = 1 - torch.softmax(px.logits.detach(), 1).gather(1, px.target.where(px.valid, 0)[:, None]).squeeze(1)
    expected = torch.ones_like(px.sample["depth"])
    for factor, measure in (
        (dpe, depth_prediction_error(signal.branch.log_depth.detach().squeeze(1), px.sample["depth"])),
        (dse, depth_aware_error(error, px.sample["depth"], px.valid)),
    ):
        # kth_smallest finds values in float32.
        scaled = (measure / percentile(measure.float().double(), known)).clamp(max=1)
        expected += factor * torch.where(known, scaled, 0)
    torch.testing.assert_close(weight_map(px, signal), torch.where(px.valid, expected, 0), rtol=1e-6, atol=1e-7)


def test_where_depth_is_unknown_a_pixel_weighs_1(pixel_batch: Make) -> None:
    px = pixel_batch(shape=(2, 5, 6), depth=random_depth((2, 5, 6)), progress=1.0)
    px.sample["depth"][1] = torch.nan
    found = px.map(with_prediction(px))
    unknown = px.valid & px.sample["depth"].isnan()
    assert unknown[0].any()
    assert (found[unknown] == 1).all()
    assert (found[px.valid & ~unknown] >= 1).all()
    assert (found[px.valid & ~unknown] > 1).any()


def test_a_batch_without_any_depth_trains_as_without_the_signal() -> None:
    step, batch = step_and_batch()
    batch["depth"][:] = torch.nan
    before = copy.deepcopy(step.state_dict())
    losses = step(**batch, progress=1.0)
    plain = nn.functional.cross_entropy(step.network.model(batch["image"]), batch["target"])
    torch.testing.assert_close(losses["loss"], plain)
    losses["loss"].backward()
    # On the graph: several processes wait for a gradient of every parameter.
    assert all(p.grad is not None and p.grad.isfinite().all() for p in step.parameters())
    assert torch.equal(before["objective.signal.quantiles"], step.state_dict()["objective.signal.quantiles"])


def test_predicted_depth_in_another_unit_weighs_the_same(pixel_batch: Make) -> None:
    px = pixel_batch(shape=(2, 6, 7), depth=random_depth((2, 6, 7)), progress=1.0)
    signal, doubled = with_prediction(px), with_prediction(px)
    doubled.branch.log_depth.data += math.log(2)
    other = batch_of(px.logits, px.target, depth=px.sample["depth"], progress=1.0)
    torch.testing.assert_close(other.map(doubled), px.map(signal))


@pytest.mark.parametrize(
    ("curriculum", "strengths"),
    [
        ("cosine", {0.0: 0.0, 0.25: (1 - math.sqrt(0.5)) / 2, 0.5: 0.5, 1.0: 1.0}),
        ("linear", {0.0: 0.0, 0.3: 0.3, 1.0: 1.0}),
        ("step", {0.0: 0.0, 0.49: 0.0, 0.5: 1.0, 1.0: 1.0}),
        ("none", {0.0: 1.0, 1.0: 1.0, None: 1.0}),
    ],
)
def test_curricula(curriculum: str, strengths: dict[float | None, float], pixel_batch: Make) -> None:
    whole = pixel_batch(shape=(2, 6, 7), depth=random_depth((2, 6, 7)))
    at_full = whole.map(with_prediction(whole, curriculum="none"))
    for progress, strength in strengths.items():
        px = pixel_batch(shape=(2, 6, 7), depth=whole.sample["depth"], progress=progress)
        found = weight_map(px, with_prediction(px, curriculum=curriculum))
        expected = torch.where(px.valid, 1 + strength * (at_full - 1), 0)
        torch.testing.assert_close(found, expected)


def test_the_percentile_runs(pixel_batch: Make) -> None:
    """The first batch sets it; each further one replaces a twentieth."""
    batches = [
        pixel_batch(seed=k, shape=(2, 6, 7), depth=random_depth((2, 6, 7), seed=k), progress=1.0) for k in (0, 1)
    ]
    signal = with_prediction(batches[0], dse=0.0)
    found = []
    for px in batches:
        px.map(signal)
        measure = depth_prediction_error(signal.branch.log_depth.detach().squeeze(1), px.sample["depth"])
        found.append(percentile(measure.float().double(), px.valid & px.sample["depth"].isfinite()))
    expected = 0.95 * found[0] + 0.05 * found[1]
    assert float(signal.quantiles[0]) == pytest.approx(expected, rel=1e-6)
    signal.eval()
    pixel_batch(seed=2, shape=(2, 6, 7), depth=random_depth((2, 6, 7)), progress=1.0).map(signal)
    assert float(signal.quantiles[0]) == pytest.approx(expected, rel=1e-6)


def test_the_percentile_runs_in_float32_whatever_the_network_is(pixel_batch: Make) -> None:
    """After 200 equal batches it is what they have, reached in steps that bfloat16 has no numbers for."""
    px = pixel_batch(shape=(2, 6, 7), depth=random_depth((2, 6, 7)), progress=1.0)
    signal = with_prediction(px, dse=0.0)
    px.map(signal)
    reached = signal.quantiles[0].item()
    half = signal.to(torch.bfloat16)
    half.branch.double()
    half.quantiles[0] = 2 * reached
    for _ in range(200):
        batch_of(px.logits, px.target, depth=px.sample["depth"], progress=1.0).map(half)
    assert half.quantiles.dtype == torch.float32
    rounded = depth_prediction_error(half.branch.log_depth.detach().squeeze(1), px.sample["depth"])
    expected = percentile(rounded.float().double(), px.valid & px.sample["depth"].isfinite())
    assert half.quantiles[0].item() == pytest.approx(expected * (1 + 0.95**200), rel=0.02)


def test_it_can_be_built_without_memory_and_filled_later() -> None:
    with torch.device("meta"):
        signal = DepthPrivileged()
    assert signal.to_empty(device="cpu").quantiles.dtype == torch.float32


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.uint16, torch.int32])
def test_depth_of_any_type_gives_a_loss_of_the_logits_type(kind: torch.dtype) -> None:
    step, batch = step_and_batch()
    depth = (1000 * batch["depth"]).nan_to_num(0).to(kind)
    losses = step.float()(batch["image"].float(), batch["target"], depth=depth, progress=0.5)
    assert {name: loss.dtype for name, loss in losses.items()} == dict.fromkeys(losses, torch.float32)
    assert losses["depth"].isfinite()


def test_a_batch_that_overflows_does_not_spoil_the_percentile(pixel_batch: Make) -> None:
    px = pixel_batch(shape=(2, 6, 7), depth=random_depth((2, 6, 7)), progress=1.0)
    signal = with_prediction(px)
    px.map(signal)
    before = signal.quantiles.clone()
    for bad in (math.nan, math.inf):
        broken = with_prediction(px)
        broken.quantiles = signal.quantiles
        broken.branch.log_depth.data[:] = bad
        batch_of(px.logits, px.target, depth=px.sample["depth"], progress=1.0).map(broken)
    assert float(signal.quantiles[0]) == float(before[0])


def test_maps_may_lie_in_memory_as_they_like(pixel_batch: Make) -> None:
    px = pixel_batch(shape=(2, 6, 7), depth=random_depth((2, 6, 7)), progress=1.0)
    turned = [values.transpose(1, 2).contiguous().transpose(1, 2) for values in (px.target, px.sample["depth"])]
    strided = batch_of(px.logits, turned[0], depth=turned[1], progress=1.0)
    assert not strided.sample["depth"].is_contiguous()
    torch.testing.assert_close(strided.map(with_prediction(px)), px.map(with_prediction(px)))


def test_held_out_images_need_no_depth() -> None:
    step, batch = step_and_batch()
    batch["depth"] = None
    losses = step.eval()(**batch)
    plain = nn.functional.cross_entropy(step.network.model(batch["image"]), batch["target"])
    torch.testing.assert_close(losses["loss"], plain)


def test_without_a_weight_there_is_no_curriculum(pixel_batch: Make) -> None:
    px = pixel_batch(shape=(2, 6, 7), depth=random_depth((2, 6, 7)))
    signal = with_prediction(px, dpe=0.0, dse=0.0)
    assert (px.map(signal) == 1).all()
    assert torch.equal(weight_map(px, signal) > 0, px.valid)


@pytest.mark.parametrize("kind", ["berhu", "l1", "scale_invariant"])
def test_its_own_loss_is_that_of_depth(kind: str, pixel_batch: Make) -> None:
    px = pixel_batch(shape=(2, 6, 7), depth=random_depth((2, 6, 7)), progress=1.0)
    signal = with_prediction(px, loss=kind, loss_weight=0.3)
    expected = 0.3 * depth_loss(signal.branch.log_depth.squeeze(1), px.sample["depth"], kind)
    torch.testing.assert_close(signal.loss(px), expected)


@pytest.mark.parametrize("detach", [False, True])
def test_its_gradient_reaches_the_network_unless_detached(detach: bool) -> None:
    step, batch = step_and_batch(detach=detach)
    px = step.network.pixels(**batch, progress=0.5)
    signal = step.objective.signal
    signal.loss(px).backward()
    encoder = step.network.model[0].weight
    assert (encoder.grad is None) == detach
    assert all(p.grad is not None and p.grad.any() for p in signal.parameters())
    # The network's own decoder is no part of the branch.
    assert step.network.model[1][1].weight.grad is None


def test_the_map_is_a_constant() -> None:
    step, batch = step_and_batch()
    px = step.network.pixels(**batch, progress=1.0)
    assert not px.map(step.objective.signal).requires_grad


def test_the_branch_runs_once_a_step() -> None:
    step, batch = step_and_batch()
    calls: list[object] = []
    step.objective.signal.branch.register_forward_hook(lambda *_: calls.append(None))
    step(**batch, progress=0.5)
    assert len(calls) == 1


def test_nothing_of_it_remains_at_inference() -> None:
    plain = model()
    shapes = {name: value.shape for name, value in plain.state_dict().items()}
    step, batch = step_and_batch()
    step(**batch, progress=0.5)["loss"].backward()
    network = step.network.model
    assert {name: value.shape for name, value in network.state_dict().items()} == shapes
    calls: list[object] = []
    step.objective.signal.branch.register_forward_hook(lambda *_: calls.append(None))
    assert step.network(batch["image"]).logits.shape == (2, 4, 6, 8)
    hardpix.untap(network)
    assert network(batch["image"]).shape == (2, 4, 6, 8)
    assert not calls


def test_dse_alone_needs_no_branch(pixel_batch: Make) -> None:
    signal = DepthPrivileged(dpe=0.0, loss_weight=0.0).bind(hardpix.tap(model(), decoder="1"))
    assert list(signal.parameters()) == []
    px = pixel_batch(shape=(2, 6, 7), depth=random_depth((2, 6, 7)), progress=1.0)
    assert signal.loss(px) is None
    assert (px.map(signal) > 1).any()


def test_times_learned_hardness(pixel_batch: Make, hardness_with_scores: Callable[..., HardnessLevel]) -> None:
    px = pixel_batch(shape=(2, 6, 7), depth=random_depth((2, 6, 7)), progress=1.0)
    depth = with_prediction(px)
    hardness = hardness_with_scores(torch.randn(2, 6, 7, dtype=torch.float64))
    product = Product([hardness, depth])
    torch.testing.assert_close(px.map(product), px.map(hardness) * px.map(depth))
    objective = WeightedCrossEntropy(product)
    found = with_signal_losses(objective, px)
    torch.testing.assert_close(found["loss"], objective(px)["loss"] + hardness.loss(px) + depth.loss(px))


def test_training_learns_depth_and_goes_on_from_a_saved_state() -> None:
    step, batch = step_and_batch()
    optimizer = torch.optim.AdamW(step.parameters(), lr=0.01)

    def train(step: hardpix.TrainingStep, optimizer: torch.optim.Optimizer, count: int) -> list[float]:
        losses = []
        for k in range(count):
            optimizer.zero_grad()
            found = step(**batch, progress=k / 40)
            found["loss"].backward()
            optimizer.step()
            losses.append(found["depth"].item())
        return losses

    losses = train(step, optimizer, 40)
    assert losses[-1] < 0.7 * losses[0]
    twin, _ = step_and_batch()
    twin.load_state_dict(step.state_dict())
    other = torch.optim.AdamW(twin.parameters(), lr=0.01)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert train(twin, other, 5) == train(step, optimizer, 5)


def test_compiled_it_is_the_same() -> None:
    step, batch = step_and_batch()
    expected = {name: loss.item() for name, loss in copy.deepcopy(step)(**batch, progress=0.5).items()}
    found = torch.compile(step, backend="aot_eager")(**batch, progress=0.5)
    assert {name: loss.item() for name, loss in found.items()} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dpe": -1.0}, "expected finite dpe, dse and loss_weight ≥ 0"),
        ({"dse": math.nan}, "expected finite dpe, dse and loss_weight ≥ 0"),
        ({"loss_weight": math.inf}, "expected finite dpe, dse and loss_weight ≥ 0"),
        ({"loss_weight": 0.0}, "expected loss_weight > 0, since dpe is the error of a branch that must learn"),
        ({"curriculum": "sine"}, "expected a curriculum 'cosine', 'linear', 'step', 'none', found 'sine'"),
        ({"loss": "l2"}, "expected a loss 'berhu', 'l1', 'scale_invariant', found 'l2'"),
        ({"kind": "thin"}, "expected kind 'copy' or 'light', found 'thin'"),
        ({"step": 0}, "expected whole numbers radius ≥ 0 and step ≥ 1"),
        ({"radius": 1.5}, "expected whole numbers radius ≥ 0 and step ≥ 1"),
        ({"radius": 2.0}, "expected whole numbers radius ≥ 0 and step ≥ 1"),
        ({"radius": math.nan}, "expected whole numbers radius ≥ 0 and step ≥ 1"),
        ({"tolerance": math.nan}, "a tolerance > 0"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DepthPrivileged(**settings)


def test_what_it_needs_is_said(pixel_batch: Make) -> None:
    px = pixel_batch(depth=random_depth((2, 3, 5)))
    with pytest.raises(RuntimeError, match="no branch yet"):
        px.map(DepthPrivileged(curriculum="none"))
    with pytest.raises(ValueError, match=r"give step\(…, progress=done / all\), or choose curriculum='none'"):
        px.map(with_prediction(px))
    bare = pixel_batch(progress=0.5)
    with pytest.raises(ValueError, match=r"needs depth maps of the training images: give step\(…, depth=meters\)"):
        bare.map(with_prediction(bare))
