"""hardpix compare on tiny data: the variants of the docs, interruptions, failures, what is refused, and Ray."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy import stats

from hardpix.study.configuration import merged
from hardpix.study.folder import StudyFolder
from hardpix.study.lines import Line
from hardpix.study.locks import held
from runs import OWN_CODE, Outcome, run_hardpix, write_pair

DOCS = Path(__file__).parents[2] / "docs" / "compare.md"
BASE, VARIANTS = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
TINY: dict[str, Any] = {
    "data": {"classes": ["a", "b", "c"], "crop_size": [32, 64], "batch_size": 4, "workers": 0},
    "model": {"network": {"class_path": "my_networks.Tiny"}, "decoder": "decoder"}
    | {"optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.03}}},
    "trainer": {
        "max_epochs": 3,
        "accelerator": "cpu",
        "num_sanity_val_steps": 0,
        "callbacks": [{"class_path": "my_networks.Slow"}],
    },
}


@pytest.fixture(scope="module", autouse=True)
def _environment() -> Iterator[None]:
    """Processes of the tests find the user's own modules, and have one thread each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(OWN_CODE), *filter(None, [os.environ.get("PYTHONPATH")])]))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten images of 32×64, the base configuration of the docs made tiny, and the variants as they stand there."""
    place = tmp_path_factory.mktemp("compare")
    rng = np.random.default_rng(0)
    for k in range(10):
        write_pair(place / "images", place / "masks", f"s_{k:02d}", rng, ids=(0, 1, 2), size=(32, 64))
    base = merged(yaml.safe_load(BASE), TINY)
    base["data"] |= {"images": str(place / "images"), "masks": str(place / "masks")}
    (place / "base.yaml").write_text(yaml.safe_dump(base))
    (place / "variants.yaml").write_text(VARIANTS)
    return place


def compare(place: Path, out: Path, *arguments: object, variants: str = "variants.yaml") -> Outcome:
    given = ["--config", place / "base.yaml", "--variants", place / variants, "--out", out]
    return run_hardpix("compare", *given, *arguments)


@pytest.fixture(scope="module")
def study(place: Path) -> tuple[StudyFolder, Outcome]:
    """Every variant of the docs, two seeds, two at a time."""
    outcome = compare(place, place / "study", "--seeds", 2, "--jobs", 2, "--lines", "c")
    assert outcome.code == 0, outcome.out + outcome.err
    return StudyFolder(place / "study"), outcome


def comparable(lines: list[Line]) -> list[Line]:
    """Lines without what another run of the same cannot share."""
    return [{name: value for name, value in line.items() if name not in ("date", "costs")} for line in lines]


@pytest.mark.slow
def test_lines_are_what_the_runs_scored(study: tuple[StudyFolder, Outcome]) -> None:
    folder, _ = study
    lines = folder.lines.read()
    names = list(yaml.safe_load(VARIANTS))
    assert [(line["variant"], line["seed"]) for line in lines] == [(name, seed) for name in names for seed in (0, 1)]
    assert len({line["config_hash"] for line in lines}) == len(names)
    for line in lines:
        run = folder.run(line["variant"], line["seed"])
        scores = json.loads((run / "scores.json").read_text())
        assert line["scores"]["miou"] == scores["miou"]
        assert line["scores"]["border_miou"] == scores["border_miou"]
        assert line["class_scores"]["iou"] == pytest.approx(list(scores["class_iou"].values()), abs=1e-5)
        assert scores["checkpoint"].endswith("last.ckpt")
        assert [entry["epoch"] for entry in line["curve"]] == [1, 2, 3]
        assert line["curve"][-1]["miou"] == pytest.approx(scores["miou"], abs=1e-6)
        assert line["steps"] == 3 * 2
        assert line["costs"]["step_seconds"] > 0
        assert 10**8 < line["costs"]["peak_memory"] < 10**11
        assert line["costs"]["training_seconds"] > 0
        assert "cl_dice" in line["scores"]
        assert yaml.safe_load((run / "config.yaml").read_text())["seed"] == line["seed"]
    assert lines[0]["config"]["model"]["objective"]["init_args"]["signal"] is None
    assert lines[2]["config"]["model"]["objective"]["init_args"]["signal"]["class_path"].endswith("HardnessLevel")


