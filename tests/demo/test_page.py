"""The page as a file: what it says, and that it needs nothing but itself."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from hardpix.demo.page import Findings, RunScores, write_page

HOSTILE = '</title></script><script>alert("x")</script><img src=x onerror=alert(1)> & \'"$headline'


class Reader(HTMLParser):
    """Collects the cells of every table, the attributes of every element, and the text outside style and script."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._rows: list[list[str]] | None = None
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "table":
            found = dict(attrs)
            self._rows = self.tables.setdefault(str(found.get("id") or found.get("class")), [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._rows:
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if tag == "table":
            self._rows = None

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & set(self._open):
            return
        self.text += data
        if {"td", "th"} & set(self._open) and self._rows:
            self._rows[-1][-1] += data


def read(findings: Findings, folder: Path) -> Reader:
    path = folder / "new" / "index.html"
    write_page(findings, path)
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.text = " ".join(reader.text.split())
    return reader


def write_and_read(findings: Findings, folder: Path) -> str:
    write_page(findings, folder / "again.html")
    return (folder / "again.html").read_text(encoding="utf-8")


def rescored(findings: Findings, miou: tuple[float, float], border: tuple[float, float]) -> Findings:
    """Two runs, whose thin and small classes differ as all classes do."""
    runs = [
        replace(run, miou=miou[i], border_miou=border[i], class_iou={"pole": miou[i]})
        for i, run in enumerate((findings.plain, findings.learned))
    ]
    return replace(findings, runs=runs)


def points(shown: str) -> float:
    return float(shown.lstrip("▲▼ ").replace("−", "-"))


def test_tables_hold_the_scores_that_were_given(findings: Findings, tmp_path: Path) -> None:
    rows = {row[0]: row[1:] for row in read(findings, tmp_path).tables["scores"][1:]}
    given = {name: [run.class_iou[name] for run in findings.runs] for name in findings.class_names}
    given |= {
        "mean of thin and small classes": [
            sum(run.class_iou[name] for name in ("pole", "sign", "person")) / 3 for run in findings.runs
        ],
        "mIoU": [run.miou for run in findings.runs],
        "mIoU within 3 px of a border": [run.border_miou for run in findings.runs],
    }
    assert rows.keys() == given.keys()
    assert rows.pop("train")[:4] == ["–", "–", "–", "–"]
    for name, (*scores, difference, _) in rows.items():
        assert list(map(points, scores)) == pytest.approx([100 * score for score in given[name]], abs=0.0501)
        assert points(difference) == pytest.approx(100 * (given[name][2] - given[name][0]), abs=0.0501)
        assert ("▲" in difference) == (points(difference) > 0)
        assert ("▼" in difference) == (points(difference) < 0)


def test_thin_and_small_classes_come_first_and_absent_ones_last(findings: Findings, tmp_path: Path) -> None:
    """Each group from the worst of the plain run to its best."""
    names = [row[0] for row in read(findings, tmp_path).tables["scores"][1:]]
    assert names[:3] == ["mean of thin and small classes", "mIoU", "mIoU within 3 px of a border"]
    assert names[3:] == ["sign", "pole", "person", "vegetation", "sidewalk", "building", "road", "sky", "train"]
    poor = replace(findings.plain, class_iou={**findings.plain.class_iou, "road": 0.1})
    later = replace(findings, runs=[poor, *findings.runs[1:]])
    names = [row[0] for row in read(later, tmp_path).tables["scores"][4:]]
    assert names == ["sign", "pole", "person", "road", "vegetation", "sidewalk", "building", "sky", "train"]


def test_map_figures_are_those_given(findings: Findings, tmp_path: Path) -> None:
    tables = read(findings, tmp_path).tables
    assert [(row[0], row[1]) for row in tables["bars"][1:]] == [
        ("learned hardness", "0.86"),
        ("loss", "0.79"),
        ("1 − confidence", "0.82"),
        ("distance to a border", "0.84"),
    ]
    assert tables["stability"][1] == ["1 → 2", "0.71", "0.42"]
    assert tables["stability"][4] == ["4 → 5", "0.91", "–"]


def test_wrong_pixels_are_counted_among_labelled_ones(findings: Findings, tmp_path: Path) -> None:
    rows = read(findings, tmp_path).tables["wrong"]
    example = findings.examples[0]
    for (name, shown), predicted in zip(rows, example.predictions.items(), strict=True):
        pairs = [(t, p) for t, p in zip(example.truth.flat, predicted[1].flat, strict=True) if t != 255]
        assert name == predicted[0]
        assert points(shown) == pytest.approx(100 * sum(t != p for t, p in pairs) / len(pairs), abs=0.0501)


@pytest.mark.parametrize(
    ("miou", "border", "says"),
    [
        ((0.60, 0.62), (0.40, 0.43), "Learned hardness: +2.0 points of IoU on thin and small classes, +2.0 on all"),
        ((0.62, 0.60), (0.40, 0.39), "Learned hardness did not win here: −2.0 points of IoU on thin and small classes"),
        ((0.62, 0.6202), (0.40, 0.39), "Learned hardness made no difference here"),
        ((0.60, 0.62), (0.40, 0.39), "Within 3 pixels of a border the difference is −1.0 points, over all pixels +2.0"),
        ((0.60, 0.62), (0.40, 0.39), "the two disagree"),
        ((float("nan"), 0.62), (0.40, float("nan")), "No mIoU to compare"),
        ((float("nan"), 0.62), (0.40, float("nan")), "There is no score near borders to compare."),
    ],
)
def test_words_follow_the_figures(
    findings: Findings, tmp_path: Path, miou: tuple[float, float], border: tuple[float, float], says: str
) -> None:
    assert says in read(rescored(findings, miou, border), tmp_path).text


@pytest.mark.parametrize(
    ("thin", "miou", "says"),
    [
        (
            (0.2, 0.3, 0.25),
            (0.5, 0.6, 0.57),
            "alone: +10.0 on thin and small classes, +10.0 on all. Learned hardness beside it: −5.0 and −3.0",
        ),
        (
            (0.2, 0.3, 0.25),
            (0.5, 0.6, 0.57),
            "Learned hardness: +5.0 points of IoU on thin and small classes, +7.0 on all",
        ),
        ((0.2, 0.3, 0.31), (0.5, 0.6, 0.61), "beside it: +1.0 and +1.0 more, less than another seed would change."),
        ((0.2, 0.3, 0.33), (0.5, 0.6, 0.61), "beside it: +3.0 and +1.0 more."),
        ((0.2, 0.3, 0.1), (0.5, 0.5, 0.6), "Learned hardness won and lost here: −10.0 points of IoU on thin"),
    ],
)
def test_page_tells_which_part_of_the_gain_is_whose(
    findings: Findings, tmp_path: Path, thin: tuple[float, ...], miou: tuple[float, ...], says: str
) -> None:
    runs = [
        replace(run, miou=miou[i], class_iou={"pole": thin[i], "sign": thin[i], "sky": 0.9})
        for i, run in enumerate(findings.runs)
    ]
    assert says in read(replace(findings, runs=runs), tmp_path).text


def test_two_runs_have_no_sentence_on_a_third(findings: Findings, tmp_path: Path) -> None:
    text = read(replace(findings, runs=[findings.plain, findings.learned]), tmp_path).text
    assert "alone:" not in text
    assert "as Cross-entropy and Learned hardness." in text


def test_reports_are_one_click_away(findings: Findings, tmp_path: Path) -> None:
    page = read(findings, tmp_path)
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == ["plain/index.html", "balance/index.html", "learned/index.html"]
    assert "full report" in page.text
    assert "full report" not in read(replace(findings, reports={}), tmp_path).text


def test_scale_of_the_expected_loss_begins_at_none_and_marks_the_average(findings: Findings, tmp_path: Path) -> None:
    page = read(findings, tmp_path)
    assert "Expected loss, × average" in page.text
    high = np.percentile(findings.examples[0].hardness, 99)
    marks = [str(found["style"]) for _, found in page.elements if found.get("class") == "average"]
    assert marks == [f"left:{100 / high:.1f}%"] * 2
    heat = next(found for _, found in page.elements if found.get("data-name") == "Expected loss, × average")
    assert float(str(heat["data-low"])) == 0
    assert float(str(heat["data-high"])) == pytest.approx(high, rel=1e-4)
    easy = replace(findings.examples[0], hardness=np.full_like(findings.examples[0].hardness, 0.1))
    assert "left:50.0%" in (write_and_read(replace(findings, examples=[easy]), tmp_path))


def test_page_says_when_the_learned_map_is_beaten(findings: Findings, tmp_path: Path) -> None:
    beaten = replace(
        findings,
        examples=[],
        auroc={"learned hardness": 0.45, "loss": 0.8, "1 − confidence": 0.3, "distance": 0.7},
        stability={"learned hardness": [0.2, 0.3], "loss": [0.5, 0.6]},
    )
    text = read(beaten, tmp_path).text
    assert "Learned hardness (0.45) is not the best finder" in text
    assert "loss (0.80) and distance (0.70) do better" in text
    assert "Learned hardness is not the steadier map: mean correlation 0.25, loss 0.55" in text


def test_page_without_scenes_or_epochs(findings: Findings, tmp_path: Path) -> None:
    text = read(replace(findings, examples=[], auroc={}, stability={}, facts={}), tmp_path).text
    assert "could not be scored against the known ambiguity" in text
    assert "too few epochs" in text


def test_names_are_escaped(findings: Findings, tmp_path: Path) -> None:
    plain, learned = findings.plain, findings.learned
    example = findings.examples[0]
    hostile = replace(
        findings,
        runs=[RunScores(HOSTILE, plain.miou, plain.border_miou, {HOSTILE: 0.5}), learned],
        examples=[
            replace(
                example, stem=HOSTILE, predictions={**example.predictions, HOSTILE: example.predictions[plain.name]}
            )
        ],
        class_names=[HOSTILE, *findings.class_names[1:]],
        auroc={HOSTILE: 0.5},
        stability={HOSTILE: [0.5]},
        facts={HOSTILE: HOSTILE},
    )
    page = read(hostile, tmp_path)
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert not [attributes for _, attributes in page.elements if "onerror" in attributes]
    shown = HOSTILE.replace("  ", " ")
    assert page.text.count(shown) >= 9  # run: lead, score table, card, legend; class; stem; maps; fact and its name
    assert any(attributes.get("alt") == f"Picture, scene {HOSTILE}" for _, attributes in page.elements)


def test_page_loads_nothing(findings: Findings, tmp_path: Path) -> None:
    page = read(findings, tmp_path)
    for _tag, attributes in page.elements:
        assert (attributes.get("src") or "data:").startswith("data:image/") or "src" not in attributes
        assert re.fullmatch(r"\w+/index\.html", str(attributes.get("href", "plain/index.html")))
        assert "srcset" not in attributes
    policy = next(found["content"] for _, found in page.elements if found.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'; img-src data:;")
    source = (tmp_path / "new" / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\((?!\"\$)", source)
    assert all(attributes.get("alt") for tag, attributes in page.elements if tag == "img" and "src" in attributes)


def test_a_dozen_scenes_stay_small(dozen: Findings, tmp_path: Path) -> None:
    page = read(dozen, tmp_path)
    assert [tag for tag, _ in page.elements].count("article") == 12
    assert (tmp_path / "new" / "index.html").stat().st_size < 6e6


def test_findings_that_do_not_fit_are_refused(findings: Findings, tmp_path: Path) -> None:
    example = findings.examples[0]
    with pytest.raises(ValueError, match="two or three runs, the plain one first, but was given 1"):
        write_page(replace(findings, runs=findings.runs[:1]), tmp_path / "index.html")
    with pytest.raises(ValueError, match="every class needs a color: 8 names, 9 colors"):
        write_page(replace(findings, class_names=findings.class_names[1:]), tmp_path / "index.html")
    with pytest.raises(ValueError, match="scene_0000: no prediction of run 'Cross-entropy'"):
        write_page(replace(findings, examples=[replace(example, predictions={})]), tmp_path / "index.html")
    with pytest.raises(ValueError, match=r"scene_0000: ambiguity is \(2, 2\), but the image is \(256, 512\)"):
        write_page(replace(findings, examples=[replace(example, ambiguity=np.zeros((2, 2)))]), tmp_path / "index.html")
    assert not (tmp_path / "index.html").exists()


def luminance(color: str) -> float:
    shares = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_from_the_paper_in_light_and_dark(findings: Findings, tmp_path: Path) -> None:
    read(findings, tmp_path)
    source = (tmp_path / "new" / "index.html").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{[^}]*--paper[^}]*\}", source)
    ]
    assert len(schemes) == 2
    for colors in schemes:
        for ink in ("ink", "soft", "first", "second", "gain", "loss"):
            for ground in ("paper", "raised"):
                dark, light = sorted((luminance(colors[ink]), luminance(colors[ground])))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)  # WCAG 2, level AA
