"""Adapters around modules, as peft puts them there: layers with a low-rank part, and modules kept in a trained copy.

They are known by their attributes, so that peft need not be installed.
"""

from collections.abc import Iterator

from torch import nn


def plain_layer(module: nn.Module) -> nn.Module:
    """The layer that adapters (LoRA and its like) are around; of any other module, the module itself.

    Example:
        >>> layer = nn.Linear(2, 3)
        >>> plain_layer(layer) is layer
        True
    """
    # The name base_layer alone is also one of DLA's, which is no adapter.
    while hasattr(module, "adapter_layer_names") and isinstance(base := getattr(module, "base_layer", None), nn.Module):
        module = base
    return module


def active_copy(module: nn.Module) -> str | None:
    """Path, inside a wrapper that keeps a module's trained copies beside the original, of the one that runs."""
    copies = getattr(module, "modules_to_save", None)
    if not isinstance(copies, nn.ModuleDict) or not isinstance(getattr(module, "original_module", None), nn.Module):
        return None
    active = getattr(module, "active_adapters", [])
    if getattr(module, "disable_adapters", False) or not active or active[0] not in copies:
        return "original_module"
    return f"modules_to_save.{active[0]}"


def active_path(model: nn.Module, path: str) -> str:
    """The path with every wrapper on the way, and at its end, replaced by the copy that runs.

    Returned as far as it leads to modules; the rest, such as a pattern, stays.
    """
    names = path.split(".") if path else []
    module: nn.Module | None = model
    found: list[str] = []
    while True:
        while module is not None and (copy := active_copy(module)) and names[:1] not in _KEPT:
            found.append(copy)
            module = module.get_submodule(copy)
        if not names:
            return ".".join(found)
        name = names.pop(0)
        found.append(name)
        module = None if module is None else module._modules.get(name)


_KEPT = (["original_module"], ["modules_to_save"])


def used_modules(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Every module by its path, without the insides of adapted layers and without copies that do not run."""
    yield path, module
    if plain_layer(module) is not module:
        return
    prefix = f"{path}." if path else ""
    copy = active_copy(module)
    if copy is not None:
        yield from used_modules(module.get_submodule(copy), prefix + copy)
        return
    for name, child in module._modules.items():
        if child is not None:
            yield from used_modules(child, prefix + name)


def remove_adapters(module: nn.Module) -> None:
    """Put what adapters and wrappers are around in their place, everywhere below the module."""
    for name, child in module._modules.items():
        if child is None:
            continue
        plain = plain_layer(child)
        while (copy := active_copy(plain)) is not None:
            plain = plain_layer(plain.get_submodule(copy))
        if plain is not child:
            module._modules[name] = plain
        remove_adapters(plain)
