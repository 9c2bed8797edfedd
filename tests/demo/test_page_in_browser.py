"""The page in a real browser: quiet, offline, usable by keyboard, light and dark, on wide and narrow screens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardpix.demo.page import Findings, RunScores, write_page
from pages import opened

LONG = "a_very_long_name_without_a_single_space_" * 3


@pytest.fixture(scope="module")
def address(dozen: Findings, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    write_page(replace(dozen, examples=dozen.examples[:3]), path)
    return path.as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with opened(browser, address) as page:
        yield page


def shown(page: Any) -> tuple[int, int]:
    """Scene and layer in the viewer, once they are drawn."""
    return page.evaluate("() => [Number(viewer.dataset.scene), Number(viewer.dataset.layer)]")


def wait_for(page: Any, scene: int, layer: int) -> None:
    page.wait_for_function(f"() => viewer.dataset.scene === '{scene}' && viewer.dataset.layer === '{layer}'")


def test_pictures_are_drawn_and_scores_are_read(page: Any) -> None:
    assert (
        page.evaluate("() => [...document.images].filter((i) => i.alt && !(i.complete && i.naturalWidth)).length") == 0
    )
    cells = page.locator("#scores tbody tr").first.locator("th, td").all_inner_texts()
    assert cells[:5] == ["mean of thin and small classes", "41.2", "43.2", "43.8", "▲ +2.6"]


def test_viewer_is_worked_by_keys(page: Any) -> None:
    page.locator(".enlarge").nth(1).focus()
    page.keyboard.press("Enter")
    wait_for(page, 1, 3)
    for key, scene, layer in [
        ("b", 1, 2),  # blinks to the other prediction, and back
        ("B", 1, 3),
        ("ArrowRight", 2, 3),
        ("ArrowRight", 0, 3),
        ("ArrowLeft", 2, 3),
        ("ArrowDown", 2, 4),
        ("ArrowUp", 2, 3),
        ("1", 2, 0),
        ("7", 2, 6),
        ("ArrowDown", 2, 0),
        ("9", 2, 0),
    ]:
        page.keyboard.press(key)
        wait_for(page, scene, layer)
    assert page.locator("#viewer-title").inner_text() == "scene_0002 · Picture"
    assert page.locator(".layers [aria-pressed=true]").all_inner_texts() == ["1 Picture"]
    page.keyboard.press("Escape")
    assert not page.evaluate("() => viewer.open")
    focused = "label => document.activeElement.getAttribute('aria-label') === label"
    page.wait_for_function(focused, arg="Enlarge scene scene_0002")  # "close" comes a moment after closing


def test_arrow_keys_on_the_slider_move_the_slider(page: Any) -> None:
    page.locator(".enlarge").first.click()
    wait_for(page, 0, 3)
    page.locator(".blend input").focus()
    page.keyboard.press("ArrowLeft")
    assert shown(page) == [0, 3]
    assert page.locator(".blend input").input_value() == "99"
    assert page.evaluate("() => document.querySelector('.stage canvas').style.opacity") == "0.99"


def test_pointer_reads_out_classes_and_values(page: Any, findings: Findings) -> None:
    page.locator(".card").first.locator("img").nth(5).click()
    wait_for(page, 0, 5)
    example = findings.examples[0]
    box = page.locator(".stage canvas").bounding_box()
    high, wide = example.truth.shape
    for row, column in [(20, 30), (200, 256), (high - 1, 7)]:
        page.mouse.move(box["x"] + (column + 0.5) * box["width"] / wide, box["y"] + (row + 0.5) * box["height"] / high)
        said = dict(part.rsplit(": ", 1) for part in page.locator(".readout").inner_text().split(" · "))
        truth = int(example.truth[row, column])
        assert said["Truth"] == ("not labeled" if truth == 255 else findings.class_names[truth])
        for name, predicted in example.predictions.items():
            assert said[name] == findings.class_names[int(predicted[row, column])]
        assert float(said["Known ambiguity"]) == pytest.approx(example.ambiguity[row, column], abs=0.011)


def test_one_class_can_be_seen_alone(page: Any, findings: Findings) -> None:
    page.locator(".card").first.locator("img").nth(1).click()
    wait_for(page, 0, 1)
    opaque = """() => {
      const shown = document.querySelector(".stage canvas");
      const context = new OffscreenCanvas(shown.width, shown.height).getContext("2d", { willReadFrequently: true });
      context.drawImage(shown, 0, 0);
      const { data } = context.getImageData(0, 0, shown.width, shown.height);
      return data.filter((value, i) => i % 4 === 3 && value > 0).length;
    }"""
    truth = findings.examples[0].truth
    assert page.evaluate(opaque) == (truth != 255).sum()
    page.locator("dialog .classes button", has_text="pole").click()
    assert page.evaluate(opaque) == (truth == findings.class_names.index("pole")).sum()
    page.locator("dialog .classes button", has_text="pole").click()
    assert page.evaluate(opaque) == (truth != 255).sum()


def test_dark_and_light_follow_the_system(page: Any) -> None:
    lightness = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        lightness[scheme] = page.evaluate(
            "() => [document.body, document.querySelector('h1')].map((element, i) => "
            "Number(getComputedStyle(element)[i ? 'color' : 'backgroundColor'].match(/\\d+/)[0]))"
        )
    assert lightness["light"][0] > 240 > 60 > lightness["light"][1]
    assert lightness["dark"][0] < 40 < 220 < lightness["dark"][1]


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_runs_off_the_side(browser: Any, findings: Findings, tmp_path: Path, width: int) -> None:
    plain, learned = findings.plain, findings.learned
    example = findings.examples[0]
    long_names = replace(
        findings,
        runs=[RunScores(LONG, plain.miou, plain.border_miou, {**plain.class_iou, LONG: 0.5}), learned],
        examples=[replace(example, stem=LONG, predictions={**example.predictions, LONG: example.truth})],
        auroc={LONG: 0.4, **findings.auroc},
        stability={LONG: [0.5], **findings.stability},
        facts={LONG: LONG},
    )
    for name, shown_findings in (("plain", findings), ("long", long_names)):
        write_page(shown_findings, tmp_path / f"{name}.html")
        page = browser.new_page(viewport={"width": width, "height": 844})
        page.goto((tmp_path / f"{name}.html").as_uri())
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        page.locator(".enlarge").click()
        wait_for(page, 0, 3)
        assert page.evaluate("() => viewer.scrollWidth <= viewer.clientWidth")
        page.close()
