"""The page of predicted scores in a real browser: offline, in order, narrow, safe against names with markup."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardpix.data import ClassTable
from hardpix.report.estimates.page import write_page, write_pictures

MARKUP = "<img src=x onerror=alert(1)>"
CLASSES = ClassTable(["road", f"pole {MARKUP}"], [0, 1], [(255, 0, 0), (0, 255, 0)])


def interval(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


@pytest.fixture(scope="module", params=[True, False], ids=["with truth", "without"])
def estimates(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bool]:
    """Sixty images, of which the last has no class with an IoU."""
    out = tmp_path_factory.mktemp("estimates #1 ä") / "out"
    images = []
    for k in range(60):
        write_pictures(out, k, np.full((48, 64, 3), k, np.uint8), np.full((48, 64, 3), 200, np.uint8))
        miou = [np.nan, np.nan, np.nan] if k == 59 else [0.3 + k / 100, 0.2 + k / 100, 0.5 + (60 - k) / 200]
        images.append(
            {
                "number": k,
                "stem": f"{MARKUP} {k}",
                "miou": miou,
                "accuracy": 0.5,
                "reason": f"pole {k}",
                "truth": 0.4 if request.param else None,
            }
        )
    facts: dict[str, Any] = {
        "title": f"run {MARKUP}",
        "estimator": "ThresholdedConfidence",
        "images": 60,
        "labeled_images": 1,
        "level": 0.9,
        "accuracy": interval(0.91),
        "miou": interval(0.625, 0.55, 0.7),
        "class_iou": {CLASSES.names[0]: interval(0.8, 0.7, 0.9), CLASSES.names[1]: interval(None)},
        "unknown_classes": [CLASSES.names[1]],
        "doubts": [f"doubt {MARKUP}"],
    }
    if request.param:
        facts["truth"] = {"miou": 0.6, "accuracy": 0.9, "class_iou": {CLASSES.names[0]: 0.75, CLASSES.names[1]: None}}
    write_page(out, facts, CLASSES, np.array([30, 10]), images)
    return out, request.param


def names(page: Any) -> list[str]:
    return [text.rpartition(" ")[2] for text in page.locator("#images h3").all_inner_texts()]


def test_figures_and_order(estimates: tuple[Path, bool], visit: Callable[..., Any]) -> None:
    out, truth = estimates
    page = visit(out)
    headlines = page.locator("#headlines").inner_text()
    assert "62.5 %" in headlines
    assert "55.0 to 70.0 %" in headlines
    assert "no interval" in headlines
    assert ("true 60.0 %" in headlines) == truth
    rows = page.locator("#classes tbody tr").all_inner_texts()
    assert "75.0 %" in rows[0]
    assert "80.0 %" in rows[0]
    assert "not known" in rows[1]
    # The interval on the scale, as shares of its width.
    whole, band = (
        page.locator("#classes .range").first.bounding_box(),
        page.locator("#classes .range i").first.bounding_box(),
    )
    assert (band["x"] - whole["x"]) / whole["width"] == pytest.approx(0.7, abs=0.01)
    assert band["width"] / whole["width"] == pytest.approx(0.2, abs=0.01)
    assert page.locator("#classes .range u").count() == truth
    assert names(page) == [str(k) for k in range(48)]
    page.locator("#more").click()
    assert len(names(page)) == 60
    page.locator("#order").select_option("best")
    assert names(page)[:2] == ["58", "57"]
    page.locator("#order").select_option("unsure")
    assert names(page)[0] == "0"
    page.locator("#find").fill("pole 7")
    assert names(page) == ["7"]
    assert page.locator("#count").inner_text() == "1 of 60 images"


def test_names_are_text_and_pictures_are_there(estimates: tuple[Path, bool], visit: Callable[..., Any]) -> None:
    page = visit(estimates[0])
    assert page.locator("img[src='x']").count() == 0
    assert page.locator("#title").inner_text() == f"Predicted quality: run {MARKUP}"
    assert MARKUP in page.locator("#doubts").inner_text()
    picture = page.locator("#images img").first
    page.wait_for_function("() => document.querySelector('#images img').naturalWidth === 64")
    assert picture.get_attribute("src") == "pictures/000000_doubt.jpg"
    page.locator("#overlay").click()
    page.wait_for_function("() => document.querySelector('#images img').naturalWidth === 64")
    assert page.locator("#images img").first.get_attribute("src") == "pictures/000000.jpg"
    assert page.locator("#overlay").get_attribute("aria-pressed") == "false"


def test_a_narrow_screen_scrolls_down_alone(estimates: tuple[Path, bool], visit: Callable[..., Any]) -> None:
    page = visit(estimates[0], viewport={"width": 340, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 340
