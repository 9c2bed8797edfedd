"""Thousands of steps with flat memory, as many open files and no process left."""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
from pathlib import Path

import pytest
import torch
from my_usage import Usage, give_back_freed_memory, open_files, resident
from torch import nn

import hardpix
from hardpix.objectives import WeightedCrossEntropy
from hardpix.signals import HardnessLevel
from runs import run_hardpix

pytestmark = pytest.mark.slow

# A step of fit takes several times as long as one of the loop.
STEPS, STEPS_OF_FIT, FIRST = 2000, 1000, 300
# The images of all steps, 24 kB each, would be 13 MB or more.
BOUND = 4 * 2**20


def growth(memory: list[int]) -> float:
    """Bytes between the first and the last fifth of a series; medians, so that a single collection does not count."""
    part = len(memory) // 5
    return statistics.median(memory[-part:]) - statistics.median(memory[:part])


def test_a_loop_of_ones_own() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 2, 1)))
    step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), WeightedCrossEntropy(HardnessLevel()))
    optimizer = torch.optim.Adam(step.parameters())
    image, target = torch.rand(2, 3, 16, 16), torch.randint(0, 2, (2, 16, 16))
    memory, files = [], 0
    for number in range(STEPS):
        optimizer.zero_grad()
        step(image, target, progress=number / STEPS)["loss"].backward()
        optimizer.step()
        if number == FIRST:
            gc.collect()
            files = open_files()
        if number >= FIRST and number % 20 == 0:
            memory.append(resident())
    assert growth(memory) < BOUND
    assert open_files() == files


def arguments(run: Path, steps: int) -> list[object]:
    """Epochs of 250 steps, with validation, checkpoints, logs and a worker."""
    return [
        *("fit", "--run", run, "--model.network", "my_networks.Tiny", "--model.network.outputs", 2),
        *("--model.decoder", "decoder", "--data.train_set", "my_usage.ManySquares", "--data.train_set.length", 500),
        *("--data.val_set", "my_usage.ManySquares", "--data.val_set.length", 4, "--data.batch_size", 2),
        *("--data.workers", 1, "--data.crop_size", "[32,32]", "--trainer.accelerator", "cpu"),
        *("--trainer.max_steps", steps),
        *("--trainer.callbacks", f"[{{class_path: my_usage.Usage, init_args: {{first: {FIRST}}}}}]"),
    ]


def test_fit(tmp_path: Path) -> None:
    # Some files stay open from the first use of them on.
    assert run_hardpix(*arguments(tmp_path / "first", 2)).code == 0
    gc.collect()
    before, processes = open_files(), multiprocessing.active_children()
    outcome = run_hardpix(*arguments(tmp_path / "run", STEPS_OF_FIT))
    assert outcome.code == 0, outcome.err
    usage = Usage.last
    assert usage is not None
    assert usage.steps == STEPS_OF_FIT
    assert growth(usage.memory) < BOUND
    assert max(usage.files) == min(usage.files)
    # A trainer and its loaders refer to each other: their files close when Python collects them.
    gc.collect()
    assert open_files() == before
    assert multiprocessing.active_children() == processes
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 2


def test_a_leak_would_be_seen() -> None:
    give_back_freed_memory()
    leaked, memory = [], []
    for _ in range(STEPS_OF_FIT - FIRST):
        # A tiny batch of images.
        leaked.append(torch.rand(2, 3, 32, 32))
        memory.append(resident())
    assert growth(memory) > BOUND
    files = open_files()
    with Path("/proc/self/stat").open():
        assert open_files() == files + 1


def test_memory_of_a_process_is_that_of_the_system() -> None:
    assert 0 < resident() < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
