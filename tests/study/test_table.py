"""The table against the lines, by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hardpix.study.caption import caption
from hardpix.study.curves import curves
from hardpix.study.figures import CLASSES, COSTS, SIZES, figures
from hardpix.study.folder import StudyFolder
from hardpix.study.lines import Line
from hardpix.study.show import show
from hardpix.study.table import markdown

from .conftest import CLASSES as NAMES
from .conftest import config_of, make_line, make_lines


def row(table: str, start: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(f"| {start} |"))
    return [text.strip() for text in line.strip("|").split("|")]


def test_miou_row_is_mean_spread_and_paired_interval() -> None:
    lines = make_lines(variants=3, seeds=4)
    by_variant = {}
    for line in lines:
        by_variant.setdefault(line["variant"], []).append(100 * line["scores"]["miou"])
    first, second, third = (np.array(values) for values in by_variant.values())
    cells = row(markdown(lines), "mIoU")
    assert cells[1] == f"{first.mean():.2f} ± {first.std(ddof=1):.2f}"
    for k, other in enumerate((second, third)):
        expected = stats.ttest_rel(other, first).confidence_interval(0.95)
        text = f"{(other - first).mean():+.2f} ({expected.low:+.2f} to {expected.high:+.2f})"
        clear = expected.low > 0 or expected.high < 0
        assert cells[2 + 2 * k : 4 + 2 * k] == [
            f"{other.mean():.2f} ± {other.std(ddof=1):.2f}",
            f"**{text}**" if clear else text,
        ]


def test_differences_are_over_seeds_that_both_have() -> None:
    lines = [line for line in make_lines(2, 4) if (line["order"], line["seed"]) not in {(0, 1), (1, 3)}]
    miou = figures(lines)[0]
    values = {(line["order"], line["seed"]): 100 * line["scores"]["miou"] for line in lines}
    found = miou.difference("learned hardness")
    assert found.count == 2
    assert found.mean == pytest.approx(np.mean([values[1, seed] - values[0, seed] for seed in (0, 2)]))
    assert miou.spread("cross-entropy").mean == pytest.approx(np.mean([values[0, seed] for seed in (0, 2, 3)]))
    said = " ".join(caption(lines))
    assert "Seeds differ between the variants" in said
    assert "cross-entropy: 0, 2, 3; learned hardness: 0, 1, 2" in said
    assert "Not done yet: cross-entropy, seed 1; learned hardness, seed 3." in said


def test_classes_that_some_runs_lack_are_left_out_of_a_mean_of_its_own() -> None:
    ious = [0.6, 0.4, None, *[0.5] * (len(NAMES) - 3)]
    lines = [make_line("a", 0, 0, 0.5, ious), make_line("a", 0, 1, 0.5, ious)]
    other = [0.6, 0.44, 0.0, *[0.5] * (len(NAMES) - 3)]  # one predicts a building where the truth has none
    lines += [make_line("b", 1, 0, 0.4, other), make_line("b", 1, 1, 0.5, ious)]
    found = figures(lines)
    assert [figure.title for figure in found[:2]] == ["mIoU", "mIoU of the 7 classes that every run has"]
    common = found[1].values
    assert common["a"][0] == pytest.approx(100 * (0.6 + 0.4 + 5 * 0.5) / 7)
    assert common["b"][0] == pytest.approx(100 * (0.6 + 0.44 + 5 * 0.5) / 7)
    building = next(figure for figure in found if figure.group == CLASSES and figure.title == "building")
    assert math.isnan(building.difference("b").mean)
    assert row(markdown(lines), "building")[1:] == ["–", "–", "–"]
    alike = [make_line("a", 0, 0, 0.5, ious), make_line("b", 1, 0, 0.5, ious)]
    assert figures(alike)[1].title == "mIoU near borders"


def test_a_class_that_no_run_found_is_said_once() -> None:
    ious = [0.6, 0.0, *[0.5] * (len(NAMES) - 2)]
    lines = [make_line(name, order, seed, 0.5, ious) for order, name in enumerate("ab") for seed in (0, 1)]
    table = markdown(lines)
    sky = row(table, "sky")
    assert sky == ["sky", "never found by any run", "", ""]
    assert row(table, "road") == ["road", "60.00 ± 0.00", "60.00 ± 0.00", "0.00 (0.00 to 0.00)"]
    lines[-1]["class_scores"]["iou"][1] = 0.01
    assert row(markdown(lines), "sky")[1] == "0.00 ± 0.00"


def test_scores_of_which_lower_is_better_say_so() -> None:
    table = markdown(make_lines(2, 2))
    for title in ("FErr", "MErr", "DErr"):
        assert row(table, f"{title} (lower is better)")
    assert table.count("lower is better") == 3


def test_sizes_and_costs() -> None:
    lines = make_lines(2, 2)
    found = {figure.title: figure for figure in figures(lines)}
    smallest = found["< 0.01 %, recall"]
    assert smallest.group == SIZES
    recalls = lines[0]["size_scores"]["recall"][0]
    assert smallest.values["cross-entropy"][0] == pytest.approx(100 * sum(recalls) / len(recalls))
    assert found["Training step, ms"].values["learned hardness"] == {0: pytest.approx(260), 1: pytest.approx(260)}
    assert found["Training, min"].values["cross-entropy"][1] == pytest.approx(310 / 60)
    assert found["Peak memory of the process, GiB"].values["cross-entropy"][0] == 1
    # No run had a GPU.
    assert not any("GPU" in title for title in found)
    assert "**" not in markdown(lines).split(f"## {COSTS}")[1].split("##")[0]


def test_other_classes_are_refused() -> None:
    lines = make_lines(2, 1)
    lines[1]["classes"] = lines[1]["classes"][::-1]
    with pytest.raises(ValueError, match="expected runs of the same classes"):
        figures(lines)


def failed(variant: str, order: int, seed: int) -> Line:
    known = {"format": 1, "config_hash": "", "config": {}, "date": "2026-01-01"}
    return known | {"variant": variant, "order": order, "seed": seed, "error": "out of memory"}


def test_caption_says_what_is_missing_and_what_differs() -> None:
    lines = make_lines(2, 1)
    lines[1]["config"] = config_of("x", data={"batch_size": 4})
    lines[1]["versions"] = lines[1]["versions"] | {"torch": "2.6.0"}
    lines[1]["hardware"] = "Another"
    said = " ".join(caption([*lines, failed("broken", 2, 0)]))
    assert "**A variant with one seed has no known spread" in said
    assert "learned hardness differs from cross-entropy in more than the method: batch (data.batch_size: 8 → 4)" in said
    assert "Failed, and not in the table: broken, seed 0." in said
    assert "Runs of different versions" in said
    assert "Times of different hardware" in said
    assert "1 seed a variant: 0." in said
    table = markdown([*lines, failed("broken", 2, 0)])
    assert table.startswith("# Comparison of cross-entropy, learned hardness, broken\n")
    assert "No run is finished." in markdown([failed("broken", 2, 0)])


def test_same_lines_give_the_same_table_and_every_row_has_as_many_cells() -> None:
    lines = make_lines(3, 2)
    assert markdown(lines) == markdown(make_lines(3, 2))
    for block in markdown(lines).split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) <= 1


def test_curves_are_means_and_deviations_of_each_epoch() -> None:
    lines = make_lines(2, 3)
    del lines[0]["curve"][-1]
    found = curves(lines)["cross-entropy"]
    fifth = [100 * line["curve"][4]["miou"] for line in lines[:3]]
    assert found[5].mean == pytest.approx(np.mean(fifth))
    assert found[5].std == pytest.approx(np.std(fifth, ddof=1))
    assert found[20].count == 2


def test_runs_that_do_not_differ_are_drawn_all_the_same(tmp_path: Path) -> None:
    """Also a single epoch, and a class that has no pixel."""
    lines = make_lines(1, 2)
    lines = [*lines, *[line | {"variant": "again", "order": 1} for line in lines]]
    for line in lines:
        line["curve"] = line["curve"][:1]
        line["class_scores"]["share"] = [0.0, *line["class_scores"]["share"][1:]]
        line["class_scores"]["thin_share"] = [None, *line["class_scores"]["thin_share"][1:]]
    folder = StudyFolder(tmp_path)
    show(folder, lines)
    page = folder.page.read_text()
    assert "nan" not in page
    assert page.count("<title>sky: +0.00 (+0.00 to +0.00)") == 2
    assert "<title>road: " not in page
