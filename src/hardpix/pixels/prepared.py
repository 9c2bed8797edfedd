"""Modules that take sizes from the data set, and their way into a checkpoint and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from hardpix.pixels.dataset_info import DatasetInfo


class Prepared(nn.Module):
    """Module with a ``prepare(info)``, in which it may make buffers of sizes that the data set decides.

    A module that was not prepared takes these buffers from a checkpoint, as they were saved: ``hardpix mine`` and the
    like have no training set. Parameters do not come back so; make them in ``bind`` or in the constructor.

    Example:
        >>> class Rarity(Prepared):
        ...     def prepare(self, info):
        ...         counts = torch.tensor(info.class_counts)
        ...         self.register_buffer("rarity", 1 - counts / counts.sum())
        >>> trained, loaded = Rarity(), Rarity()
        >>> trained.prepare(DatasetInfo(("road", "pole"), lambda: [3, 1]))
        >>> loaded.load_state_dict(trained.state_dict())
        <All keys matched successfully>
        >>> loaded.rarity
        tensor([0.2500, 0.7500])
    """

    def prepare(self, info: DatasetInfo) -> None:
        """Take what depends on the data set, before training; a later call with the same facts changes nothing."""

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # A module that makes nothing in prepare keeps torch's own refusal of other keys and shapes.
        if type(self).prepare is not Prepared.prepare:
            for key, saved in state_dict.items():
                name = key.removeprefix(prefix)
                if key.startswith(prefix) and "." not in name and isinstance(saved, torch.Tensor):
                    self._make_room(name, saved)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _make_room(self, name: str, saved: torch.Tensor) -> None:
        buffer = self._buffers.get(name)
        if buffer is None and (name in self._buffers or not hasattr(self, name)):
            near = next((tensor for tensor in (*self.parameters(), *self.buffers())), saved)
            self.register_buffer(name, torch.empty_like(saved, device=near.device))
        elif buffer is not None and buffer.shape != saved.shape:
            self._buffers[name] = torch.empty_like(saved, device=buffer.device, dtype=buffer.dtype)


def prepare_all(modules: Iterable[nn.Module], info: DatasetInfo) -> None:
    """Call ``prepare(info)`` of every module that has one.

    Example:
        >>> class Names(Prepared):
        ...     def prepare(self, info):
        ...         self.names = info.class_names
        >>> model = nn.Sequential(nn.ReLU(), Names())
        >>> prepare_all(model.modules(), DatasetInfo(("road", "pole"), lambda: [3, 1]))
        >>> model[1].names
        ('road', 'pole')
    """
    for module in list(modules):
        if callable(prepare := getattr(module, "prepare", None)):
            prepare(info)
