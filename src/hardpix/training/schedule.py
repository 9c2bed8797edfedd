"""Schedule of the learning rate over training."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def polynomial_with_warmup(
    optimizer: Optimizer, total_steps: int, warmup_steps: int = 0, power: float = 0.9
) -> LambdaLR:
    """Rise linearly to the optimizer's learning rate over the first steps, then fall as (1 − t)^power to 0.

    t is the share of the steps after the warm-up that is done. Every parameter group keeps its own learning rate.

    Args:
        optimizer: whose groups hold the highest learning rates.
        total_steps: number of optimizer steps of the whole training.
        warmup_steps: number of steps that rise.
        power: 1 falls in a straight line.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = polynomial_with_warmup(optimizer, total_steps=4, warmup_steps=2, power=1.0)
        >>> rates = []
        >>> for _ in range(4):
        ...     rates.append(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     schedule.step()
        >>> rates
        [0.5, 1.0, 1.0, 0.5]
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        done = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
        return max(1 - done, 0.0) ** power

    return LambdaLR(optimizer, factor)
