"""One picture in a real browser: layers, zoom and pan, keys, what is under the pointer, two runs side by side."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fake_scenes import kinds_of_error, scene
from hardpix.data.heat import heat_colors
from hardpix.report.data_scripts import assign, read_assigned

from .fake_report import fake_report

Visit = Callable[..., Any]
HIGH, WIDE = 64, 96


def layers(page: Any, stage: int = 0) -> list[str]:
    """Layers that are shown, from below; only once every layer is drawn."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('.stage img')].every((i) => i.complete && i.naturalWidth)"
    )
    sources = (
        page.locator(".stage").nth(stage).locator("img").evaluate_all("(all) => all.map((i) => i.getAttribute('src'))")
    )
    return sources


def transform(page: Any, stage: int = 0) -> str:
    return page.locator(".sheet").nth(stage).evaluate("(sheet) => sheet.style.transform")


def on_picture(page: Any, row: float, column: float, stage: int = 0) -> tuple[float, float]:
    box = page.locator(".sheet").nth(stage).bounding_box()
    return box["x"] + (column + 0.5) * box["width"] / WIDE, box["y"] + (row + 0.5) * box["height"] / HIGH


def test_a_click_in_the_gallery_opens_the_picture(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#gallery?sort=miou")
    name = page.locator(".card .stem").nth(2).inner_text()
    page.locator(".card").nth(2).click()
    page.locator("main.view-picture").wait_for()
    assert page.locator("h1").inner_text() == name
    assert page.locator(".place").inner_text() == "3 of 12"
    page.locator(".back").click()
    page.locator("main.view-gallery").wait_for()
    assert page.locator(".card .stem").nth(2).inner_text() == name


def test_layers_are_shown_by_box_and_by_number(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0")
    folder = "pictures/000000/"
    assert layers(page) == [f"{folder}image.jpg", f"{folder}kinds.png"]
    page.get_by_label("Truth", exact=False).first.check()
    assert layers(page) == [f"{folder}image.jpg", f"{folder}truth.png", f"{folder}kinds.png"]
    for key in "1246":
        page.keyboard.press(key)
    assert layers(page) == [f"{folder}suspects.png"]
    page.wait_for_function("() => location.hash.includes('layers=suspects')")
    page.reload()
    assert layers(page) == [f"{folder}suspects.png"]
    assert page.locator(".layer-row input:checked").count() == 1
    page.keyboard.press("6")
    assert layers(page) == []


def alpha_zero(page: Any) -> list[list[int]]:
    """Rows and columns of the pixels that are not dimmed."""
    page.locator(".stage canvas.dim").wait_for()
    return page.evaluate(
        """() => {
          const canvas = document.querySelector('.stage canvas.dim');
          const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const seen = [];
          for (let i = 0; i < data.length / 4; i++)
            if (data[4 * i + 3] === 0) seen.push([Math.floor(i / width), i % width]);
          return seen;
        }"""
    )


def test_the_classes_of_a_picture_have_a_legend_that_points_one_out(visit: Visit, odd: Path) -> None:
    truth, guess, *_ = scene(0, HIGH, WIDE)
    page = visit(odd, "#picture?image=0")
    page.locator(".picture-facts section").first.wait_for()
    legend = page.locator(".class-legend button")
    assert legend.count() == 0
    page.keyboard.press("2")
    legend.first.wait_for()
    there = sorted({*truth[truth != 255].tolist(), *guess[truth != 255].tolist()})
    entries = page.evaluate("() => window.hardpixReport.classes")
    assert legend.all_inner_texts() == [entries[k]["name"] for k in there]
    shown = page.locator(".class-legend .swatch").evaluate_all(
        "(all) => all.map((e) => getComputedStyle(e).backgroundColor)"
    )
    assert shown == [f"rgb({', '.join(map(str, entries[k]['colour']))})" for k in there]
    legend.nth(1).click()
    assert alpha_zero(page) == np.argwhere(truth == there[1]).tolist()
    assert [each.get_attribute("aria-pressed") for each in legend.all()].index("true") == 1
    page.keyboard.press("2")
    page.keyboard.press("3")
    page.locator(".stage img.prediction").wait_for()
    assert alpha_zero(page) == np.argwhere(guess == there[1]).tolist()
    legend.nth(1).click()
    page.locator(".stage canvas.dim").wait_for(state="detached")


def test_a_slider_sets_a_layers_opacity_and_keeps_it(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0&layers=image,prediction")
    slider = page.get_by_label("Opacity: Prediction")
    slider.focus()
    page.keyboard.press("ArrowLeft")  # moves the slider, and not to another picture
    assert page.locator("h1").inner_text() == page.evaluate("() => hardpixImages.stem[0]")
    opacity = "(image) => Number(image.style.opacity)"
    assert page.locator("img.prediction").evaluate(opacity) == pytest.approx(0.59)
    page.locator("h1").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("img.prediction").evaluate(opacity) == pytest.approx(0.59)


def test_arrows_go_through_the_images_that_were_chosen(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#gallery?true=1&predicted=3")
    chosen = page.locator(".card .stem").all_inner_texts()
    page.locator(".card").first.click()
    page.locator("main.view-picture").wait_for()
    for key, place in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowLeft", 0), ("ArrowLeft", -1)]:
        page.keyboard.press(key)
        assert page.locator("h1").inner_text() == chosen[place]
    page.get_by_role("button", name="Next").click()
    assert page.locator("h1").inner_text() == chosen[0]
    page.keyboard.press("Escape")
    page.locator("main.view-gallery .card").first.wait_for()
    assert page.locator(".card .stem").all_inner_texts() == chosen


def test_a_key_that_leaves_comes_before_an_address_that_is_not_yet_written(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0")
    layers(page)
    # In one turn of the browser, with its own clock run on before it draws: as under load.
    page.evaluate(
        """() => {
          const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
          press("ArrowRight");
          press("Escape");
          const until = performance.now() + 400;
          while (performance.now() < until);
        }"""
    )
    page.locator("main.view-gallery .card").first.wait_for()
    assert page.evaluate("() => location.hash").startswith("#gallery")


def test_zoom_and_pan_stay_from_picture_to_picture_and_over_a_reload(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0")
    whole = transform(page)
    x, y = map(round, on_picture(page, 20, 30))  # a wheel turns at whole pixels of the screen
    box = page.locator(".sheet").bounding_box()
    row, column = (y - box["y"]) * HIGH / box["height"] - 0.5, (x - box["x"]) * WIDE / box["width"] - 0.5
    page.mouse.move(x, y)
    for _ in range(4):
        page.mouse.wheel(0, -300)
    page.wait_for_function("before => document.querySelector('.sheet').style.transform !== before", arg=whole)
    page.wait_for_function("() => location.hash.includes('at=')")
    assert on_picture(page, row, column) == pytest.approx((x, y), abs=1.5)  # what was under the pointer still is
    page.mouse.down()
    page.mouse.move(x + 50, y + 20, steps=4)
    page.mouse.up()
    assert on_picture(page, row, column) == pytest.approx((x + 50, y + 20), abs=2)
    zoomed = transform(page)
    page.keyboard.press("ArrowRight")
    assert transform(page) == zoomed
    page.keyboard.press("ArrowLeft")
    assert transform(page) == zoomed
    page.wait_for_timeout(400)  # the address follows a moment later
    page.reload()
    scale = [float(text.partition("scale(")[2].rstrip(")")) for text in (zoomed, transform(page))]
    assert scale[0] == pytest.approx(scale[1], rel=1e-3)
    assert on_picture(page, row, column) == pytest.approx((x + 50, y + 20), abs=2)
    page.keyboard.press("0")
    assert transform(page) == whole
    page.keyboard.press("+")
    page.keyboard.press("Shift+ArrowRight")
    assert transform(page) != whole
    page.get_by_role("button", name="Fit").click()
    assert transform(page) == whole


def test_the_picture_never_leaves_the_stage(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0&at=8,0.5,0.5")
    stage = page.locator(".stage").bounding_box()
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):
        for _ in range(80):
            page.keyboard.press(f"Shift+{key}")
        sheet = page.locator(".sheet").bounding_box()
        assert sheet["x"] <= stage["x"] + 2
        assert sheet["y"] <= stage["y"] + 2
        assert sheet["x"] + sheet["width"] >= stage["x"] + stage["width"] - 2
        assert sheet["y"] + sheet["height"] >= stage["y"] + stage["height"] - 2


@pytest.mark.parametrize("run", [0, 1])
def test_the_pointer_reads_out_labels_and_kind(visit: Visit, odd: Path, run: int) -> None:
    page = visit(odd, "#picture?image=1&side=1")
    truth, *predictions, _ = scene(1, HIGH, WIDE)
    kinds = kinds_of_error(truth, predictions[run])
    report = page.evaluate("() => window.hardpixReport")
    names = [entry["name"] for entry in report["classes"]]
    places = [(3, 5), (HIGH - 1, 50)]
    for kind in range(1, 5):
        rows, columns = (kinds == kind).nonzero()
        if len(rows):
            places.append((int(rows[len(rows) // 2]), int(columns[len(rows) // 2])))
    assert len(places) > 2
    for row, column in places:
        page.mouse.move(*on_picture(page, row, column, run))
        said = [f"truth: {names[truth[row, column]] if truth[row, column] != 255 else 'not labeled'}"]
        said += [f"predicted: {names[predictions[run][row, column]]}"]
        if kinds[row, column]:
            said.append(report["kinds"][kinds[row, column] - 1]["title"].lower())
        expected = " · ".join([f"x {column}, y {row}", *said])
        page.wait_for_function("text => document.querySelector('.readout').textContent === text", arg=expected)


def test_two_runs_side_by_side_move_together(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0")
    assert page.locator(".stage").count() == 1
    page.keyboard.press("s")
    assert page.locator(".stage").count() == 2
    assert page.locator("figcaption").all_inner_texts() == ["DDRNet-23-slim, cross-entropy", "Learned <b>hardness</b>"]
    assert layers(page, 0) == ["pictures/000000/image.jpg", "pictures/000000/kinds.png"]
    assert layers(page, 1) == ["pictures/000000/image.jpg", "against/pictures/000000/kinds.png"]
    page.mouse.move(*on_picture(page, 10, 10, 1))
    page.mouse.wheel(0, -500)
    page.wait_for_function("() => location.hash.includes('at=')")
    assert transform(page, 0) == transform(page, 1)
    page.reload()
    assert page.locator(".stage").count() == 2
    page.locator(".run-choice input").uncheck()
    assert page.locator(".stage").count() == 1


def test_an_object_and_a_suspect_are_pointed_out(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0")
    whole = transform(page)
    page.locator(".objects button").first.click()
    assert transform(page) != whole
    assert page.locator(".boxes .over").count() == 1
    page.evaluate("() => { location.hash = 'suspects'; }")
    page.locator("main.view-suspects h1").wait_for()
    listed = page.evaluate("() => hardpixReport.suspects.map(({ image }) => hardpixImages.stem[image])")
    assert page.locator("main.view-suspects .card .stem").all_text_contents() == listed
    page.locator("main.view-suspects .card").first.click()
    page.locator("main.view-picture .boxes").wait_for()
    assert layers(page) == ["pictures/000000/image.jpg", "pictures/000000/suspects.png"]
    box = page.evaluate("() => hardpixReport.suspects[0].box")
    frame = page.locator(".boxes .over").evaluate(
        "(r) => ['y', 'x', 'height', 'width'].map((a) => Number(r.getAttribute(a)))"
    )
    assert frame == [box[0] - 1, box[1] - 1, box[2] + 2, box[3] + 2]


def test_figures_are_those_of_the_image(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=4")
    page.locator(".picture-facts section").first.wait_for()
    images = page.evaluate("() => ({ here: hardpixImages.columns.miou[4], there: hardpixImages.against.miou[4] })")
    row = page.locator(".facts-table tr", has_text="mIoU").first.locator("td").all_inner_texts()
    change = 100 * (images["here"] - images["there"])
    assert row == [f"{100 * images['here']:.1f}\u00a0%", f"▼−{-change:.1f}"]
    details = page.evaluate("() => detailsOf(4)")
    largest = max(details["kinds"], key=lambda entry: entry[3])
    assert page.locator(".facts-table.errors td").first.inner_text() == f"{largest[3]:,}\u00a0px"


def test_a_number_that_no_image_has_shows_the_first_and_says_so(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=9999&layers=truth")
    assert page.locator("h1").inner_text() == page.evaluate("() => hardpixImages.stem[0]")
    assert page.locator(".place").inner_text() == "There is no such image; this is the first."
    page.wait_for_function("() => location.hash === '#picture?image=0&layers=truth'")
    page.keyboard.press("ArrowRight")
    assert " of 12" in page.locator(".place").inner_text()


def test_boxes_and_switches_keep_the_focus(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0")
    focused = "() => document.activeElement.closest('label')?.textContent ?? document.activeElement.tagName"
    for label, of in [("Side by side", ".run-choice input"), ("Hardness", ".layers input[value=hardness]")]:
        page.locator(of).focus()
        for checked in (True, False):
            page.keyboard.press("Space")
            assert page.locator(of).is_checked() is checked
            assert page.evaluate(focused).startswith(label)


def test_escape_leads_back_to_the_card_of_the_last_picture(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#gallery?sort=miou")
    page.locator(".card").nth(2).focus()
    page.keyboard.press("Enter")
    page.locator("main.view-picture h1").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.locator("main.view-gallery .card").first.wait_for()
    assert page.evaluate("() => document.activeElement.closest('.cell')?.dataset.index") == "3"
    page.locator("nav a", has_text="Classes").click()
    page.locator("main.view-classes h1").wait_for()
    page.locator("nav a", has_text="Gallery").click()  # no picture was left: the head is what is new
    page.locator("main.view-gallery .card").first.wait_for()
    assert page.evaluate("() => document.activeElement.tagName") == "H1"


def test_without_pictures_here_none_of_the_other_run_are_offered(visit: Visit, odd: Path, tmp_path: Path) -> None:
    report = fake_report(tmp_path / "report", pictures=False, against=odd)
    assert not (report / "against").exists()
    page = visit(report, "#picture?image=0&side=1&layers=kinds")
    page.locator(".picture-facts h2", has_text="Scores").wait_for()
    assert page.locator(".stage, .layer-row, .run-choice label").count() == 0
    assert not page.locator(".zoom").is_visible()
    assert page.locator(".objects button:enabled:not(.show-all)").count() == 0
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)  # what is missing would be asked for by now, and complained of


def test_a_layer_of_the_other_run_alone_is_offered_beside_it(visit: Visit, odd: Path, tmp_path: Path) -> None:
    report = fake_report(tmp_path / "report", hardness=False, against=odd)
    page = visit(report, "#picture?image=0&layers=image,hardness")
    assert layers(page) == ["pictures/000000/image.jpg"]
    assert page.locator(".layers input[value=hardness]").count() == 0
    page.keyboard.press("s")
    assert page.locator(".layers input[value=hardness]").is_checked()
    assert [layers(page, 0), layers(page, 1)] == [
        ["pictures/000000/image.jpg"],
        ["pictures/000000/image.jpg", "against/pictures/000000/hardness.png"],
    ]
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)


def test_without_an_image_the_truth_lies_below_the_kinds(visit: Visit, odd: Path, tmp_path: Path) -> None:
    shutil.copytree(odd, tmp_path / "report")
    script = tmp_path / "report" / "data" / "images.js"
    images = read_assigned(script)
    images["layers"] = [shown & ~1 for shown in images["layers"]]
    assign(script, "hardpixImages", images)
    page = visit(tmp_path / "report", "#picture?image=0")
    assert layers(page) == ["pictures/000000/truth.png", "pictures/000000/kinds.png"]


def test_missed_and_false_objects_are_two_lists(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0")
    page.locator(".picture-facts section").first.wait_for()
    details = page.evaluate("() => detailsOf(0)")["objects"]
    for title, missed in [("Missed objects, the largest first", True), ("False objects, the largest first", False)]:
        expected = [thing for thing in details if (thing["found"] is not None) == missed]
        entries = page.locator(f".picture-facts section:has(> h2:text-is('{title}')) li").all_inner_texts()
        assert len(entries) == len(expected)
        for thing, text in zip(expected, entries, strict=True):
            # A quarter is no longer missed, so that 24.9 % is not 25 %.
            share = f"{int(100 * thing['found'])}\u00a0% found" if missed else ""
            assert text.endswith(share)
            assert ("found" in text) == missed


@pytest.mark.parametrize("zoom", [1, 8, 64])
def test_the_frame_around_a_place_is_as_thin_at_any_zoom(visit: Visit, odd: Path, zoom: int) -> None:
    page = visit(odd, f"#picture?image=0&box=20,30,10,12&at={zoom},0.375,0.39")
    layers(page)
    over = page.locator(".boxes .over").evaluate(
        """(rect) => {
          const { vectorEffect, strokeWidth } = getComputedStyle(rect);
          return { vectorEffect, width: parseFloat(strokeWidth) };
        }"""
    )
    scale = page.locator(".sheet").bounding_box()["width"] / WIDE
    assert over["vectorEffect"] == "none"  # a browser knows nothing of the sheet's own scale
    assert over["width"] * scale == pytest.approx(2, rel=0.02)


def test_the_colors_of_a_signal_have_a_scale_with_numbers(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#picture?image=0&layers=image,hardness")
    scale = page.locator(".layers .heat-scale")
    assert scale.locator(".heat-numbers").inner_text().split() == ["0", "0.25", "0.5", "0.75", "1"]
    drawn = page.evaluate("() => getComputedStyle(document.querySelector('.heat-bar')).backgroundImage")
    shown = [tuple(map(int, color)) for color in re.findall(r"rgb\((\d+), (\d+), (\d+)\)", drawn)]
    # The steps of the pictures' own palette.
    np.testing.assert_allclose(shown, heat_colors()[np.linspace(0, 255, 10).round().astype(int)], atol=2)
    page.locator(".layers input[value=hardness]").uncheck()
    assert page.locator(".heat-scale").count() == 0
