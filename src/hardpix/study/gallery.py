"""Images on which the variants differ most: image, truth, and where each variant is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from hardpix.report.data_uri import data_uri
from hardpix.study.folder import StudyFolder
from hardpix.study.lines import Line
from hardpix.study.marks import key

SHOWN = 6


@dataclass(frozen=True)
class Shown:
    """An image to show: its stem, the mean share of wrong pixels of each variant, and its pictures.

    Attributes:
        stem: of the image.
        wrong: variant → share of the labeled pixels, mean over seeds.
        folders: variant → folder of its pictures, of one and the same seed.
    """

    stem: str
    wrong: dict[str, float]
    folders: dict[str, Path]


def most_different(folder: StudyFolder, lines: Sequence[Line], count: int = SHOWN) -> tuple[int | None, list[Shown]]:
    """The images whose share of wrong pixels differs most between variants, on average over seeds.

    Args:
        folder: of the study, with the reports of its runs.
        lines: finished ones.
        count: how many images.

    Returns:
        The seed that the pictures are of, and the images; nothing where reports or pictures are gone.
    """
    wrong: dict[str, dict[int, dict[str, float]]] = {}
    for line in lines:
        of_images = _errors(folder.run(line["variant"], line["seed"]) / "report" / "images.parquet")
        if of_images is not None:
            wrong.setdefault(line["variant"], {})[line["seed"]] = of_images
    variants = list(dict.fromkeys(line["variant"] for line in lines))
    if any(name not in wrong for name in variants):
        return None, []
    common = set.intersection(*(set(of_variant) for of_variant in wrong.values()))
    seeds = [seed for seed in sorted(common) if all(_pictures(folder, name, seed).is_dir() for name in variants)]
    if not seeds:
        return None, []
    stems = list(wrong[variants[0]][seeds[0]])
    means = {
        stem: {name: _mean([wrong[name][seed].get(stem, 0.0) for seed in sorted(common)]) for name in variants}
        for stem in stems
    }
    # Equal ones in the order of their names, so that the same lines give the same page.
    ranked = sorted(stems, key=lambda stem: (min(means[stem].values()) - max(means[stem].values()), stem))
    places = {name: list(wrong[name][seeds[0]]) for name in variants}
    shown = []
    for stem in ranked[:count]:
        numbers = {name: places[name].index(stem) for name in variants if stem in places[name]}
        folders = {name: _pictures(folder, name, seeds[0]) / f"{k:06d}" for name, k in numbers.items()}
        if len(folders) == len(variants) and all((each / "truth.png").exists() for each in folders.values()):
            shown.append(Shown(stem, means[stem], folders))
    return seeds[0], shown


def cards(shown: Sequence[Shown]) -> str:
    """Every image as a card with its pictures inside."""
    return "\n".join(_card(one) for one in shown)


def _card(one: Shown) -> str:
    any_folder = next(iter(one.folders.values()))
    stem = escape(one.stem)
    image = any_folder / "image.jpg"
    style, figures = "", []
    if image.exists():
        source = _data_uri(image)
        style = f' style="--picture:url({source})"'
        figures.append(_figure("picture", source, "Image", stem))
    figures.append(_figure("labels", _data_uri(any_folder / "truth.png"), "Truth", stem))
    for number, (name, place) in enumerate(one.folders.items()):
        words = f"{key(number, name)} <b>{100 * one.wrong[name]:.1f}&nbsp;%</b> wrong"
        errors = place / "kinds.png"
        source = _data_uri(errors) if errors.exists() else ""
        figures.append(_figure("errors", source, words, stem, f"Errors of {escape(name)}"))
    return (
        f'<article class="card"{style} aria-label="Image {stem}"><h3>{stem}'
        f'<button type="button" class="enlarge">Enlarge</button></h3>'
        f'<div class="pictures">{"".join(figures)}</div></article>'
    )


def _figure(kind: str, source: str, words: str, stem: str, alt: str | None = None) -> str:
    return (
        f'<figure><img class="{kind}" src="{source}" alt="{alt or words}, image {stem}" decoding="async">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _errors(path: Path) -> dict[str, float] | None:
    """Share of wrong pixels by stem, in the order of the report; None where there is no report."""
    if not path.exists():
        return None
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["stem", "errors"]).to_pydict()
    return {stem: value or 0.0 for stem, value in zip(table["stem"], table["errors"], strict=True)}


def _pictures(folder: StudyFolder, variant: str, seed: int) -> Path:
    return folder.run(variant, seed) / "report" / "pictures"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _data_uri(path: Path) -> str:
    return data_uri("jpeg" if path.suffix == ".jpg" else "png", path.read_bytes())
