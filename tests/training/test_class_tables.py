"""Class tables that cannot be used, by each of the ways in which a table comes in: the message names the file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hardpix.data import DataError, load_preset
from hardpix.data.class_source import class_table
from hardpix.training.run import Run

BEFORE_A_TABLE = "name: mine\ntrain: {images: a, masks: b}\n"


def as_class_file(content: str, folder: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "my_classes.yaml"
    path.write_text(content, encoding="utf-8")
    return path, lambda: class_table(str(path), None)


def as_preset(content: str, folder: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "my_preset.yaml"
    path.write_text(BEFORE_A_TABLE + content if content.startswith(("classes:", "clases:")) else content, "utf-8")
    return path, lambda: load_preset(path)


def as_run(content: str, folder: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "classes.yaml"
    path.write_text(content, encoding="utf-8")
    return path, Run(folder).read_classes


WAYS = [as_class_file, as_preset, as_run]
NO_MAPPING = "expected keys with values, such as"
NO_CLASS = "expected name, id and perhaps color for each class"
NO_ID = "expected an id in 0…65535, or a list of ids, found"
NO_COLOUR = "expected a color of three numbers in 0…255"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", [NO_MAPPING, "found an empty file"]),
        ("# nothing but words\n", [NO_MAPPING, "found an empty file"]),
        ("- road\n- car\n", [NO_MAPPING, "found ['road', 'car']"]),
        ("road", [NO_MAPPING, "found 'road'"]),
        ("classes: [road, car", ["line ", "expected ',' or ']'"]),
        ("classes: [{name: a, id: 0}]\n\tignore_ids: [1]", ["line ", "found character '\\t'"]),
        ("classes: [road, car, x]", [NO_CLASS, "found 'road'"]),
        ("classes: [[road, 0]]", [NO_CLASS, "found ['road', 0]"]),
        ("classes: {road: 0, car: 1}", ["expected a list of classes", "found {'road': 0, 'car': 1}"]),
        ("classes: []", ["expected at least one class"]),
        ("classes: 3", ["expected a list of classes", "found 3"]),
        ("classes:", ["expected a list of classes", "found None"]),
        ("clases: [{name: a, id: 0}]", ["expected the keys", "clases"]),
        ("classes: [{name: a, id: 0}]\nignored: [3]", ["expected the keys", "ignored"]),
        ("classes: [{name: a, id: 0, hue: [1, 2, 3]}]", [NO_CLASS, "'hue'"]),
        ("classes: [{name: a}]", [NO_CLASS, "found {'name': 'a'}"]),
        ("classes: [{name: , id: 0}]", ["expected a name for each class", "found None"]),
        ("classes: [{name: no, id: 0}]", ["expected a name for each class", "found False", "quotes"]),
        ("classes: [{name: a, id: zero}]", [NO_ID, "'zero'"]),
        ("classes: [{name: a, id: [0, one]}]", [NO_ID, "[0, 'one']"]),
        ("classes: [{name: a, id: 1.5}]", [NO_ID, "1.5"]),
        ("classes: [{name: a, id: }]", [NO_ID, "None"]),
        ("classes: [{name: a, id: yes}]", [NO_ID, "True"]),
        ("classes: [{name: a, id: 65536}]", [NO_ID, "65536"]),
        ("classes: [{name: a, id: -1}]", [NO_ID, "-1"]),
        ("classes: [{name: a, id: {0: 1}}]", [NO_ID, "{0: 1}"]),
        ("classes: [{name: a, id: 0}]\nignore_ids: none", [NO_ID, "'none'"]),
        ("classes: [{name: a, id: 0, colour: red}]", [NO_COLOUR, "found 'red'"]),
        ("classes: [{name: a, id: 0, colour: [1, 2]}]", [NO_COLOUR, "found [1, 2]"]),
        ("classes: [{name: a, id: 0, colour: [1, 2, 256]}]", [NO_COLOUR, "found [1, 2, 256]"]),
        ("classes: [{name: a, id: 0, colour: [0.1, 0, 1]}]", [NO_COLOUR, "found [0.1, 0, 1]"]),
        ("classes: [{name: a, id: 0, colour: [[1, 2, 3], [4]]}]", [NO_COLOUR, "found [4]"]),
        ("classes: [{name: a, id: 0, colour: 7}]", [NO_COLOUR, "found 7"]),
        ("classes: [{name: a, id: 0, colour: '#ff00'}]", [NO_COLOUR, "found '#ff00'"]),
        ("classes:\n- name: a\n  id: 0\n  colour: #ff0000\n", [NO_COLOUR, "quotes", "found None"]),
        ("classes: [{name: a, id: 0, colour: []}]", ["expected at least one color a class, found [] for a"]),
        ("classes: [{name: a, id: 0}]\nignore_colours: black", [NO_COLOUR, "found 'black'"]),
        ("classes: [{name: a, id: 0}, {name: b, id: 0}]", ["expected each id once"]),
    ],
)
def test_broken_tables(content: str, said: list[str], way: Callable, tmp_path: Path) -> None:
    path, read = way(content, tmp_path)
    with pytest.raises(DataError) as caught:
        read()
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert all(part in message for part in said)


@pytest.mark.parametrize("way", WAYS)
def test_files_that_are_no_text(way: Callable, tmp_path: Path) -> None:
    path, read = way("classes: []", tmp_path)
    path.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(DataError) as caught:
        read()
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(("content", "said"), [("data: [", "line "), ("[1]", NO_MAPPING), ("", NO_MAPPING)])
def test_a_broken_config_of_a_run(content: str, said: str, tmp_path: Path) -> None:
    folder = Run(tmp_path, trusted=True)
    folder.classes.write_text("classes: [{name: a, id: 0}]")
    folder.config.write_text(content)
    with pytest.raises(DataError) as caught:
        folder.read_config()
    assert str(caught.value).startswith(f"{folder.config}: ")
    assert said in str(caught.value)
