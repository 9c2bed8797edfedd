"""Buffers that are alike in all processes by themselves."""

from torch import nn


def not_sent(module: nn.Module) -> list[str]:
    """Names of the buffers that DDP need not send around in every step.

    They are those of modules with ``same_on_every_process = True``, a promise that every process fills them with the
    same values, such as a memory of what all processes saw. DDP reads the names from the module that it wraps, in its
    attribute ``_ddp_params_and_buffers_to_ignore``.

    Example:
        >>> import torch
        >>> class Counter(nn.Module):
        ...     same_on_every_process = True
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.register_buffer("steps", torch.zeros(()))
        >>> not_sent(nn.Sequential(nn.BatchNorm2d(2), Counter()))
        ['1.steps', '_orig_mod.1.steps']
    """
    names = [
        f"{path}.{name}" if path else name
        for path, inside in module.named_modules()
        if getattr(inside, "same_on_every_process", False)
        for name, _ in inside.named_buffers()
    ]
    # A compiled module is asked in place of the one inside it, whose names then begin so.
    return [prefix + name for prefix in ("", "_orig_mod.") for name in dict.fromkeys(names)]
