"""The command line itself: what it says, and its exit codes. What the commands do is tested beside them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from hardpix import __main__ as cli


def test_without_a_command_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in cli.COMMANDS)
    assert "hardpix fit --data.images DIR --data.masks DIR" in listed
    assert cli.main(["--help"]) == 0
    assert capsys.readouterr().out == listed


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["nonsense"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("hardpix: unknown command 'nonsense'\n\nusage: hardpix COMMAND")


def test_help_of_the_whole_waits_for_no_heavy_package() -> None:
    code = "import sys, hardpix.__main__; hardpix.__main__.main(['--help']); sys.exit('lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=600).returncode == 0


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_help_of_each_command_explains_every_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: hardpix {command}")
    assert len(text.splitlines()) < 440
    assert "known subclasses" not in text
    assert "<class" not in text
    assert "default: null" not in text
    # An option is followed by a text on its own line or on the next, which is indented further.
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("  --"):
            assert re.search(r"\S  +\S", line) or lines[number + 1].startswith(" " * 20), line


def test_data_come_first_in_the_help_of_fit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["fit", "--help"])
    text = capsys.readouterr().out
    options = ("run", "data.images", "data.batch_size", "model.network", "trainer.accelerator")
    places = [text.index(f"\n  --{option} ") for option in options]
    assert places == sorted(places)
    assert text.index("--data.images DIR --data.masks DIR") < text.index("options:")


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_missing_packages_are_named_with_what_installs_them(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    gone = ("lightning", "rich")
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name in gone else there(name))
    assert cli.main([command, "--data.images", "x"]) == 2
    said = capsys.readouterr().err
    if command == "diagnose":  # which does not train
        assert "the extra [diagnose], of which rich cannot be found" in said
        assert "pip install '.[diagnose]'" in said
    else:
        assert "the extra [train], of which lightning, rich cannot be found" in said
        assert "pip install '.[train]'" in said


def test_interruption_is_no_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_load", lambda name: interrupted)
    assert cli.main(["fit"]) == 130
    assert capsys.readouterr().err == "hardpix fit: interrupted\n"


def test_it_is_installed_as_a_command() -> None:
    (command,) = entry_points(group="console_scripts", name="hardpix")
    assert command.load() is cli.main


def test_classes_of_the_user_are_found_where_the_command_is_given(tmp_path: Path) -> None:
    (tmp_path / "my_own_net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))\n"
    )
    command = [str(Path(sys.executable).with_name("hardpix")), "fit", "--data.images", "none", "--data.masks", "none"]
    done = subprocess.run(
        [*command, "--model.network", "my_own_net.Net"], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 2
    assert "my_own_net" not in done.stderr
    assert "none: expected a folder, found nothing" in done.stderr


def test_a_diagnosis_needs_nothing_that_trains() -> None:
    code = "import sys; sys.modules['lightning'] = sys.modules['tensorboard'] = None; import hardpix.commands.diagnose"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_words_of_an_option_are_joined_by_underscores_or_dashes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for option in ("--max_pixels", "--max-pixels"):
        assert cli.main(["check", "--images", str(tmp_path), option, "many"]) == 2
        said.append(capsys.readouterr().err)
    assert "max_pixels" in said[0]
    assert said[0] == said[1]


@pytest.mark.parametrize("command", [["fit", "--model.encoder_learning_rat", "1e-4"], ["check", "--image", "DIR"]])
def test_a_shortened_name_is_no_option(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(command) == 2
    assert "unknown option" in capsys.readouterr().err
