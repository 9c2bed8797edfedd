"""Every view in a real browser: opens, sorts, switches, links, keeps its state; dark and light; names are text."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_scenes import KINDS, ODD_CLASS, ODD_NAMES
from hardpix.report.data_scripts import assign, read_assigned

from .fake_report import fake_report

Visit = Callable[..., Any]
VIEWS = {
    "verdict": "DDRNet-23-slim, cross-entropy",
    "classes": "Classes",
    "kinds": "Kinds of error",
    "confusion": "Confusion",
    "sizes": "Object size",
    "plots": "Plots",
    "gallery": "Gallery",
    "hardness": "Hardness",
    "calibration": "Calibration",
    "review": "Review",
    "suspects": "Suspected labels",
}
ONLY_WITH_MORE = ["hardness", "calibration", "review", "suspects"]


def wait_for_charts(page: Any) -> None:
    page.wait_for_function("() => [...document.querySelectorAll('.chart')].every((chart) => chart.dataset.drawn)")


def column(page: Any, table: str, place: int) -> list[str]:
    return page.locator(f"{table} tbody tr > :nth-child({place})").all_inner_texts()


def on_matrix(page: Any, true: int, predicted: int) -> tuple[float, float]:
    box = page.locator(".chart .nsewdrag").bounding_box()
    classes = len(page.evaluate("() => window.hardpixReport.classes"))
    return box["x"] + (predicted + 0.5) * box["width"] / classes, box["y"] + (true + 0.5) * box["height"] / classes


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_opens(visit: Visit, odd: Path, theme: str) -> None:
    page = visit(odd, color_scheme=theme)
    links = page.locator("nav a")
    assert [link.get_attribute("data-view") for link in links.all()] == list(VIEWS)
    for view, title in VIEWS.items():
        page.locator(f"nav a[data-view={view}]").click()
        page.locator("main h1", has_text=title).wait_for()
        assert page.locator("nav [aria-current]").all_inner_texts() == [
            page.locator(f"nav a[data-view={view}]").inner_text()
        ]
        wait_for_charts(page)
        assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        broken = "() => [...document.images].filter((i) => i.complete && !i.naturalWidth).length"
        assert page.evaluate(broken) == 0


@pytest.mark.parametrize("width", [900, 1000, 1600])
def test_nothing_runs_off_the_side(visit: Visit, odd: Path, width: int) -> None:
    page = visit(odd)
    page.set_viewport_size({"width": width, "height": 700})
    for view in [*VIEWS, "picture"]:
        page.evaluate("view => { location.hash = view; }", view)
        page.locator(f"main.view-{view} h1").wait_for()
        wait_for_charts(page)
        assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"), view


def test_what_was_not_given_has_no_view(visit: Visit, bare: Path) -> None:
    page = visit(bare)
    assert [link.get_attribute("data-view") for link in page.locator("nav a").all()] == [
        view for view in VIEWS if view not in ONLY_WITH_MORE
    ]
    assert page.locator(".difference").count() == 0
    assert page.locator(".findings a[href='#hardness']").count() == 0
    for view in [*ONLY_WITH_MORE, "nonsense", "constructor"]:
        page.evaluate("view => { location.hash = view; }", view)
        page.locator("main.view-verdict h1").wait_for()
        page.wait_for_function("() => location.hash === '#verdict'")
    page.evaluate("() => { location.hash = 'picture?image=0'; }")
    page.locator("main h1", has_text=ODD_NAMES[0]).wait_for()
    assert page.locator(".stage, .layer-row, .run-choice label").count() == 0
    page.locator(".picture-facts h2", has_text="Scores").wait_for()


def test_figures_are_those_of_the_data(visit: Visit, odd: Path) -> None:
    page = visit(odd)
    report = page.evaluate("() => window.hardpixReport")
    tiles = dict(
        zip(page.locator(".tile dt").all_inner_texts(), page.locator(".tile .value").all_inner_texts(), strict=True)
    )
    assert tiles["mIoU"] == f"{100 * report['scores']['miou']:.1f}"
    change = 100 * (report["scores"]["miou"] - report["against"]["scores"]["miou"])
    assert page.locator(".tile .difference").first.inner_text() == f"▼−{-change:.1f}"
    shares = [f"{100 * kind['share_of_errors']:.1f}\u00a0%" for kind in report["kinds"]]
    assert [cell.strip() for cell in column(page, ".kinds-table", 3)] == shares


@pytest.mark.parametrize(("view", "cells"), [("hardness", ".tile"), ("calibration", "main p"), ("sizes", "tbody td")])
def test_every_view_of_scores_compares(visit: Visit, odd: Path, view: str, cells: str) -> None:
    page = visit(odd, f"#{view}")
    assert page.locator(f"{cells} .difference").count() > 0
    assert "Learned <b>hardness</b>" in page.locator(".view-head p").inner_text()


def test_kinds_of_error_compare_with_the_other_run(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#kinds?sort=name-ascending")
    report = page.evaluate("() => window.hardpixReport")

    def in_all(run: Any, k: int) -> int:
        return sum(row[k] or 0 for row in run["class_kinds"]["pixels"])

    names = [entry["name"] for entry in report["classes"]]
    # The fifth class has another name in the other run.
    expected = {
        name: in_all(report, k) - in_all(report["against"], k) for k, name in enumerate(names) if name != ODD_CLASS
    }
    for row in page.locator("table tbody tr").all():
        name = row.locator("> :first-child").inner_text().strip()
        if name in expected:
            shown = row.locator("> :nth-child(6) .difference").inner_text()
            assert shown.lstrip("▲▼").replace(",", "").replace("−", "-") == f"{expected[name]:+d}".replace("+0", "0")


@pytest.mark.parametrize("panel", ["By decile of hardness", "Risk and coverage"])
def test_the_figures_of_the_charts_of_hardness_can_be_read(visit: Visit, odd: Path, panel: str) -> None:
    page = visit(odd, "#hardness")
    hardness = page.evaluate("() => hardpixReport.hardness")
    section = page.locator("section.panel", has=page.locator("h2", has_text=panel))
    section.locator("summary").press("Enter")
    cells = [row.split("\t") for row in section.locator("tbody tr").all_inner_texts()]
    if panel == "Risk and coverage":
        risks = dict(zip(hardness["coverage"], hardness["risk"], strict=True))
        expected = [[100 * kept, 100 * risk] for kept, risk in risks.items() if round(100 * kept) % 10 == 0]
        assert len(expected) == 10
    else:
        expected = [[d + 1, 100 * row["miou"], 100 * row["errors"]] for d, row in enumerate(hardness["deciles"])]
    shown = [[float(cell.split("\u00a0")[0]) for cell in row] for row in cells]
    assert shown == [pytest.approx(row, rel=0.02, abs=0.06) for row in expected]


def test_the_figures_of_calibration_can_be_read(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#calibration")
    bins = [entry for entry in page.evaluate("() => hardpixReport.calibration.overall.bins") if entry["count"]]
    section = page.locator("section.panel", has=page.locator("h2", has_text="All pixels"))
    section.locator("summary").press("Enter")
    rows = [row.split("\t") for row in section.locator("tbody tr").all_inner_texts()]
    assert [row[3].replace(",", "") for row in rows] == [str(entry["count"]) for entry in bins]
    assert [float(row[2].split("\u00a0")[0]) for row in rows] == pytest.approx(
        [100 * entry["accuracy"] for entry in bins], rel=0.02, abs=0.06
    )


def test_every_wrong_pixel_is_in_one_row_of_the_kinds(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#kinds")
    matrix = page.evaluate("() => hardpixReport.confusion")
    wrong = sum(map(sum, matrix)) - sum(row[k] for k, row in enumerate(matrix))
    foot = page.locator("main tfoot tr > *").all_inner_texts()
    numbers = [[int(text.split()[0].replace(",", "")) for text in column(page, "main table", c)] for c in range(2, 7)]
    assert foot[0] == "All classes"
    assert [int(text.split()[0].replace(",", "")) for text in foot[1:6]] == [sum(values) for values in numbers]
    assert sum(numbers[-1]) == wrong


def test_calibration_shows_the_other_run_and_no_points_of_a_few_pixels(visit: Visit, odd: Path, tmp_path: Path) -> None:
    shutil.copytree(odd, tmp_path / "report", ignore=shutil.ignore_patterns("pictures", "thumbnails"))
    script = tmp_path / "report" / "data" / "summary.js"
    summary = read_assigned(script)
    here, there = summary["calibration"]["overall"]["bins"], summary["against"]["calibration"]["overall"]["bins"]
    here[2] |= {"count": 99, "accuracy": 1.0}
    assign(script, "hardpixReport", summary)
    page = visit(tmp_path / "report", "#calibration")
    wait_for_charts(page)
    drawn = page.evaluate("() => document.querySelector('.chart').data.map(({ x, y }) => [x, y])")
    curves = [[100 * entry["accuracy"] for entry in bins if entry["count"] >= 100] for bins in (there, here)]
    assert [ys for _, ys in drawn[1:3]] == [pytest.approx(curve) for curve in curves]
    assert (
        len(drawn[3][1]) == len([entry for entry in here if entry["count"]]) > len(curves[1])
    )  # the histogram has all


@pytest.mark.parametrize("same", [True, False])
def test_costs_of_sizes_compare_where_the_sizes_are_the_same(
    visit: Visit, odd: Path, tmp_path: Path, same: bool
) -> None:
    shutil.copytree(odd, tmp_path / "report", ignore=shutil.ignore_patterns("pictures", "thumbnails"))
    script = tmp_path / "report" / "data" / "summary.js"
    summary = read_assigned(script)
    summary["size_scores"]["cost"] = [0.01, 0.02, 0.03, 0.04]
    summary["against"]["size_scores"]["cost"] = [0.01, 0.0246, 0.01, 0.05]
    if not same:
        summary["against"]["size_bands"][0]["title"] = "another"
    assign(script, "hardpixReport", summary)
    page = visit(tmp_path / "report", "#sizes")
    changes = page.locator(".sizes-columns .kinds-table .difference").all_inner_texts()
    assert changes == (["0", "▼−0.46", "▲+2.00", "▼−1.00"] if same else [])


def test_what_all_kinds_cost_is_not_their_sum(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#kinds?of=cost")
    worth = page.evaluate("() => window.hardpixReport.class_kinds.cost_together[0]")
    shown = [text.split()[0].replace("−", "-") for text in column(page, "main table", 6)]
    assert sorted(float(value) for value in shown) == pytest.approx(sorted(100 * value for value in worth), abs=0.006)


def test_a_table_sorts_by_click_and_by_key(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#classes")
    ious = page.evaluate("() => window.hardpixReport.class_scores.iou")
    head = page.locator("thead th", has_text="IoU").first

    def shown() -> list[str]:
        return page.locator("tbody tr td:nth-child(3) .number").all_inner_texts()

    assert head.get_attribute("aria-sort") == "ascending"
    assert shown() == [f"{100 * iou:.1f}" for iou in sorted(ious)]
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert shown() == [f"{100 * iou:.1f}" for iou in sorted(ious, reverse=True)]
    page.locator("thead th button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("thead th").first.get_attribute("aria-sort") == "ascending"
    names = [name.strip() for name in column(page, "table", 1)]
    assert names == sorted(names, key=str.lower)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.locator("thead th").nth(1).get_attribute("aria-sort") == "descending"


def test_what_has_no_value_comes_last_either_way(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#classes?group=Thin+parts&sort=thin_recall.ascending")
    for _ in range(2):
        cells = page.locator("tbody tr td:nth-child(2) .number").all_inner_texts()
        assert cells[2:] == ["–"] * 4
        assert "–" not in cells[:2]
        page.locator("thead button").nth(1).click()


def test_groups_of_columns_switch_and_survive_a_reload(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#classes")
    assert "Boundary IoU" not in page.locator("thead").inner_text()
    page.locator(".choice button", has_text="Borders").click()
    assert page.locator(".choice [aria-pressed=true]").all_inner_texts() == ["Borders"]
    assert page.locator(".choice [aria-pressed=false]").count() == 5
    assert "Boundary IoU" in page.locator("thead").inner_text()
    page.locator("thead th button").nth(2).click()
    page.wait_for_function("() => location.hash.includes('group=Borders') && location.hash.includes('sort=border_f')")
    page.reload()
    assert "Boundary IoU" in page.locator("thead").inner_text()
    assert page.locator("thead th").nth(2).get_attribute("aria-sort") == "ascending"
    page.locator(".choice button", has_text="All").click()
    assert page.locator("thead th").count() == 12


@pytest.mark.parametrize(
    ("view", "click", "filter_"),
    [
        ("verdict", ".findings a", {"class": "4", "kind": "missed"}),
        ("verdict", ".kinds-table tbody a", {"kind": "displaced"}),
        ("verdict", ".lowest a", {"class": "4"}),
        ("classes", "tbody tr:nth-child(2) a", {"class": "5"}),
        ("kinds", "tbody tr td a", {}),
        ("confusion", ".pairs tbody td a", {}),
        ("sizes", "tbody td a", {"class": "4", "band": "1"}),
        ("sizes", ".kinds-table tr:nth-child(2) a", {"band": "1"}),
        ("suspects", ".view-tools a", {"suspects": "1"}),
    ],
)
def test_views_lead_to_the_images_they_speak_of(
    visit: Visit, odd: Path, view: str, click: str, filter_: dict[str, str]
) -> None:
    page = visit(odd, f"#{view}")
    page.locator(click).first.click()
    page.locator("main.view-gallery .card").first.wait_for()
    state = page.evaluate("() => Object.fromEntries(new URLSearchParams(location.hash.split('?')[1]))")
    assert filter_.items() <= state.items()
    assert state
    assert "with errors:" in page.locator(".found").inner_text()
    values = page.locator(".card .values b").all_inner_texts()
    numbers = [float(value.split("\u00a0")[0].replace(",", "")) for value in values]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] > 0


def test_a_size_that_is_asked_for_is_marked_with_what_is_missed_of_it(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#sizes?band=1")
    wait_for_charts(page)
    assert page.locator(".choice [aria-pressed=true]").inner_text() == "Missed objects"
    missed = page.evaluate("() => hardpixReport.size_scores.missed[1]")
    marked = page.locator(".sizes-view tbody td.marked").all_inner_texts()
    assert [int(text.split()[0]) for text in marked] == sorted(missed, reverse=True)
    assert page.locator(".kinds-table tr").evaluate_all("(rows) => rows.map((row) => row.className)")[:2] == [
        "",
        "marked",
    ]
    page.locator(".choice button", has_text="Recall").click()
    assert page.locator(".sizes-view tbody td.marked").count() == 6
    page.evaluate("() => { location.hash = 'sizes?band=99'; }")
    page.wait_for_function("() => !document.querySelector('.marked')")
    assert page.locator("main.view-sizes tbody tr").count() > 0


def test_a_class_that_is_asked_for_is_marked_in_the_group_that_is_asked_for(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#classes?group=Thin+parts&class=2")
    assert page.locator("tbody tr.marked th").all_inner_texts() == ["road"]
    assert page.locator(".choice [aria-pressed=true]").inner_text() == "Thin parts"


def test_a_click_on_the_matrix_leads_to_that_pair(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#confusion")
    wait_for_charts(page)
    true, predicted = 4, 3
    assert page.evaluate("() => window.hardpixReport.confusion")[true][predicted] > 0
    page.mouse.move(*on_matrix(page, true, predicted))
    page.locator(".hovertext").wait_for()
    assert f"{ODD_CLASS} taken for vegetation" in page.locator(".hovertext").text_content()
    page.mouse.down()
    page.mouse.up()
    page.locator("main.view-gallery").wait_for()
    assert page.evaluate("() => location.hash") == f"#gallery?true={true}&predicted={predicted}"


def test_the_diagonal_of_the_matrix_leads_to_the_wrong_pixels_of_its_class(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#confusion")
    wait_for_charts(page)
    page.mouse.move(*on_matrix(page, 4, 4))
    page.locator(".hovertext").wait_for()
    assert f"{ODD_CLASS}, found" in page.locator(".hovertext").text_content()
    page.mouse.down()
    page.mouse.up()
    page.locator("main.view-gallery .card").first.wait_for()
    assert page.evaluate("() => location.hash") == "#gallery?class=4"


def test_a_cell_without_errors_leads_nowhere(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#confusion")
    wait_for_charts(page)
    matrix = page.evaluate("() => window.hardpixReport.confusion")
    empty = next((t, p) for t, row in enumerate(matrix) for p, count in enumerate(row) if t != p and count == 0)
    page.mouse.move(*on_matrix(page, *empty))
    page.locator(".hovertext").wait_for()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_timeout(200)
    assert page.locator("main.view-confusion").count() == 1


def test_arrows_go_through_the_cells_of_the_matrix_and_enter_opens_one(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#confusion")
    wait_for_charts(page)
    names = page.evaluate("() => hardpixReport.classes.map(({ name }) => name)")
    page.locator(".matrix .chart").focus()
    said = page.locator(".matrix [aria-live]")
    page.keyboard.press("ArrowRight")
    assert said.inner_text().startswith(f"{names[0]}, found: ")
    for key in ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"]:
        page.keyboard.press(key)
    assert said.inner_text().startswith(f"{names[1]} taken for {names[3]}: ")
    page.keyboard.press("Enter")
    page.locator("main.view-gallery .card").first.wait_for()
    assert page.evaluate("() => location.hash") == "#gallery?true=1&predicted=3"


def test_arrows_go_through_the_points_of_a_plot_by_their_scores(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#plots?x=miou&y=errors")
    wait_for_charts(page)
    stems, miou, errors = page.evaluate(
        "() => [hardpixImages.stem, ...['miou', 'errors'].map((key) => hardpixImages.columns[key])]"
    )
    page.locator(".chart").focus()
    by_miou = sorted(range(12), key=lambda i: miou[i])
    for i in by_miou[:3]:
        page.keyboard.press("ArrowRight")
        assert page.locator(".previewed .stem").inner_text() == stems[i]
    by_errors = sorted(range(12), key=lambda i: errors[i])
    lower = by_errors[by_errors.index(by_miou[2]) - 1]
    page.keyboard.press("ArrowDown")
    assert page.locator(".panel [aria-live=polite]").inner_text().startswith(stems[lower])
    page.keyboard.press("Enter")
    page.locator("main.view-picture h1", has_text=stems[lower]).wait_for()


def test_a_point_of_the_plot_leads_to_its_image(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#plots")
    wait_for_charts(page)
    points = page.locator(".chart path.point")
    assert points.count() == 12
    page.locator("select").nth(1).select_option("errors")
    page.wait_for_function("() => location.hash.includes('y=errors')")
    wait_for_charts(page)
    box = page.locator(".chart path.point").nth(5).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".hovertext").wait_for()
    named = page.locator(".previewed .stem").inner_text()
    page.mouse.down()
    page.mouse.up()
    page.locator("main.view-picture h1").wait_for()
    assert page.locator("h1").inner_text() == named
    page.go_back()
    page.locator("main.view-plots").wait_for()
    assert page.locator("select").nth(1).input_value() == "errors"


def test_a_plot_of_ten_thousand_images_marks_each_of_them(visit: Visit, large: Path) -> None:
    page = visit(large)
    page.evaluate(
        """() => {
          window.refused = [];
          document.addEventListener("securitypolicyviolation", (event) => refused.push(event.violatedDirective));
        }"""
    )
    page.evaluate("() => { location.hash = 'plots'; }")
    page.locator("main.view-plots .chart").wait_for()
    wait_for_charts(page)
    assert page.locator(".chart path.point").count() == 10_000
    assert page.evaluate("() => refused") == []
    box = page.locator(".chart path.point").nth(20).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".hovertext").wait_for()


def test_the_switch_chooses_the_theme_and_is_remembered(visit: Visit, odd: Path) -> None:
    page = visit(odd, color_scheme="light")
    ground = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    switch = page.get_by_role("switch")
    assert switch.get_attribute("aria-checked") == "false"
    assert page.evaluate(ground) > 240
    switch.click()
    assert switch.get_attribute("aria-checked") == "true"
    assert page.evaluate(ground) < 40
    page.reload()
    assert page.evaluate(ground) < 40
    page.keyboard.press("d")
    assert page.evaluate(ground) > 240


def test_charts_follow_the_theme(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#hardness", color_scheme="light")
    wait_for_charts(page)
    fill = "() => getComputedStyle(document.querySelector('.chart .xtick text')).fill"
    before = page.evaluate(fill)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => ({fill})() !== before", arg=before)


def test_odd_names_are_text(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#gallery")
    stems = set(page.locator(".card .stem").all_inner_texts())
    assert stems.issuperset(ODD_NAMES)
    page.evaluate("() => { location.hash = 'classes'; }")
    page.locator("tbody", has_text=ODD_CLASS).wait_for()
    page.evaluate("() => { location.hash = 'plots?of=classes'; }")
    page.locator("main.view-plots h1").wait_for()
    wait_for_charts(page)
    assert any(ODD_CLASS[:15] in text for text in page.locator(".chart .textpoint").all_text_contents())
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("body b b").count() == 0


def test_help_opens_and_closes_by_key(visit: Visit, odd: Path) -> None:
    page = visit(odd)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    assert dialog.is_visible()
    page.keyboard.press("g")  # the page behind it takes no keys
    assert page.evaluate("() => location.hash") == ""
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    page.locator(".help").click()
    assert dialog.is_visible()
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


def test_the_keyboard_comes_first_to_the_content_then_to_the_views(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#classes")
    focused = "(e = document.activeElement) => e.className || e.dataset.view || e.tagName"
    order = []
    for _ in range(4):
        page.keyboard.press("Tab")
        order.append(page.evaluate(f"() => ({focused})()"))
    assert order == ["skip", "brand", "verdict", "classes"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("main.view-verdict").wait_for()
    assert page.evaluate("() => document.activeElement.tagName") == "H1"  # a reader hears where it has come to


def test_what_can_be_pressed_is_a_button_or_a_link_with_a_name(visit: Visit, odd: Path) -> None:
    page = visit(odd)
    unnamed = """() => [...document.querySelectorAll("a, button, select, input")]
      .filter((each) => !(each.ariaLabel || each.textContent.trim() || each.title || each.labels?.length))
      .map((each) => each.outerHTML)"""
    for view in [*VIEWS, "picture"]:
        page.evaluate("view => { location.hash = view; }", view)
        page.locator(f"main.view-{view} h1").wait_for()
        assert page.evaluate(unnamed) == []
        assert page.evaluate("() => document.querySelectorAll('main h1').length") == 1
        assert (
            page.evaluate("() => [...document.querySelectorAll('a')].filter((a) => !a.hasAttribute('href')).length")
            == 0
        )
    kinds = [title for title, _, _ in KINDS.values()]
    page.evaluate("() => { location.hash = 'verdict'; }")
    page.locator("main.view-verdict").wait_for()
    marks = page.locator(".kinds-table .kind-mark").all_inner_texts()
    assert marks == [title[0] for title in kinds]  # a letter beside each color


def test_a_folder_without_its_data_says_so(visit: Visit, odd: Path, tmp_path: Path) -> None:
    shutil.copytree(odd, tmp_path / "report", ignore=shutil.ignore_patterns("pictures", "thumbnails"))
    for name in ("summary.js", "images.js"):
        (tmp_path / "report" / "data" / name).write_text("")
    page = visit(tmp_path / "report")
    page.locator("main", has_text="The data of this report are missing").wait_for()


@pytest.mark.parametrize("caution", [None, "The hardness map hardly differs between pixels."])
def test_a_caution_about_the_map_stands_above_its_charts(visit: Visit, tmp_path: Path, caution: str | None) -> None:
    report = fake_report(tmp_path / "report")
    script = report / "data" / "summary.js"
    summary = read_assigned(script)
    summary["hardness"]["caution"] = caution
    assign(script, "hardpixReport", summary)
    page = visit(report, "#hardness")
    assert page.locator(".banner").all_inner_texts() == ([caution] if caution else [])
    said = page.locator("main").inner_text()
    assert not any(word in said for word in ("undefined", "null", "false"))


def test_the_share_of_the_errors_that_is_found_stands_for_the_curve(visit: Visit, odd: Path) -> None:
    page = visit(odd, "#review")
    review = page.evaluate("() => hardpixReport.review")
    at = review["checked"].index(0.1)
    expected = [ranking["pixels"][at] for ranking in review["rankings"]]
    expected += [min(1, 0.1 / review["aurc_random"]), 0.1]
    assert page.locator(".tile .value").all_inner_texts() == [f"{100 * share:.1f}" for share in expected]
