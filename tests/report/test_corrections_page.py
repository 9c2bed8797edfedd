"""The page of corrections in a real browser: offline, by keys, safe against names with markup; its decisions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardpix.data import ClassTable
from hardpix.report.corrections.page import shown_region, write_page, write_pictures
from hardpix.report.corrections.regions import Region

MARKUP = "<img src=x onerror=alert(1)>"
CLASSES = ClassTable(["road", f"pole {MARKUP}", "</script><b>tree"], [0, 1, 2], [(255, 0, 0), (0, 255, 0), (0, 0, 255)])
SIZE = (48, 64)


@pytest.fixture(scope="module")
def corrections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images, of which the first has two regions: a block of 10 × 10, and one of 4 × 4."""
    out = tmp_path_factory.mktemp("corrections #1 ä") / "out"
    regions = []
    for number in range(2):
        gray = np.full((*SIZE, 3), 128, np.uint8)
        write_pictures(out, number, gray, CLASSES.paint(np.zeros(SIZE, int)))
        changes = np.zeros(SIZE, np.uint16)
        changes[10:20, 20:30] = 1
        regions.append(
            shown_region(
                number, Region(1, 0, 1 + number, 100, (10, 20, 20, 30), 0.9, 0.8, 0.25), changes, f"sure of {MARKUP}"
            )
        )
        if number == 0:
            changes[30:34, 40:44] = 2
            regions.append(shown_region(0, Region(2, 0, 1, 16, (30, 40, 34, 44), 0.75, 0.5, 0.5), changes, "sure"))
    images = [{"stem": f"{MARKUP} {k}", "width": SIZE[1], "height": SIZE[0]} for k in range(2)]
    facts = {"proposals": str(out), "fingerprint": "1f", "signal": "hardness"}
    write_page(out, facts, CLASSES, images, regions)
    return out


def wait_for(page: Any, region: str) -> None:
    page.wait_for_function(f"() => document.body.dataset.region === '{region}'")


def color_at(page: Any, panel: str, x: float, y: float) -> list[int]:
    """Color of a panel at shares of its width and height, from a picture of the screen: files may not be read."""
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(page.locator(f"#{panel}").screenshot())) as shot:
        return list(shot.convert("RGB").getpixel((int(x * shot.width), int(y * shot.height))))


def test_regions_are_decided_by_keys_and_saved(visit: Callable[..., Any], corrections: Path, tmp_path: Path) -> None:
    page = visit(corrections, accept_downloads=True)
    wait_for(page, "0 1")
    assert page.locator("#save").is_disabled()
    assert "3 regions: 0 accepted, 0 rejected, 3 undecided" in page.locator("#progress").inner_text()
    page.keyboard.press("a")
    wait_for(page, "1 1")
    page.keyboard.press("r")
    wait_for(page, "0 2")
    page.keyboard.press("a")
    page.keyboard.press("u")
    page.keyboard.press("ArrowLeft")
    wait_for(page, "1 1")
    assert "1 accepted, 1 rejected, 1 undecided" in page.locator("#progress").inner_text()
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename == "decisions.json"
    download.value.save_as(tmp_path / "decisions.json")
    assert json.loads((tmp_path / "decisions.json").read_text()) == {
        "hardpix": "decisions",
        "version": 1,
        "proposals": str(corrections),
        "fingerprint": "1f",
        "accepted": {f"{MARKUP} 0": [1]},
        "rejected": {f"{MARKUP} 1": [1]},
    }
    page.reload()
    wait_for(page, "0 1")
    assert "1 accepted, 1 rejected, 1 undecided" in page.locator("#progress").inner_text()


def test_names_are_text(visit: Callable[..., Any], corrections: Path) -> None:
    """`visit` fails where a dialog opens or anything is complained about."""
    page = visit(corrections)
    wait_for(page, "0 1")
    assert page.locator("#facts").inner_text() == (
        f"1 of 3 · {MARKUP} 0, region 1 · 100 pixels · confidence 90.0 % · hardness 0.25"
    )
    assert page.locator("#why").inner_text() == f"sure of {MARKUP}"
    assert f"pole {MARKUP}" in page.locator("#what").inner_text()
    assert page.evaluate("() => document.images.length + document.querySelectorAll('b').length") == 0


def test_labels_now_and_proposed(visit: Callable[..., Any], corrections: Path) -> None:
    page = visit(corrections)
    wait_for(page, "0 1")
    page.keyboard.press("o")
    middle = 25 / 64, 15 / 48
    page.keyboard.press("w")
    # 48 × 64 is the shape of the panels.
    page.wait_for_function("() => document.getElementById('wide').getAttribute('aria-pressed') === 'true'")
    assert color_at(page, "image", *middle) == [128, 128, 128]
    assert color_at(page, "before", *middle) == [255, 0, 0]
    assert color_at(page, "after", *middle) == [0, 255, 0]
    for x, y in ((18.5 / 64, middle[1]), (31.5 / 64, middle[1]), (middle[0], 8.5 / 48), (middle[0], 21.5 / 48)):
        assert color_at(page, "after", x, y) == [255, 0, 0]
    page.keyboard.press("o")
    assert color_at(page, "image", *middle) == [128, 128, 128]
    row = [color_at(page, "image", x / 640, middle[1]) for x in range(190, 215)]
    assert [255, 255, 255] in row


def test_kinds_of_labels_are_chosen(visit: Callable[..., Any], corrections: Path) -> None:
    page = visit(corrections)
    wait_for(page, "0 1")
    page.locator("#pair").select_option("0 2")
    wait_for(page, "1 1")
    assert "1 of 1" in page.locator("#facts").inner_text()
    page.keyboard.press("r")
    page.locator("#state").select_option("accepted")
    assert page.locator("#nothing").inner_text() == "No region of this kind."


def test_a_page_without_regions(visit: Callable[..., Any], tmp_path: Path) -> None:
    write_page(tmp_path, {"proposals": "x", "fingerprint": "2", "signal": None}, CLASSES, [], [])
    assert visit(tmp_path).locator("#nothing").inner_text() == "No label looks wrong."
