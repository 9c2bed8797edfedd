"""Suspect labels in a real browser: what looks mislabeled apart from what may be hard, and where one was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardpix.report.data_scripts import assign, read_assigned

Visit = Callable[..., Any]
LEFT = """() => ({
  cards: document.querySelectorAll('.suspects .card').length,
  scroll: window.scrollY,
  focused: [...document.querySelectorAll('.suspects .card')].indexOf(document.activeElement),
})"""


def test_what_may_as_well_be_hard_stands_apart(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#suspects")
    suspects = page.evaluate("() => hardpixReport.suspects")
    stems = page.evaluate("() => hardpixImages.stem")
    lists = page.locator("main.view-suspects .suspects")
    for k, mislabelled in enumerate([True, False]):
        expected = [stems[s["image"]] for s in suspects if s["mislabelled"] == mislabelled]
        assert lists.nth(k).locator(".stem").all_text_contents() == expected
    assert page.locator(".view-head p").first.inner_text().startswith("2 regions that may be mislabeled rather than")
    assert page.locator(".view-head h2").inner_text() == "May as well be hard"
    assert [card.count("rather") for card in lists.nth(0).locator(".card").all_inner_texts()] == [1, 1]
    assert [card.count("rather") for card in lists.nth(1).locator(".card").all_inner_texts()] == [0, 0]
    for suspect, text in zip(suspects[2:], lists.nth(1).locator(".card").all_inner_texts(), strict=True):
        assert ("finds the label likelier" in text) == (suspect["margin"] < 0)
        assert ("hardly finds building" in text) == (suspect["margin"] > 0)


def test_a_picture_tells_them_apart_too(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0")
    section = page.locator(".picture-facts section", has_text="Suspected labels")
    assert "building, rather vegetation?" in section.inner_text()
    assert page.locator(".picture-facts", has_text="may as well be hard").count() == 0
    page.evaluate("() => { location.hash = 'picture?image=9'; }")
    section = page.locator(".picture-facts section", has_text="may as well be hard")
    section.wait_for()
    assert "building, or vegetation?" in section.inner_text()
    assert page.locator(".picture-facts", has_text="rather").count() == 0


@pytest.mark.parametrize(
    ("all_", "words"),
    [
        (1234, "2 of 1,234 regions that may be"),
        (2, "2 regions that may be"),
        (0, "No region seems mislabeled rather than hard."),
    ],
)
def test_the_count_is_that_of_the_verdict(visit: Visit, odd: Path, tmp_path: Path, all_: int, words: str) -> None:
    shutil.copytree(odd, tmp_path / "report", ignore=shutil.ignore_patterns("pictures", "thumbnails"))
    summary = read_assigned(tmp_path / "report" / "data" / "summary.js")
    summary["suspect_regions"] = all_
    images = read_assigned(tmp_path / "report" / "data" / "images.js") | {"layers": None, "thumbnails": None}
    assign(tmp_path / "report" / "data" / "summary.js", "hardpixReport", summary)
    assign(tmp_path / "report" / "data" / "images.js", "hardpixImages", images)
    page = visit(tmp_path / "report", "#suspects")
    assert page.locator(".view-head p").first.inner_text().startswith(words)


@pytest.mark.parametrize("way", ["back", "link", "Escape"])
def test_back_from_a_suspect_is_where_one_was(visit: Visit, large: Path, way: str) -> None:
    page = visit(large, "#suspects")
    page.locator(".more button").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(LEFT)["focused"] == 48  # the first new one: the button is another one now
    page.locator(".suspects .card").nth(70).evaluate("(card) => card.scrollIntoView({ block: 'center' })")
    before = page.evaluate(LEFT)
    assert before["scroll"] > 500
    page.locator(".suspects .card").nth(70).click()
    page.locator("main.view-picture h1").wait_for()
    page.keyboard.press("ArrowRight")
    assert page.locator(".back").inner_text() == "Suspects"
    if way == "back":
        page.go_back()
    elif way == "link":
        page.locator(".back").click()
    else:
        page.keyboard.press("Escape")
    page.locator("main.view-suspects .card").first.wait_for()
    page.wait_for_function("() => window.scrollY > 500")
    assert page.evaluate(LEFT) == {**before, "focused": 70}
