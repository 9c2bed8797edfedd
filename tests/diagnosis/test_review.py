"""Review curves and the reliability of a map in a diagnosis, against all pixels sorted in plain numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from small_runs import run, write_maps

C = 3
SIZES = {"a": (31, 40), "b": (17, 23), "c": (30, 30)}


class Drawing:
    """Three images: labels, probabilities of a network, and a map; what is unlabeled has wild values."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.truth, self.guess, self.probabilities, self.level = {}, {}, {}, {}
        for k, (stem, size) in enumerate(SIZES.items()):
            truth = rng.choice([0, 1, 2, 255], size, p=[0.4, 0.3, 0.2, 0.1])
            logits = rng.normal(0, 1 + k, (C, *size)) + 2 * (np.arange(C)[:, None, None] == truth)
            powers = np.exp(logits)
            self.probabilities[stem] = (powers / powers.sum(0)).astype(np.float32)
            self.truth[stem] = truth.astype(np.uint8)
            self.guess[stem] = logits.argmax(0).astype(np.uint8)
            noisy = self.wrong(stem) * 0.3 + rng.random(size) * 0.6
            self.level[stem] = np.rint(noisy * 65535).astype(np.uint16)

    def wrong(self, stem: str) -> np.ndarray:
        return self.guess[stem] != self.truth[stem]

    def known(self, stem: str) -> np.ndarray:
        return self.truth[stem] != 255

    def values(self, stem: str, key: str) -> np.ndarray:
        """At the labeled pixels."""
        doubt = 1 - self.probabilities[stem].max(0).astype(float)
        level = self.level[stem] / 65535
        return {"signal": level, "confidence": doubt, "product": level * doubt}[key][self.known(stem)]

    def sorted_errors(self, key: str) -> np.ndarray:
        values = np.concatenate([self.values(stem, key) for stem in SIZES])
        wrong = np.concatenate([self.wrong(stem)[self.known(stem)] for stem in SIZES])
        return wrong[np.argsort(-values, kind="stable")]

    def diagnosed(self, place: Path, *given: str, **settings: Any) -> dict[str, Any]:
        folders = {"hardness": (self.level, ".png"), "probabilities": (self.probabilities, ".npy")}
        maps = {kind: write_maps(place / kind, *folders[kind]) for kind in given}
        return run(place, self.truth, self.guess, classes=["x", "y", "z"], **maps, **settings)


def said(summary: dict[str, Any]) -> list[str]:
    return [sentence["text"] for sentence in summary["sentences"] if sentence["view"] == "review"]


def test_every_ranking_is_that_of_the_sorted_pixels(tmp_path: Path) -> None:
    drawing = Drawing(0)
    found = drawing.diagnosed(tmp_path, "hardness", "probabilities")
    review = found["review"]
    assert [ranking["key"] for ranking in review["rankings"]] == ["signal", "confidence", "product"]
    checked = np.array(review["checked"])
    for ranking in review["rankings"]:
        wrong = drawing.sorted_errors(ranking["key"])
        seen = np.arange(len(wrong) + 1)
        expected = np.interp(checked * len(wrong), seen, np.concatenate([[0], wrong.cumsum()])) / wrong.sum()
        np.testing.assert_allclose(ranking["pixels"], expected, atol=1e-3)
        risks = wrong[::-1].cumsum() / seen[1:]
        assert ranking["aurc"] == pytest.approx(risks.mean(), rel=1e-3)
    assert review["aurc_random"] == pytest.approx(drawing.sorted_errors("signal").mean())
    assert review["rankings"][0]["aurc"] == pytest.approx(found["hardness"]["aurc"])


def test_images_are_ranked_by_their_means(tmp_path: Path) -> None:
    drawing = Drawing(1)
    found = drawing.diagnosed(tmp_path, "hardness", "probabilities")["review"]
    errors = {stem: int(drawing.wrong(stem)[drawing.known(stem)].sum()) for stem in SIZES}
    for ranking in found["rankings"]:
        order = sorted(SIZES, key=lambda stem: -drawing.values(stem, ranking["key"]).mean())
        shares = np.cumsum([0, *(errors[stem] for stem in order)]) / sum(errors.values())
        expected = np.interp(found["checked"], np.arange(4) / 3, shares)
        np.testing.assert_allclose(ranking["images"], expected, atol=1e-9)
    assert found["image_count"] == 3


