"""Class weights, against scikit-learn and arithmetic of 60 digits."""

import decimal
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from hardpix.pixels import DatasetInfo, PixelBatch
from hardpix.signals import ClassBalance
from testing import batch_of

CITYSCAPES_LIKE = [2_036_416_525, 336_090_793, 1_260_636_120, 36_199_498, 67_789_506, 5_487_381, 7]


def scaled_to_mean_one(weights: list[Decimal], counts: list[int]) -> list[float]:
    mean = sum(n * w for n, w in zip(counts, weights, strict=True)) / sum(counts)
    return [float(w / mean) for w in weights]


def effective_number(counts: list[int], beta: Decimal) -> list[float]:
    with decimal.localcontext(prec=60):
        return scaled_to_mean_one([(1 - beta) / (1 - beta**n) for n in counts], counts)


def test_inverse_frequency_is_scikit_learns_balanced_weight() -> None:
    labels = np.repeat([0, 1, 2], [50, 7, 1])
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 2]), y=labels)
    np.testing.assert_allclose(ClassBalance([50, 7, 1]).weights, expected, rtol=1e-6)


def test_inverse_frequency_of_hundreds_of_millions() -> None:
    expected = scaled_to_mean_one([1 / Decimal(n) for n in CITYSCAPES_LIKE], CITYSCAPES_LIKE)
    np.testing.assert_allclose(ClassBalance(CITYSCAPES_LIKE).weights, expected, rtol=1e-6)


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5, 2.0])
def test_powers_of_inverse_frequency(power: float) -> None:
    with decimal.localcontext(prec=60):
        expected = scaled_to_mean_one([Decimal(n) ** -Decimal(power) for n in CITYSCAPES_LIKE], CITYSCAPES_LIKE)
    np.testing.assert_allclose(ClassBalance(CITYSCAPES_LIKE, power=power).weights, expected, rtol=1e-6)


def test_absent_classes_weigh_as_the_rarest_whatever_the_power() -> None:
    # 1/√4 = ½ and 1/√16 = ¼; the mean over 20 pixels is (4 · ½ + 16 · ¼) / 20 = 0.3.
    torch.testing.assert_close(ClassBalance([4, 0, 16], power=0.5).weights, torch.tensor([0.5, 0.5, 0.25]) / 0.3)


@pytest.mark.parametrize("power", [-0.5, float("nan"), float("inf")])
def test_powers_outside_their_range_are_refused(power: float) -> None:
    with pytest.raises(ValueError, match=rf"expected power ≥ 0 and finite, such as 0\.5 or 1, found {power}"):
        ClassBalance([1, 2], power=power)


def test_the_effective_number_has_no_power() -> None:
    with pytest.raises(ValueError, match=r"for method 'inverse_frequency' alone, found 0\.5 with"):
        ClassBalance([1, 2], method="effective_number", power=0.5)


@pytest.mark.parametrize("beta", [0.9, 0.999, 0.9999999, 0.999999999])
def test_effective_number_keeps_its_digits(beta: float) -> None:
    weights = ClassBalance(CITYSCAPES_LIKE, method="effective_number", beta=beta).weights
    np.testing.assert_allclose(weights, effective_number(CITYSCAPES_LIKE, Decimal(beta)), rtol=1e-6)


def test_effective_number_takes_the_average_class_as_its_measure_by_default() -> None:
    beta = 1 - Decimal(len(CITYSCAPES_LIKE)) / sum(CITYSCAPES_LIKE)
    weights = ClassBalance(CITYSCAPES_LIKE, method="effective_number").weights
    np.testing.assert_allclose(weights, effective_number(CITYSCAPES_LIKE, beta), rtol=1e-6)


def test_effective_number_lies_between_equal_weights_and_inverse_frequency() -> None:
    counts = [900, 90, 10]
    assert ClassBalance(counts, method="effective_number", beta=0).weights.tolist() == [1, 1, 1]
    almost_inverse = ClassBalance(counts, method="effective_number", beta=1 - 1e-12).weights
    torch.testing.assert_close(almost_inverse, ClassBalance(counts).weights, rtol=1e-4, atol=0)
    middle = ClassBalance(counts, method="effective_number").weights
    assert 1 < middle[2] / middle[0] < 90


