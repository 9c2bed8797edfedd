"""One HTML file that shows what the demo found: scores, maps and scenes; it opens from disk and loads nothing.

The words depend on the figures (`hardpix.demo.words`): where the recommended run did not win, the page says so.
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

    Raises `ValueError` where the findings do not fit together (one run alone, a prediction missing or of another size).
    """
    findings.check()
    plain, learned = findings.plain, findings.learned
    gain = learned.miou - plain.miou
    thin_gain = learned.mean_over(findings.thin) - plain.mean_over(findings.thin)
    hardness_span = _from_zero(pictures.shared_range([example.hardness for example in findings.examples]))
    ambiguity_span = pictures.shared_range([example.ambiguity for example in findings.examples])
    page = Template(_part("page.html")).substitute(
        style=_part("page.css"),
        script=_part("page.js"),
        heat_gradient=", ".join(MAGMA),
        heat_colors=" ".join(bytes(color).hex() for color in heat_colors().tolist()),
        plain=escape(plain.name),
        learned=escape(learned.name),
        headline=escape(words.headline(learned.name, thin_gain, gain)),
        contestants=_contestants(findings),
        thin_names=escape(words.listed(findings.thin)) if findings.thin else "none is named",
        headline_scores=_headline_scores(findings),
        share_sentence=escape(_share_sentence(findings)),
        reports=_reports(findings),
        hero=gallery.hero(findings.examples, hardness_span),
        border_sentence=escape(words.border_sentence(gain, learned.border_miou - plain.border_miou)),
        class_sentence=escape(words.class_sentence(_class_differences(findings))),
        score_heads=_score_heads(findings),
        score_rows=_score_rows(findings),
        auroc_sentence=escape(words.auroc_sentence(findings.auroc)),
        auroc_chart=charts.bars_from_chance(findings.auroc),
        stability_sentence=escape(words.stability_sentence(findings.stability)),
        stability_legend=charts.line_legend(findings.stability),
        stability_chart=charts.lines_over_epochs(findings.stability),
        stability_table=_stability_table(findings.stability),
        example_count=len(findings.examples),
        class_legend=gallery.class_legend(findings.class_names, findings.class_colors),
        scales=gallery.scale(gallery.EXPECTED, hardness_span, average=True)
        + gallery.scale("Known ambiguity", ambiguity_span),
        cards=gallery.cards(findings, hardness_span, ambiguity_span),
        facts="".join(f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in findings.facts.items()),
    )
    write_whole(Path(path), page)


def _part(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _from_zero(span: gallery.Span) -> gallery.Span:
    """The scale of expected losses: from none, and past the average."""
    return 0.0, max(span[1], 2.0)


def _contestants(findings: Findings) -> str:
    kinds = ["first", *["between"] * (len(findings.runs) - 2), "second"]
    named = [f'<b class="{kind}">{escape(run.name)}</b>' for kind, run in zip(kinds, findings.runs, strict=True)]
    return words.listed(named)


def _means(findings: Findings) -> list[tuple[str, list[float]]]:
    """Means of every run, in the order of the runs."""
    return [
        ("mean of thin and small classes", [run.mean_over(findings.thin) for run in findings.runs]),
        ("mIoU", [run.miou for run in findings.runs]),
        ("mIoU within 3 px of a border", [run.border_miou for run in findings.runs]),
    ]


def _classes(findings: Findings) -> list[tuple[str, list[float]]]:
    """Thin and small classes, then the others; each from the worst of the plain run to its best, absent ones last."""
    names = findings.plain.class_iou
    rows = [(name, [run.class_iou.get(name, math.nan) for run in findings.runs]) for name in names]
    return sorted(rows, key=lambda row: (row[0] not in findings.thin, math.isnan(row[1][0]), row[1][0]))


def _class_differences(findings: Findings) -> dict[str, float]:
    return {name: scores[-1] - scores[0] for name, scores in _classes(findings)}


def _share_sentence(findings: Findings) -> str:
    """The part of each ingredient, where a run between the first and the last tells."""
    if len(findings.runs) < 3:
        return ""
    thin, miou, _ = (scores for _, scores in _means(findings))
    alone, beside = ((thin[k + 1] - thin[k], miou[k + 1] - miou[k]) for k in (0, 1))
    return words.share_sentence(findings.runs[1].name, alone, beside)


def _reports(findings: Findings) -> str:
    """Links to the full reports."""
    if not findings.reports:
        return ""
    links = " · ".join(f'<a href="{escape(address)}">{escape(name)}</a>' for name, address in findings.reports.items())
    return f'<p class="reports">The full report of each run, with every wrong region: {links}</p>'


def _headline_scores(findings: Findings) -> str:
    return "".join(
        f'<div class="headline-score"><span class="label">{name}</span>'
        f'<span class="value"><span class="from">{words.percent(scores[0])}</span><span class="arrow"> → </span>'
        f"<strong>{words.percent(scores[-1])}</strong></span>{_difference(scores[-1] - scores[0])}</div>"
        for name, scores in _means(findings)[:2]
    )


def _score_heads(findings: Findings) -> str:
    marks = [charts.mark("first"), *[""] * (len(findings.runs) - 2), charts.mark("second")]
    return "".join(
        f'<th scope="col">{mark} {escape(run.name)}</th>' for mark, run in zip(marks, findings.runs, strict=True)
    )


def _score_rows(findings: Findings) -> str:
    kinds = ["mean", "mean", "mean last"]
    rows = [(kind, *row) for kind, row in zip(kinds, _means(findings), strict=True)]
    thin = [("thin", *row) if row[0] in findings.thin else ("class", *row) for row in _classes(findings)]
    return "".join(_score_row(*row) for row in [*rows, *thin])


def _score_row(kind: str, name: str, scores: list[float]) -> str:
    cells = "".join(f'<td class="figure">{words.percent(score)}</td>' for score in scores)
    return (
        f'<tr class="{kind}"><th scope="row">{escape(name)}</th>{cells}'
        f'<td class="figure">{_difference(scores[-1] - scores[0])}</td>'
        f'<td class="plot">{charts.pair_of_marks(scores[0], scores[-1])}</td></tr>\n'
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
