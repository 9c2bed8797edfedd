"""Contrast by the formula of WCAG 2, in both themes, of every pair of colors that text is written in."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest

from fake_scenes import KINDS
from hardpix.report.write_report import PAGE

STYLE = (PAGE / "report.css").read_text()
PAIRS = dict(re.findall(r"--([a-z]+): light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", STYLE))


def colour(name: str, theme: str) -> np.ndarray:
    text = PAIRS[name].split(", ")[theme == "dark"]
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)])


def luminance(colour: np.ndarray) -> float:
    share = np.asarray(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_that_of_wcag() -> None:
    white, black, grey = np.full(3, 255), np.zeros(3), np.full(3, 118)
    assert contrast(white, black) == pytest.approx(21)
    assert contrast(white, grey) == pytest.approx(4.54, abs=0.01)  # #767676, the lightest gray that passes


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"), product(["ink", "soft", "link", "gain", "loss"], ["paper", "raised", "chosen"])
)
def test_text_is_readable(text: str, ground: str, theme: str) -> None:
    assert contrast(colour(text, theme), colour(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("mark", "ground"), product(["first", "second"], ["paper", "raised"]))
def test_marks_and_the_focus_are_seen(mark: str, ground: str, theme: str) -> None:
    assert contrast(colour(mark, theme), colour(ground, theme)) >= 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_on_the_diagonal_are_readable(theme: str) -> None:
    assert contrast(colour("soft", theme), colour("tick", theme)) >= 4.5


def test_no_text_has_a_colour_outside_the_pairs() -> None:
    used = set(re.findall(r"[{; ]color: ([^;}]+)", STYLE.partition("* { box-sizing")[2]))
    assert used <= {f"var(--{name})" for name in ("ink", "soft", "link", "gain", "loss")} | {"inherit"}


def test_black_or_white_is_readable_on_any_colour() -> None:
    """The page writes black above the luminance at which both are even, and white below it."""
    threshold = float(re.search(r"luminance\(colour\) > ([0-9.]+)", (PAGE / "scripts/marks.js").read_text())[1])
    random = np.random.default_rng(0)
    colors = [*random.integers(0, 256, (2000, 3)), *(np.array(colour) for _, colour, _ in KINDS.values())]
    for ground in colors:
        ink = np.zeros(3) if luminance(ground) > threshold else np.full(3, 255)
        assert contrast(ink, ground) >= 4.5
