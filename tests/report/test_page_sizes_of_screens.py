"""On a phone: nothing is wider than the screen, a picture has room, and what lies beyond an edge is told of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from math import radians, sin
from pathlib import Path
from typing import Any

import pytest

from .test_page_views import VIEWS, wait_for_charts

Visit = Callable[..., Any]
WIDE, HIGH = 390, 844


@pytest.fixture
def phone(visit: Visit) -> Visit:
    return partial(visit, viewport={"width": WIDE, "height": HIGH})


@pytest.mark.parametrize("view", [*VIEWS, "picture", "picture?image=1&side=1", "classes?group=All"])
def test_nothing_is_wider_than_a_phone(phone: Visit, odd: Path, view: str) -> None:
    page = phone(odd, f"#{view}")
    page.locator(f"main.view-{view.partition('?')[0]} h1").wait_for()
    wait_for_charts(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= WIDE
    beyond = """wide =>
      [...document.querySelectorAll("section > *, .view-tools > *, .picture-head > *, .picture > *")]
      .filter((each) => each.getBoundingClientRect().right > wide + 1).map((each) => each.outerHTML.slice(0, 80))"""
    assert page.evaluate(beyond, WIDE) == []


@pytest.mark.parametrize(("side", "stages"), [("", 1), ("&side=1", 2)])
def test_a_picture_has_the_width_of_a_phone_and_its_figures_stand_below(
    phone: Visit, odd: Path, side: str, stages: int
) -> None:
    page = phone(odd, f"#picture?image=1{side}")
    page.locator(".stage img").first.wait_for()
    boxes = [stage.bounding_box() for stage in page.locator(".stage").all()]
    assert len(boxes) == stages
    assert min(box["width"] for box in boxes) > 0.8 * WIDE
    assert min(box["height"] for box in boxes) > 150
    layers = page.locator(".layers").bounding_box()
    assert layers["y"] >= max(box["y"] + box["height"] for box in boxes)
    assert page.locator(".picture-head h1").bounding_box()["width"] > 100
    assert page.locator(".place").bounding_box()["width"] > 40
    for name in ("Zoom in", "Fit"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box["x"] + box["width"] <= WIDE


@pytest.mark.parametrize(("cells", "needed"), [("rows", 28), ("counts", 40)])
@pytest.mark.parametrize("width", [320, WIDE, 1280])
def test_the_matrix_writes_figures_only_where_a_cell_holds_them(
    visit: Visit, odd: Path, cells: str, needed: int, width: int
) -> None:
    page = visit(odd, f"#confusion?as={cells}", viewport={"width": width, "height": HIGH})
    wait_for_charts(page)
    drawn = page.locator(".chart .nsewdrag").bounding_box()["width"]
    assert drawn > min(width, 1000) / 3  # beside the names and the list of pairs
    cell = drawn / len(page.evaluate("() => hardpixReport.classes"))
    assert page.locator(".chart .textpoint").count() == 0 or cell >= needed
    assert page.locator(".chart .textpoint").count() > 0 or cell < 1.25 * needed


def test_a_turned_phone_gets_its_figures(phone: Visit, odd: Path) -> None:
    page = phone(odd, "#confusion?as=counts")
    wait_for_charts(page)
    assert page.locator(".chart .textpoint").count() == 0
    page.set_viewport_size({"width": HIGH, "height": WIDE})
    page.locator(".chart .textpoint").first.wait_for(state="attached")


def test_names_above_the_matrix_do_not_cover_each_other(phone: Visit, odd: Path) -> None:
    page = phone(odd, "#confusion")
    wait_for_charts(page)
    labels = page.locator(".chart .xtick text").evaluate_all(
        """(all) => all.map((text) => {
          const [, angle] = text.getAttribute("transform").match(/rotate\\((-?[\\d.]+)/);
          return [Number(angle), text.getBoundingClientRect().left, parseFloat(getComputedStyle(text).fontSize)];
        })"""
    )
    assert len(labels) == 6
    for (angle, one, size), (_, next_, _) in pairwise(labels):
        assert (next_ - one) * abs(sin(radians(angle))) >= size


@pytest.mark.parametrize("view", ["gallery", "suspects", "verdict"])
def test_the_bar_shows_the_current_view_and_that_there_are_more(phone: Visit, odd: Path, view: str) -> None:
    page = phone(odd, f"#{view}")
    page.reload()
    link = page.locator("nav [aria-current]").bounding_box()
    nav = page.locator("nav").bounding_box()
    assert link["x"] >= nav["x"] - 1
    assert link["x"] + link["width"] <= min(WIDE, nav["x"] + nav["width"]) + 1
    page.wait_for_function("() => document.querySelector('nav').dataset.beyond !== undefined")
    beyond = page.locator("nav").get_attribute("data-beyond").split()
    assert ("after" in beyond) == (view != "suspects")
    assert ("before" in beyond) == (view != "verdict")
    for view_ in ("verdict", "suspects"):
        page.evaluate("view => { location.hash = view; }", view_)
        page.wait_for_function(
            """view => {
              const box = document.querySelector(`nav [data-view=${view}]`).getBoundingClientRect();
              return box.left >= 0 && box.right <= innerWidth;
            }""",
            arg=view_,
        )


def test_a_table_with_more_columns_than_fit_says_so_at_the_edge(phone: Visit, odd: Path) -> None:
    page = phone(odd, "#classes?group=All")
    place = page.locator(".table-place")
    page.wait_for_function("() => document.querySelector('.table-place').dataset.beyond === 'after'")
    place.evaluate("(each) => { each.scrollLeft = 200; }")
    page.wait_for_function("() => document.querySelector('.table-place').dataset.beyond === 'before after'")
    place.evaluate("(each) => { each.scrollLeft = each.scrollWidth; }")
    page.wait_for_function("() => document.querySelector('.table-place').dataset.beyond === 'before'")
