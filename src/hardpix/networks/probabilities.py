"""Networks that end in a softmax or a sigmoid: their outputs look like probabilities, where logits are expected."""

from typing import Literal

import torch
from torch import Tensor

from hardpix.pixels.precision import at_least_float32

# Distance of a sum in bfloat16 from 1.
_ROUNDING = 2e-2
Ending = Literal["softmax", "sigmoid"]

# Operations that hardpix and most networks put behind the last activation: resizes, casts, other views.
_PASSING = (
    "alias",
    "cat",
    "clone",
    "cudnn",
    "permute",
    "slice",
    "tocopy",
    "unsafeview",
    "unsqueeze",
    "upsample",
    "view",
)


def looks_like(logits: Tensor) -> Ending | None:
    """The activation whose results the logits (B, C, H, W) look like; the host waits for the device once.

    "softmax": non-negative, with a sum of 1 over the classes, which no logits are by chance. "sigmoid": all from 0 to
    1, which logits of an untrained network may be; of a binary network (0, z) the single channel z is looked at.

    Example:
        >>> scores = torch.tensor([-2.0, 0.5, 3.0]).view(1, 3, 1, 1)
        >>> looks_like(scores), looks_like(scores.softmax(1)), looks_like(scores.sigmoid())
        (None, 'softmax', 'sigmoid')
    """
    logits = at_least_float32(logits.detach())
    low, high = logits.aminmax()
    single = (logits[:, 0] == 0).all() & (logits.shape[1] == 2)
    far = (logits.sum(1) - 1).abs().amax()
    inside = (low >= 0) & (high <= 1) & (high > 0)
    within, sums_to_one = torch.stack([inside, (far <= _ROUNDING) & ~single]).tolist()
    return ("softmax" if sums_to_one else "sigmoid") if within else None


def ends_in(logits: Tensor) -> Ending | None:
    """The activation that made the logits, by the graph of autograd; None where there is neither, or no graph.

    Example:
        >>> scores = torch.zeros(1, 2, 1, 1, requires_grad=True)
        >>> ends_in(scores * 2), ends_in(torch.nn.functional.interpolate(scores.sigmoid(), scale_factor=2))
        (None, 'sigmoid')
    """
    node = logits.grad_fn
    while node is not None:
        name = node.name().lower()
        if name.startswith(("softmaxbackward", "sigmoidbackward")):
            return "softmax" if name.startswith("softmax") else "sigmoid"
        if not name.startswith(_PASSING):
            return None
        node = next((each for each, _ in node.next_functions if each is not None), None)
    return None


def explain_probabilities(ending: Ending, model: torch.nn.Module) -> str:
    """The fault in words, with its remedy."""
    found = (
        "probabilities (non-negative, with a sum of 1 over the classes, as after a softmax)"
        if ending == "softmax"
        else "values that all lie between 0 and 1, as after a sigmoid"
    )
    return (
        f"expected logits of {type(model).__name__}, found {found}: the loss would take a softmax of them once more, "
        f"and could not come near 0. Leave the last {ending} out of the network (activation=None in "
        f"segmentation-models-pytorch), and apply it to what you predict"
    )
