"""The demo in small: what it says of its maps and predictions is what they say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score, roc_auc_score

from hardpix.cli.errors import UsageError
from hardpix.commands.demo import THIN_AND_SMALL, demo
from hardpix.commands.demo_contestant import AMBIGUOUS
from hardpix.demo import contestants
from hardpix.demo.contestants import CONTESTANTS, PLAIN, about_network, make_data, new_task, train
from hardpix.demo.drawn_scenes import DrawnScenes
from hardpix.demo.evaluation import MapStability, evaluate
from hardpix.demo.findings import Findings
from hardpix.demo.network import SmallUNet
from hardpix.demo.page import require_place
from hardpix.networks import LiteUNet
from hardpix.scenes import GeneratedScenes
from hardpix.signals import HardnessLevel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Path]:
    out = tmp_path_factory.mktemp("demo")
    return demo(out, scenes=8, held_out=2, epochs=3), out


def test_scores_are_those_of_the_predictions_shown(small: tuple[Findings, Path]) -> None:
    findings, _ = small
    assert [run.name for run in findings.runs] == [each.name for each in CONTESTANTS]
    truth = np.stack([example.truth for example in findings.examples]).ravel()
    for run in (findings.plain, findings.learned):
        prediction = np.stack([example.predictions[run.name] for example in findings.examples]).ravel()
        present = np.union1d(truth, prediction)
        expected = jaccard_score(truth, prediction, labels=present, average="macro")
        assert run.miou == pytest.approx(expected)
        thin = [findings.class_names.index(name) for name in THIN_AND_SMALL]
        expected = jaccard_score(truth, prediction, labels=np.intersect1d(thin, present), average="macro")
        assert run.mean_over(findings.thin) == pytest.approx(expected)


def test_ranking_is_that_of_the_map_shown(small: tuple[Findings, Path]) -> None:
    findings, _ = small
    hardness = np.stack([example.hardness for example in findings.examples]).ravel()
    ambiguous = np.stack([example.ambiguity for example in findings.examples]).ravel() >= AMBIGUOUS
    assert findings.auroc["learned hardness"] == pytest.approx(roc_auc_score(ambiguous, hardness), abs=1e-6)
    assert set(findings.auroc) == {"learned hardness", "loss", "1 − confidence", "distance to a border"}


def test_stability_has_a_value_for_each_pair_of_epochs(small: tuple[Findings, Path]) -> None:
    stability = small[0].stability
    assert set(stability) == {"learned hardness", "loss"}
    assert all(len(values) == 2 and all(-1 <= value <= 1 for value in values) for values in stability.values())


def test_full_reports_are_those_of_the_runs(small: tuple[Findings, Path]) -> None:
    findings, out = small
    assert list(findings.reports) == [run.name for run in findings.runs]
    for run in findings.runs:
        page = out / findings.reports[run.name]
        assert page.is_file()
        summary = json.loads((page.parent / "summary.json").read_text(encoding="utf-8"))
        assert summary["scores"]["miou"] == pytest.approx(run.miou, rel=1e-4)  # six digits
        assert summary["inputs"]["count"] == 2
        assert summary["inputs"]["with_hardness"] == (2 if run is findings.learned else 0)


def test_held_out_scenes_are_no_training_scenes(small: tuple[Findings, Path]) -> None:
    trained = GeneratedScenes(8, seed=0)
    images = {trained[k]["image"].numpy().tobytes() for k in range(8)}
    held_out = {example.image.transpose(2, 0, 1).tobytes() for example in small[0].examples}
    assert not images & held_out


def test_learned_hardness_ranks_what_is_ambiguous_by_construction_above_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In order of magnitude: chance is 0.5, and three seeds gave 0.61 to 0.73; consecutive maps correlated by 0.9."""
    monkeypatch.setattr(
        contestants, "missing_packages", lambda: ["timm"]
    )  # the small network takes a third of the time
    held_out = DrawnScenes.draw(GeneratedScenes(6, seed=3), "held out")
    data = make_data(DrawnScenes.draw(GeneratedScenes(64, seed=2), "train"), held_out, 1, (96, 128))
    watch = MapStability(held_out, count=2)
    task = train(data, HardnessLevel(kind="light"), 192, seed=1, precision="32-true", callbacks=[watch])
    hardness = evaluate(task, held_out).maps["learned hardness"]
    ambiguity = held_out.maps["ambiguity"].numpy()
    assert 0.55 < roc_auc_score(ambiguity.ravel() >= AMBIGUOUS, hardness.numpy().ravel()) < 0.9
    assert np.mean(watch.correlations["learned hardness"][-3:]) > 0.7


