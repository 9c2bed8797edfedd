"""The script of the docs' pictures of a report: scenes as files, and pictures of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from hardpix.scenes import GeneratedScenes
from report.fake_report import fake_report

from .conftest import load_script

pytestmark = pytest.mark.slow


def test_scenes_are_written_as_they_are(tmp_path: Path) -> None:
    folder = load_script("report_pictures").write_scenes(tmp_path / "scenes", 2, 5, (32, 64))
    for item in GeneratedScenes(2, 5, (32, 64)):
        with Image.open(folder / "images" / f"{item['stem']}.png") as image:
            np.testing.assert_array_equal(np.asarray(image), item["image"].permute(1, 2, 0))
        with Image.open(folder / "masks" / f"{item['stem']}.png") as mask:
            np.testing.assert_array_equal(np.asarray(mask), item["target"])
    entries = yaml.safe_load((folder / "classes.yaml").read_text())["classes"]
    assert [tuple(entry["color"]) for entry in entries] == list(GeneratedScenes.classes.shown_colors)
    assert [entry["name"] for entry in entries] == list(GeneratedScenes.classes.names)


def test_pictures_have_the_size_of_the_page_and_few_colors(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="plotly is not installed")
    script = load_script("report_pictures")
    script.shoot_with(browser, fake_report(tmp_path / "report"), tmp_path)
    for name, (_, height) in script.PICTURES.items():
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.size == (script.WIDTH, height)
            assert picture.mode == "P"
