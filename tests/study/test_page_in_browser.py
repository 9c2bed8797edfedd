"""The page of a study in a real browser: it shows what the lines say, offline, light and dark, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hardpix.study.figures import CLASSES, SCORES, figures
from hardpix.study.folder import StudyFolder
from hardpix.study.gallery import most_different
from hardpix.study.page_tables import signed
from hardpix.study.show import show
from hardpix.study.table import with_spread
from pages import opened

from .conftest import make_line, make_lines


@pytest.fixture(scope="module")
def address(drawn_study: StudyFolder) -> str:
    show(drawn_study, drawn_study.lines.read())
    return drawn_study.page.as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with opened(browser, address) as page:
        yield page


def test_tables_say_what_the_lines_say(page: Any, drawn_study: StudyFolder) -> None:
    found = figures(drawn_study.lines.read())
    shown = page.locator("table.figures tbody").all()
    assert len(shown) == len(found)
    texts = dict(zip(page.locator("tbody th.name").all_text_contents(), range(len(shown)), strict=False))
    for figure in [figure for figure in found if figure.group in (SCORES, CLASSES)]:
        rows = shown[texts[figure.title]].locator("tr").all()
        for row, name in zip(rows, figure.values, strict=True):
            cells = row.locator("td").all_text_contents()
            assert cells[0].strip() == name
            assert cells[1] == with_spread(figure.spread(name), figure.group)
            if name != figure.first:
                difference = figure.difference(name)
                ends = f"({signed(difference.low, figure.group)} to {signed(difference.high, figure.group)})"
                assert signed(difference.mean, figure.group) in cells[2]
                assert ends in cells[2]
                good = (difference.mean > 0) == (figure.better == "high")
                arrows = {arrow for arrow in "▲▼" if arrow in cells[2]}
                assert arrows == ({"▲" if good else "▼"} if difference.is_clear else set())


def test_every_class_is_a_mark_and_every_variant_a_curve(page: Any, drawn_study: StudyFolder) -> None:
    titles = page.locator("section:has(#gains-title) title").all_text_contents()
    found = [figure for figure in figures(drawn_study.lines.read()) if figure.group == CLASSES]
    for variant in list(found[0].values)[1:]:
        for figure in found:
            start = f"{figure.title}: {figure.difference(variant).mean:+.2f} ("
            # Against its share and against how thin it is.
            assert sum(title.startswith(start) for title in titles) == 2
    assert len(titles) == 2 * 3 * len(found)
    assert page.locator("section:has(#curves-title) svg.chart path.band").count() == 4
    assert page.locator("section:has(#curves-title) svg.chart path.curve").count() == 4


def test_pictures_are_those_that_differ_most(page: Any, drawn_study: StudyFolder) -> None:
    seed, shown = most_different(drawn_study, drawn_study.lines.read())
    assert seed == 0
    assert [one.stem for one in shown] == ["b", "c", "a"]
    assert shown[0].wrong["class balance (sqrt)"] == pytest.approx(0.25)
    assert [text.removesuffix("Enlarge") for text in page.locator(".card h3").all_text_contents()] == ["b", "c", "a"]
    first = page.locator(".card").first
    words = [text.strip() for text in first.locator("figcaption").all_text_contents()]
    assert words[:2] == ["Image", "Truth"]
    assert words[-1] == "class balance (sqrt) 25.0\u00a0% wrong"
    broken = "() => [...document.images].filter((image) => !(image.complete && image.naturalWidth)).length"
    page.wait_for_function(f"({broken})() === 0")
    before = first.bounding_box()["height"]
    first.locator(".enlarge").click()
    assert first.bounding_box()["height"] > 2 * before
    first.locator(".enlarge").click()
    assert first.bounding_box()["height"] == before


def test_light_and_dark(browser: Any, address: str) -> None:
    colors = []
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(address)
        of_body = "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        colors.append(page.evaluate(of_body))
        page.close()
    (light_paper, light_ink), (dark_paper, dark_ink) = colors
    bright = [sum(map(int, color[4:-1].split(","))) for color in (light_paper, light_ink, dark_paper, dark_ink)]
    assert bright[0] > 700 > 200 > bright[1]
    assert bright[3] > 650 > 100 > bright[2]


@pytest.mark.parametrize("width", [360, 390, 768])
def test_narrow_screens_need_no_scrolling_to_the_side(browser: Any, address: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(address)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("() => document.documentElement.scrollWidth") == width
    page.close()


def test_headline_claims_no_more_than_the_interval(tmp_path_factory: pytest.TempPathFactory) -> None:
    def headline(values: dict[str, list[float]]) -> str:
        folder = StudyFolder(tmp_path_factory.mktemp("headline"))
        lines = [
            make_line(name, order, seed, miou)
            for order, (name, mious) in enumerate(values.items())
            for seed, miou in enumerate(mious)
        ]
        show(folder, lines)
        page = folder.page.read_text()
        return page.split("<h1>")[1].split("</h1>")[0]

    assert headline({"a": [0.5, 0.52], "b": [0.53, 0.56]}) == "b: +3.50 mIoU over a, which may be luck"
    assert headline({"a": [0.5, 0.52], "b<": [0.53, 0.5502]}) == "b&lt; gains +3.01 mIoU over a"
    assert headline({"a": [0.5, 0.52], "b": [0.47, 0.4901]}) == "No variant is better than a"
    assert headline({"a": [0.5, 0.52], "b": [0.49, 0.526]}) == "b: 0.20 mIoU below a, which may be luck"
    assert headline({"a": [0.5, 0.52], "b": [0.51, 0.51]}) == "b and a have the same mIoU"
    assert headline({"a": [0.5, 0.52]}) == "Only a has finished runs"


def test_figures_that_need_a_word_have_one(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = StudyFolder(tmp_path_factory.mktemp("words"))
    lines = make_lines(2, 3)
    for line in lines:
        line["class_scores"]["iou"][7] = 0.0
    lines[4]["class_scores"]["iou"][1] += 0.4
    show(folder, lines)
    page = browser.new_page()
    page.goto(folder.page.as_uri())
    classes = page.locator("section:has(#classes-title) tbody")
    sign = classes.filter(has_text="sign")
    assert sign.locator("tr").count() == 1
    assert sign.locator("td").all_inner_texts() == ["never found by any run"]
    titles = page.locator("section:has(#gains-title) title").all_text_contents()
    assert not any(title.startswith("sign:") for title in titles)
    ferr = page.locator("th.name", has_text="FErr")
    assert ferr.evaluate("(e) => getComputedStyle(e, '::after').content") == '"lower is better"'
    assert page.locator("th.name", has_text="mIoU").first.evaluate("(e) => e.dataset.note") is None
    # The one interval that is longer than what is drawn ends in an arrow.
    assert page.locator("section:has(#classes-title) path.goes-on").count() >= 1
    page.close()


def test_without_pictures_the_page_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = StudyFolder(tmp_path_factory.mktemp("bare"))
    show(folder, make_lines(2, 2))
    assert "hold no pictures any more" in folder.page.read_text()
