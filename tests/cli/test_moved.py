"""Configurations of earlier releases name classes where they were."""

from pathlib import Path

import pytest
import yaml

from hardpix.cli.moved import MOVED, with_new_places
from hardpix.commands.fit import build_parser

SCENES = {"class_path": "hardpix.data.scenes.GeneratedScenes", "init_args": {"length": 4, "seed": 0, "size": [64, 128]}}


def test_every_new_place_holds_a_class_of_that_name() -> None:
    for old, new in MOVED.items():
        module, _, name = new.rpartition(".")
        assert getattr(__import__(module, fromlist=[name]), name).__name__ == old.rpartition(".")[2]


@pytest.mark.parametrize("extra", [{}, {"no_such_setting": 1}], ids=["alone", "beside an unknown key"])
def test_an_earlier_configuration_is_read_and_says_the_new_name(
    extra: dict[str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"data": {"train_set": SCENES, **extra}}))
    before = file.read_bytes()
    settings = build_parser().parse_args(["--config", str(file)])
    assert settings.data.train_set.class_path == "hardpix.scenes.GeneratedScenes"
    assert settings.data.train_set.init_args.length == 4
    assert "hardpix.data.scenes.GeneratedScenes has moved: write hardpix.scenes" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_words_of_a_command_line_are_replaced() -> None:
    old = "hardpix.data.scenes.GeneratedScenes"
    words = ["--data.train_set", old, f"--data.val_set={old}"]
    new = "hardpix.scenes.GeneratedScenes"
    assert with_new_places(words) == [words[0], new, f"--data.val_set={new}"]
    assert with_new_places(["--run", "runs/hardpix.data.scenes.GeneratedScenes"])[1].startswith("runs/hardpix.data")
