"""Unusable files, as the page says it: images that are left out apart from files that none is lost for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardpix.report.data_scripts import assign, read_assigned

Visit = Callable[..., Any]


def problem(kind: str, where: str) -> dict[str, str]:
    return {"kind": kind, "where": where, "expected": "one <b>", "found": "none", "advice": f"add what {kind} lacks"}


@pytest.fixture
def changed(bare: Path, tmp_path: Path) -> Callable[..., Path]:
    def changed(**inputs: Any) -> Path:
        shutil.copytree(bare, tmp_path / "report")
        script = tmp_path / "report" / "data" / "summary.js"
        summary = read_assigned(script)
        summary["inputs"] |= {"images_left_out": 0, "left_out": [], "left_out_more": 0, **inputs}
        assign(script, "hardpixReport", summary)
        return tmp_path / "report"

    return changed


def test_images_come_first_and_one_kind_is_one_list(visit: Visit, changed: Callable[..., Path]) -> None:
    lost = [problem("no prediction", "a.png"), problem("odd size", "b.png"), problem("no prediction", "c.png")]
    unused = [problem("no image", f"{k}.png") for k in range(30)]
    page = visit(changed(images_left_out=3, left_out=lost, left_out_more=4, unused=unused, unused_more=0))
    panel = page.locator(".panel.left-out")
    assert panel.locator("h2").inner_text() == "3 images left out"
    assert panel.locator("h3").inner_text() == "30 files missing or not used"
    assert panel.locator("summary").all_inner_texts() == ["no prediction (2)", "odd size (1)", "no image (30)"]
    assert "… and 4 more" in panel.inner_text()
    panel.locator("summary").first.click()
    assert panel.locator("details").first.locator("li").all_inner_texts() == [
        "a.png: expected one <b>, found none",
        "c.png: expected one <b>, found none",
    ]
    # The advice is said once.
    assert panel.locator("details").first.locator("p").all_inner_texts() == [
        "What to do: add what no prediction lacks."
    ]
    assert panel.bounding_box()["height"] < 500
    images = page.evaluate("() => imageCount()")
    assert (
        page.locator(".banner").inner_text().startswith(f"3 of {images + 3} images could not be used: all scores are")
    )
    page.locator(".banner button").press("Enter")
    assert page.evaluate("() => document.activeElement.textContent") == "no prediction (2)"


def test_no_image_is_said_to_be_left_out_where_none_is(visit: Visit, changed: Callable[..., Path]) -> None:
    page = visit(changed(unused=[problem("no image", "a.png")], unused_more=0))
    assert page.locator(".panel.left-out h2").inner_text() == "Not everything could be used"
    assert page.locator(".panel.left-out h3").inner_text() == "1 file missing or not used"
    assert page.locator(".banner").count() == 0


def test_a_signal_that_was_given_in_vain_is_named_once(visit: Visit, changed: Callable[..., Path]) -> None:
    unused = [problem("file that cannot be used", f"{k}.npy") for k in range(12)]
    page = visit(changed(probabilities="p", hardness="h", unused=unused, unused_more=0))
    said = page.locator(".panel.left-out > p").all_inner_texts()
    assert [sum(word in text for text in said) for word in ("probabilities", "hardness maps")] == [1, 1]
    assert page.locator(".panel.left-out > p").first.is_visible()


def test_where_all_could_be_used_nothing_is_said(visit: Visit, changed: Callable[..., Path]) -> None:
    page = visit(changed(unused=[], unused_more=0))
    page.locator(".tiles").wait_for()
    assert page.locator(".left-out").count() == 0