@pytest.mark.slow
def test_screen_and_table_have_the_paired_interval(study: tuple[StudyFolder, Outcome]) -> None:
    folder, outcome = study
    miou = [100 * line["scores"]["miou"] for line in folder.lines.read()]
    expected = stats.ttest_rel(miou[2:4], miou[:2]).confidence_interval(0.95)
    interval = f"{np.mean(miou[2:4]) - np.mean(miou[:2]):+.2f} ({expected.low:+.2f} to {expected.high:+.2f})"
    assert (
        f"learned hardness: mIoU {np.mean(miou[2:4]):.2f} ± {np.std(miou[2:4], ddof=1):.2f}, difference {interval}"
        in (outcome.out)
    )
    assert interval in folder.table.read_text()
    assert outcome.err.count(": done (mIoU ") == 4
    # Pictures of every image are kept of one seed alone.
    page = folder.page.read_text()
    assert page.count('<article class="card"') == 2
    assert not (folder.run("learned hardness", 1) / "report" / "pictures").exists()


@pytest.mark.slow
def test_nothing_left_to_do_remakes_the_same_table_and_page(place: Path, study: tuple[StudyFolder, Outcome]) -> None:
    folder, _ = study
    kept = [path.read_bytes() for path in (folder.lines.path, folder.table, folder.page)]
    times = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*.ckpt")}
    folder.table.unlink()
    folder.page.unlink()
    assert compare(place, folder.path, "--seeds", 2, "--lines", "c").code == 0
    assert [path.read_bytes() for path in (folder.lines.path, folder.table, folder.page)] == kept
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*.ckpt")} == times


@pytest.mark.slow
def test_table_is_made_from_the_lines_alone(study: tuple[StudyFolder, Outcome], tmp_path: Path) -> None:
    folder, _ = study
    shutil.copy(folder.lines.path, tmp_path / "runs.jsonl")
    assert run_hardpix("compare", "--out", tmp_path, "--table-only").code == 0
    assert (tmp_path / "table.md").read_bytes() == folder.table.read_bytes()
    assert "hold no pictures any more" in (tmp_path / "index.html").read_text()
    nothing = run_hardpix("compare", "--out", tmp_path / "empty", "--table-only")
    assert nothing.code == 2
    assert "found none; run hardpix compare" in nothing.err


@pytest.mark.slow
def test_changed_configuration_is_refused(place: Path, study: tuple[StudyFolder, Outcome]) -> None:
    folder, _ = study
    base = yaml.safe_load((place / "base.yaml").read_text())
    base["trainer"]["max_epochs"] = 4
    (place / "changed.yaml").write_text(yaml.safe_dump(base))
    before = folder.lines.path.read_bytes()
    given = ["--variants", place / "variants.yaml", "--out", folder.path, "--seeds", 2, "--lines", "c"]
    outcome = run_hardpix("compare", "--config", place / "changed.yaml", *given)
    assert outcome.code == 2
    assert "cross-entropy, seed 0: trainer.max_epochs: 3 → 4" in outcome.err
    assert folder.lines.path.read_bytes() == before


REFUSED = [
    ("a: {model: {objektive: x}}\nb:\n", [], "write model.objective instead of model.objektive"),
    ("a:\nb: {model: {power: high}}\n", [], "b: model.power: expected float, found high"),
    ("a:\nb: {model: {network: {init_args: {outputs: 9}}}}\n", ["--allow", "network"], "b: expected a network of 3"),
    (
        "a:\nb: {model: {network: {init_args: {norm: batch}}}}\n",
        [],
        "b: expected the recipe of a, found another network",
    ),
    (
        "a:\nb: {model: {objective: {init_args: {signal: {class_path: hardpix.signals.DepthPrivileged}}}}}\n",
        [],
        "depth",
    ),
    ("a:\nb: {trainer: {accelerator: tpu}}\n", ["--allow", "trainer"], "b: Requirement 'torch_xla"),
    ("a:\nb: {data: {batch_size: 2}}\n", ["--allow", "bach"], "expected --allow among data, epochs, batch"),
    ("a:\nb:\n", [], "b: expected a configuration of its own, found that of a"),
    ("a:\na: {model: {power: 1.0}}\n", [], "name twice"),
    (
        "a:\nb: {model: {branch_learning_rate: 0.1}}\n",
        ["--lines", "a,pole"],
        "expected lines among the classes a, b, c",
    ),
    ("a:\nb: {model: {branch_learning_rate: 0.1}}\n", ["--seeds", 1], "--allow one-seed"),
    ("a:\nb: {model: {branch_learning_rate: 0.1}}\n", ["--seeds", "[2,2]"], "expected a number of seeds"),
    ("a:\nb: {model: {branch_learning_rate: 0.1}}\n", ["--jobs", 0], "at least one run at a time"),
]


