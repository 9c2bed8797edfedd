"""Networks that classify masks: their semantic logits against brute force, trained, diagnosed and refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers as hf
from torch import Tensor, nn
from torch.nn import functional as F

from hardpix import TrainingStep
from hardpix.networks import tap
from hardpix.networks.mask_classification import semantic_logits
from hardpix.objectives import WeightedCrossEntropy
from hardpix.signals import HardnessLevel, OnlineHard

CLASSES, QUERIES = 4, 6
IMAGE = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
TARGET = torch.randint(CLASSES, (2, 64, 64), generator=torch.Generator().manual_seed(0))


def swin() -> hf.SwinConfig:
    stages = [f"stage{k}" for k in (1, 2, 3, 4)]
    return hf.SwinConfig(image_size=64, embed_dim=12, depths=[1] * 4, num_heads=[2] * 4, out_features=stages)


def mask2former(**options: Any) -> nn.Module:
    sizes = dict.fromkeys(("hidden_dim", "feature_size", "mask_feature_size", "encoder_feedforward_dim"), 32)
    config = hf.Mask2FormerConfig(
        backbone_config=swin(),
        num_labels=CLASSES,
        **sizes,
        dim_feedforward=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        num_queries=QUERIES,
        **options,
    )
    return hf.Mask2FormerForUniversalSegmentation(config)


def maskformer() -> nn.Module:
    decoder = hf.DetrConfig(
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=QUERIES,
    )
    config = hf.MaskFormerConfig(
        backbone_config=swin(), decoder_config=decoder, num_labels=CLASSES, fpn_feature_size=32, mask_feature_size=32
    )
    return hf.MaskFormerForInstanceSegmentation(config)


class OneFormer(nn.Module):
    """Its forward wants the task beside the image: a wrapper gives it."""

    def __init__(self) -> None:
        super().__init__()
        sizes = dict.fromkeys(("hidden_dim", "mask_dim", "conv_dim", "encoder_feedforward_dim", "dim_feedforward"), 32)
        text = {"text_encoder_width": 32, "text_encoder_num_layers": 1, "text_encoder_vocab_size": 9}
        config = hf.OneFormerConfig(
            backbone_config=swin(),
            num_labels=CLASSES,
            num_queries=QUERIES,
            **sizes,
            **text,
            encoder_layers=1,
            decoder_layers=2,
            num_attention_heads=2,
            task_seq_len=7,
            max_seq_len=7,
            is_training=False,
            use_auxiliary_loss=False,
        )
        self.model = hf.OneFormerForUniversalSegmentation(config)

    def forward(self, image: Tensor) -> Any:
        return self.model(image, task_inputs=torch.ones(len(image), 7))


def eomt() -> nn.Module:
    config = hf.EomtConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        num_queries=QUERIES,
        num_blocks=1,
        num_labels=CLASSES,
        num_upscale_blocks=2,
        mlp_ratio=2,
    )
    return hf.EomtForUniversalSegmentation(config)


NETWORKS = {"MaskFormer": maskformer, "Mask2Former": mask2former, "OneFormer": OneFormer, "EoMT": eomt}


def brute_force(classes: Tensor, masks: Tensor) -> Tensor:
    """Semantic scores S, query by query, pixel by pixel."""
    images, queries, height, width = masks.shape
    scores = torch.zeros(images, classes.shape[2] - 1, height, width, dtype=torch.float64)
    for b in range(images):
        for q in range(queries):
            shares = classes[b, q].double().exp() / classes[b, q].double().exp().sum()
            for c in range(classes.shape[2] - 1):
                scores[b, c] += shares[c] / (1 + (-masks[b, q].double()).exp())
    return scores


def assert_shares(logits: Tensor, scores: Tensor) -> None:
    """Compare the softmax of the logits with S / Σ S."""
    torch.testing.assert_close(logits.softmax(1).double(), scores / scores.sum(1, keepdim=True), rtol=1e-4, atol=1e-6)


def queries(seed: int = 0, scale: float = 2.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = [scale * torch.randn(*shape, generator=generator) for shape in ((2, 5, 4), (2, 5, 6, 8))]
    return draw[0], draw[1]


def test_softmax_of_the_logits_is_the_share_of_the_scores() -> None:
    classes, masks = queries()
    scores = brute_force(classes, masks)
    found = semantic_logits(classes, masks)
    assert_shares(found, scores)
    assert torch.equal(found.argmax(1), scores.argmax(1))
    target = torch.randint(3, (2, 6, 8))
    expected = -(scores.gather(1, target[:, None])[:, 0] / scores.sum(1)).log()
    torch.testing.assert_close(
        F.cross_entropy(found, target, reduction="none").double(), expected, rtol=1e-5, atol=1e-6
    )


def test_masks_are_resized_before_they_are_summed() -> None:
    classes, masks = queries()
    larger = F.interpolate(masks, (12, 16), mode="bilinear", align_corners=False)
    scores = brute_force(classes, larger)
    assert_shares(semantic_logits(classes, masks, size=(12, 16)), scores)


def test_one_certain_query_a_class_gives_its_mask() -> None:
    labels = torch.tensor([[[0, 1], [2, 1]]])
    masks = torch.where(F.one_hot(labels, 3).permute(0, 3, 1, 2) == 1, 40.0, -40.0)
    classes = 40.0 * torch.eye(3, 4)[None]
    found = semantic_logits(classes, masks).softmax(1)
    torch.testing.assert_close(found, F.one_hot(labels, 3).permute(0, 3, 1, 2).float())


def test_the_order_of_the_queries_changes_nothing() -> None:
    classes, masks = queries()
    order = torch.randperm(5)
    torch.testing.assert_close(semantic_logits(classes[:, order], masks[:, order]), semantic_logits(classes, masks))


def test_finite_where_all_masks_are_off_and_every_query_is_no_object() -> None:
    """Scores of e⁻²⁰⁰ underflow in float32; their shares do not."""
    classes = torch.tensor([[[0.0, 1.0, 200.0], [2.0, 0.0, 200.0]]], requires_grad=True)
    masks = torch.full((1, 2, 1, 1), -200.0, requires_grad=True)
    logits = semantic_logits(classes, masks)
    scores = torch.tensor([1 + torch.e**2, torch.e + 1])
    torch.testing.assert_close(logits.softmax(1).flatten(), scores / scores.sum())
    F.cross_entropy(logits, torch.zeros(1, 1, 1, dtype=torch.long)).backward()
    assert classes.grad.isfinite().all()
    assert classes.grad.any()
    assert masks.grad.isfinite().all()


def test_gradients_agree_with_finite_differences() -> None:
    classes, masks = (each.double()[:1, :2, ..., :3].requires_grad_() for each in queries())
    assert torch.autograd.gradcheck(lambda c, m: semantic_logits(c, m, (4, 5)), (classes, masks[:, :, :3]))


def test_half_types_are_summed_in_float32() -> None:
    classes, masks = (each.bfloat16() for each in queries())
    with torch.autocast("cpu", torch.bfloat16):
        found = semantic_logits(classes, masks)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, semantic_logits(classes.float(), masks.float()))


def test_shapes_that_do_not_belong_together() -> None:
    classes, masks = queries()
    with pytest.raises(ValueError, match=r"of the same queries, found \(2, 5, 4\) and \(2, 3, 6, 8\)"):
        semantic_logits(classes, masks[:, :3])


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_networks_of_transformers(build: Callable[[], nn.Module]) -> None:
    model = build().eval()
    network = tap(model)
    with torch.no_grad():
        returned, out = model(IMAGE), network(IMAGE)
        masks = F.interpolate(returned.masks_queries_logits, (64, 64), mode="bilinear", align_corners=False)
        scores = brute_force(returned.class_queries_logits, masks)
    assert out.logits.shape == (2, CLASSES, 64, 64)
    assert network.num_classes == CLASSES
    torch.testing.assert_close(
        out.logits.softmax(1).double(), scores / scores.sum(1, keepdim=True), rtol=1e-4, atol=1e-6
    )
    # The map that masks are read from has their resolution.
    assert out.taps.embedding.shape == (2, 32, 16, 16)
    assert network.embedding_channels == 32


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_trained_by_weighted_losses(build: Callable[[], nn.Module]) -> None:
    model = build()
    with pytest.raises(ValueError, match=r"classifies masks of queries: no decoder.*HardnessLevel\(kind='light'\)"):
        TrainingStep(tap(model), WeightedCrossEntropy(HardnessLevel()))
    for signal in (HardnessLevel(kind="light"), OnlineHard(0.9)):
        step = TrainingStep(tap(model), WeightedCrossEntropy(signal))
        optimizer = torch.optim.AdamW(step.parameters(), lr=3e-3)
        losses = []
        for _ in range(6):
            parts = step(IMAGE, TARGET // 4)
            optimizer.zero_grad()
            parts["loss"].backward()
            optimizer.step()
            losses.append(parts["segmentation"].item())
        assert losses[-1] < losses[0]
        assert all(p.grad is not None for p in step.objective.parameters())


def test_earlier_layers_are_auxiliary_heads() -> None:
    model = mask2former(output_auxiliary_logits=True).eval()
    out, returned = tap(model)(IMAGE), model(IMAGE)
    [earlier] = returned.auxiliary_logits
    [(logits, _)] = out.taps.auxiliary
    scores = brute_force(earlier["class_queries_logits"], earlier["masks_queries_logits"])
    assert_shares(logits, scores)


def test_keys_of_detectron2() -> None:
    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Conv2d(3, 5, 4, stride=4)

        def forward(self, image: Tensor) -> dict[str, Any]:
            masks = self.features(image)
            last = {"pred_logits": masks.mean((2, 3))[..., None].expand(-1, -1, 4), "pred_masks": masks}
            return {**last, "aux_outputs": [last]}

    model = Other()
    out, returned = tap(model)(IMAGE), model(IMAGE)
    masks = F.interpolate(returned["pred_masks"], (64, 64), mode="bilinear", align_corners=False)
    scores = brute_force(returned["pred_logits"], masks)
    torch.testing.assert_close(
        out.logits.softmax(1).double(), scores / scores.sum(1, keepdim=True), rtol=1e-5, atol=1e-6
    )
    assert out.taps.auxiliary[0][0].shape == (2, 3, 16, 16)
