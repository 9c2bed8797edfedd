"""One of two processes that contrast pixels together: python contrast_in_two_processes.py RANK FOLDER.

Saves, step by step, what this process gave to the memory, what its loss was made of, and at the end the memory.
"""

import datetime
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import hardpix
from hardpix.objectives import PixelContrast, Sum, WeightedCrossEntropy, pixel_contrast
from hardpix.training.task import SegmentationTask

CLASSES, STEPS, SIZE = 3, 4, 7


def make_objective() -> Sum:
    contrast = PixelContrast(anchors=5, memory=SIZE, remembered=2, channels=4, positives=3, negatives=5)
    return Sum({"plain": WeightedCrossEntropy(), "contrast": contrast})


def make_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Sequential(nn.Tanh(), nn.Conv2d(6, CLASSES, 1)))


def sent_around(wrapped: DistributedDataParallel) -> list[str]:
    return [name for name, _ in wrapped.module.named_buffers() if name not in wrapped.parameters_to_ignore]


def of_a_batch(images: int, **settings: object) -> Tensor:
    """The loss of a batch that depends on the number of images alone."""
    generator = torch.Generator().manual_seed(0)
    objective = PixelContrast(anchors=3, memory=SIZE, remembered=2, channels=4, positives=3, negatives=5, **settings)
    step = hardpix.TrainingStep(hardpix.tap(make_model(), decoder="1"), objective)
    target = torch.randint(0, CLASSES, (images, 6, 6), generator=generator)
    return step(torch.rand(images, 3, 6, 6, generator=generator), target)["loss"].detach()


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=datetime.timedelta(minutes=5))
    given: list[tuple[Tensor, Tensor]] = []
    sums: list[tuple[Tensor, Tensor]] = []
    together, contrast = pixel_contrast.of_all_processes, pixel_contrast.info_nce
    pixel_contrast.of_all_processes = lambda *local: (given.append(local), together(*local))[1]
    pixel_contrast.info_nce = lambda *a, **k: (sums.append(contrast(*a, **k)), sums[-1])[1]
    step = hardpix.TrainingStep(hardpix.tap(make_model(), decoder="1"), make_objective())
    wrapped = DistributedDataParallel(step)
    task = SegmentationTask(CLASSES, make_model(), make_objective(), decoder="1")
    losses = []
    for k in range(STEPS):
        generator = torch.Generator().manual_seed(10 * k + rank)
        target = torch.randint(0, CLASSES, (2, 6, 6), generator=generator)
        if k == 1 and rank == 1:
            target[:] = 255
        if k == 2 and rank == 0:
            target[0, 2:] = 255
        parts = wrapped(torch.rand(2, 3, 6, 6, generator=generator), target)
        parts["loss"].backward()
        losses.append(parts["contrast/contrast"].detach())
    memory = step.objective.objectives["contrast"]
    steps = len(sums), len(given)
    alone = of_a_batch(1 + rank, across_processes=False)
    own_sums = sums[-1]
    of_a_batch(2)
    evaluated = None
    if rank == 0:
        # The other is elsewhere: what waited for it would wait for ever.
        evaluated = step.eval()(torch.rand(2, 3, 6, 6), torch.randint(0, CLASSES, (2, 6, 6)))["loss"].detach()
        step.train()
    dist.barrier()
    torch.save(
        {
            "given": given[: steps[1]],
            "given of one batch": given[-2][0],
            "alone": alone,
            "sums alone": [value.detach() for value in own_sums],
            "evaluated": evaluated,
            "sums": [(total.detach(), count) for total, count in sums[: steps[0]]],
            "losses": losses,
            "rings": [ring.state_dict() for ring in (memory.pixel_ring, memory.region_ring)],
            "sent around": sent_around(wrapped),
            "sent around of a task": sent_around(DistributedDataParallel(task)),
            "sent around of a compiled step": sent_around(DistributedDataParallel(torch.compile(step))),
        },
        folder / f"{rank}.pt",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
