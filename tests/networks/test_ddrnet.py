"""DDRNet: published sizes, the shapes of its branches, any image."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hardpix.networks import DDRNet, DDRNet23, DDRNet23Slim, DDRNet39


def small(**options: object) -> DDRNet:
    return DDRNet(4, width=8, pooling_width=8, head_width=8, **options)


@pytest.mark.parametrize(("network", "published"), [(DDRNet23Slim, 5.7), (DDRNet23, 20.1), (DDRNet39, 32.3)])
def test_published_parameter_counts(network: type[DDRNet], published: float) -> None:
    """Published in millions with one digit, for 19 classes, without the auxiliary head, which only training needs.

    DDRNet-39 has 32.36 M, published as 32.3: cut off, while the other two agree with rounding.
    """
    millions = sum(p.numel() for p in network(19, auxiliary=False).parameters()) / 1e6
    assert published - 0.05 < millions < published + 0.1
    with_head = sum(p.numel() for p in network(19).parameters()) / 1e6
    assert with_head > millions


def test_resolutions_of_both_branches() -> None:
    """Detail stays at 1/8; context goes to 1/16, 1/32 and 1/64 (figure 4 of the paper)."""
    network, sides = small(), {}
    for name in ("stem", "third.0.context", "third.0.detail", "fourth.context", "fourth.detail", "context.0", "detail"):
        network.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: sides.update({name: output.shape[-1]})
        )
    assert network(torch.rand(1, 3, 128, 256)).shape == (1, 4, 128, 256)
    assert {name: 256 // side for name, side in sides.items()} == {
        "stem": 8,
        "third.0.context": 16,
        "third.0.detail": 8,
        "fourth.context": 32,
        "fourth.detail": 8,
        "context.0": 64,
        "detail": 8,
    }


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 65), (97, 31), (1, 130)])
@pytest.mark.parametrize("training", [True, False])
def test_any_size_and_a_single_image(size: tuple[int, int], training: bool) -> None:
    network = small().train(training)
    logits = network(torch.rand(1, 3, *size))
    assert logits.shape == (1, 4, *size)
    logits.square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_every_weight_takes_part() -> None:
    network = small(third_stage_parts=2, blocks=(1, 1, 2, 1), in_channels=4)
    caught: list[Tensor] = []
    network.auxiliary_head.register_forward_hook(lambda module, args, output: caught.append(output))
    logits = network(torch.rand(2, 4, 128, 128))
    (logits.square().mean() + caught[0].square().mean()).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_auxiliary_head_runs_in_training_only() -> None:
    network = small().eval()
    network.auxiliary_head.register_forward_hook(lambda module, args, output: pytest.fail("ran"))
    network(torch.rand(1, 3, 32, 32))
    assert small(auxiliary=False).auxiliary_head is None


def test_the_third_stage_splits_evenly() -> None:
    with pytest.raises(ValueError, match="divide 3 blocks, found 2"):
        small(blocks=(1, 1, 3, 1), third_stage_parts=2)


def test_batch_norm_on_one_value_is_that_of_evaluation() -> None:
    from hardpix.networks.batch_norm import BatchNorm

    norm = BatchNorm(3)
    plain = nn.BatchNorm2d(3)
    many = torch.rand(4, 3, 5, 6)
    torch.testing.assert_close(norm(many), plain(many))
    before = {name: buffer.clone() for name, buffer in norm.named_buffers()}
    one = torch.rand(1, 3, 1, 1)
    torch.testing.assert_close(norm(one), plain.eval()(one))
    assert all(torch.equal(buffer, before[name]) for name, buffer in norm.named_buffers())


def test_pooling_pyramid_by_hand() -> None:
    """Each scale is pooled, projected, resized, added to the finer one and convolved (equation 3 of the paper)."""
    from hardpix.networks.pooling_pyramid import PoolingPyramid

    pyramid = PoolingPyramid(4, 3, 5).double().eval()
    features = torch.rand(2, 4, 9, 13, dtype=torch.float64)

    def pooled(kernel: int) -> Tensor:
        return F.avg_pool2d(F.pad(features, [kernel // 2] * 4), kernel, stride=(kernel - 1) // 2)

    previous = pyramid.scales[0](features)
    scales = [previous]
    for index, coarse in enumerate([pooled(5), pooled(9), pooled(17), features.mean((2, 3), keepdim=True)]):
        coarse = F.interpolate(pyramid.scales[index + 1](coarse), (9, 13), mode="bilinear", align_corners=False)
        previous = pyramid.merges[index](coarse + previous)
        scales.append(previous)
    expected = pyramid.compress(torch.cat(scales, 1)) + pyramid.shortcut(features)
    torch.testing.assert_close(pyramid(features), expected)


def test_configured_by_class_path() -> None:
    jsonargparse = pytest.importorskip("jsonargparse")
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--network", type=nn.Module)
    given = {"class_path": "hardpix.networks.DDRNet23Slim", "init_args": {"num_classes": 3}}
    network = parser.instantiate_classes(parser.parse_object({"network": given})).network
    assert isinstance(network, DDRNet23Slim)
    assert network.head.classifier.out_channels == 3
