"""Pages of ``docs/extend``: their files are written to a folder, their tests pass there, and their commands run."""

import dataclasses
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hardpix.__main__ import main
from hardpix.pixels import DatasetInfo, PixelBatch
from hardpix.testing import make_batch

ROOT = Path(__file__).parents[1]
PAGES = sorted(page for page in (ROOT / "docs" / "extend").glob("*.md") if page.stem != "index")
LONGEST = 40
QUICK = """\
--data.workers 0 --data.batch_size 4 --data.crop_size [16,16]
--trainer.max_epochs 1 --trainer.num_sanity_val_steps 0 --trainer.accelerator cpu"""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def files(text: str) -> dict[str, str]:
    """Files of a page, by the name in their first line."""
    found = {}
    for block in blocks(text, "(?:python|yaml)"):
        name = re.match(r"# (\w+\.(?:py|yaml))\n", block)
        assert name, f"expected a file's name in the first line of {block[:60]!r}"
        found[name[1]] = block
    return found


def commands(text: str) -> list[list[str]]:
    console = "".join(blocks(text, "console")).replace("\\\n", " ")
    return [shlex.split(line) for line in console.splitlines()]


def run_tests(folder: Path, *names: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder: images whose brightness is their class, and their masks."""
    rng = np.random.default_rng(0)
    for number in range(8):
        classes = np.kron(rng.integers(0, 3, (3, 4)), np.ones((8, 8), dtype=np.uint8))
        picture = 80 * classes[..., None].repeat(3, -1)
        for kind, values in (("images", picture), ("more", picture + 1), ("masks", classes)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(tmp_path / kind / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_files_of_a_page_pass_its_tests_and_its_commands_run(
    page: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page.read_text(encoding="utf-8")
    for name, content in files(text).items():
        (folder / name).write_text(content, encoding="utf-8")
    tests = sorted(name for name in files(text) if name.startswith("test_"))
    assert tests
    run_tests(folder, *tests)
    assert commands(text)
    for program, command, *arguments in commands(text):
        assert program == "hardpix"
        code = main([command, *arguments, *(QUICK.split() if command == "fit" else ())])
        assert code == 0, capsys.readouterr()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_one_short_file_and_three_to_five_pitfalls(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    code = [block for name, block in files(text).items() if name.endswith(".py") and not name.startswith("test_")]
    assert len(code) == 1
    assert len(code[0].splitlines()) <= LONGEST
    assert 3 <= len(re.findall(r"^- \*\*", text.split("## Pitfalls")[1], flags=re.MULTILINE)) <= 5


class TestIndex:
    """The page of what all methods share."""

    TEXT = (ROOT / "docs" / "extend" / "index.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
    def test_every_page_links_it_and_is_linked(self, page: Path) -> None:
        assert "](index.md)" in page.read_text(encoding="utf-8")
        assert f"]({page.name})" in self.TEXT

    def test_its_code_runs(self) -> None:
        for block in blocks(self.TEXT, "python"):
            scope: dict[str, object] = {}
            exec(block, scope)
            assert scope["objective"].signal.weights.tolist() == pytest.approx([5 / 9, 5])  # type: ignore[attr-defined]

    def test_its_tables_are_of_what_there_is(self) -> None:
        """Every field of a batch is there, and nothing else; shapes and types are those of a batch."""
        px = make_batch(reads=["depth"])
        rows = dict(re.findall(r"^\| `px\.([a-z_.]+)[^|]*` \| ([^|]*) \|", self.TEXT, flags=re.MULTILINE))
        named = {name.partition(".")[0] for name in rows}
        properties = {name for name, kind in vars(PixelBatch).items() if isinstance(kind, property)}
        fields = {each.name for each in dataclasses.fields(PixelBatch)}
        assert named == (fields | properties | {"map"}) - {"shape", "watch", "publishers"}
        taps = {each.name for each in dataclasses.fields(px.taps)} - {"without_graph"}
        assert {name.partition(".")[2] for name in rows if name.startswith("taps.")} == taps
        sizes = {"B": 2, "C": 3, "H": 4, "W": 5}
        for name in ("logits", "target", "valid", "loss", "true_probability", "confidence"):
            shape = re.match(r"\(([A-Z, ]+)\)", rows[name])
            assert shape is not None
            assert tuple(getattr(px, name).shape) == tuple(sizes[axis] for axis in shape[1].split(", "))
            for dtype in re.findall(r"\b(?:int64|bool|float32)\b", rows[name]):
                assert getattr(px, name).dtype == getattr(torch, dtype)
        info = set(re.findall(r"`info\.([a-z_]+)`", self.TEXT))
        assert info == {"class_names", "class_counts", "ignore_index", "tree"}
        assert all(hasattr(DatasetInfo((), list), name) for name in info)
