"""Names of files that would steer a terminal, or that are no text."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from hardpix.data.files import list_files
from hardpix.data.printable import printable
from runs import Mixed, Outcome, run_hardpix

# A clear screen, a title, a line of its own, one that runs backwards, C1's own escape, a byte that is no UTF-8.
NO_UTF_8 = b"o\xff".decode(errors="surrogateescape")
ODD = ["a\x1b[2J", "a\x1b]0;title\x07", "a\nhardpix: all is well", "a\u202egnp", "a\x9b2J", NO_UTF_8]
KINDS = ["screen", "title", "line", "backwards", "C1", "no UTF-8"]
PLAIN = ["ä é ß", "日本 語", "a b", "न", "👩‍🌾", "می‌خواهم", "a'\"\\b[red]"]


def use(command: str, mixed: Mixed, images: Path, out: Path) -> Outcome:
    if command == "diagnose":
        folders = ["--truth", mixed.data.masks, "--predictions", mixed.data.masks, "--images", images, "--out", out]
        return run_hardpix("diagnose", *folders, "--workers", 1)
    if command == "check":
        return run_hardpix("check", "--images", images, "--masks", mixed.data.masks)
    return run_hardpix(command, "--run", mixed.run.path, "--images", images, "--out", out)


@pytest.mark.parametrize("command", ["predict", "mine", "label", "diagnose", "check"])
@pytest.mark.parametrize("stem", ODD, ids=KINDS)
def test_odd_names_are_refused_by_one_message_before_anything_is_written(
    stem: str, command: str, mixed: Mixed, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    shutil.copytree(mixed.data.images, images)
    shutil.copy(images / "four.png", images / f"{stem}.png")
    outcome = use(command, mixed, images, tmp_path / "out")
    said = outcome.out + outcome.err
    assert outcome.code != 0
    assert "name that cannot be shown (1)" in said
    assert printable(stem) in said
    assert all(c == "\n" or c.isprintable() for c in said)
    assert "\nhardpix: all is well" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stem", PLAIN)
def test_names_in_any_language_stay_as_they_are(stem: str, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / f"{stem}.png")
    assert list(list_files(tmp_path).by_stem()) == [stem]
    assert printable(stem) == stem


def test_files_that_are_not_read_may_have_any_name(tmp_path: Path) -> None:
    """Such as Icon and a carriage return, which macOS leaves in folders."""
    (tmp_path / "Icon\r").write_text("")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert list(list_files(tmp_path).by_stem()) == ["a"]


def test_folders_of_the_command_line_must_be_text(mixed: Mixed, tmp_path: Path) -> None:
    folder = tmp_path / NO_UTF_8
    shutil.copytree(mixed.data.images, folder)
    outcome = use("predict", mixed, folder, tmp_path / "out")
    assert outcome.code == 2
    assert r"expected names in UTF-8, found" in outcome.err
    assert r"o\xff" in outcome.err
    assert sorted(os.listdir(tmp_path)) == [folder.name]


def test_what_a_run_names_is_shown_with_escapes(mixed: Mixed, tmp_path: Path) -> None:
    run = Path(shutil.copytree(mixed.run.path, tmp_path / "run"))
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("my_networks.Tiny", r'"evil\e[2J.Net"'))
    outcome = run_hardpix(
        "predict", "--run", run, "--images", mixed.data.images, "--out", tmp_path / "out", trust=False
    )
    assert outcome.code == 2
    assert r"evil\x1b[2J.Net" in outcome.err
    assert "\x1b" not in outcome.err
