"""Every family of networks under one set of demands: tapped without a trace, branches that keep to themselves.

Run as a script, this file is one of the processes of the distributed test.
"""

import copy
import gc
import io
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
import torchvision
import transformers as hf
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import segmentation

from hardpix import TrainingStep
from hardpix.networks import DDRNet, TappedNetwork, detach_nested, tap, untap
from hardpix.objectives import SideOutputs, Sum, WeightedCrossEntropy
from hardpix.signals import HardnessLevel

CLASSES = 5


class Handwritten(nn.Module):
    """A decoder that is called with keywords, changes its list and its input, and a classifier behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.decoder = HandwrittenDecoder()
        self.classifier = nn.Conv2d(8, CLASSES, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, str]:
        features = self.encoder(image)
        decoded = self.decoder([features, features.mean((2, 3), keepdim=True)], scale=2.0)
        return self.classifier(F.interpolate(decoded, size=image.shape[-2:])), "unused"


class HandwrittenDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.fuse = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, features: list[Tensor], scale: float) -> Tensor:
        context = features.pop()
        return self.norm(self.fuse(self.relu(features.pop()) + scale * context))


@dataclass(frozen=True)
class Family:
    """Builder of a small network of the family, and what its tap must catch."""

    build: Callable[[], nn.Module]
    decoder: str
    embedding: int
    """Channels."""
    stride: int = 4
    """Stride of the embedding, in pixels of the image."""
    auxiliary: int = 0
    """Number of auxiliary heads."""
    tail: str | None = None
    names: tuple[tuple[str, str], ...] = ()
    """Module paths that have to be named for the tap."""
    size: tuple[int, int] = (64, 96)

    def tap(self, model: nn.Module) -> TappedNetwork:
        return tap(model, **dict(self.names))

    def image(self, batch: int = 2) -> Tensor:
        return torch.rand(batch, 3, *self.size, generator=torch.Generator().manual_seed(batch))

    def target(self, batch: int = 2) -> Tensor:
        generator = torch.Generator().manual_seed(batch)
        return torch.randint(CLASSES, (batch, *self.size), generator=generator)


def torchvision_model(name: str, **options: Any) -> Callable[[], nn.Module]:
    return lambda: getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=CLASSES, **options)


def fcn_resnet18() -> nn.Module:
    layers = {"layer4": "out", "layer3": "aux"}
    backbone = torchvision.models._utils.IntermediateLayerGetter(torchvision.models.resnet18(), layers)
    return segmentation.FCN(backbone, segmentation.fcn.FCNHead(512, CLASSES), segmentation.fcn.FCNHead(256, CLASSES))


def smp_family(name: str, embedding: int, stride: int, size: tuple[int, int] = (64, 96), **options: Any) -> Family:
    options = {"encoder_name": "tu-test_resnet", "encoder_weights": None, "classes": CLASSES, **options}
    return Family(
        lambda: getattr(smp, name)(**options), "decoder", embedding, stride, tail="segmentation_head", size=size
    )


def hf_model(name: str, **config: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        configured = getattr(hf, f"{name}Config")(num_labels=CLASSES, **config)
        return getattr(hf, f"{name}ForSemanticSegmentation")(configured)

    return build


def tiny_convnext() -> Any:
    stages = ["stage1", "stage2", "stage3", "stage4"]
    return hf.ConvNextConfig(depths=[1] * 4, hidden_sizes=[8, 16, 24, 32], out_features=stages)


VIT = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16}
VIT |= {"image_size": 64, "patch_size": 16}

FAMILIES = {
    "lraspp": Family(torchvision_model("lraspp_mobilenet_v3_large"), "classifier", 128, 8),
    "deeplabv3": Family(
        torchvision_model("deeplabv3_mobilenet_v3_large", aux_loss=True), "classifier", 256, 16, auxiliary=1
    ),
    "fcn": Family(fcn_resnet18, "classifier", 128, 32, auxiliary=1),
    "smp_unet": smp_family("Unet", 16, 1),
    "smp_unet_softmax": smp_family("Unet", 16, 1, activation="softmax2d"),
    "smp_unetplusplus": smp_family("UnetPlusPlus", 16, 1),
    "smp_manet": smp_family("MAnet", 16, 1),
    "smp_linknet": smp_family("Linknet", 32, 1),
    "smp_fpn": smp_family("FPN", 128, 4),
    "smp_pspnet": smp_family("PSPNet", 512, 8),
    "smp_deeplabv3": smp_family("DeepLabV3", 256, 8),
    "smp_deeplabv3plus": smp_family("DeepLabV3Plus", 256, 4),
    "smp_pan": smp_family("PAN", 32, 4, size=(128, 160)),
    "smp_upernet": smp_family("UPerNet", 64, 4, decoder_channels=64),
    "smp_segformer": smp_family("Segformer", 256, 4),
    "smp_dpt": smp_family(
        "DPT",
        16,
        2,
        encoder_name="tu-test_vit",
        dynamic_img_size=True,
        decoder_intermediate_channels=(8, 16, 16, 16),
        decoder_fusion_channels=16,
    ),
    "segformer": Family(
        hf_model(
            "Segformer",
            depths=[1] * 4,
            hidden_sizes=[8, 16, 24, 32],
            num_attention_heads=[1] * 4,
            decoder_hidden_size=16,
        ),
        "decode_head",
        16,
    ),
    "upernet": Family(
        lambda: hf_model(
            "UperNet",
            backbone_config=tiny_convnext(),
            hidden_size=16,
            auxiliary_channels=8,
            auxiliary_in_channels=24,
        )(),
        "decode_head",
        16,
        auxiliary=1,
    ),
    "beit": Family(
        hf_model("Beit", **VIT, out_indices=[1, 2, 3, 4], auxiliary_channels=8, use_relative_position_bias=True),
        "decode_head",
        16,
        auxiliary=1,
        size=(64, 64),
    ),
    "dpt": Family(
        hf_model(
            "DPT", **VIT, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 16, 16], fusion_hidden_size=16
        ),
        "head",
        16,
        2,
        auxiliary=1,
        size=(64, 64),
    ),
    "mobilevit": Family(
        hf_model(
            "MobileViT",
            hidden_sizes=[16, 24, 32],
            neck_hidden_sizes=[8, 8, 16, 24, 32, 40, 48],
            num_attention_heads=2,
            aspp_out_channels=16,
        ),
        "segmentation_head",
        16,
        32,
    ),
    "mobilevitv2": Family(
        hf_model("MobileViTV2", width_multiplier=0.5, aspp_out_channels=16), "segmentation_head", 16, 32
    ),
    "ddrnet": Family(lambda: DDRNet(CLASSES, width=8, pooling_width=8, head_width=16), "head", 16, 8, auxiliary=1),
    "handwritten": Family(
        Handwritten,
        "decoder",
        8,
        1,
        tail="classifier",
        names=(("decoder", "decoder"), ("embedding", "classifier")),
        size=(16, 24),
    ),
}
# Maps of several scales, where there are several.
STAGES = {
    "lraspp": ["backbone.6", "backbone.12"],
    "deeplabv3": ["backbone.6", "classifier.0"],
    "fcn": ["backbone.layer2", "backbone.layer3"],
    "smp_unet": ["decoder.blocks.0", "decoder.blocks.2", "decoder.blocks.4"],
    "smp_unet_softmax": ["decoder.blocks.1"],
    "smp_unetplusplus": ["decoder.blocks.x_0_0", "decoder.blocks.x_0_3"],
    "smp_manet": ["decoder.blocks.0", "decoder.blocks.3"],
    "smp_linknet": ["decoder.blocks.0", "decoder.blocks.3"],
    "smp_fpn": ["decoder.p5", "decoder.p4", "decoder.p3", "decoder.p2"],
    "smp_pspnet": ["decoder.psp"],
    "smp_deeplabv3": ["decoder.aspp"],
    "smp_deeplabv3plus": ["decoder.aspp", "decoder.block1"],
    "smp_pan": ["decoder.fpa", "decoder.gau3", "decoder.gau1"],
    "smp_upernet": ["decoder.fpn_conv_blocks.0", "decoder.fpn_conv_blocks.2"],
    "smp_segformer": ["decoder.mlp_stage.0", "decoder.fuse_stage"],
    "smp_dpt": ["decoder.fusion_blocks.0", "decoder.fusion_blocks.3"],
    "segformer": ["segformer.stages.0", "segformer.stages.2"],
    "upernet": ["decode_head.lateral_convs.1", "decode_head.fpn_convs.0"],
    "beit": ["decode_head.fpn_convs.1", "decode_head.fpn_convs.0"],
    "dpt": ["neck.fusion_stage.layers.0", "neck.fusion_stage.layers.2"],
    "mobilevit": ["segmentation_head.aspp"],
    "mobilevitv2": ["segmentation_head.aspp"],
    "ddrnet": None,
    "handwritten": ["decoder"],
}
ONE_OF_EACH_KIND = ("lraspp", "smp_fpn", "segformer", "upernet", "ddrnet", "handwritten")


@cache
def built(name: str) -> nn.Module:
    """With batch norms that have seen an image: else deep networks of random weights are constant in evaluation."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = FAMILIES[name].build()
        warm = copy.deepcopy(model).train()
        for module in warm.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        warm(FAMILIES[name].image())
        model.load_state_dict(warm.state_dict())
    return model


