"""The page of a real diagnosis in a browser: every view opens, and names of files and classes are text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fake_scenes import ODD_CLASS, ODD_NAMES, scene
from hardpix.commands.diagnose import diagnose
from small_runs import write_maps

Visit = Callable[..., Any]
VIEWS = ["verdict", "classes", "kinds", "confusion", "sizes", "plots", "gallery"]
SIGNALS = ["hardness", "calibration", "review", "suspects"]
STEMS = [name.replace("/", "_") for name in ODD_NAMES]
NAMES = ["sky", "building", "road", "vegetation", ODD_CLASS, "sign"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reports of scenes whose faults are known, one with all signals and compared with the other one."""
    pytest.importorskip("plotly", reason="plotly is not installed")
    place = tmp_path_factory.mktemp("real")
    scenes = {stem: scene(k, 64, 96) for k, stem in enumerate(STEMS)}
    truth = {stem: maps[0] for stem, maps in scenes.items()}
    # A label that is wrong: a piece of the sky that is labeled as road.
    truth[STEMS[0]][2:10, 70:90] = 2
    folders = {
        "truth": write_maps(place / "truth", truth),
        "images": write_maps(place / "images", {stem: maps[3] for stem, maps in scenes.items()}),
    }
    better = write_maps(place / "better", {stem: maps[2] for stem, maps in scenes.items()})
    worse = write_maps(place / "worse", {stem: np.minimum(maps[1], 5) for stem, maps in scenes.items()})
    of_class = np.arange(6)[:, None, None]
    sure = {stem: (0.02 + 0.88 * (of_class == maps[1])).astype(np.float32) for stem, maps in scenes.items()}
    hardness = {stem: np.abs(np.gradient(maps[1].astype(float))[0]).clip(0, 1) for stem, maps in scenes.items()}
    settings: dict[str, Any] = {"classes": NAMES, "workers": 1, "lines": [ODD_CLASS]}
    diagnose(predictions=better, out=place / "other", title="<b>better</b>", **folders, **settings)
    diagnose(
        predictions=worse,
        out=place / "report",
        probabilities=write_maps(place / "sure", sure, ".npy"),
        hardness=write_maps(place / "hardness", hardness, ".npy"),
        against=place / "other",
        **folders,
        **settings,
    )
    (place / "truth" / f"{STEMS[1]}.png").write_text("no mask")
    bare = {"truth": folders["truth"], "pictures": False}
    diagnose(predictions=worse, out=place / "bare", **bare, **settings)
    return place


def wait_for_charts(page: Any) -> None:
    page.wait_for_function("() => [...document.querySelectorAll('.chart')].every((chart) => chart.dataset.drawn)")


@pytest.mark.parametrize("report", ["report", "other", "bare"])
def test_every_view_opens(report: str, place: Path, visit: Visit) -> None:
    page = visit(place / report)
    views = page.eval_on_selector_all("nav a", "(links) => links.map((link) => link.hash.slice(1).split('?')[0])")
    assert [view.strip("/") for view in views] == VIEWS + (SIGNALS if report == "report" else [])
    for k in range(len(views)):
        page.locator("nav a").nth(k).click()
        page.locator(f"main.view-{views[k].strip('/')} h1").wait_for()
        wait_for_charts(page)
        text = page.locator("main").inner_text()
        assert len(text) > 20
        assert "NaN" not in text
        assert "undefined" not in text
        # Parts that are not there (false, null) would show as a word of its own.
        assert page.evaluate("() => [...document.getElementById('main').childNodes].every((n) => n.nodeType === 1)")


def test_the_verdict_is_what_was_found(place: Path, visit: Visit) -> None:
    page = visit(place / "report")
    text = page.locator("main").inner_text()
    assert "of the labeled pixels are wrong" in text
    assert "than that of <b>better</b>" in text
    assert "mislabeled rather than hard" in text


def test_names_are_text(place: Path, visit: Visit) -> None:
    page = visit(place / "report", "#gallery")
    page.wait_for_selector("figure, .card")
    assert all(stem in page.locator("main").inner_text() for stem in STEMS)
    page.locator("nav a", has_text="Classes").click()
    page.locator("main.view-classes h1").wait_for()
    assert ODD_CLASS in page.locator("main").inner_text()
    assert page.locator("main b, main img[onerror]").count() == 0


def test_what_was_left_out_is_listed(place: Path, visit: Visit) -> None:
    page = visit(place / "bare")
    page.eval_on_selector_all("details", "(all) => all.forEach((one) => { one.open = true; })")
    text = page.locator("body").inner_text()
    assert f"{STEMS[1]}.png" in text
    assert "no image in a format that is read" in text
