"""The scenes of the page: one card each with its pictures, and the legends that explain their colors."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from hardpix.demo import pictures, words
from hardpix.demo.findings import IGNORE_INDEX, Example, Findings

Span = tuple[float, float]

EXPECTED = "Expected loss, × average"


def cards(findings: Findings, hardness_span: Span, ambiguity_span: Span) -> str:
    """Every scene as a card: seven pictures, and in the eighth place its name and how much of it is wrong."""
    return "\n".join(_card(findings, example, hardness_span, ambiguity_span) for example in findings.examples)


def hero(examples: Sequence[Example], hardness_span: Span) -> str:
    """The first scene and what the network learned to find hard in it, to stand on top of the page."""
    if not examples:
        return ""
    stem = escape(examples[0].stem)
    return (
        f'<img src="{pictures.photograph(examples[0].image)}" alt="Generated road scene {stem}">'
        f'<img src="{pictures.heat_picture(examples[0].hardness, *hardness_span)}" '
        f'alt="The loss that the network expects in scene {stem}: light is high">'
        '<p class="caption"><span>the first held-out scene, and the loss expected in it</span></p>'
        f"{scale(EXPECTED, hardness_span, average=True)}"
    )


def class_legend(names: Sequence[str], colors: Sequence[pictures.Color]) -> str:
    """The classes with their colors, as list items."""
    return "".join(
        f'<li class="swatch" data-color="{red},{green},{blue}">'
        f'<span style="background:rgb({red},{green},{blue})"></span>{escape(name)}</li>'
        for name, (red, green, blue) in zip(names, colors, strict=True)
    )


def scale(name: str, span: Span, average: bool = False) -> str:
    """The colors of a map from the lowest to the highest value, with both in figures, and a mark at 1 if asked for."""
    low, high = (words.number(value) for value in span)
    mark = ""
    if average and span[0] < 1 < span[1]:
        mark = f'<span class="average" style="left:{100 * (1 - span[0]) / (span[1] - span[0]):.1f}%">1 = average</span>'
    return (
        f'<div class="scale{" marked" if mark else ""}"><span>{escape(name)}</span> <span>{low}</span>'
        f'<span class="scale-bar">{mark}</span><span>{high}</span></div>'
    )


def _card(findings: Findings, example: Example, hardness_span: Span, ambiguity_span: Span) -> str:
    plain, learned = findings.plain.name, findings.learned.name
    comparison = pictures.compare(example.truth, example.predictions[plain], example.predictions[learned], IGNORE_INDEX)
    figures = [_figure("picture", "Picture", pictures.photograph(example.image), example.stem)]
    labels = {"Truth": example.truth, plain: example.predictions[plain], learned: example.predictions[learned]}
    for name, ids in labels.items():
        figures.append(_figure("labels", name, pictures.label_picture(ids, findings.class_colors), example.stem))
    figures.append(_figure("errors", "Who is wrong", pictures.comparison_picture(comparison), example.stem))
    maps = {EXPECTED: (example.hardness, hardness_span), "Known ambiguity": (example.ambiguity, ambiguity_span)}
    for name, (values, span) in maps.items():
        figures.append(_figure("heat", name, pictures.heat_picture(values, *span), example.stem, span))
    stem = escape(example.stem)
    return (
        f'<article class="card" aria-label="Scene {stem}">{"".join(figures)}'
        f'<div class="about"><h3>{stem}</h3>{_wrong_pixels(example, comparison, plain, learned)}'
        f'<button type="button" class="enlarge" aria-label="Enlarge scene {stem}">Enlarge</button></div></article>'
    )


def _figure(kind: str, name: str, source: str, stem: str, span: Span | None = None) -> str:
    """One picture of a card; the viewer reads kind, name and the values at both ends of the colors from it."""
    ends = "" if span is None else f' data-low="{span[0]:.6g}" data-high="{span[1]:.6g}"'
    return (
        f'<figure><img src="{source}" alt="{escape(name)}, scene {escape(stem)}" class="{kind}" data-kind="{kind}" '
        f'data-name="{escape(name)}"{ends} decoding="async"><figcaption>{escape(name)}</figcaption></figure>'
    )


def _wrong_pixels(example: Example, comparison: np.ndarray, plain: str, learned: str) -> str:
    """Share of a scene's labeled pixels that each run gets wrong."""
    labeled = int((example.truth != IGNORE_INDEX).sum())
    if labeled == 0:
        return "<p>No pixel is labeled.</p>"
    rows = ""
    for name, only in ((plain, pictures.ONLY_FIRST_WRONG), (learned, pictures.ONLY_SECOND_WRONG)):
        share = int(np.isin(comparison, (only, pictures.BOTH_WRONG)).sum()) / labeled
        rows += f'<tr><th scope="row">{escape(name)}</th><td class="figure">{words.percent(share)}</td></tr>'
    return f'<table class="wrong"><caption>wrong pixels, %</caption>{rows}</table>'