@settings(max_examples=25)
@given(
    counts=st.lists(st.integers(0, 10**9), min_size=1, max_size=6).filter(any),
    method=st.sampled_from(["inverse_frequency", "effective_number"]),
)
def test_the_mean_weight_over_all_pixels_is_one_and_rare_classes_weigh_no_less(counts: list[int], method: str) -> None:
    weights = ClassBalance(counts, method=method).weights.double().numpy()  # type: ignore[arg-type]
    assert np.average(weights, weights=counts) == pytest.approx(1, rel=1e-5)
    assert (np.diff(weights[np.argsort(counts)]) <= 1e-6 * weights.max()).all()


def test_a_class_without_pixels_gets_the_largest_weight() -> None:
    assert ClassBalance([30, 0, 10]).weights.tolist() == pytest.approx([2 / 3, 2, 2])


def test_map_holds_the_weight_of_each_pixels_class(pixel_batch: Callable[..., PixelBatch]) -> None:
    px = pixel_batch()
    signal = ClassBalance([50, 7, 1, 3])
    expected = [
        [[0 if y == 255 else signal.weights[y].item() for y in row] for row in image] for image in px.target.tolist()
    ]
    assert signal(px).tolist() == expected


def test_counts_may_come_later_and_from_a_checkpoint() -> None:
    waiting = ClassBalance()
    px = batch_of(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]]))
    with pytest.raises(RuntimeError, match="no pixel counts"):
        waiting(px)
    waiting.load_state_dict(ClassBalance([30, 10]).state_dict())
    later = ClassBalance()
    later.set_counts([30, 10])
    for signal in (waiting, later):
        assert signal(px).flatten().tolist() == pytest.approx([2 / 3, 2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"counts": [3, -1]}, r"one pixel count ≥ 0.*found \[3, -1\]"),
        ({"counts": [0, 0]}, "at least one above 0"),
        ({"counts": [[1, 2]]}, "one pixel count"),
        ({"counts": [3], "method": "sqrt"}, "found 'sqrt'"),
        ({"counts": [3], "beta": 1.0}, "beta from 0 to below 1, found 1.0"),
    ],
)
def test_bad_settings_are_errors(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassBalance(**settings)


def test_counts_of_another_number_of_classes_are_an_error(pixel_batch: Callable[..., PixelBatch]) -> None:
    with pytest.raises(ValueError, match="counts of 3 classes, the network's logits have 4"):
        ClassBalance([1, 2, 3])(pixel_batch())


@pytest.mark.parametrize("convert", [nn.Module.half, nn.Module.bfloat16, nn.Module.double])
def test_weights_stay_float32_whatever_the_network_is_converted_to(convert: Callable[[nn.Module], nn.Module]) -> None:
    """A class with a millionth of the pixels weighs 500 000, which float16 does not hold."""
    px = batch_of(torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, 255]]]))
    signal = ClassBalance(counts=[999_999, 1])
    expected = signal(px)
    assert expected[0, 0].tolist() == pytest.approx([1_000_000 / 999_999 / 2, 500_000, 0])
    found = convert(nn.Sequential(signal))[0](px)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_prepare_takes_the_counts_of_the_training_set_where_none_were_given() -> None:
    """The weight of a class is inverse to its number of pixels, with mean 1 over all pixels: n / (C n_c)."""
    asked = []

    def count() -> list[int]:
        asked.append(1)
        return [30, 10]

    info = DatasetInfo(("road", "pole"), count)
    waiting, given = ClassBalance(), ClassBalance([1, 1])
    given.prepare(info)
    assert not asked
    assert given.weights.tolist() == [1, 1]
    for signal in (waiting, ClassBalance()):
        signal.prepare(info)
        assert signal.weights.tolist() == pytest.approx([40 / 60, 40 / 20])
    assert len(asked) == 1
