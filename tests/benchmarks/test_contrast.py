"""The benchmark of pixel contrast: its contestants do the same work, and it runs from end to end."""

import argparse
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from .conftest import FOLDER, load_script

pytestmark = pytest.mark.slow

TINY = ["--images", "2", "--classes", "3", "--size", "16", "24", "--channels", "8", "--memory", "12", "--anchors", "6"]


@pytest.fixture
def contrast(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return load_script("contrast")


def scene(contrast: ModuleType) -> object:
    settings = {"images": 2, "classes": 3, "size": (16, 24), "channels": 8, "memory": 12, "anchors": 6}
    return contrast.Scene(argparse.Namespace(**settings, device=torch.device("cpu")))


def test_the_dense_form_has_the_value_and_the_gradient_of_the_loss(contrast: ModuleType) -> None:
    inputs = scene(contrast)
    anchors, plans, negatives = inputs.plans(*inputs.anchors_and_classes())
    gradients = []
    for loss in (contrast.stream, contrast.dense):
        loss(anchors, plans, negatives)
        gradients.append(anchors.grad.clone())
    assert gradients[0].norm() > 0
    torch.testing.assert_close(gradients[0], gradients[1])


def test_loops_draw_and_store_as_many(contrast: ModuleType) -> None:
    outcomes = []
    for name in ("sample_and_enqueue", "sample_and_enqueue_by_loops"):
        contestant = scene(contrast)
        anchors = getattr(contestant, name)()
        outcomes.append((len(anchors), [ring.written.tolist() for ring in contestant.rings]))
    assert outcomes[0] == outcomes[1]


def test_loops_store_the_same_region_embeddings(contrast: ModuleType) -> None:
    vectorised, loops = scene(contrast), scene(contrast)
    vectorised.sample_and_enqueue()
    loops.sample_and_enqueue_by_loops()
    torch.testing.assert_close(vectorised.rings[1].entries, loops.rings[1].entries)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")
def test_a_tiny_run_prints_and_records_all_three(tmp_path: Path) -> None:
    record = tmp_path / "record.md"
    command = [sys.executable, str(FOLDER / "contrast.py"), *TINY, "--rounds", "2", "--threads", "1"]
    finished = subprocess.run([*command, "--record", str(record)], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    rows = [line.split("|")[1].strip() for line in finished.stdout.splitlines() if line.startswith("|")]
    kinds = ["sampling and enqueueing", "loss, forward and backward", "the same and drawing its keys", "peak memory"]
    assert rows == ["what", "---", *kinds]
    assert finished.stdout.strip() in record.read_text(encoding="utf-8")
