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


def rescored(findings: Findings, miou: tuple[float, float], border: tuple[float, float]) -> Findings:
    runs = [replace(run, miou=miou[i], border_miou=border[i]) for i, run in enumerate(findings.runs)]
    return replace(findings, runs=runs)


def points(shown: str) -> float:
    return float(shown.lstrip("▲▼ ").replace("−", "-"))


def test_tables_hold_the_scores_that_were_given(findings: Findings, tmp_path: Path) -> None:
    rows = {row[0]: row[1:] for row in read(findings, tmp_path).tables["scores"][1:]}
    plain, learned = findings.runs
    given = {name: (iou, learned.class_iou[name]) for name, iou in plain.class_iou.items()}
    given |= {
        "mIoU": (plain.miou, learned.miou),
        "mIoU within 3 px of a border": (plain.border_miou, learned.border_miou),
    }
    assert rows.keys() == given.keys()
    assert rows.pop("train")[:3] == ["–", "–", "–"]
    for name, (first, second, difference, _) in rows.items():
        assert points(first) == pytest.approx(100 * given[name][0], abs=0.0501)
        assert points(second) == pytest.approx(100 * given[name][1], abs=0.0501)
        assert points(difference) == pytest.approx(100 * (given[name][1] - given[name][0]), abs=0.0501)
        assert ("▲" in difference) == (points(difference) > 0)
        assert ("▼" in difference) == (points(difference) < 0)


def test_classes_run_from_worst_to_best_and_absent_ones_come_last(findings: Findings, tmp_path: Path) -> None:
    names = [row[0] for row in read(findings, tmp_path).tables["scores"][3:]]
    assert names == ["sign", "pole", "person", "vegetation", "sidewalk", "building", "road", "sky", "train"]


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
        ((0.60, 0.62), (0.40, 0.43), "Learned hardness gained 2.0 points of mIoU"),
        ((0.62, 0.60), (0.40, 0.39), "Learned hardness did not win here: −2.0 points of mIoU"),
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
    plain, learned = findings.runs
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
        assert "href" not in attributes
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
    with pytest.raises(ValueError, match="two runs, the plain one first, but was given 1"):
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