@pytest.mark.parametrize(("text", "arguments", "said"), REFUSED, ids=[said[:40] for *_, said in REFUSED])
def test_refused_before_anything_is_written(
    text: str, arguments: list[object], said: str, place: Path, tmp_path: Path
) -> None:
    (tmp_path / "variants.yaml").write_text(text)
    outcome = compare(place, tmp_path / "study", *arguments, variants=str(tmp_path / "variants.yaml"))
    assert outcome.code == 2, outcome.out
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "study").exists()


def test_folder_of_something_else_is_left_alone(place: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    outcome = compare(place, tmp_path)
    assert outcome.code == 2
    assert "expected a new or empty folder for the study" in outcome.err
    assert compare(place, place / "images" / "study").code == 2
    assert not (place / "images" / "study").exists()


def wait_until(what: Any, seconds: float = 120) -> None:
    end = time.time() + seconds
    while not what():
        assert time.time() < end, "it took too long"
        time.sleep(0.05)


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_to_the_same_lines(
    place: Path, study: tuple[StudyFolder, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed are first the command alone, whose training goes on and keeps its lock, then the training."""
    folder = StudyFolder(place / "killed")
    given = ["--seeds", "[0]", "--allow", "one-seed", "--lines", "c"]
    whole = ["--config", place / "base.yaml", "--variants", place / "variants.yaml", "--out", folder.path, *given]
    command = subprocess.Popen(
        [sys.executable, "-m", "hardpix", "compare", *map(str, whole)],
        env={**os.environ, "SLOW_SECONDS": "0.7"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    run, lock = folder.run("cross-entropy", 0), folder.beside("cross-entropy", 0, "lock")
    try:
        wait_until((run / "checkpoints" / "last.ckpt").exists)
        command.kill()
        command.wait()
        with held(lock, wait=False) as mine:
            assert mine is None
        assert not json.loads((run / "record.json").read_text())["finished"]
    finally:
        os.killpg(command.pid, signal.SIGKILL)

    def free() -> bool:
        with held(lock, wait=False) as mine:
            return mine is not None

    wait_until(free)
    assert folder.lines.read() == []
    outcome = compare(place, folder.path, *given)
    assert outcome.code == 0, outcome.out + outcome.err
    assert "with one seed no spread is known" in outcome.out
    assert "--resume" in folder.beside("cross-entropy", 0, "log").read_text()
    expected = [line for line in study[0].lines.read() if line["seed"] == 0]
    assert comparable(folder.lines.read()) == comparable(expected)


@pytest.mark.slow
def test_failed_variant_is_reported_and_stops_no_other(place: Path) -> None:
    stop = "{trainer: {callbacks: [{class_path: my_networks.StopAt, init_args: {epoch: 0}}]}}"
    (place / "broken.yaml").write_text(f"broken: {stop}\nsound:\n")
    folder = StudyFolder(place / "failed")
    outcome = compare(place, folder.path, "--seeds", "[0]", "--allow", "one-seed,trainer", variants="broken.yaml")
    assert outcome.code == 1
    assert "no result: broken, seed 0: hardpix fit ended with 1: my_networks.Interruption" in outcome.out
    assert "1 of 2 runs came to no result; the same command tries them again" in outcome.out
    assert "broken, seed 0: failed (" in outcome.err
    failed, done = folder.lines.read()
    assert "Interruption" in failed["error"]
    assert done["scores"]["miou"] > 0
    assert "Failed, and not in the table: broken, seed 0." in folder.table.read_text()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed (pip install '.[ray]')")
def test_ray_gives_the_same_lines(place: Path, study: tuple[StudyFolder, Outcome]) -> None:
    folder = StudyFolder(place / "by_ray")
    given = ["--seeds", "[0]", "--allow", "one-seed", "--lines", "c", "--engine", "ray", "--jobs", 2]
    outcome = compare(place, folder.path, *given)
    assert outcome.code == 0, outcome.out + outcome.err
    expected = [line for line in study[0].lines.read() if line["seed"] == 0]
    assert comparable(folder.lines.read()) == comparable(expected)


@pytest.mark.skipif(find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_the_message_says_how_to_get_it(place: Path, tmp_path: Path) -> None:
    outcome = compare(place, tmp_path / "study", "--engine", "ray")
    assert outcome.code == 2
    assert "--engine ray needs ray: pip install '.[ray]'" in outcome.err
