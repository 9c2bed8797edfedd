"""Plans of studies, and what of them is refused before anything runs."""

from pathlib import Path

import pytest

from hardpix.study.configuration import config_hash, differences, merged
from hardpix.study.plan import Variant, read_base, read_variants, require_comparable, seeds_of
from hardpix.study.recipe import PARTS, part_of

SETTINGS = ["data.batch_size", "data.crop_size", "model.objective", "model.power", "trainer.max_epochs", "seed"]


def written(folder: Path, text: str) -> Path:
    file = folder / "variants.yaml"
    file.write_text(text)
    return file


def test_overrides_lie_over_the_base_and_leave_it_alone() -> None:
    base = {
        "data": {"batch_size": 8, "root": "a"},
        "model": {"objective": {"class_path": "h.A", "init_args": {"x": 1}}},
    }
    before = config_hash(base)
    found = merged(base, {"data": {"batch_size": 4}, "model": {"objective": {"init_args": {"y": [2]}}}, "seed": 3})
    assert found == {
        "data": {"batch_size": 4, "root": "a"},
        "model": {"objective": {"class_path": "h.A", "init_args": {"x": 1, "y": [2]}}},
        "seed": 3,
    }
    assert config_hash(base) == before


@pytest.mark.parametrize(
    ("after", "kept"),
    [
        ({"class_path": "h.B"}, {"class_path": "h.B"}),
        ({"class_path": "h.A"}, {"class_path": "h.A", "init_args": {"x": 1}}),
        ({"class_path": "A"}, {"class_path": "A", "init_args": {"x": 1}}),
        ("h.B", "h.B"),
        (None, None),
    ],
)
def test_another_class_does_not_get_the_former_arguments(after: object, kept: object) -> None:
    base = {"model": {"objective": {"class_path": "h.A", "init_args": {"x": 1}}}}
    assert merged(base, {"model": {"objective": after}})["model"]["objective"] == kept


def test_hash_sees_every_change_and_no_order() -> None:
    configs = [{"a": {"b": 1, "c": None}}, {"a": {"b": 2, "c": None}}, {"a": {"b": 1}}, {"a": {"b": "1", "c": None}}]
    assert len({config_hash(config) for config in configs}) == 4
    assert config_hash({"a": {"c": None, "b": 1}}) == config_hash(configs[0])


def test_every_setting_of_fit_has_a_part() -> None:
    from hardpix.commands.fit_settings import build_parser

    names = [action.dest for action in build_parser()._actions if "." in action.dest]
    parts = {name: part_of(name) for name in names}
    assert set(parts.values()) == {*PARTS, ""}
    free = {name for name, part in parts.items() if not part and not name.endswith(".help")}
    assert free == {
        *(f"data.{name}" for name in ("depth", "depth_format", "depth_suffix", "weights", "workers", "val_batch_size")),
        *(
            f"model.{name}"
            for name in ("recipe", "objective", "branch_learning_rate", "decoder", "embedding", "stages")
        ),
    }
    assert parts["trainer.max_epochs"] == parts["trainer.limit_train_batches"] == "epochs"
    assert parts["data.images"] == parts["data.crop_size"] == "data"
    assert parts["model.optimizer"] == parts["model.warmup"] == "optimizer"


def test_names_twice_are_refused_where_yaml_would_keep_the_last(tmp_path: Path) -> None:
    file = written(tmp_path, "a: {model: {power: 1.0, power: 0.5}}\nb:\nA: {model: {power: 2}}\n")
    with pytest.raises(ValueError, match="name twice") as caught:
        read_variants(file, SETTINGS)
    assert "found a.model.power" in str(caught.value)
    assert "found A" in str(caught.value)
    assert "line 3" in str(caught.value)


def test_unknown_keys_of_all_variants_come_at_once_with_what_was_meant(tmp_path: Path) -> None:
    file = written(tmp_path, "a: {model: {objektive: x}}\nb: {dat: {}, run: here}\n")
    with pytest.raises(ValueError, match="unknown key") as caught:
        read_variants(file, SETTINGS)
    for said in ("a: model.objektive", "write model.objective instead", "b: dat", "b: run", "every run has its own"):
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n", "at least two variants to compare, found 1"),
        ("a:\n../b:\n", r"name a folder.*found '../b'"),
        ("a:\n3:\n", "found 3"),
        ("a:\nb: 3\n", "b: expected settings as in a configuration, found 3"),
        ("- a\n- b\n", "expected keys with values"),
        ("", "an empty file"),
        ("a: [\n", "expected YAML"),
    ],
)
def test_files_of_variants_that_are_none(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        read_variants(written(tmp_path, text), SETTINGS)


def test_base_has_no_run_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found run; remove"):
        read_base(written(tmp_path, "run: here\nseed: 4\n"))
    assert read_base(written(tmp_path, "seed: 4\ndata: {batch_size: 2}\n")) == {"data": {"batch_size": 2}}


@pytest.mark.parametrize("asked", [0, -1, [], [-1, 2], [3, 3]])
def test_seeds_that_are_none(asked: object) -> None:
    with pytest.raises(ValueError, match="expected a number of seeds"):
        seeds_of(asked)  # type: ignore[arg-type]


def variant(order: int, **resolved: object) -> Variant:
    return Variant(f"v{order}", order, {}, {"data": {"batch_size": 8}, "model": {"power": 0.9}} | resolved)


def test_recipe_is_one_unless_it_is_said() -> None:
    first = variant(0)
    others = [
        variant(1, model={"power": 1.0}),
        variant(2, data={"batch_size": 4}),
        variant(3, trainer={"max_epochs": 1}),
    ]
    with pytest.raises(ValueError, match="v1: expected the recipe of v0") as caught:
        require_comparable([first, *others], [])
    said = str(caught.value)
    for part, change in (
        ("optimizer", "model.power: 0.9 → 1.0"),
        ("batch", "data.batch_size: 8 → 4"),
        ("epochs", "trainer.max_epochs: null → 1"),
    ):
        assert f"found another {part} ({change})" in said
        assert f"--allow {part}" in said
    with pytest.raises(ValueError, match="v3") as caught:
        require_comparable([first, *others], ["optimizer", "batch"])
    assert "v1" not in str(caught.value)
    require_comparable([first, *others], ["optimizer", "batch", "epochs"])


def test_one_configuration_twice_is_refused() -> None:
    same = Variant("again", 1, {"other": "words"}, variant(0).resolved)
    with pytest.raises(ValueError, match="again: expected a configuration of its own, found that of v0"):
        require_comparable([variant(0), same], PARTS)


def test_differences_name_what_one_lacks() -> None:
    found = differences({"a": 1, "b": {"c": 2}}, {"b": {"c": 3}, "d": [1]})
    assert [str(each) for each in found] == ["a: 1 → null", "b.c: 2 → 3", "d: null → [1]"]
