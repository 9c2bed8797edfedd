"""The page of a query in a real browser: offline, by keys, safe against names with markup; its marks."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hardpix.data import ClassTable
from hardpix.data.heat import heat_colors
from hardpix.report.queries.page import shown_region, write_page, write_pictures
from hardpix.report.queries.regions import Region

MARKUP = "<img src=x onerror=alert(1)>"
CLASSES = ClassTable(["road", f"pole {MARKUP}", "</script><b>tree"], [0, 1, 2], [(255, 0, 0), (0, 255, 0), (0, 0, 255)])
SIZE = (48, 64)


def written(out: Path, single: bool = False) -> Path:
    """Two images, of which the first has two regions; one on its frame."""
    for number in range(2):
        gray = np.full((*SIZE, 3), 128, np.uint8)
        heat = np.full(SIZE, 255 * number, np.uint8)
        write_pictures(out, number, gray, CLASSES.paint(np.full(SIZE, number)), heat)
    boxes = [(30, 40, 35, 45), (0, 0, 3, 3), (10, 20, 15, 25)]
    of_image = [0, 0, 1]
    regions = [
        shown_region(image, Region(1 + (k == 1), box, (box[0] + 2, box[1] + 2), 25, 0.9 - k / 10, k, 0.8, 0.5))
        for k, (image, box) in enumerate(zip(of_image, boxes, strict=True))
    ]
    images = [{"stem": f"{MARKUP} {k}", "width": SIZE[1], "height": SIZE[0]} for k in range(2)]
    facts = {"fingerprint": "1f", "summary": "3 regions", "single": single, "signals": "RegionImpurity × Entropy"}
    write_page(out, facts, CLASSES, images, regions)
    return out


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("query #1 ä") / "out")


def wait_for(page: Any, region: str) -> None:
    page.wait_for_function(f"() => document.body.dataset.region === '{region}'")


def shot(page: Any, panel: str) -> np.ndarray:
    """Colors of a panel, from a picture of the screen: files may not be read."""
    with Image.open(BytesIO(page.locator(f"#{panel}").screenshot())) as picture:
        return np.array(picture.convert("RGB")).astype(int)


def near(colors: np.ndarray, color: tuple[int, ...]) -> np.ndarray:
    return np.abs(colors - color).max(-1) < 25


def test_regions_are_walked_through_by_keys_in_their_order(visit: Callable[..., Any], asked: Path) -> None:
    page = visit(asked)
    wait_for(page, "0 1")
    assert page.locator("#progress").inner_text() == "3 regions, 0 done"
    said = page.locator("#facts").inner_text()
    for part in ("1 of 3", f"{MARKUP} 0, region 1", "rows 30 to 34, columns 40 to 44", "25 pixels"):
        assert part in said
    assert "score 0.900 (RegionImpurity × Entropy) · 80 % of it is predicted so · mean confidence 50 %" in said
    assert "road" in page.locator("#what").inner_text()
    assert page.locator("#previous").is_disabled()
    page.keyboard.press("ArrowRight")
    wait_for(page, "0 2")
    assert MARKUP in page.locator("#what").inner_text()
    page.keyboard.press("ArrowRight")
    wait_for(page, "1 1")
    assert page.locator("#next").is_disabled()
    page.keyboard.press("ArrowLeft")
    wait_for(page, "0 2")
    assert page.locator("#summary").inner_text() == "3 regions"


def test_what_is_done_is_remembered_and_can_be_left_out(visit: Callable[..., Any], asked: Path) -> None:
    page = visit(asked)
    wait_for(page, "0 1")
    page.keyboard.press("d")
    wait_for(page, "0 2")
    assert page.locator("#progress").inner_text() == "3 regions, 1 done"
    page.select_option("#state", "open")
    wait_for(page, "0 2")
    assert "1 of 2" in page.locator("#facts").inner_text()
    page.select_option("#state", "done")
    wait_for(page, "0 1")
    assert "done" in page.locator("#what").inner_text()
    page.keyboard.press("d")
    assert page.locator("#progress").inner_text() == "3 regions, 0 done"
    page.select_option("#state", "done")
    assert page.locator("#nothing").inner_text() == "No region of this kind."
    page.select_option("#state", "all")
    page.select_option("#class", "2")
    wait_for(page, "1 1")
    assert page.locator("#class option").all_inner_texts()[1:] == [f"{name} (1)" for name in CLASSES.names]
    page.keyboard.press("d")
    page.reload()
    wait_for(page, "0 1")
    assert page.locator("#progress").inner_text() == "3 regions, 1 done"


@pytest.mark.parametrize("single", [False, True])
def test_the_region_is_framed_where_it_lies_in_all_three_pictures(
    visit: Callable[..., Any], tmp_path: Path, single: bool
) -> None:
    page = visit(written(tmp_path / "out", single))
    wait_for(page, "0 1")
    page.keyboard.press("w")
    wait_for(page, "0 1")
    for panel, color in (("image", (128, 128, 128)), ("classes", (255, 0, 0)), ("score", tuple(heat_colors()[0]))):
        colors = shot(page, panel)
        rows, columns = np.nonzero(near(colors, (255, 212, 0)))
        # 64 × 48 pixels fill the panel of 4 to 3.
        scale = colors.shape[1] / 64
        middle = np.array([rows.min() + rows.max(), columns.min() + columns.max()]) / 2 / scale
        np.testing.assert_allclose(middle, (32.5, 42.5), atol=0.5)
        assert near(colors, color).mean() > 0.8
        # The other region of this image has a white frame in its corner.
        corner = colors[: int(12 * scale), : int(12 * scale)]
        assert near(corner, (255, 255, 255)).any()
        assert not near(corner, (255, 212, 0)).any()
    page.keyboard.press("o")
    assert not near(shot(page, "image"), (255, 212, 0)).any()


def test_a_page_without_regions_says_so(visit: Callable[..., Any], tmp_path: Path) -> None:
    facts = {"fingerprint": "0", "summary": "", "single": False, "signals": "Entropy"}
    (tmp_path / "out").mkdir()
    write_page(tmp_path / "out", facts, CLASSES, [], [])
    page = visit(tmp_path / "out")
    assert page.locator("#nothing").inner_text() == "Nothing is left to label."
    page.keyboard.press("d")
    page.keyboard.press("ArrowRight")
