"""Numbers as the page writes them, and names that do not cover each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def words(browser: Any, bare: Path) -> Iterator[Any]:
    page = browser.new_page()
    page.goto((bare / "index.html").as_uri())
    yield page
    page.close()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("inUnit(0.7142, '%')", "71.4 %"),
        ("inUnit(1, '%')", "100.0 %"),
        ("inUnit(0.99999, '%')", "100.0 %"),
        ("inUnit(0.00314, '%')", "0.31 %"),
        ("inUnit(0.00031, '%')", "0.031 %"),
        ("inUnit(0.000001, '%')", "<0.001 %"),
        ("inUnit(0, '%')", "0.0 %"),
        ("inUnit(null, '%')", "–"),
        ("inUnit(undefined, 'px')", "–"),
        ("figure(0.0004, '%', 1)", "<0.1"),
        ("figure(-0.021, '%')", "−2.1"),
        ("figure(1234567, 'count')", "1,234,567"),
        ("figure(0.93123, '')", "0.931"),
        ("figure(12, '')", "12"),
        ("pixels(0)", "0 px"),
        ("pixels(9999)", "9,999 px"),
        ("pixels(10000)", "10.0 k px"),
        ("pixels(123456)", "123 k px"),
        ("pixels(1234567)", "1.2 M px"),
        ("pixels(2.5e9)", "2.5 G px"),
        ("points(0.0194)", "+1.9"),
        ("points(-0.0004)", "−0.04"),
        ("points(-0.0004, 1)", "0"),
        ("points(0)", "0"),
        ("plural(1, 'class', 'classes')", "1 class"),
        ("plural(10000, 'image')", "10,000 images"),
        ("plotText('<b>&amp;</b>')", "&lt;b&gt;&amp;amp;&lt;/b&gt;"),
        ("address('gallery', {class: 0, kind: null, text: 'ä #&=%'})", "#gallery?class=0&text=%C3%A4+%23%26%3D%25"),
        ("String(indexIn('3', 4))", "3"),
        ("String(['4', '-1', '1.0', '', 'x', null, undefined].filter((text) => indexIn(text, 4) !== null))", ""),
    ],
)  # fmt: skip
def test_numbers_are_written_as_they_are_read(words: Any, call: str, text: str) -> None:
    assert words.evaluate(f"() => {call}").replace("\u00a0", " ") == text


@pytest.mark.parametrize("order", [("1", "10", "2"), ("b", "a"), (3, 1, 2)])
@pytest.mark.parametrize("sign", [1, -1])
def test_values_compare_by_number_and_by_letter(words: Any, order: tuple[Any, ...], sign: int) -> None:
    values = [None, *order, None]
    ranked = words.evaluate("([values, sign]) => values.sort((a, b) => compare(a, b, sign))", [values, sign])
    expected = sorted(order, key=lambda value: float(value) if str(value).isdigit() else ord(value))
    assert ranked == [*expected[::sign], None, None]


def test_an_address_says_what_was_put_into_it(words: Any) -> None:
    state = {"text": 'ä "#&=%?+ <b>', "sort": "miou"}
    read = words.evaluate("(state) => { location.hash = address('gallery', state); return readState(); }", state)
    assert read == {"view": "gallery", **state}


@pytest.mark.parametrize("count", [1, 5, 40, 150])
def test_names_get_a_side_where_there_is_room(words: Any, count: int) -> None:
    random = np.random.default_rng(count)
    points = [
        {"x": float(x), "y": float(y), "text": "n" * int(length)}
        for x, y, length in zip(
            random.uniform(10, 790, count), random.uniform(10, 490, count), random.integers(3, 15, count), strict=True
        )
    ]
    sides = words.evaluate("(points) => labelSides(points, { width: 800, height: 500 })", points)
    boxes = []
    for point, side in zip(points, sides, strict=True):
        length, x, y = 7 * len(point["text"]), point["x"], point["y"]
        if side is not None:  # as plotly puts a text beside, above or below a marker
            left = {"middle right": x + 8, "middle left": x - 8 - length}.get(side, x - length / 2)
            top = {"top center": y - 22, "bottom center": y + 8}.get(side, y - 7)
            boxes.append((left, top, left + length, top + 14))
    assert len(boxes) >= min(count, 20)
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert top >= 0
        assert right <= 800
        assert bottom <= 500
        assert not any(left < point["x"] < right and top < point["y"] < bottom for point in points)


def test_names_of_points_are_apart_on_the_page(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#plots?of=classes")
    page.wait_for_function("() => document.querySelector('.chart')?.dataset.drawn")
    for chosen in ("iou", "recall", "precision"):
        page.locator("select").nth(1).select_option(chosen)
        page.wait_for_function("() => document.querySelector('.chart')?.dataset.drawn")
        names = page.locator(".chart .textpoint text").evaluate_all(
            "(all) => all.filter((text) => text.textContent).map((text) => text.getBoundingClientRect())"
            ".map((box) => [box.left, box.top, box.right, box.bottom])"
        )
        assert len(names) >= 4
        for one, other in combinations(names, 2):
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