@pytest.fixture(params=FAMILIES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def family(name: str) -> Family:
    return FAMILIES[name]


@pytest.fixture
def model(name: str) -> nn.Module:
    return copy.deepcopy(built(name)).train()


def read_logits(output: Any) -> Tensor:
    if isinstance(output, dict):
        return output["out"] if "out" in output else output["logits"]
    return output[0] if isinstance(output, tuple) else output


def flatten(features: Any) -> list[Tensor]:
    return [leaf for leaf in torch.utils._pytree.tree_leaves(features) if isinstance(leaf, Tensor)]


def gradients(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


class Step(nn.Module):
    """A network and a branch, trained by what nobody would train them by: enough to move every weight."""

    def __init__(self, network: TappedNetwork) -> None:
        super().__init__()
        self.network = network
        self.branch = network.new_branch()

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        px = self.network.pixels(image, target)
        heads = [weight * F.interpolate(logits, target.shape[-2:]) for logits, weight in px.taps.auxiliary]
        losses = [F.cross_entropy(logits, target) for logits in (px.logits, *heads)]
        return torch.stack(losses).sum() + self.branch(detach_nested(px.taps.features), None).square().mean()


def test_every_architecture_of_segmentation_models_pytorch_is_here() -> None:
    covered = {type(built(name)) for name in FAMILIES if name.startswith("smp_")}
    assert covered == set(smp.MODEL_ARCHITECTURES_MAPPING.values())


def test_the_tap_changes_nothing(family: Family, model: nn.Module) -> None:
    model.eval()
    image = family.image()
    with torch.no_grad():
        before = read_logits(model(image))
        names, cls = list(model.state_dict()), type(model)
        out = family.tap(model)(image)
        resized = F.interpolate(before, size=family.size, mode="bilinear", align_corners=False)
        assert torch.equal(out.logits, before if before.shape == resized.shape else resized)
        assert torch.equal(read_logits(model(image)), before)
    assert before.std() > 0
    assert list(model.state_dict()) == names
    assert type(model) is cls


def test_everything_is_caught(family: Family, model: nn.Module) -> None:
    network = family.tap(model)
    out = network(family.image())
    assert out.logits.shape == (2, CLASSES, *family.size)
    assert out.taps.embedding is not None
    assert out.taps.embedding.shape == (2, family.embedding, *(side // family.stride for side in family.size))
    assert network.embedding_channels == family.embedding
    assert flatten(out.taps.features)
    assert len(out.taps.auxiliary) == family.auxiliary
    for logits, weight in out.taps.auxiliary:
        assert logits.shape[:2] == (2, CLASSES)
        assert weight == 1.0
        logits.sum().backward(retain_graph=True)
        # An auxiliary head trains itself and what it is fed by, and not the decoder.
        trained = gradients(model)
        assert any("aux" in name for name in trained)
        assert any("aux" not in name for name in trained)
        assert not any(name.startswith(f"{family.decoder}.") for name in trained)


@pytest.mark.parametrize("kind", ["copy", "light"])
def test_a_branch_trains_itself_and_not_the_network(family: Family, model: nn.Module, kind: str) -> None:
    network = family.tap(model)
    out = network(family.image())
    branch = network.new_branch(2, kind)
    scores = branch(detach_nested(out.taps.features), out.taps.embedding.detach())
    assert scores.shape[:2] == (2, 2)
    assert all(family.size[axis] % side == 0 for axis, side in enumerate(scores.shape[2:]))
    (scores * torch.rand_like(scores)).sum().backward()
    assert gradients(model) == {}
    assert gradients(branch).keys() == dict(branch.named_parameters()).keys()
    # The road is there: without detaching, the same loss reaches the network.
    branch(out.taps.features, out.taps.embedding).sum().backward()
    assert gradients(model)


def test_a_copy_is_the_decoder_and_all_that_follows(family: Family, model: nn.Module) -> None:
    """With the network's own weights a copy returns the network's own logits."""
    network = family.tap(model.eval())
    branch = network.new_branch(CLASSES)
    branch.decoder.load_state_dict(model.get_submodule(family.decoder).state_dict())
    if family.tail is not None:
        branch.tail.load_state_dict(model.get_submodule(family.tail).state_dict())
    with torch.no_grad():
        out = network(family.image())
        scores = branch(out.taps.features)
        softmax = isinstance(model, smp.Unet) and not isinstance(model.segmentation_head[2].activation, nn.Identity)
        expected = scores.softmax(1) if softmax else scores
        if expected.shape != out.logits.shape:
            expected = F.interpolate(expected, size=family.size, mode="bilinear", align_corners=False)
        # The handwritten network resizes between its decoder and its classifier, and to the nearest.
        if isinstance(model, Handwritten):
            expected = F.interpolate(scores, size=family.size)
    torch.testing.assert_close(expected, out.logits)


def test_one_training_step(family: Family, model: nn.Module) -> None:
    step = Step(family.tap(model))
    before = {name: p.detach().clone() for name, p in step.named_parameters()}
    optimizer = torch.optim.SGD(step.parameters(), lr=0.1)
    step(family.image(), family.target()).backward()
    optimizer.step()
    moved = [name for name, p in step.named_parameters() if not torch.equal(p, before[name])]
    assert any(name.startswith("branch.") for name in moved)
    assert any(name.startswith(f"network.model.{family.decoder}.") for name in moved)
    assert any(not name.startswith(("branch.", f"network.model.{family.decoder}.")) for name in moved)
    assert all(p.isfinite().all() for p in step.parameters())


def test_side_outputs_train_at_every_stage(name: str, family: Family, model: nn.Module) -> None:
    """With a copy of the decoder, stages and all, as the branch that learns hardness."""
    keys, buffers = list(model.state_dict()), {key: value.clone() for key, value in model.named_buffers()}
    network = tap(model, **dict(family.names), stages=STAGES[name])
    objective = Sum({"plain": WeightedCrossEntropy(HardnessLevel()), "side": SideOutputs("hardness")})
    step = TrainingStep(network, objective)
    assert all(torch.equal(value, buffers[key]) for key, value in model.named_buffers())
    assert all(module.training for module in model.modules())
    losses = step(family.image(), family.target())
    losses["loss"].backward()
    caught = network(family.image()).taps.stages
    assert {f"side/stages/{stage}" for stage in caught} <= set(losses)
    assert len(caught) == (3 if STAGES[name] is None else len(STAGES[name]))
    side = objective.objectives["side"]
    for features, head in zip(caught.values(), side.heads.values(), strict=True):
        assert head(features).shape == (2, CLASSES, *features.shape[2:])
    assert gradients(side).keys() == dict(side.named_parameters()).keys()
    assert all(gradient.isfinite().all() for gradient in gradients(step).values())
    assert list(model.state_dict()) == keys


def test_a_branch_leaves_the_networks_gradients_as_they_are(family: Family, model: nn.Module) -> None:
    """Detached features share memory with the network's: an in-place layer of the branch would spoil its backward."""
    image, target = family.image(), family.target()
    found = []
    for with_branch in (False, True):
        tapped = family.tap(copy.deepcopy(model))
        branch = tapped.new_branch()
        torch.manual_seed(0)
        px = tapped.pixels(image, target)
        if with_branch:
            branch(detach_nested(px.taps.features), None).sum().backward()
        F.cross_entropy(px.logits, target).backward()
        found.append(gradients(tapped))
    without, with_ = found
    assert without.keys() == with_.keys()
    assert all(torch.equal(without[name], with_[name]) for name in without)


def test_a_deep_copy_has_its_own_tap(family: Family, model: nn.Module) -> None:
    network = family.tap(model.eval())
    image = family.image()
    with torch.no_grad():
        first = network(image)
        twin = copy.deepcopy(network)
        for parameter in twin.parameters():
            parameter.mul_(1.1)
        second = twin(image)
        again = network(image)
    assert torch.equal(first.logits, again.logits)
    assert torch.equal(first.taps.embedding, again.taps.embedding)
    assert not torch.equal(first.taps.embedding, second.taps.embedding)
    untap(twin)
    assert network(image).taps.embedding is not None


def test_pickled_and_saved_taps_still_catch(family: Family, model: nn.Module) -> None:
    network, image = family.tap(model.eval()), family.image()
    fresh = family.tap(copy.deepcopy(model))
    for parameter in fresh.parameters():
        nn.init.zeros_(parameter)
    fresh.load_state_dict(network.state_dict())
    with torch.no_grad():
        expected = network(image)
        unhook_transformers(network)
        torch.save(network, file := io.BytesIO())
        file.seek(0)
        for other in (pickle.loads(pickle.dumps(network)), torch.load(file, weights_only=False), fresh):
            out = other(image)
            assert torch.equal(out.logits, expected.logits)
            assert torch.equal(out.taps.embedding, expected.taps.embedding)
            assert len(flatten(out.taps.features)) == len(flatten(expected.taps.features))


def unhook_transformers(network: nn.Module) -> None:
    """Remove the local functions that backbones of transformers hook on themselves, which do not pickle; the next
    forward puts them back."""
    for module in network.modules():
        for identifier, hook in list(module._forward_hooks.items()):
            if getattr(hook, "__module__", "").startswith("transformers."):
                del module._forward_hooks[identifier]
        vars(module).pop("_output_capturing_hooks_installed", None)


def test_untap_leaves_no_trace(family: Family, model: nn.Module) -> None:
    before = traces(model)
    network = family.tap(model)
    assert traces(model) != before
    assert untap(network) is model
    assert traces(model) == before


def traces(model: nn.Module) -> dict[str, dict[str, list[Any] | None]]:
    """The names of all that hangs on each module; of dictionaries, such as those of hooks, the keys too."""
    return {
        name: {key: list(value) if isinstance(value, dict) else None for key, value in vars(module).items()}
        for name, module in model.named_modules()
    }


def test_no_memory_is_kept(family: Family, model: nn.Module) -> None:
    network = family.tap(model)
    out = network(family.image())
    caught = [weakref.ref(tensor) for tensor in (out.taps.embedding, out.logits, *flatten(out.taps.features))]
    del out
    gc.collect()
    assert [reference() for reference in caught] == [None] * len(caught)


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_compiled_whole(name: str) -> None:
    """Hooks fire in the compiled network, in one graph, and nothing is left over from one call to the next."""
    family, model = FAMILIES[name], copy.deepcopy(built(name)).eval()
    network = family.tap(model)
    torch._dynamo.reset()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    for scale in (1.0, 0.5, 1.0):
        expected, out = network(scale * family.image()), compiled(scale * family.image())
        torch.testing.assert_close(out.logits, expected.logits)
        torch.testing.assert_close(out.taps.embedding, expected.taps.embedding)
        for found, wanted in zip(flatten(out.taps.features), flatten(expected.taps.features), strict=True):
            torch.testing.assert_close(found, wanted)
        assert len(out.taps.auxiliary) == len(expected.taps.auxiliary)
        out.logits.sum().backward()
    caught = [weakref.ref(tensor) for tensor in (out.taps.embedding, *flatten(out.taps.features))]
    del out, found
    gc.collect()
    assert [reference() for reference in caught] == [None] * len(caught)
    torch._dynamo.reset()


def test_compiled_in_place_as_part_of_a_step() -> None:
    family = FAMILIES["handwritten"]
    step = Step(family.tap(copy.deepcopy(built("handwritten"))))
    twin = copy.deepcopy(step)
    step(family.image(), family.target()).backward()
    twin.compile(backend="aot_eager", fullgraph=True)
    twin(family.image(), family.target()).backward()
    found, expected = gradients(twin), gradients(step)
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name])


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """In DDP every process ends with the mean of what each had alone."""
    command = [sys.executable, __file__, str(tmp_path / "rendezvous")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [*command, str(rank)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for rank in range(2)
    ]
    outputs = [worker.communicate(timeout=600)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(outputs)


def train_as_one_of_two(rendezvous: str, rank: int) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    for name in ONE_OF_EACH_KIND:
        family = FAMILIES[name]
        step = Step(family.tap(copy.deepcopy(built(name)).train()))
        # Dropout would draw differently in each process.
        for module in step.modules():
            if "drop" in type(module).__name__.lower():
                module.eval()
        alone = [copy.deepcopy(step) for _ in range(2)]
        torch.distributed.broadcast_object_list(shared := [step.branch.state_dict()])
        for each in (step, *alone):
            each.branch.load_state_dict(shared[0])
        for part, each in enumerate(alone):
            each(family.image(2 + part), family.target(2 + part)).backward()
        together = nn.parallel.DistributedDataParallel(step)
        together(family.image(2 + rank), family.target(2 + rank)).backward()
        parts = [gradients(each) for each in alone]
        for parameter, found in gradients(step).items():
            expected = (parts[0][parameter] + parts[1][parameter]) / 2
            torch.testing.assert_close(found, expected, msg=lambda text, where=(name, parameter): f"{where}: {text}")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    train_as_one_of_two(sys.argv[1], int(sys.argv[2]))
