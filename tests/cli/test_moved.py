"""Configurations of earlier releases name classes where they were."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hardpix.cli.config_file import unknown_keys
from hardpix.cli.moved import MOVED, MOVED_SETTINGS, with_new_places
from hardpix.commands.fit_settings import build_parser
from hardpix.study.plan import read_base, read_variants

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


OLD = {"scale": [0.75, 1.25], "max_class_share": 0.5, "flip": 0.25, "photometric": False}
LATER = {"rare_crops": 0.0, "rare_temperature": 0.01}  # settings that had no other place
SAID = (
    "data.scale, data.max_class_share, data.flip, data.photometric have moved: write data.augment.scale, "
    "data.augment.max_class_share, data.augment.flip, data.augment.photometric. "
    "The old names work until the next release."
)


def as_lists(settings: Any) -> dict[str, Any]:
    found = settings.data.augment.as_dict()
    return found | {"scale": list(found["scale"])}


def test_every_new_setting_is_one_and_every_old_one_is_none() -> None:
    names = {action.dest for action in build_parser()._actions}
    assert names >= set(MOVED_SETTINGS.values())
    assert not names & set(MOVED_SETTINGS)


def write(file: Path, content: dict[str, Any]) -> str:
    file.write_text(yaml.safe_dump(content))
    return str(file)


@pytest.mark.parametrize("kind", ["nested", "dotted", "inline", "group", "group after equals", "inline group"])
def test_moved_settings_arrive_and_one_message_names_the_new_places(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.yaml"
    words = {
        "nested": lambda: ["--config", write(file, {"data": {"images": "x", **OLD}})],
        "dotted": lambda: ["--config", write(file, {f"data.{name}": value for name, value in OLD.items()})],
        "inline": lambda: ["--config", str({"data": OLD})],
        "group": lambda: ["--data", write(file, OLD)],
        "group after equals": lambda: [f"--data={write(file, OLD)}"],
        "inline group": lambda: ["--data", str(OLD)],
    }[kind]()
    before = file.read_bytes() if file.exists() else b""
    assert as_lists(build_parser().parse_args(with_new_places(words))) == OLD | LATER
    assert capsys.readouterr().err.splitlines() == [SAID]
    assert (file.read_bytes() if file.exists() else b"") == before


def test_moved_options_of_a_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data.flip", "0.25", "--data.scale=[1,1]", "--data.images", "flip", "--data.val_images=data.flip"]
    new = ["--data.augment.flip", "0.25", "--data.augment.scale=[1,1]", *words[3:]]
    assert with_new_places(words) == new
    said = "--data.flip, --data.scale have moved: write --data.augment.flip, --data.augment.scale. The old names work"
    assert capsys.readouterr().err.startswith(said)


def test_later_words_win_whatever_their_names(tmp_path: Path) -> None:
    old = write(tmp_path / "old.yaml", {"data": OLD})
    words = ["--config", old, "--data.augment.flip", "0", "--data.scale", "[1,1]"]
    found = as_lists(build_parser().parse_args(with_new_places(words)))
    assert found == OLD | LATER | {"flip": 0, "scale": [1, 1]}


def test_both_names_in_one_file_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "both.yaml", {"data": {"flip": 0.5, "augment": {"flip": 0.25}}})
    with pytest.raises(ValueError, match=r"data\.flip and data\.augment\.flip are one setting: remove data\.flip"):
        build_parser().parse_args(["--config", file])


def test_arguments_of_classes_have_no_settings_of_the_data() -> None:
    own = {"data": {"train_set": {"class_path": "m.Own", "init_args": {"flip": 1, "data": {"flip": 1}}}}}
    assert with_new_places(own, {}) == own


def test_unknown_keys_of_a_group_come_with_the_others() -> None:
    names = ["data.augment", "data.augment.flip", "data.batch_size", "data.train_set", "data.train_set.help", "data"]
    content = {"data": {"augment": {"flp": 1, "flip": 0}, "batchsize": 1, "train_set": {"any": 1}}}
    assert [keys for keys, _ in unknown_keys(content, names)] == [("data", "augment", "flp"), ("data", "batchsize")]
    assert list(unknown_keys({"data": {"augment": "augment.yaml"}}, names)) == []


def test_variants_of_a_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [action.dest for action in build_parser()._actions]
    file = tmp_path / "variants.yaml"
    write(file, {"a": {"data": {"flip": 0.0}}, "b": {"data": {"flip": 0.5}}, "c": {}})
    found = read_variants(file, names)
    assert found == {"a": {"data": {"augment": {"flip": 0.0}}}, "b": {"data": {"augment": {"flip": 0.5}}}, "c": {}}
    base = Path(write(tmp_path / "base.yaml", {"data": {"flip": 1.0}}))
    assert read_base(base) == {"data": {"augment": {"flip": 1.0}}}
    said = "data.flip has moved: write data.augment.flip. The old name works until the next release."
    assert capsys.readouterr().err.splitlines() == [said] * 2
