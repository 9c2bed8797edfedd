"""One HTML file that shows what the lines of a study say; it opens from disk and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from hardpix.cli.results import write_whole
from hardpix.study.caption import caption, variants_of
from hardpix.study.configuration import differences
from hardpix.study.curves import curves, draw_curves
from hardpix.study.figures import CLASSES, SCORES, Figure, figures
from hardpix.study.folder import StudyFolder
from hardpix.study.gallery import cards, most_different
from hardpix.study.lines import Line, finished
from hardpix.study.marks import key, legend
from hardpix.study.page_tables import figure_table, signed
from hardpix.study.scatter import draw_points, points
from hardpix.study.table import number

PARTS = Path(__file__).parent / "page"
# Scores that stand open; the others are folded.
HEAD = 5
THIN_ABOUT = "share of the class that is thin"


def write_page(folder: StudyFolder, lines: Sequence[Line]) -> None:
    """Write index.html of a study with at least one finished run.

    Args:
        folder: of the study; pictures are those of its runs' reports, as far as they are still there.
        lines: of finished and failed runs, in the order of their variants.
    """
    done = finished(lines)
    found = figures(done)
    names = list(found[0].values)
    scores = [figure for figure in found if figure.group == SCORES]
    seed, shown = most_different(folder, done)
    page = Template(_part("index.html")).substitute(
        style=_part("page.css"),
        script=_part("page.js"),
        title=escape(" · ".join(names)),
        headline=_headline(found[0]),
        verdict=_verdict(found[0]),
        caption="".join(f"<li>{_bold(sentence)}</li>" for sentence in caption(lines)),
        scores=figure_table(scores[:HEAD], SCORES),
        further=figure_table(scores[HEAD:], "Further scores"),
        classes=figure_table([figure for figure in found if figure.group == CLASSES], CLASSES),
        gains=_gains(done, found, names),
        legend=legend(names),
        curves=draw_curves(curves(done)),
        groups=_other_groups(found),
        pictures=_pictures(done, seed, cards(shown)),
        methods=_methods(done),
    )
    write_whole(folder.page, page)


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _bold(sentence: str) -> str:
    # A number stays with its unit.
    text = escape(sentence).replace(" %", "&nbsp;%")
    return f"<b>{text[2:-2]}</b>" if text.startswith("**") else text


def _headline(miou: Figure) -> str:
    """The best mean, said as what the interval allows."""
    first, *others = miou.values
    if not others:
        return f"Only {escape(first)} has finished runs"
    best = max(others, key=lambda name: miou.difference(name).mean)
    found = miou.difference(best)
    gain = signed(found.mean, SCORES)
    name = escape(best)
    if not float(number(found.mean, SCORES)):
        return f"{name} and {escape(first)} have the same mIoU"
    if found.is_clear and found.mean > 0:
        return f"{name} gains {gain} mIoU over {escape(first)}"
    if found.is_clear:
        return f"No variant is better than {escape(first)}"
    if found.mean < 0:
        return f"{name}: {gain[1:]} mIoU below {escape(first)}, which may be luck"
    return f"{name}: {gain} mIoU over {escape(first)}, which may be luck"


def _verdict(miou: Figure) -> str:
    """Mean mIoU of every variant, with its difference."""
    items = []
    for place, name in enumerate(miou.values):
        of_variant = miou.spread(name)
        spread = f" ± {number(of_variant.std, SCORES)}" if of_variant.std == of_variant.std else ""
        text = f"<dt>{key(place, name)}</dt><dd><b>{number(of_variant.mean, SCORES)}</b>{spread}"
        if place:
            found = miou.difference(name)
            text += f'<span class="from">{signed(found.mean, SCORES)}'
            if found.low == found.low:
                text += f" ({signed(found.low, SCORES)} to {signed(found.high, SCORES)})"
            text += "</span>"
        items.append(f"<div>{text}</dd></div>")
    return f'<dl class="verdict">{"".join(items)}</dl>'


def _gains(lines: Sequence[Line], found: Sequence[Figure], names: Sequence[str]) -> str:
    parts = []
    axes = (("share", "share of the labeled pixels", True), ("thin_share", THIN_ABOUT, False))
    for place, name in enumerate(names):
        if place == 0:
            continue
        charts = "".join(
            f"<div>{draw_points(points(lines, found, name, column), place, title, logarithmic)}</div>"
            for column, title, logarithmic in axes
        )
        parts.append(f'<h3>{key(place, name)}</h3><div class="columns">{charts}</div>')
    return "".join(parts) or '<p class="note">There is no second variant to compare.</p>'


def _other_groups(found: Sequence[Figure]) -> str:
    groups = [group for group in dict.fromkeys(figure.group for figure in found) if group not in (SCORES, CLASSES)]
    return "".join(
        f"<details><summary>{escape(group)}</summary>"
        f"{figure_table([figure for figure in found if figure.group == group], group)}</details>"
        for group in groups
    )


def _pictures(lines: Sequence[Line], seed: int | None, of_images: str) -> str:
    if not of_images:
        return '<p class="note">The reports of the runs hold no pictures any more; hardpix compare makes them anew.</p>'
    kinds = "".join(
        f'<li><span class="box" style="background:rgb({",".join(map(str, kind["colour"]))})"></span>'
        f"{escape(kind['title'])}</li>"
        for kind in lines[0]["kinds"]
    )
    classes = "".join(
        f'<li><span class="box" style="background:rgb({",".join(map(str, entry["colour"]))})"></span>'
        f"{escape(entry['name'])}</li>"
        for entry in lines[0]["classes"]
    )
    return (
        f'<p class="note">Ranked by the largest difference of wrong pixels between variants, mean over seeds; the '
        f"pictures are of seed {seed}. Errors in the color of their kind:</p>"
        f'<ul class="swatches">{kinds}</ul><ul class="swatches">{classes}</ul><div class="gallery">{of_images}</div>'
    )


def _methods(lines: Sequence[Line]) -> str:
    """Settings of each variant that are not those of the first, and the hash of its configuration."""
    by_variant = variants_of(lines)
    first = next(iter(by_variant.values()))[0]
    items = []
    for place, (name, of_variant) in enumerate(by_variant.items()):
        line = of_variant[0]
        changed = [str(each) for each in differences(first["config"], line["config"])]
        words = "".join(f"<li><code>{escape(each)}</code></li>" for each in changed)
        listed = f"<ul>{words}</ul>" if words else ""
        items.append(f"<dt>{key(place, name)}</dt><dd><code>{line['config_hash']}</code>{listed}</dd>")
    return f'<dl class="facts">{"".join(items)}</dl>'