def test_the_better_one_is_named(tmp_path: Path) -> None:
    drawing = Drawing(2)
    found = drawing.diagnosed(tmp_path, "hardness", "probabilities", signal="my_doubt")
    [text] = said(found)
    areas, caught = {}, {}
    for key, title in zip(
        ("signal", "confidence", "product"),
        ("my doubt", "1 − confidence", "my doubt × (1 − confidence)"),
        strict=True,
    ):
        wrong = drawing.sorted_errors(key)
        areas[title] = (wrong[::-1].cumsum() / np.arange(1, len(wrong) + 1)).mean()
        caught[title] = np.interp(0.1, np.arange(len(wrong) + 1) / len(wrong), [0, *wrong.cumsum()]) / wrong.sum()
    best = min(areas, key=areas.__getitem__)
    assert text.startswith(f"Pixels to check are best chosen by {best}")
    near = sorted(areas.values())[1] <= 1.03 * areas[best]
    assert ("nearly as well" in text) == near
    first, _, others = text.partition(" of the errors, against ")
    named = {best: first.rpartition("finds ")[2]}
    named |= {title: each for each, title in (part.split(" by ") for part in others.rstrip(".").split(" and "))}
    assert named.keys() == caught.keys()
    for title, share in named.items():
        assert float(share.removesuffix(" %")) == pytest.approx(100 * caught[title], abs=0.2)
    assert "AURC" not in text


def test_rankings_that_say_nothing_are_not_praised(tmp_path: Path) -> None:
    drawing = Drawing(8)
    drawing.level = {stem: np.full(size, 9000, np.uint16) for stem, size in SIZES.items()}
    drawing.probabilities = {stem: np.full((C, *size), 1 / 3, np.float32) for stem, size in SIZES.items()}
    drawing.guess = {stem: values * 0 for stem, values in drawing.guess.items()}
    [text] = said(drawing.diagnosed(tmp_path, "hardness", "probabilities"))
    assert text.startswith("No ranking of the pixels to check is better than chance: hardness, 1 − confidence,")


def test_probabilities_alone_have_a_curve_and_a_sentence(tmp_path: Path) -> None:
    drawing = Drawing(3)
    found = drawing.diagnosed(tmp_path, "probabilities")
    [ranking] = found["review"]["rankings"]
    wrong = drawing.sorted_errors("confidence")
    assert ranking["key"] == "confidence"
    assert ranking["pixels"][10] == pytest.approx(wrong[: len(wrong) // 10].sum() / wrong.sum(), abs=2e-3)
    assert said(found)[0].startswith("Checking the 10 % of the pixels of lowest confidence finds")
    assert found["expected_loss"] is None


def test_a_map_alone_has_a_curve(tmp_path: Path) -> None:
    found = Drawing(4).diagnosed(tmp_path, "hardness")
    assert [ranking["key"] for ranking in found["review"]["rankings"]] == ["signal"]
    assert said(found) == []


def test_rankings_are_compared_on_images_that_have_both(tmp_path: Path) -> None:
    drawing = Drawing(5)
    write_maps(tmp_path / "hardness", {stem: drawing.level[stem] for stem in ("a", "c")})
    probabilities = {stem: drawing.probabilities[stem] for stem in ("a", "b")}
    write_maps(tmp_path / "probabilities", probabilities, ".npy")
    maps = {kind: tmp_path / kind for kind in ("hardness", "probabilities")}
    found = run(tmp_path, drawing.truth, drawing.guess, classes=["x", "y", "z"], **maps)
    known = drawing.known("a")
    assert found["review"]["aurc_random"] == pytest.approx(drawing.wrong("a")[known].mean())
    assert found["review"]["image_count"] == 1
    assert said(found)[0].endswith(", on the 1 image that has both maps.")


def test_no_errors_need_no_review(tmp_path: Path) -> None:
    drawing = Drawing(6)
    drawing.guess = {stem: np.where(truth == 255, 0, truth) for stem, truth in drawing.truth.items()}
    assert drawing.diagnosed(tmp_path, "hardness")["review"] is None


@pytest.mark.parametrize("graded", [True, False])
def test_measured_loss_by_decile_and_what_the_map_expects(graded: bool, tmp_path: Path) -> None:
    drawing = Drawing(7)
    (tmp_path / "hardpix.json").write_text(json.dumps({"command": "mine", "signal": "hard", "expects_loss": graded}))
    found = drawing.diagnosed(tmp_path, "hardness", "probabilities")["expected_loss"]
    loss, level = [], []
    for stem in SIZES:
        index = np.minimum(drawing.truth[stem], C - 1)[None].astype(int)
        true = np.take_along_axis(drawing.probabilities[stem], index, 0)[0]
        loss.append(-np.log(true[drawing.known(stem)].astype(float)))
        level.append(drawing.values(stem, "signal"))
    losses, levels = np.concatenate(loss), np.concatenate(level)
    hardest = np.argsort(levels)[-(len(levels) // 10) :]
    assert found["mean"] == pytest.approx(losses.mean(), abs=1e-4)
    assert found["deciles"][-1]["loss"] == pytest.approx(losses[hardest].mean(), rel=0.01)
    assert found["deciles"][-1]["relative"] == pytest.approx(losses[hardest].mean() / losses.mean(), rel=0.01)
    if graded:
        odds = levels / (1 - levels)
        assert found["deciles"][-1]["expected"] == pytest.approx(odds[hardest].mean(), rel=0.01)
    else:
        assert "expected" not in found["deciles"][-1]
        assert np.isnan(found["off"])
