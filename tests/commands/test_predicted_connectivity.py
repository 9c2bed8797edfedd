"""hardpix predict --connectivity: classes told by the connections of neighboring pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hardpix.objectives import connectivity_of
from hardpix.training.run import Run
from runs import Data, read, run_hardpix

CONFIG = """
model:
  objective:
    class_path: hardpix.objectives.Sum
    init_args:
      objectives:
        plain: {class_path: hardpix.objectives.WeightedCrossEntropy}
        lines: {class_path: hardpix.objectives.Connectivity, init_args: {classes: [CLASSES]}}
"""


@pytest.fixture(scope="module")
def run(fit_tiny: Callable[..., Run], tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = tmp_path_factory.mktemp("config") / "objective.yaml"
    names = tiny_run.read_classes().names[1:]
    config.write_text(CONFIG.replace("CLASSES", ", ".join(map(repr, names))))
    return fit_tiny("--config", config, "--trainer.max_epochs", 1)


def test_labels_are_those_of_the_objective_in_the_checkpoint(run: Run, data: Data, tmp_path: Path) -> None:
    given = ("predict", "--run", run.path, "--images", data.images, "--overlays", "false")
    outcome = run_hardpix(*given, "--connectivity", "true", "--confidence", "true", "--out", tmp_path / "connected")
    assert outcome.code == 0, outcome.err
    assert run_hardpix(*given, "--out", tmp_path / "plain").code == 0
    task = run.load_task()
    stored, differ = run.read_classes().stored(np.arange(3)), 0
    files = sorted(data.images.iterdir())
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for file in files:
        picture = np.asarray(Image.open(file).convert("RGB")) / 255
        height, width = picture.shape[:2]
        pixels = torch.zeros(1, 3, -(-height // 32) * 32, -(-width // 32) * 32)
        pixels[0, :, :height, :width] = torch.tensor((picture - mean) / std).permute(2, 0, 1)
        inside = torch.zeros(1, *pixels.shape[2:], dtype=torch.bool)
        inside[:, :height, :width] = True
        objective = connectivity_of(task.recipe)
        with torch.no_grad():
            found = objective.probabilities(task.deployed.pixels(pixels, inside=inside))[0, :, :height, :width]
        labels = read(tmp_path / "connected" / "labels" / f"{file.stem}.png")
        assert np.mean(labels == stored[found.argmax(0).numpy()]) > 0.999
        confidence = read(tmp_path / "connected" / "confidence" / f"{file.stem}.png") / 65535
        np.testing.assert_allclose(confidence, found.amax(0).numpy(), atol=1e-4)
        differ += np.mean(labels != read(tmp_path / "plain" / "labels" / f"{file.stem}.png"))
    assert differ > 0


def test_a_run_without_connections_is_refused_before_anything_is_written(
    tiny_run: Run, data: Data, tmp_path: Path
) -> None:
    given = ("predict", "--run", tiny_run.path, "--images", data.images, "--out", tmp_path / "out")
    outcome = run_hardpix(*given, "--connectivity", "true")
    assert outcome.code != 0
    assert "expected a run that learned connections by the objective Connectivity, found none" in outcome.err
    assert not (tmp_path / "out").exists()
