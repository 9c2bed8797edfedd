"""Hooks of a tap, and what they catch while a network runs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hardpix.networks.adapters import plain_layer
from hardpix.networks.nested import copy_containers, map_tensors, tensors_in
from hardpix.pixels.taps import Features


@dataclass
class Caught:
    """Tensors that one forward left behind; all are on the graph but for those that ``without_graph`` lists."""

    features: Features | None = None
    embedding: Tensor | None = None
    classified: Tensor | None = None
    """Result of the classifier."""
    auxiliary: list[Tensor] = field(default_factory=list)
    stages: dict[str, Tensor] = field(default_factory=dict)
    without_graph: list[str] = field(default_factory=list)
    """Tensors that are on no graph, as gradients were off though they were on around the network: "features",
    "embedding", "auxiliary", or the name of a stage."""
    _wants_graph: bool = field(default_factory=torch.is_grad_enabled)
    _versions: list[tuple[Tensor, int]] = field(default_factory=list)
    _stage_versions: dict[str, list[tuple[Tensor, int]]] = field(default_factory=dict)

    def catch_features(self, features: Features) -> None:
        self.features = features
        self._versions = _with_versions(features)

    def note(self, name: str, nested: Any) -> None:
        """Remember if what was caught is on no graph, because the module ran with gradients off."""
        if self._wants_graph and not torch.is_grad_enabled():
            tensors = [tensor for tensor in tensors_in(nested) if tensor.is_floating_point()]
            if not all(tensor.requires_grad for tensor in tensors):
                self.without_graph.append(name)

    def catch_stage(self, name: str, tensor: Tensor) -> None:
        self.stages[name] = tensor
        self._stage_versions[name] = _with_versions(tensor)

    def keep(self, tensor: Tensor) -> None:
        """Called before a tensor is overwritten: if it is one of the features, they get what it holds by now."""
        if not self.overwritten and any(tensor is feature for feature in tensors_in(self.features)):
            self.catch_features(map_tensors(lambda t: t.clone() if t is tensor else t, self.features))

    @property
    def overwritten(self) -> bool:
        """True if the features are no longer what the decoder was called with."""
        return _changed(self._versions)

    @property
    def overwritten_stages(self) -> list[str]:
        """The stages that are no longer what their modules returned."""
        return [name for name, versions in self._stage_versions.items() if _changed(versions)]


def _with_versions(nested: Any) -> list[tuple[Tensor, int]]:
    # Neither a graph in the making nor inference mode counts versions.
    counted = [] if torch.compiler.is_compiling() else [t for t in tensors_in(nested) if not t.is_inference()]
    return [(tensor, tensor._version) for tensor in counted]


def _changed(versions: list[tuple[Tensor, int]]) -> bool:
    return any(tensor._version != version for tensor, version in versions)


class Capture:
    """The one holder that every hook of a tap is a bound method of.

    Hooks that are bound methods follow a deep copy or a pickle of the network: the copy's hooks belong to the copy's
    holder. The holder knows no module, so that copying a hooked module copies nothing but that module. Between
    :meth:`start` and :meth:`stop` it catches; at any other time the hooks do nothing, so that it keeps no memory.
    """

    def __init__(self) -> None:
        self.caught: Caught | None = None

    def start(self) -> Caught:
        self.caught = Caught()
        return self.caught

    def stop(self) -> None:
        self.caught = None

    def hook_decoder(self, module: nn.Module) -> None:
        module.register_forward_pre_hook(self._on_decoder, with_kwargs=True)
        for inside in module.modules():
            if getattr(inside, "inplace", False) is True:
                inside.register_forward_pre_hook(self._on_in_place)

    def hook_classifier(self, module: nn.Module) -> None:
        module.register_forward_pre_hook(self._on_classifier, with_kwargs=True)
        module.register_forward_hook(self._on_classified)

    def hook_auxiliary(self, module: nn.Module) -> None:
        module.register_forward_hook(self._on_auxiliary)

    def hook_stage(self, module: nn.Module, name: str) -> None:
        module.register_forward_hook(partial(self._on_stage, name))

    def _on_decoder(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.caught is not None:
            self.caught.catch_features(copy_containers((args, kwargs)))
            self.caught.note("features", self.caught.features)

    def _on_in_place(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if self.caught is not None and args:
            self.caught.keep(args[0])

    def _on_classifier(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.caught is not None:
            embedding = args[0] if args else next(iter(kwargs.values()))
            # A linear layer takes (B, h, w, D).
            channels_last = isinstance(plain_layer(module), nn.Linear) and embedding.ndim == 4
            self.caught.embedding = embedding.permute(0, 3, 1, 2) if channels_last else embedding
            self.caught.note("embedding", embedding)

    def _on_classified(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        if self.caught is not None:
            self.caught.classified = output

    def _on_auxiliary(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        if self.caught is not None:
            self.caught.auxiliary.append(output)
            self.caught.note("auxiliary", output)

    def _on_stage(self, name: str, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if self.caught is not None:
            if not isinstance(output, Tensor):
                raise TypeError(
                    f"expected stage {name!r} to return a tensor, found {type(output).__name__}; name one inside it"
                )
            self.caught.catch_stage(name, output)
            self.caught.note(name, output)


def refuse_compiled(model: nn.Module, path: str) -> None:
    """Raise if the module at ``path`` or one around it is compiled."""
    names = path.split(".") if path else []
    for depth in range(len(names) + 1):
        module = model.get_submodule(".".join(names[:depth]))
        if type(module).__name__ == "OptimizedModule" or module._compiled_call_impl is not None:
            where = ".".join(names[:depth]) or type(model).__name__
            raise RuntimeError(
                f"{where!r} is compiled, and hooks on a compiled network do not fire. Tap the model before compiling "
                "it, then compile what wraps it: torch.compile(hardpix.tap(model))"
            )


def unhook(model: nn.Module) -> None:
    """Remove every hook of every tap from the modules of ``model``; other hooks stay."""
    for module in model.modules():
        for identifier in list(_tap_hooks(module)):
            for hooks in (
                module._forward_pre_hooks,
                module._forward_pre_hooks_with_kwargs,
                module._forward_hooks,
            ):
                hooks.pop(identifier, None)


def _tap_hooks(module: nn.Module) -> Iterator[int]:
    for hooks in (module._forward_pre_hooks, module._forward_hooks):
        for identifier, hook in hooks.items():
            method = hook.func if isinstance(hook, partial) else hook
            if isinstance(getattr(method, "__self__", None), Capture):
                yield identifier