def test_scenes_of_a_file_are_those_that_were_drawn(tmp_path: Path) -> None:
    """A tensor that another process made keeps a file open, of which a shell allows a thousand or so."""
    scenes = DrawnScenes.draw(GeneratedScenes(3, seed=5), "drawing")
    assert not any(values.is_shared() for values in scenes.maps.values())
    scenes.save(tmp_path / "scenes.pt")
    for found in (scenes, DrawnScenes.open(tmp_path / "scenes.pt")):
        for k, drawn in enumerate(GeneratedScenes(3, seed=5)[k] for k in range(3)):
            assert torch.equal(found[k]["image"], drawn["image"])
            assert torch.equal(found[k]["target"], drawn["target"])
            assert found[k]["stem"] == drawn["stem"]
            assert torch.equal(found.maps["ambiguity"][k], drawn["ambiguity"])


def test_all_contestants_start_from_the_same_weights() -> None:
    weights = []
    for each in CONTESTANTS:
        torch.manual_seed(3)
        weights.append(new_task(4, each.signal(), list("abcd")).network.state_dict())
    for others in weights[1:]:
        assert all(torch.equal(others[name], value) for name, value in weights[0].items())


def test_without_pretrained_weights_a_small_network_learns_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    task = new_task(3, PLAIN.signal(), list("abc"))
    assert isinstance(task.network.model, LiteUNet)
    assert "ImageNet" in about_network()
    monkeypatch.setattr(contestants, "missing_packages", lambda: ["timm"])
    for each in CONTESTANTS:
        assert isinstance(new_task(3, each.signal(), list("abc")).network.model, SmallUNet)
    assert "random weights" in about_network()
    assert "pip install timm" in about_network()


def test_page_is_written(small: tuple[Findings, Path]) -> None:
    findings, out = small
    page = (out / "index.html").read_text(encoding="utf-8")
    assert all(example.stem in page for example in findings.examples)


def test_only_an_earlier_page_is_replaced(small: tuple[Findings, Path], tmp_path: Path) -> None:
    require_place(small[1] / "index.html")
    (tmp_path / "index.html").write_text("<title>mine</title>")
    (tmp_path / "file").write_text("mine")
    other = tmp_path / "other" / "plain"
    other.mkdir(parents=True)
    (other / "thesis.txt").write_text("mine")
    for out, said in (
        (tmp_path, "found another file at"),
        (tmp_path / "file", "found a file"),
        (tmp_path / "file" / "x", "found a file"),
        (tmp_path / "other", "plain"),
    ):
        with pytest.raises(UsageError, match=said):
            demo(out)
    assert (tmp_path / "index.html").read_text() == "<title>mine</title>"
    assert (tmp_path / "file").read_text() == "mine"
    assert (other / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("settings", [{"scenes": 0}, {"held_out": 0}, {"epochs": 0}, {"steps": 0}, {"seed": -1}])
def test_nothing_to_train_on_or_to_score(settings: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected at least one scene"):
        demo(tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_steps_and_epochs_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--steps or --epochs, found both, 3 and 2"):
        demo(tmp_path / "out", steps=3, epochs=2)
    assert not (tmp_path / "out").exists()
