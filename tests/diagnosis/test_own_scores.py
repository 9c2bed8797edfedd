"""Figures of a user's own in every table, and the one message about those that break the contract."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import ndimage

from hardpix.__main__ import main
from hardpix.cli.errors import UsageError
from hardpix.diagnosis.scores import Column
from small_runs import run, write_maps

PAGE = Path(__file__).parents[2] / "docs" / "extend" / "score.md"
NAMES = ["ground", "pole", "nowhere"]
SETTINGS: dict[str, Any] = {"classes": NAMES, "prediction_ids": "stored"}
OWN = "missed_entirely.MissedEntirely"
FAULTY = '''"""Scores that break the contract."""

import numpy as np
from missed_entirely import MissedEntirely

from hardpix.diagnosis.scores import Column


class Raises(MissedEntirely):
    def count(self, maps):
        return maps.class_index("fence")


class Late(MissedEntirely):
    def count(self, maps):
        return 1 // (maps.stem != "third") * super().count(maps)


class Floats(MissedEntirely):
    def count(self, maps):
        return np.zeros(3)


class Lists(MissedEntirely):
    def count(self, maps):
        return [1, 2]


class Shapes(MissedEntirely):
    def count(self, maps):
        return np.zeros(maps.truth.shape[1], dtype=int)

    def compute(self, counts):
        return {"missed_entirely": np.zeros(3)}


class OneNumber(MissedEntirely):
    def compute(self, counts):
        return {"missed_entirely": 0.5}


class OtherName(MissedEntirely):
    def compute(self, counts):
        return {"missed": np.zeros(3)}


class Words(MissedEntirely):
    columns = (Column("word", "Word", {"image"}, "", None, "A word."),)

    def compute(self, counts):
        return {"word": "many"}


class Taken(MissedEntirely):
    columns = (Column("iou", "IoU", {"class"}, "%", "high", "Another IoU."),)


class NoColumns(MissedEntirely):
    columns = ()


class NoSettings(MissedEntirely):
    def __init__(self):
        super().__init__(1)


class Hard(MissedEntirely):
    columns = (Column("hard", "Hard pixels", {"set", "image"}, "count", None, "Pixels above one half."),)

    def count(self, maps):
        return None if maps.hardness is None else np.array([(maps.hardness > 0.5).sum()])

    def compute(self, counts):
        return {"hard": counts[0]}

    def tables(self, counts):
        return {"twice": 2 * int(counts[0])}
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the modules of the user, who is there."""
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        (tmp_path / name).write_text(code, encoding="utf-8")
    (tmp_path / "faulty.py").write_text(FAULTY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("missed_entirely", "faulty"):
        sys.modules.pop(name, None)


def maps() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    random = np.random.default_rng(3)
    truth, predictions = {}, {}
    for stem, size in {"first": (12, 9), "second": (9, 12), "third": (12, 15)}.items():
        labels = (random.random(size) < 0.25).astype(np.uint8)
        predictions[stem] = np.where(random.random(size) < 0.5, labels, 0).astype(np.uint8)
        labels[random.random(size) < 0.1] = 255
        truth[stem] = labels
    return truth, predictions


def missed_entirely(truth: np.ndarray, prediction: np.ndarray, class_: int) -> tuple[int, int]:
    """Pixels of a class in objects without a hit, and all of it; one object after the other."""
    objects, count = ndimage.label(truth == class_, np.ones((3, 3)))
    areas = [(int((objects == k).sum()), (prediction[objects == k] == class_).any()) for k in range(1, count + 1)]
    return sum(area for area, found in areas if not found), sum(area for area, _ in areas)


@pytest.mark.slow
def test_the_page_is_a_file_of_forty_lines_and_its_test_passes(own: Path) -> None:
    assert len((own / "missed_entirely.py").read_text(encoding="utf-8").splitlines()) < 40  # and the line with its name
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_missed_entirely.py"]
    done = subprocess.run(command, cwd=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workers", [1, 2])
def test_a_figure_stands_in_every_table(own: Path, workers: int) -> None:
    truth, predictions = maps()
    summary = run(own, truth, predictions, **SETTINGS, scores=OWN, workers=workers)
    by_image = {stem: [missed_entirely(truth[stem], predictions[stem], k) for k in (0, 1)] for stem in truth}
    of_class = [np.sum([found[k] for found in by_image.values()], axis=0) for k in (0, 1)]
    shares = [missed / pixels for missed, pixels in of_class]
    assert 0 < shares[1] < 1
    assert summary["class_scores"]["missed_entirely"] == pytest.approx([*shares, np.nan], nan_ok=True)
    assert summary["scores"]["missed_entirely"] == pytest.approx(np.mean(shares))
    read = json.loads((own / "report" / "summary.json").read_text(encoding="utf-8"))
    assert read["class_scores"]["missed_entirely"] == [
        pytest.approx(shares[0]),
        pytest.approx(shares[1], rel=1e-5),
        None,
    ]
    for level in ("overall", "class", "image"):
        assert read["columns"][level][-1] == {
            "key": "missed_entirely",
            "title": "Missed entirely",
            "unit": "%",
            "better": "low",
            "group": "Own",
            "about": "Share of a class's pixels in objects of which no pixel is found.",
        }
    with (own / "report" / "classes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["missed_entirely"] for row in rows] == [f"{share:.6g}" for share in shares] + [""]
    table = pq.read_table(own / "report" / "images.parquet").to_pydict()
    expected = [np.mean([missed / pixels for missed, pixels in by_image[stem]]) for stem in table["stem"]]
    assert table["missed_entirely"] == pytest.approx(expected)


def test_settings_of_a_figure(own: Path) -> None:
    truth, predictions = maps()
    found = run(own, truth, predictions, **SETTINGS, scores=[{"class_path": OWN, "init_args": {"min_area": 10**6}}])
    assert np.isnan(found["class_scores"]["missed_entirely"]).all()


def test_another_report_lends_its_figure(own: Path) -> None:
    truth, predictions = maps()
    first = run(own, truth, predictions, **SETTINGS, scores=OWN)
    (own / "report").rename(own / "other")
    perfect = {stem: np.where(labels == 255, 0, labels) for stem, labels in truth.items()}
    both = run(own, truth, perfect, **SETTINGS, scores=OWN, against=own / "other")
    assert both["scores"]["missed_entirely"] == 0
    assert both["against"]["scores"]["missed_entirely"] == pytest.approx(first["scores"]["missed_entirely"], rel=1e-5)
    without = run(own, truth, perfect, **SETTINGS, against=own / "other", overwrite=True)
    assert "missed_entirely" not in without["scores"]
    (own / "report").rename(own / "plain")
    against_plain = run(own, truth, predictions, **SETTINGS, scores=OWN, against=own / "plain")
    assert "missed_entirely" not in against_plain["against"]["scores"]


def summary_of(report: Path) -> dict[str, Any]:
    return json.loads((report / "summary.json").read_text(encoding="utf-8"))


def test_a_figure_is_compared_with_one_of_the_same_settings(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Values by hand for both settings: which of them the second report has is seen in its own figure, too."""
    truth, predictions = maps()
    run(own, truth, predictions, **SETTINGS, scores=[{"class_path": OWN, "init_args": {"min_area": 3}}])
    (own / "report").rename(own / "other")
    assert summary_of(own / "other")["score_settings"] == {OWN: {"min_area": 3}}
    expected = run(
        own, truth, predictions, **SETTINGS, scores=[{"class_path": OWN, "init_args": {"min_area": 3}}], overwrite=True
    )["scores"]["missed_entirely"]
    default = run(own, truth, predictions, **SETTINGS, scores=OWN, overwrite=True)["scores"]["missed_entirely"]
    assert default != pytest.approx(expected)
    capsys.readouterr()
    both = run(own, truth, predictions, **SETTINGS, scores=OWN, against=own / "other", overwrite=True)
    assert both["scores"]["missed_entirely"] == pytest.approx(expected)
    assert both["against"]["scores"]["missed_entirely"] == pytest.approx(expected, rel=1e-5)
    assert f"{OWN}: min_area 3, as in {own / 'other'}" in capsys.readouterr().out
    assert summary_of(own / "report")["score_settings"] == {OWN: {"min_area": 3}}
    same = [{"class_path": OWN, "init_args": {"min_area": 3}}]
    run(own, truth, predictions, **SETTINGS, scores=same, against=own / "other", overwrite=True)
    assert "as in" not in capsys.readouterr().out
    before = (own / "report" / "summary.json").read_bytes()
    other = [{"class_path": OWN, "init_args": {"min_area": 5}}]
    with pytest.raises(UsageError, match=rf"^{OWN}: expected min_area 3, as in the report .*--against.*, found 5;"):
        run(own, truth, predictions, **SETTINGS, scores=other, against=own / "other", overwrite=True)
    assert (own / "report" / "summary.json").read_bytes() == before


def test_a_report_that_knows_nothing_of_settings_is_compared_with_as_ever(own: Path) -> None:
    truth, predictions = maps()
    run(own, truth, predictions, **SETTINGS, scores=OWN)
    (own / "report").rename(own / "other")
    file = own / "other" / "data" / "summary.js"
    text, count = re.subn(r'"score_settings":\s*\{.*?\}\s*\},', "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert count == 1
    file.write_text(text, encoding="utf-8")
    five = [{"class_path": OWN, "init_args": {"min_area": 5}}]
    assert run(own, truth, predictions, **SETTINGS, scores=five, against=own / "other")["against"] is not None


@pytest.mark.parametrize("given", [("--scores.min_area", "1000000"), ("--scores.min_area=1000000",)])
def test_settings_by_options_after_the_class(own: Path, given: tuple[str, ...]) -> None:
    truth, predictions = maps()
    write_maps(own / "t", truth), write_maps(own / "p", predictions)
    words = ["--truth", "t", "--predictions", "p", "--out", "report", "--classes", ",".join(NAMES), "--scores", OWN]
    assert main(["diagnose", *words, *given, "--prediction_ids", "stored"]) == 0
    assert summary_of(own / "report")["score_settings"] == {OWN: {"min_area": 10**6}}
    assert summary_of(own / "report")["scores"]["missed_entirely"] is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--scores.min_area", "5"], "expected --scores CLASS before --scores.min_area"),
        (["--scores", f"{OWN},faulty.Hard", "--scores.min_area", "5"], "expected one class before --scores.min_area"),
        (["--scores", OWN, "--scores.min_area"], "expected a value after --scores.min_area, found none"),
        (["--scores", OWN, "--scores.min_aera", "5"], "expected one of its settings min_area, found min_aera; did you"),
    ],
)
def test_settings_that_belong_to_no_class_are_refused(
    own: Path, given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, predictions = maps()
    write_maps(own / "t", truth), write_maps(own / "p", predictions)
    words = ["--truth", "t", "--predictions", "p", "--out", "report", "--classes", ",".join(NAMES)]
    assert main(["diagnose", *words, "--prediction_ids", "stored", *given]) == 2
    assert message in capsys.readouterr().err
    assert not (own / "report").exists()


def test_images_without_the_map_that_a_figure_needs(own: Path) -> None:
    truth, predictions = maps()
    hardness = {"second": np.eye(9, 12)}
    folder = write_maps(own / "hardness", hardness, ".npy")
    found = run(own, truth, predictions, **SETTINGS, scores="faulty.Hard", hardness=folder)
    assert found["scores"]["hard"] == 9
    assert found["faulty.Hard"] == {"twice": 18}
    assert pq.read_table(own / "report" / "images.parquet").to_pydict()["hard"] == [None, 9, None]


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (
            "Raises",
            r"ValueError: expected one of the classes ground, pole, nowhere, found fence \(\S+faulty.py, line 11\)",
        ),
        ("Late", r"ZeroDivisionError: .*\n  in the image third"),
        (
            "Floats",
            r"expected an array of integers .*, found an array of float64 of the shape \(3,\)\n  in the image first",
        ),
        ("Lists", r"expected an array of integers .*, found \[1, 2\], list\n  in the image first"),
        ("Shapes", r"expected counts of one shape from every image, found \(12,\) after \(9,\)\n  in .* second"),
        ("OneNumber", r"expected 3 numbers, one for each class as missed_entirely, found 0.5"),
        ("OtherName", r"expected figures named missed_entirely, found missed\n"),
        ("Words", r"expected a number as word, found 'many', str"),
        ("Taken", r"expected a key that no other column of the class has, found iou"),
        ("NoColumns", r"expected columns, a tuple of Column, found \(\)"),
        ("Nothing", r"expected a class in faulty, found no Nothing"),
        ("np", r"expected a subclass of hardpix.diagnosis.scores.Score, found faulty.np"),
    ],
)
def test_a_broken_contract_is_one_message_before_the_work_where_the_first_image_shows_it(
    own: Path, score: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as found:
        run(own, *maps(), **SETTINGS, scores=f"faulty.{score}")
    assert str(found.value).startswith(f"faulty.{score}") == (score not in ("Nothing", "np"))
    # A report takes its place when it is whole.
    assert not (own / "report").exists()


@pytest.mark.parametrize(("score", "where"), [("Late", "the image third"), ("Shapes", "one of the images second")])
def test_a_broken_contract_in_another_process_is_one_message(own: Path, score: str, where: str) -> None:
    with pytest.raises(UsageError, match=rf"^faulty.{score}.count: .*\n  in {where}$"):
        run(own, *maps(), **SETTINGS, scores=f"faulty.{score}", workers=2)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (f"{OWN},{OWN}", r"expected a key that no other column of the \w+ has, found missed_entirely"),
        ("nowhere.Score", r"expected to import nowhere for the score nowhere.Score, found ModuleNotFoundError"),
        ("MissedEntirely", r"expected the class path of a score, such as my_module.MyScore, found MissedEntirely"),
        (
            [{"class_path": OWN, "init_args": {"size": 3}}],
            rf"^{OWN}: expected one of its settings min_area, found size$",
        ),
        ([{"class_path": OWN, "init_args": {"min_aera": 3}}], r"found min_aera; did you mean min_area\?"),
        (
            [{"class_path": "faulty.NoSettings", "init_args": {"size": 3}}],
            "expected no settings, it has none, found size",
        ),
        ([{"class": OWN}], r"expected the class path of a score, such as my_module.MyScore, found \{'class'"),
    ],
)
def test_scores_that_cannot_be_made(own: Path, score: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(own, *maps(), **SETTINGS, scores=score)
    assert not (own / "report").exists()


@pytest.mark.parametrize(
    "words", [(f"{OWN},faulty.Hard",), (OWN, "--scores", "faulty.Hard"), (OWN, "--scores=faulty.Hard")]
)
def test_several_on_the_command_line(own: Path, words: tuple[str, ...]) -> None:
    truth, predictions = maps()
    write_maps(own / "t", truth), write_maps(own / "p", predictions)
    hardness = write_maps(own / "h", {stem: np.ones(labels.shape) for stem, labels in truth.items()}, ".npy")
    folders = ["--truth", "t", "--predictions", "p", "--hardness", str(hardness), "--out", "report"]
    assert (
        main(["diagnose", *folders, "--classes", ",".join(NAMES), "--prediction_ids", "stored", "--scores", *words])
        == 0
    )
    read = json.loads((own / "report" / "summary.json").read_text(encoding="utf-8"))
    assert [column["key"] for column in read["columns"]["image"]][-2:] == ["missed_entirely", "hard"]


def test_the_page_shows_it(own: Path, visit: Callable[..., Any]) -> None:
    truth, predictions = maps()
    run(own, truth, predictions, **SETTINGS, scores=OWN)
    (own / "report").rename(own / "other")
    perfect = {stem: np.where(labels == 255, 0, labels) for stem, labels in truth.items()}
    run(own, truth, perfect, **SETTINGS, scores=OWN, against=own / "other")
    page = visit(own / "report")
    row = page.locator("table.further tr", has_text="Missed entirely")
    assert row.locator(".difference.gain").count() == 1
    page.locator("nav a", has_text="Classes").click()
    page.locator("main.view-classes button", has_text="Own").click()
    assert "Missed entirely" in page.locator("main table thead").inner_text()
    assert page.locator("main td .difference.gain").count() == 1  # no ground was missed before
    page.locator("nav a", has_text="Gallery").click()
    page.locator("optgroup[label=Own] option", has_text="Missed entirely").first.wait_for(state="attached")


@pytest.mark.parametrize(
    "wrong", [{"of": "set"}, {"of": {"pixel"}}, {"of": set()}, {"unit": "m"}, {"better": "higher"}]
)
def test_a_column_that_no_table_has_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Column(**{"key": "a", "title": "A", "of": {"set"}, "unit": "%", "better": None, "about": "A."} | wrong)
