"""A record of results that is damaged, or somebody else's: one message, and nothing is removed or written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hardpix.cli import results
from hardpix.cli.output import NOTES, Output
from hardpix.cli.results import read_record
from hardpix.commands.diagnose import _trained_on
from hardpix.diagnosis.shown_signal import recorded_signal
from hardpix.training.run import Run
from hardpix.training.trained_on import doubts_about_labels
from runs import Data, Outcome, run_hardpix

GOOD: dict[str, Any] = {"command": "predict", "checkpoint": "best.ckpt", "files": ["labels/a.png"], "finished": True}
DAMAGED: dict[str, str] = {
    "empty": "",
    "cut off": json.dumps(GOOD)[:40],
    "noise": "\ufffd\x00\x01" * 30,
    "null": "null",
    "a number": "7",
    "a list": "[1, 2]",
    "deep": "[" * 100_000,
    "deep inside": json.dumps(GOOD)[:-1] + ', "more": ' + "[" * 100_000,
    "a number of many digits": '{"command": ' + "9" * 5000 + "}",
    "a list as command": json.dumps(GOOD | {"command": ["predict"]}),
    "a number as checkpoint": json.dumps(GOOD | {"checkpoint": 5}),
    "files by name": json.dumps(GOOD | {"files": {"labels/a.png": 1}}),
    "files a text": json.dumps(GOOD | {"files": "labels/a.png"}),
    "files in files": json.dumps(GOOD | {"files": [["labels/a.png"]]}),
    "files elsewhere": json.dumps(GOOD | {"files": ["../mine.txt"]}),
}


EVERY = ("predict", "mine", "label", "diagnose", "compare", "fit")


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def start(tiny_run: Run, data: Data, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outcome]:
    config = tmp_path_factory.mktemp("study") / "base.yaml"
    config.write_text(yaml.safe_dump({"data": {"images": str(data.images), "masks": str(data.masks)}}))
    variants = config.with_name("variants.yaml")
    variants.write_text(yaml.safe_dump({"one": {}, "two": {"model.optimizer.init_args.lr": 0.1}}))

    def run(command: str, out: Path, *more: str) -> Outcome:
        given: tuple[object, ...] = ("--run", tiny_run.path, "--images", data.images, "--out", out)
        if command == "diagnose":
            given = ("--truth", data.masks, "--predictions", data.masks, "--out", out, "--workers", 1)
        elif command == "compare":
            given = ("--config", config, "--variants", variants, "--seeds", 2, "--out", out)
        elif command == "fit":
            given = (*data.arguments, "--run", out)
        return run_hardpix(command, *given, *more)

    return run


@pytest.mark.parametrize("damage", DAMAGED)
def test_it_is_no_leave_to_replace_anything(damage: str, start: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    out = tmp_path / "out"
    (out / "labels").mkdir(parents=True)
    (out / "labels" / "a.png").write_text("mine")
    (out / "hardpix.json").write_text(DAMAGED[damage], encoding="utf-8")
    before = listing(tmp_path)
    for command in EVERY if damage in ("cut off", "deep") else ("predict",):
        # The others have no such option, or need none.
        for more in ((), ("--overwrite",)) if command in EVERY[:4] else ((),):
            outcome = start(command, out, *more)
            assert outcome.code == 2, f"{command}: {outcome.out}{outcome.err}"
            assert "expected a new or empty folder" in outcome.err, f"{command}: {outcome.err}"
            assert "Traceback" not in outcome.err
            assert listing(tmp_path) == before, command


def test_a_fifo_of_its_name_is_not_waited_for(start: Callable[..., Outcome], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hardpix.json")
    outcome = start("predict", tmp_path, "--overwrite")
    assert outcome.code == 2
    assert "expected a new or empty folder" in outcome.err


def test_a_huge_one_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hardpix.json").write_text(json.dumps(GOOD))
    assert read_record(tmp_path) == GOOD
    monkeypatch.setattr(results, "LARGEST", 40)
    assert read_record(tmp_path) is None


@pytest.mark.parametrize("damage", DAMAGED)
def test_whoever_asks_it_about_images_hears_nothing(damage: str, tmp_path: Path) -> None:
    """`fit` asks the record beside masks, and `diagnose` that beside predictions and maps."""
    text = DAMAGED[damage].replace('"predict"', '"label"')
    (tmp_path / "hardpix.json").write_text(text, encoding="utf-8")
    assert doubts_about_labels([tmp_path / "masks"], {}) == []
    assert recorded_signal(tmp_path / "hardness") is None


def test_stems_that_are_no_text_are_none(tmp_path: Path) -> None:
    record = GOOD | {"trained_on": [["a"], {"b": 1}, 7, "c"]}
    (tmp_path / "hardpix.json").write_text(json.dumps(record))
    assert _trained_on(tmp_path / "labels", ["a", "b"]) == []
    assert _trained_on(tmp_path / "labels", ["c"])[0].startswith("1 of 1 image")


@pytest.mark.parametrize("line", ["7", "null", "[]", '["a"]', '[["a"], 1]', '[{"a": 1}, 1]', "[" * 100_000, "noise"])
def test_notes_that_are_damaged_are_not_gone_on_with(line: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("")
    (tmp_path / NOTES).write_text(f'["a", 1]\n{line}\n')
    output = Output(tmp_path, {"a": ["a.png"], "b": ["b.png"]})
    output.open(go_on=True)
    output.close()
    assert output.notes == {"a": 1}
