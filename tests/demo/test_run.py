"""The demo in small: what it says of its maps and predictions is what they say."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score, roc_auc_score
from torch import Tensor

from hardpix.cli.errors import UsageError
from hardpix.commands.demo import AMBIGUOUS, LEARNED, PLAIN, Rendered, demo, make_data, train
from hardpix.demo.evaluation import MapStability, evaluate
from hardpix.demo.findings import Findings
from hardpix.demo.page import require_place
from hardpix.scenes import GeneratedScenes
from hardpix.signals import HardnessLevel


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Path]:
    out = tmp_path_factory.mktemp("demo")
    return demo(out, scenes=8, held_out=2, epochs=3), out


def test_scores_are_those_of_the_predictions_shown(small: tuple[Findings, Path]) -> None:
    findings, _ = small
    assert [run.name for run in findings.runs] == [PLAIN, LEARNED]
    truth = np.stack([example.truth for example in findings.examples]).ravel()
    for run in findings.runs:
        prediction = np.stack([example.predictions[run.name] for example in findings.examples]).ravel()
        present = np.union1d(truth, prediction)
        expected = jaccard_score(truth, prediction, labels=present, average="macro")
        assert run.miou == pytest.approx(expected)


def test_ranking_is_that_of_the_map_shown(small: tuple[Findings, Path]) -> None:
    findings, _ = small
    hardness = np.stack([example.hardness for example in findings.examples]).ravel()
    ambiguous = np.stack([example.ambiguity for example in findings.examples]).ravel() >= AMBIGUOUS
    assert findings.auroc["learned hardness"] == pytest.approx(roc_auc_score(ambiguous, hardness))
    assert set(findings.auroc) == {"learned hardness", "loss", "1 − confidence", "distance to a border"}


def test_stability_has_a_value_for_each_pair_of_epochs(small: tuple[Findings, Path]) -> None:
    stability = small[0].stability
    assert set(stability) == {"learned hardness", "loss"}
    assert all(len(values) == 2 and all(-1 <= value <= 1 for value in values) for values in stability.values())


def test_held_out_scenes_are_no_training_scenes(small: tuple[Findings, Path]) -> None:
    trained = GeneratedScenes(8, seed=0)
    images = {trained[k]["image"].numpy().tobytes() for k in range(8)}
    held_out = {example.image.transpose(2, 0, 1).tobytes() for example in small[0].examples}
    assert not images & held_out


def test_learned_hardness_ranks_what_is_ambiguous_by_construction_above_the_rest() -> None:
    """In order of magnitude: chance is 0.5, and three seeds gave 0.61 to 0.73; consecutive maps correlated by 0.9."""
    held_out = Rendered(GeneratedScenes(6, seed=3), "held out")
    data = make_data(Rendered(GeneratedScenes(64, seed=2), "train"), held_out, (96, 128), seed=1)
    watch = MapStability(held_out, count=2)
    task = train(data, HardnessLevel(kind="light"), epochs=24, seed=1, watch=watch, precision="32-true")
    hardness = evaluate(task, held_out, "held out").maps["learned hardness"]
    ambiguity = np.stack([scene["ambiguity"].numpy() for scene in held_out.samples])
    assert 0.55 < roc_auc_score(ambiguity.ravel() >= AMBIGUOUS, hardness.numpy().ravel()) < 0.9
    assert np.mean(watch.correlations["learned hardness"][-3:]) > 0.7


def test_scenes_that_are_kept_hold_no_open_files() -> None:
    """A tensor that another process made keeps a file open, of which a shell allows a thousand or so."""
    scenes = Rendered(GeneratedScenes(2, seed=5), "drawing").samples
    assert not any(value.is_shared() for scene in scenes for value in scene.values() if isinstance(value, Tensor))
    drawn = GeneratedScenes(2, seed=5)[1]
    assert all(torch.equal(scenes[1][name].nan_to_num(), drawn[name].nan_to_num()) for name in ("image", "depth"))


def test_page_is_written(small: tuple[Findings, Path]) -> None:
    findings, out = small
    page = (out / "index.html").read_text(encoding="utf-8")
    assert all(example.stem in page for example in findings.examples)


def test_only_an_earlier_page_is_replaced(small: tuple[Findings, Path], tmp_path: Path) -> None:
    require_place(small[1] / "index.html")
    (tmp_path / "index.html").write_text("<title>mine</title>")
    (tmp_path / "file").write_text("mine")
    for out, said in (
        (tmp_path, "found another file at"),
        (tmp_path / "file", "found a file"),
        (tmp_path / "file" / "x", "found a file"),
    ):
        with pytest.raises(UsageError, match=said):
            demo(out)
    assert (tmp_path / "index.html").read_text() == "<title>mine</title>"
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("settings", [{"scenes": 0}, {"held_out": 0}, {"epochs": 0}, {"seed": -1}])
def test_nothing_to_train_on_or_to_score(settings: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected at least one scene"):
        demo(tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()
