"""The drawing of the house, the order of the floors that is checked, and what each room says of its files."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
FLOORS = [re.findall(r"hardpix\.(\w+)", floor) for floor in CONTRACTS[0]["layers"]]
ROOMS = [
    "pixels",
    "data",
    "data/batch_transforms",
    "networks",
    "signals",
    "objectives",
    "refiners",
    "teachers",
    "labelers",
    "estimators",
    "recipes",
    "testing",
]


def test_the_drawing_has_the_floors_that_are_checked() -> None:
    drawing = HOUSE.split("```text\n")[1].split("```")[0]
    drawn = [line for line in drawing.splitlines() if re.match(r" {5}\w", line)]
    assert len(drawn) == len(FLOORS)
    for line, floor in zip(drawn, FLOORS, strict=True):
        for room in floor:
            assert re.search(rf"\b{room}\b", line), (room, line)


def test_what_the_table_names_is_there() -> None:
    links = [ROOT / "docs" / link for link in re.findall(r"\]\(([^)#]+)", HOUSE)]
    paths = [ROOT / path for path in re.findall(r"`((?:src|tests)/[^`]*)`", HOUSE)]
    assert len(links) > 5
    assert len(paths) > 5
    assert [path for path in [*links, *paths] if not path.exists()] == []


def test_every_extending_page_is_in_the_table() -> None:
    for page in (ROOT / "docs" / "extend").glob("*.md"):
        assert f"](extend/{page.name})" in HOUSE


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_and_names_files_that_are_there(room: str) -> None:
    folder = ROOT / "src" / "hardpix" / room
    text = (folder / "__init__.py").read_text(encoding="utf-8").split('"""')[1]
    named = re.findall(r"`+([\w/]+(?:\.py|/)?)`+", text)
    files = {name for name in named if (folder / name).exists() or (folder / f"{name}.py").exists()}
    assert len(files) >= 1
    assert [name for name in named if name.endswith((".py", "/")) and not (folder / name).exists()] == []
