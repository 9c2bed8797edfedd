"""Branches: small networks that see what a decoder sees, and give a map of their own."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from hardpix.networks.adapters import remove_adapters
from hardpix.networks.batch_norm import BatchNorm
from hardpix.networks.capture import unhook
from hardpix.networks.known_networks import Classifier, ModulePaths, classifier_at, is_inside
from hardpix.networks.reentrant import DetachedInputs
from hardpix.pixels.taps import Features


class CopyBranch(nn.Module):
    """A network's decoder once more, and what turns its result into a map."""

    def __init__(self, decoder: nn.Module, tail: nn.Module | None, decoder_path: str) -> None:
        super().__init__()
        self.decoder = decoder
        self.tail = tail
        self.decoder_path = decoder_path
        self._inputs = DetachedInputs()

    def forward(self, features: Features | None, embedding: Tensor | None = None) -> Tensor:
        """Features as the tap caught them to (B, out_channels, h, w); the embedding is not looked at."""
        if features is None:
            raise RuntimeError(
                f"expected what the decoder {self.decoder_path!r} was called with, found None: the network changes "
                "these tensors in place (x += …, x.mul_(…), a function with inplace=True), so that a copy of the "
                "decoder would see something else. Let the network make new tensors there (x = x + …), or use "
                "kind='light'"
            )
        return self._inputs(self, self._run, features)

    def _run(self, features: Features) -> Tensor:
        args, kwargs = features
        output = self.decoder(*args, **kwargs)
        output = output if self.tail is None else self.tail(output)
        if not isinstance(output, Tensor):
            raise TypeError(
                f"expected one map of the decoder {self.decoder_path!r}, found {type(output).__name__}: in a copy the "
                "heads for its other outputs would learn nothing, which DDP refuses. Name as the decoder the module "
                "inside it that makes the logits alone, or use kind='light'"
            )
        return output


class LightBranch(nn.Module):
    """Two 1×1 convolutions on the embedding.

    Batch norm in between, as in the networks' own heads: unlike norms over one image it keeps what makes one image
    harder than another, and SyncBatchNorm can take its place.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        # Narrow embeddings come at high resolution, where every channel costs.
        width = min(max(in_channels // 2, 8), 32)
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 1, bias=False),
            BatchNorm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, out_channels, 1),
        )

    def forward(self, features: Features | None, embedding: Tensor | None) -> Tensor:
        """(B, D, h, w) embedding to (B, out_channels, h, w); the features are not looked at."""
        if embedding is None or embedding.ndim != 4:
            found = None if embedding is None else tuple(embedding.shape)
            raise ValueError(f"a light branch needs an embedding of shape (B, D, h, w), found {found}; use kind='copy'")
        return self.layers(embedding)


def copy_branch(model: nn.Module, paths: ModulePaths, out_channels: int) -> CopyBranch:
    """The decoder and its tail with fresh weights and other classifiers; no hooks, adapters or in-place layers.

    Raises:
        ValueError: a parameter that no ``reset_parameters`` reaches.
    """
    assert paths.decoder is not None
    tail = None if paths.tail is None else model.get_submodule(paths.tail)
    branch = CopyBranch(*copy.deepcopy((model.get_submodule(paths.decoder), tail)), decoder_path=paths.decoder)
    unhook(branch)
    for path in paths.classifiers:
        inside = _path_in_branch(path, paths)
        branch.set_submodule(inside, _with_outputs(classifier_at(branch, inside), out_channels))
    remove_adapters(branch)
    if paths.activation is not None and paths.activation in dict(model.named_modules()):
        # A bare nn.Identity keeps the length of a Sequential.
        branch.set_submodule(_path_in_branch(paths.activation, paths), nn.Identity())
    for module in branch.modules():
        # Detached features share their memory with the network's, whose backward pass needs it as it is.
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    _reset(branch, paths)
    return branch.requires_grad_(True)


def _with_outputs(layer: Classifier, out_channels: int) -> Classifier:
    """A new layer like ``layer`` with another number of outputs."""
    weight = layer.weight
    shared: dict[str, Any] = {"bias": layer.bias is not None, "device": weight.device, "dtype": weight.dtype}
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, out_channels, **shared)
    shared.update(kernel_size=layer.kernel_size, stride=layer.stride, padding=layer.padding)
    shared.update(dilation=layer.dilation, padding_mode=layer.padding_mode)
    if isinstance(layer, nn.ConvTranspose2d):
        shared.update(output_padding=layer.output_padding)
        return nn.ConvTranspose2d(layer.in_channels, out_channels, **shared)
    return nn.Conv2d(layer.in_channels, out_channels, **shared)


def _reset(branch: nn.Module, paths: ModulePaths) -> None:
    """Draw every weight anew, the outer modules' way of doing so last; NaN shows what nobody drew."""
    with torch.no_grad():
        for parameter in branch.parameters():
            parameter.fill_(torch.nan)
    for module in reversed(list(branch.modules())):
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset):
            reset()
    for name, parameter in branch.named_parameters():
        if parameter.isnan().any():
            inside, _, own = name.rpartition(".")
            kind = type(branch.get_submodule(inside)).__name__
            raise ValueError(
                f"no reset_parameters reaches {own!r} of {_path_in_model(inside, paths)!r} ({kind}), so a copy of the "
                f"decoder cannot start from fresh weights; give {kind} a reset_parameters(), or use kind='light'"
            )


def _path_in_branch(path: str, paths: ModulePaths) -> str:
    for role, root in (("decoder", paths.decoder), ("tail", paths.tail)):
        if root is not None and is_inside(path, root):
            return role + path.removeprefix(root)
    raise ValueError(f"{path!r} is neither in the decoder {paths.decoder!r} nor behind it ({paths.tail!r})")


def _path_in_model(path: str, paths: ModulePaths) -> str:
    role, dot, rest = path.partition(".")
    return f"{paths.decoder if role == 'decoder' else paths.tail}{dot}{rest}"
