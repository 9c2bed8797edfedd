"""The map of any signal is called by the signal's own name: in the files, on the screen, on every view of the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardpix.training.run import Run
from runs import Data, Outcome, logits_by_hand, read, run_hardpix

VIEWS = ["verdict", "classes", "plots", "gallery", "hardness", "review", "picture"]
OBJECTIVE = "{class_path: WeightedCrossEntropy, init_args: {signal: {class_path: my_networks.ScaledDoubt}}}"


@pytest.fixture(scope="module")
def fitted(fit_tiny: Callable[..., Run]) -> Run:
    return fit_tiny("--model.objective", OBJECTIVE)


@pytest.fixture(scope="module")
def place(fitted: Run, data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose signal is called network_doubt: its report, its predictions and its maps."""
    place = tmp_path_factory.mktemp("named")
    given = ("--run", fitted.path, "--images", data.images)
    say(place, "test", *given, "--masks", data.masks, "--report", place / "test")
    say(place, "predict", *given, "--out", place / "predicted")
    say(place, "mine", *given, "--out", place / "mined")
    diagnose(place, data, "diagnose")
    return place


def say(place: Path, *arguments: object) -> Outcome:
    outcome = run_hardpix(*arguments)
    assert outcome.code == 0, outcome.err
    (place / f"{arguments[0]}.txt").write_text(outcome.out)
    return outcome


def diagnose(place: Path, data: Data, name: str, *arguments: object) -> dict[str, Any]:
    given = ("--truth", data.masks, "--predictions", place / "predicted" / "labels", "--images", data.images)
    maps = ("--hardness", place / "mined" / "network_doubt", "--workers", 1)
    say(place, "diagnose", *given, *maps, "--out", place / name, *arguments)
    return json.loads((place / name / "summary.json").read_text())


def values(node: Any) -> list[str]:
    """All texts of a summary but for its keys, its columns' keys, the names of views, and the command."""
    if isinstance(node, dict):
        skipped = ("key", "view", "command")
        return [text for key, value in node.items() if key not in skipped for text in values(value)]
    return [text for value in node for text in values(value)] if isinstance(node, list) else [str(node)]


@pytest.mark.parametrize("command", ["test", "diagnose"])
def test_texts_have_the_name_and_keys_stay(place: Path, command: str) -> None:
    summary = json.loads((place / command / "summary.json").read_text())
    assert summary["signal"] == "network doubt"
    assert 0 <= summary["hardness"]["auroc"] <= 1
    assert summary["inputs"]["with_hardness"] == summary["inputs"]["count"]
    assert ("mean_hardness", "Mean network doubt") in [(c["key"], c["title"]) for c in summary["columns"]["image"]]
    assert [text for text in values(summary) if "hardness" in text.lower()] == []
    [said] = [line for line in (place / f"{command}.txt").read_text().splitlines() if "AUROC" in line]
    assert "hardest tenth of the pixels by the network doubt map" in said


@pytest.mark.parametrize("command", ["test", "diagnose"])
def test_every_view_has_the_name(place: Path, command: str, visit: Callable[..., Any]) -> None:
    page = visit(place / command)
    assert "Network doubt" in page.locator("nav a").all_inner_texts()
    for view in VIEWS:
        page.evaluate("view => { location.hash = view; }", view)
        page.locator(f"main.view-{view} h1").wait_for()
        page.wait_for_function("() => [...document.querySelectorAll('.chart')].every((chart) => chart.dataset.drawn)")
        page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        shown = page.locator("main").inner_text()
        commands = page.locator("main code").all_inner_texts()
        for code in commands:
            shown = shown.replace(code, "")
        labels = page.evaluate(
            "() => [...document.querySelectorAll('[aria-label], [title], [alt]')].map((e) =>"
            " `${e.ariaLabel} ${e.title} ${e.alt}`).join()"
        )
        assert "hardness" not in (shown + labels).lower(), view
    page.locator("label", has_text="Network doubt").wait_for()


def test_the_measured_loss_is_that_of_the_network(place: Path, data: Data, fitted: Run) -> None:
    losses = []
    for mask in sorted(data.masks.iterdir()):
        probability = logits_by_hand(fitted, read(data.images / mask.name)).softmax(0).numpy()
        index = np.searchsorted((0, 7, 200), read(mask))
        losses.append(-np.log(np.take_along_axis(probability, index[None], 0)))
    found = json.loads((place / "test" / "summary.json").read_text())["expected_loss"]
    assert found["mean"] == pytest.approx(np.concatenate(losses, axis=None).mean(), rel=1e-4)


def test_a_name_may_be_given(place: Path, data: Data) -> None:
    summary = diagnose(place, data, "given", "--signal", "Aleatoric_part")
    assert summary["signal"] == "Aleatoric part"
    assert summary["columns"]["image"][-1]["title"] == "Mean Aleatoric part"


@pytest.mark.parametrize("record", [None, "{", "[]", '{"command": "predict", "signal": "x"}', '{"command": "mine"}'])
def test_maps_without_a_record_are_of_hardness(record: str | None, place: Path, data: Data, tmp_path: Path) -> None:
    (tmp_path / "mined").mkdir()
    (tmp_path / "predicted").symlink_to(place / "predicted")
    (place / "mined" / "network_doubt").rename(tmp_path / "mined" / "network_doubt")
    try:
        if record is not None:
            (tmp_path / "mined" / "hardpix.json").write_text(record)
        assert diagnose(tmp_path, data, "report")["signal"] == "hardness"
    finally:
        (tmp_path / "mined" / "network_doubt").rename(place / "mined" / "network_doubt")


def test_files_that_lack_are_called_by_the_name(place: Path, data: Data, tmp_path: Path) -> None:
    maps = tmp_path / "mined" / "network_doubt"
    maps.mkdir(parents=True)
    (tmp_path / "predicted").symlink_to(place / "predicted")
    (tmp_path / "mined" / "hardpix.json").write_text((place / "mined" / "hardpix.json").read_text())
    summary = diagnose(tmp_path, data, "report")
    assert {problem["kind"] for problem in summary["inputs"]["unused"]} == {"no network doubt map for a mask"}
    assert "so the report has no Network doubt" in (tmp_path / "diagnose.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--signal", "doubt"], "--signal is the name of the maps of --hardness: give their folder, too"),
        (["--hardness", "maps", "--signal", "_"], "expected the name of a signal as --signal, such as hardness"),
    ],
)
def test_names_of_nothing_are_refused(arguments: list[str], said: str, data: Data, tmp_path: Path) -> None:
    given = ("--truth", data.masks, "--predictions", data.masks, "--out", tmp_path / "report")
    outcome = run_hardpix("diagnose", *given, *arguments)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())
