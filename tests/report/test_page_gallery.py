"""The gallery in a real browser: order, filters, keys, and 10,000 images without 10,000 elements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_scenes import FALSE, ODD_NAMES

Visit = Callable[..., Any]


def stems(page: Any) -> list[str]:
    return page.locator(".card .stem").all_inner_texts()


def ordered(page: Any, key: str, sign: int) -> list[str]:
    images = page.evaluate("() => ({ stem: hardpixImages.stem, columns: hardpixImages.columns })")
    values = images["columns"][key]
    return [images["stem"][k] for k in sorted(range(len(values)), key=lambda k: (sign * values[k], k))]


def counts_for(truth: int, predicted: int, of_kind: int, kind: int | None) -> tuple[int, ...]:
    """A class's errors are those that lower its IoU; of one kind, each pixel counts for one class."""
    if kind is None:
        return truth, predicted
    return (predicted if of_kind == FALSE else truth,)


def choose(page: Any, label: str, value: str) -> None:
    page.locator(f".gallery-tools label:has(> span:text-is('{label}')) select").select_option(value)


def test_worst_come_first_and_any_score_can_be_sorted_by(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#gallery")
    assert stems(page) == ordered(page, "errors", -1)
    choose(page, "Sort", "miou")
    assert stems(page) == ordered(page, "miou", 1)  # a high mIoU is good, so the lowest come first
    page.locator(".order").click()
    assert stems(page) == ordered(page, "miou", -1)
    page.wait_for_function("() => location.hash === '#gallery?sort=miou&order=descending'")
    page.reload()
    assert stems(page) == ordered(page, "miou", -1)
    assert page.locator(".order").inner_text() == "↓ highest first"


def test_errors_lie_over_the_thumbnails_until_they_are_switched_off(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#gallery")
    sources = "(all) => all.map((image) => image.getAttribute('src'))"

    def shown(of: str) -> list[str]:
        page.wait_for_function(
            "() => [...document.querySelectorAll('.thumb img')].every((image) => image.complete && image.naturalWidth)"
        )
        return page.locator(f".thumb .{of}").evaluate_all(sources)

    pictures = shown("image")
    assert len(pictures) == page.locator(".card").count() > 0
    assert shown("errors") == [name.replace(".jpg", ".png") for name in pictures]
    assert page.locator(".errors-shown .kind-label").count() == 4
    boxes = [page.locator(f".thumb .{of}").first.bounding_box() for of in ("image", "errors")]
    assert boxes[0] == boxes[1]
    switch = page.get_by_label("Errors", exact=True)
    switch.focus()
    page.keyboard.press("Space")
    assert shown("errors") == []
    assert shown("image") == pictures
    assert page.evaluate("() => document.activeElement.dataset.field") == "errors"
    page.wait_for_function("() => location.hash === '#gallery?plain=1'")
    page.locator(".card").first.click()
    page.locator("main.view-picture").wait_for()
    page.locator(".back").click()
    page.locator("main.view-gallery").wait_for()
    assert shown("errors") == []
    page.get_by_label("Errors", exact=True).check()
    assert len(shown("errors")) == len(pictures)


@pytest.mark.parametrize(("class_", "kind"), [(1, None), (4, 1), (5, 2), (None, 3)])
def test_filters_keep_the_images_with_such_errors(
    visit: Visit, odd: Path, class_: int | None, kind: int | None
) -> None:
    page = visit(odd, "#gallery")
    report = page.evaluate("() => window.hardpixReport")
    if class_ is not None:
        choose(page, "Class", str(class_))
    if kind is not None:
        choose(page, "Kind", report["kinds"][kind]["key"])
    details = page.evaluate("() => detailsFile(0)")
    expected = {}
    for number, entry in enumerate(details):
        pixels = sum(
            count
            for truth, predicted, of_kind, count in entry["kinds"]
            if kind in (None, of_kind) and class_ in (None, *counts_for(truth, predicted, of_kind, kind))
        )
        if pixels:
            expected[number] = pixels
    names = page.evaluate("() => hardpixImages.stem")
    wanted = [names[k] for k in sorted(expected, key=lambda k: (-expected[k], k))]
    assert sorted(stems(page)) == sorted(wanted)
    if class_ is not None:  # a kind alone is sorted by its share of the labeled pixels
        assert stems(page) == wanted
    choose(page, "Class", "")
    choose(page, "Kind", "")
    assert len(stems(page)) == 12


def test_a_pair_is_a_chip_that_can_be_taken_away(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#gallery?true=1&predicted=3")
    assert page.locator(".chip").inner_text().startswith("building taken for vegetation")
    assert 0 < len(stems(page)) < 12
    page.locator(".chip button").click()
    assert len(stems(page)) == 12
    assert page.locator(".chip").count() == 0


def test_names_are_searched(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#gallery")
    for typed, found in [("NIGHT", {"night_00007", "night_00011"}), ("#7 &", {ODD_NAMES[1]}), ("ä/Ö", {ODD_NAMES[2]})]:
        page.locator("input[type=search]").fill(typed)
        page.wait_for_function("count => document.querySelectorAll('.card').length === count", arg=len(found))
        assert set(stems(page)) == found
    page.wait_for_function("() => decodeURIComponent(location.hash) === '#gallery?text=ä/Ö'")
    page.reload()
    assert stems(page) == [ODD_NAMES[2]]
    page.locator("input[type=search]").fill("no such name")
    assert page.locator(".empty").inner_text().startswith("No image has “no such name” in its name.")
    assert page.locator(".found").inner_text() == "0 of 12 images with “no such name” in the name"
    page.locator(".empty button").focus()
    page.keyboard.press("Enter")
    assert len(stems(page)) == 12
    assert page.evaluate("() => document.activeElement.type") == "search"
    choose(page, "Class", "4")
    page.locator("input[type=search]").fill("no such name")
    assert page.locator(".empty").inner_text().startswith("No image with such errors has “no such name” in its name.")


@pytest.mark.parametrize(
    "address", ["#gallery?class=99", "#gallery?kind=x&band=-1&true=a&predicted=%00", "#gallery?sort=__proto__"]
)
def test_a_mistyped_address_shows_everything_and_is_put_right(visit: Visit, odd: Path, address: str) -> None:
    page = visit(odd, address)
    assert len(stems(page)) == 12
    page.wait_for_function("() => location.hash === '#gallery'")


@pytest.mark.parametrize(
    ("typed", "shown", "menus"),
    [
        ("class=4&kind=missed&band=1", "class=4&band=1", ["4", "", "1"]),
        ("class=4&kind=missed&true=1&predicted=3", "true=1&predicted=3", ["", "", ""]),
        ("class=99&kind=missed", "kind=missed", ["", "missed", ""]),
        ("suspects=1&class=4&text=a", "suspects=1&text=a", ["", "", ""]),
        ("class=4&kind=missed&order=up", "class=4&kind=missed", ["4", "missed", ""]),
    ],
)
def test_menus_and_address_say_what_is_filtered_by(
    visit: Visit, odd: Path, typed: str, shown: str, menus: list[str]
) -> None:
    page = visit(odd, f"#gallery?{typed}")
    values = [page.locator(f"select[data-field={name}]").input_value() for name in ("Class", "Kind", "Size")]
    assert values == menus
    page.wait_for_function("(hash) => location.hash === hash", arg=f"#gallery?{shown}")


def test_back_from_a_picture_is_where_one_was(visit: Visit, large: Path) -> None:
    page = visit(large, "#gallery?class=4&sort=miou")
    page.locator(".grid").evaluate("(grid) => { grid.scrollTop = 20000; }")
    page.wait_for_function("() => Number(document.querySelector('.cell').dataset.index) > 500")
    index = int(page.locator(".cell").nth(20).get_attribute("data-index"))
    page.locator(".cell a").nth(20).evaluate("(link) => link.click()")  # a pointer's click might scroll
    page.locator("main.view-picture").wait_for()
    assert page.locator(".place").inner_text().startswith(f"{index + 1:,} of ")
    page.go_back()
    page.locator("main.view-gallery .card").first.wait_for()
    page.wait_for_function("() => document.querySelector('.grid').scrollTop === 20000")


def test_ten_thousand_images_are_few_elements_wherever_one_scrolls(visit: Visit, large: Path) -> None:
    page = visit(large, "#gallery")
    page.locator(".card").first.wait_for()
    assert page.locator(".found").inner_text() == "10,000 images"
    count = "() => document.querySelectorAll('*').length"
    seen = set()
    for share in (0, 0.1, 0.5, 0.9, 1):
        page.evaluate(
            "share => { const g = document.querySelector('.grid'); g.scrollTop = share * g.scrollHeight; }", share
        )
        page.wait_for_function(
            "share => Math.abs(Number(document.querySelector('.cell').dataset.index) / 10000 - share) < 0.02", arg=share
        )
        assert page.evaluate(count) < 1500
        seen.update(stems(page))
        in_sight = page.evaluate(
            """() => {
              const box = document.querySelector('.grid').getBoundingClientRect();
              return Boolean(document.elementFromPoint(box.left + 60, box.top + box.height / 2).closest('.card'));
            }"""
        )
        assert in_sight
    assert ordered(page, "errors", -1)[-1] in seen
    page.locator(".order").click()
    page.locator(".card").first.wait_for()
    assert stems(page)[0] == ordered(page, "errors", 1)[0]
    assert page.evaluate(count) < 1500


def test_keys_go_from_image_to_image(visit: Visit, large: Path) -> None:
    page = visit(large, "#gallery")
    page.locator(".card").first.focus()
    at = "() => Number(document.activeElement.closest('.cell').dataset.index)"
    columns = page.evaluate(
        "() => [...document.querySelectorAll('.cell')].filter((c) => /, 0px\\)/.test(c.style.transform)).length"
    )
    for key, index in [
        ("ArrowRight", 1),
        ("ArrowDown", 1 + columns),
        ("ArrowLeft", columns),
        ("ArrowUp", 0),
        ("ArrowUp", 0),
        ("End", 9999),
        ("ArrowRight", 9999),
        ("Home", 0),
    ]:
        page.keyboard.press(key)
        assert page.evaluate(at) == index, key
    page.keyboard.press("PageDown")
    assert page.evaluate(at) % columns == 0
    assert page.evaluate(at) > columns
    page.keyboard.press("Enter")
    page.locator("main.view-picture").wait_for()


def test_menus_keep_the_focus(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#gallery")
    menu = page.locator(".gallery-tools label:has(> span:text-is('Kind')) select")
    menu.focus()
    page.keyboard.press("ArrowDown")
    assert page.locator(".found").inner_text().endswith("displaced border")
    assert page.evaluate("() => document.activeElement.closest('label').textContent.startsWith('Kind')")
