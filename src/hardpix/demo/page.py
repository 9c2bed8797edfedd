"""One HTML file that shows what the demo found: scores, maps and scenes; it opens from disk and loads nothing.

The words depend on the figures (`hardpix.demo.words`): where learned hardness did not win, the page says so.
"""

from __future__ import annotations

import math
import os
from html import escape
from pathlib import Path
from string import Template

from hardpix.cli.results import write_whole
from hardpix.data.heat import MAGMA, heat_colors
from hardpix.demo import charts, gallery, pictures, words
from hardpix.demo.findings import Example, Findings, RunScores

__all__ = ["Example", "Findings", "RunScores", "write_page"]

HERE = Path(__file__).parent
OURS = '<meta name="generator" content="hardpix demo">'


def require_place(path: Path) -> None:
    """A page can be written there, and takes the place of nothing but an earlier one.

    Raises:
        FileExistsError: there is something else.
        NotADirectoryError: a folder of its path is a file.
        PermissionError: its folder may not be written to.

    Example:
        >>> require_place(Path("somewhere/new/index.html"))
    """
    if path.exists() and not (path.is_file() and OURS in path.read_text(encoding="utf-8", errors="replace")):
        raise FileExistsError(
            f"expected a place for the demo's page, found another file at {path}; give another folder as --out"
        )
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if not folder.is_dir():
        raise NotADirectoryError(f"expected a folder for the demo's page as --out, found a file, {folder}")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"expected a folder that may be written to as --out, found {folder}, which may not")


def write_page(findings: Findings, path: Path) -> None:
    """Write the findings as one self-contained HTML file, and make its folder if need be.

    Raises `ValueError` where the findings do not fit together (not two runs, a prediction missing or of another size).
    """
    findings.check()
    plain, learned = findings.runs
    gain = learned.miou - plain.miou
    hardness_span = pictures.shared_range([example.hardness for example in findings.examples])
    ambiguity_span = pictures.shared_range([example.ambiguity for example in findings.examples])
    page = Template(_part("page.html")).substitute(
        style=_part("page.css"),
        script=_part("page.js"),
        heat_gradient=", ".join(MAGMA),
        heat_colors=" ".join(bytes(color).hex() for color in heat_colors().tolist()),
        plain=escape(plain.name),
        learned=escape(learned.name),
        plain_mark=charts.mark("first"),
        learned_mark=charts.mark("second"),
        headline=escape(words.headline(learned.name, gain)),
        headline_scores=_headline_scores(plain, learned),
        hero=gallery.hero(findings.examples, hardness_span),
        border_sentence=escape(words.border_sentence(gain, learned.border_miou - plain.border_miou)),
        class_sentence=escape(words.class_sentence(_class_differences(plain, learned))),
        score_rows=_score_rows(plain, learned),
        auroc_sentence=escape(words.auroc_sentence(findings.auroc)),
        auroc_chart=charts.bars_from_chance(findings.auroc),
        stability_sentence=escape(words.stability_sentence(findings.stability)),
        stability_legend=charts.line_legend(findings.stability),
        stability_chart=charts.lines_over_epochs(findings.stability),
        stability_table=_stability_table(findings.stability),
        example_count=len(findings.examples),
        class_legend=gallery.class_legend(findings.class_names, findings.class_colors),
        scales=gallery.scale("hardness", hardness_span) + gallery.scale("known ambiguity", ambiguity_span),
        cards=gallery.cards(findings, hardness_span, ambiguity_span),
        facts="".join(f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in findings.facts.items()),
    )
    write_whole(Path(path), page)


def _part(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _means(plain: RunScores, learned: RunScores) -> list[tuple[str, float, float]]:
    return [
        ("mIoU", plain.miou, learned.miou),
        ("mIoU within 3 px of a border", plain.border_miou, learned.border_miou),
    ]


def _classes(plain: RunScores, learned: RunScores) -> list[tuple[str, float, float]]:
    """The classes from the worst of the plain run to its best, then those it has no score for."""
    classes = [(name, iou, learned.class_iou.get(name, math.nan)) for name, iou in plain.class_iou.items()]
    return sorted(classes, key=lambda row: (math.isnan(row[1]), row[1]))


def _class_differences(plain: RunScores, learned: RunScores) -> dict[str, float]:
    return {name: second - first for name, first, second in _classes(plain, learned)}


def _headline_scores(plain: RunScores, learned: RunScores) -> str:
    return "".join(
        f'<div class="headline-score"><span class="label">{name}</span>'
        f'<span class="value"><span class="from">{words.percent(first)}</span><span class="arrow"> → </span>'
        f"<strong>{words.percent(second)}</strong></span>{_difference(second - first)}</div>"
        for name, first, second in _means(plain, learned)
    )


def _score_rows(plain: RunScores, learned: RunScores) -> str:
    rows = [("mean", *row) for row in _means(plain, learned)] + [("class", *row) for row in _classes(plain, learned)]
    return "".join(
        f'<tr class="{kind}"><th scope="row">{escape(name)}</th>'
        f'<td class="figure">{words.percent(first)}</td><td class="figure">{words.percent(second)}</td>'
        f'<td class="figure">{_difference(second - first)}</td>'
        f'<td class="plot">{charts.pair_of_marks(first, second)}</td></tr>\n'
        for kind, name, first, second in rows
    )


def _difference(difference: float) -> str:
    """A signed difference with an arrow, so that its direction is not told by color alone."""
    kind, arrow = {1: ("gain", "▲"), 0: ("same", ""), -1: ("loss", "▼")}[words.direction(difference)]
    shown = f'<span aria-hidden="true">{arrow}</span> ' if arrow else ""
    return f'<span class="difference {kind}">{shown}{words.signed(difference)}</span>'


def _stability_table(stability: dict[str, list[float]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in stability)
    rows = ""
    for i in range(max((len(values) for values in stability.values()), default=0)):
        cells = [values[i] if i < len(values) else math.nan for values in stability.values()]
        rows += f'<tr><th scope="row">{i + 1} → {i + 2}</th>'
        rows += "".join(f'<td class="figure">{words.number(value)}</td>' for value in cells) + "</tr>\n"
    head = f'<thead><tr><th scope="col">epochs</th>{head}</tr></thead>'
    return f'<table id="stability">{head}<tbody>{rows}</tbody></table>'
