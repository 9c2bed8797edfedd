"""Networks with adapters: those of peft where it is installed, and stand-ins of the same structure.

Run as a script, this file is one of the processes of the distributed test.
"""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers as hf
from torch import Tensor, nn

from hardpix import TrainingStep
from hardpix.networks import tap
from hardpix.networks.adapters import plain_layer
from hardpix.objectives import WeightedCrossEntropy
from hardpix.signals import HardnessLevel

CLASSES, RANK = 4, 2
IMAGE = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
TARGET = torch.randint(CLASSES, (2, 64, 64), generator=torch.Generator().manual_seed(0))


class LowRank(nn.Module):
    """A 1×1 convolution and its low-rank change, built as peft builds them."""

    adapter_layer_names = ("lora_A", "lora_B")

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.base_layer = layer.requires_grad_(False)
        self.lora_A = nn.ModuleDict({"default": nn.Conv2d(layer.in_channels, RANK, 1, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Conv2d(RANK, layer.out_channels, 1, bias=False)})
        nn.init.zeros_(self.lora_B["default"].weight)

    def forward(self, features: Tensor) -> Tensor:
        return self.base_layer(features) + self.lora_B["default"](self.lora_A["default"](features))


class KeptCopy(nn.Module):
    """A module and its trained copy, of which one runs, as peft's modules_to_save."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.original_module = module.requires_grad_(False)
        self.modules_to_save = nn.ModuleDict({"default": copy.deepcopy(module).requires_grad_(True)})
        self.active_adapters, self.disable_adapters = ["default"], False

    def forward(self, *args: object, **kwargs: object) -> object:
        module = self.original_module if self.disable_adapters else self.modules_to_save["default"]
        return module(*args, **kwargs)


class Wrapper(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> object:
        return self.model(image)


def segformer() -> hf.SegformerForSemanticSegmentation:
    torch.manual_seed(0)
    config = hf.SegformerConfig(
        num_labels=CLASSES, depths=[1] * 4, hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16
    )
    return hf.SegformerForSemanticSegmentation(config)


def upernet() -> nn.Module:
    """Its classifier is registered before the layers that feed it, so the family names it."""
    torch.manual_seed(0)
    backbone = hf.ConvNextConfig(
        depths=[1] * 4, hidden_sizes=[8, 16, 24, 32], out_features=[f"stage{k}" for k in (1, 2, 3, 4)]
    )
    config = hf.UperNetConfig(
        num_labels=CLASSES, backbone_config=backbone, hidden_size=16, auxiliary_channels=8, auxiliary_in_channels=24
    )
    return hf.UperNetForSemanticSegmentation(config)


def stand_in(kept: str | None = None, low_rank: tuple[str, ...] = (), base: Callable = segformer) -> nn.Module:
    """A network whose weights are frozen but for a kept copy and low-rank changes, in two wrappers."""
    model = base().requires_grad_(False)
    for path in low_rank:
        model.set_submodule(path, LowRank(model.get_submodule(path)))
    if kept is not None:
        model.set_submodule(kept, KeptCopy(model.get_submodule(kept)))
    return Wrapper(Wrapper(model))


def peft_model(**config: object) -> nn.Module:
    peft = pytest.importorskip("peft")
    config = {"r": RANK, "target_modules": ["q_proj", "v_proj"], **config}
    return peft.get_peft_model(segformer(), peft.LoraConfig(**config))


# The function that builds the network, and the path and the input channels of the classifier that must be found.
HEAD = "decode_head"
NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "decoder kept": (lambda: stand_in(HEAD), "model.model.decode_head.modules_to_save.default.classifier"),
    "decoder kept, of a family that names its classifier": (
        lambda: stand_in(HEAD, base=upernet),
        "model.model.decode_head.modules_to_save.default.classifier",
    ),
    "classifier adapted": (
        lambda: stand_in(low_rank=(f"{HEAD}.classifier",)),
        "model.model.decode_head.classifier",
    ),
    "decoder adapted": (
        lambda: stand_in(low_rank=(f"{HEAD}.classifier", f"{HEAD}.linear_fuse")),
        "model.model.decode_head.classifier",
    ),
    "classifier kept": (
        lambda: stand_in(f"{HEAD}.classifier"),
        "model.model.decode_head.classifier.modules_to_save.default",
    ),
    "peft, decoder kept": (
        lambda: peft_model(modules_to_save=[HEAD]),
        "base_model.model.decode_head.modules_to_save.default.classifier",
    ),
    "peft, classifier adapted": (
        lambda: peft_model(target_modules=["q_proj", "classifier", "linear_fuse"]),
        "base_model.model.decode_head.classifier",
    ),
    "peft, all linear layers": (
        lambda: peft_model(target_modules="all-linear", modules_to_save=["classifier"]),
        "base_model.model.decode_head.classifier.modules_to_save.default",
    ),
    "peft with weight decomposition": (
        lambda: peft_model(target_modules=["classifier", "proj"], use_dora=True),
        "base_model.model.decode_head.classifier",
    ),
}


@pytest.fixture(params=NETWORKS)
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, str]:
    build, classifier = NETWORKS[request.param]
    return build(), classifier


def test_the_classifier_that_runs_is_found(case: tuple[nn.Module, str]) -> None:
    model, classifier = case
    network = tap(model)
    assert network.paths.classifiers == (classifier,)
    assert network.embedding_channels == 16
    assert network.num_classes == CLASSES
    out = network(IMAGE)
    assert out.taps.embedding.shape == (2, 16, 16, 16)
    decoder = classifier.partition("decode_head")[0] + HEAD
    named = tap(model, decoder=decoder)
    assert named(IMAGE).taps.embedding.shape == (2, 16, 16, 16)
    assert named.paths.decoder == network.paths.decoder


@pytest.mark.parametrize("kind", ["copy", "light"])
def test_a_branch_trains_all_of_itself(case: tuple[nn.Module, str], kind: str) -> None:
    model, _ = case
    step = TrainingStep(tap(model), WeightedCrossEntropy(HardnessLevel(kind=kind)))
    step(IMAGE, TARGET)["loss"].backward()
    assert [name for name, p in step.objective.named_parameters() if p.grad is None] == []
    names = [name for name, _ in step.objective.named_modules()]
    assert not any(part in name for name in names for part in ("lora_", "modules_to_save", "original", "base_layer"))
    trained = [p for p in model.parameters() if p.requires_grad]
    assert any(p.grad is not None and p.grad.any() for p in trained)
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)


@pytest.mark.parametrize("base", [segformer, upernet])
def test_the_copy_is_that_of_the_network_without_adapters(base: Callable[[], nn.Module]) -> None:
    plain = tap(base()).new_branch()
    kept = tap(stand_in(HEAD, base=base)).new_branch()
    adapted = tap(stand_in(low_rank=(f"{HEAD}.classifier",), base=base)).new_branch()
    assert shapes(kept) == shapes(adapted) == shapes(plain)


def shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: p.shape for name, p in module.named_parameters()}


def test_adapters_that_are_off() -> None:
    model = stand_in(HEAD)
    model.model.model.decode_head.disable_adapters = True
    network = tap(model)
    assert network.paths.decoder == "model.model.decode_head.original_module"
    assert network(IMAGE).taps.features is not None


def test_an_attribute_called_base_layer_is_no_adapter() -> None:
    """DLA has one."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3))
    model.base_layer = nn.Conv2d(8, 8, 3)
    assert plain_layer(model) is model


def test_a_wrapper_with_more_inside_is_not_looked_through() -> None:
    model = Wrapper(segformer())
    model.refine = nn.Conv2d(CLASSES, CLASSES, 3)
    assert tap(model).paths.decoder is None


@pytest.mark.slow
def test_two_processes(tmp_path: Path) -> None:
    """DDP refuses parameters that no loss reaches."""
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path / "rendezvous"), str(rank)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [worker.communicate(timeout=600)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(outputs)


def train_as_one_of_two(rendezvous: str, rank: int) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    step = TrainingStep(tap(stand_in(HEAD)), WeightedCrossEntropy(HardnessLevel()))
    together = nn.parallel.DistributedDataParallel(step)
    optimizer = torch.optim.SGD([p for p in step.parameters() if p.requires_grad], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        together(IMAGE + rank, TARGET)["loss"].backward()
        optimizer.step()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    train_as_one_of_two(sys.argv[1], int(sys.argv[2]))
