"""Further labeled images with trust maps beside the first ones: read, checked, counted, weighted, resumed."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from hardpix.training.data_module import SegmentationData
from hardpix.training.more_images import LabeledImages
from hardpix.training.run import Run
from runs import SIZE, TINY, Data, read, run_hardpix, write_pair

IDS = (0, 7, 200)


@pytest.fixture
def pair(tmp_path: Path) -> LabeledImages:
    """Four images called like those of the data, of other contents, without the class 200 and partly unlabeled."""
    rng = np.random.default_rng(5)
    place = tmp_path / "more"
    (place / "trust").mkdir(parents=True)
    for k in range(4):
        write_pair(place / "images", place / "masks", f"frame_{k:03d}", rng, ids=(0, 7, 255))
        trust = rng.integers(0, 65536, SIZE).astype(np.uint16)
        Image.fromarray(trust).save(place / "trust" / f"frame_{k:03d}.png")
    return LabeledImages(str(place / "images"), str(place / "masks"), str(place / "trust"))


@pytest.fixture
def classes(tmp_path: Path) -> str:
    entries = [{"name": f"class {k}", "id": k} for k in IDS]
    (tmp_path / "classes.yaml").write_text(yaml.safe_dump({"classes": entries, "ignore_ids": [255]}))
    return str(tmp_path / "classes.yaml")


def arguments(data: Data, classes: str, *pairs: LabeledImages) -> list[str]:
    more = yaml.safe_dump([vars(pair) for pair in pairs], default_flow_style=True, width=10**6).strip()
    return [*data.arguments, "--data.classes", classes, "--data.more", more]


def test_samples_are_those_of_both_with_their_trust(data: Data, pair: LabeledImages, classes: str) -> None:
    opened = SegmentationData(str(data.images), str(data.masks), classes=classes, more=[pair], workers=0)
    own = SegmentationData(str(data.images), str(data.masks), classes=classes, workers=0)
    count = len(own.train_set)
    assert len(opened.train_set) == count + 4
    assert opened.split["val"] == own.split["val"]
    pixels = np.zeros(3, int)
    for k in range(len(opened.train_set)):
        sample = opened.train_set[k]
        pixels += np.bincount(sample["target"][sample["target"] < 3].ravel(), minlength=3)
        if k < count:
            assert sample["image"].equal(own.train_set[k]["image"])
            assert bool((sample["target_weight"] == 1).all())
            continue
        stem = sample["stem"]
        ids = read(Path(pair.masks) / f"{stem}.png")
        np.testing.assert_array_equal(sample["target"], np.select([ids == each for each in IDS], range(3), 255))
        np.testing.assert_array_equal(sample["image"].permute(1, 2, 0), read(Path(pair.images) / f"{stem}.png"))
        trust = read(Path(pair.trust) / f"{stem}.png") / 65535
        np.testing.assert_allclose(sample["target_weight"], trust, atol=1e-6)
    assert opened.class_counts == pixels.tolist()


def test_trust_weighs_the_loss(data: Data, pair: LabeledImages, classes: str) -> None:
    """On a training crop: Σ trust · ℓ / Σ trust, by hand."""
    from hardpix.objectives import WeightedCrossEntropy
    from hardpix.pixels import PixelBatch

    opened = SegmentationData(str(data.images), str(data.masks), classes=classes, more=[pair], workers=0)
    transform = opened.training_transform()
    sample = transform(opened.train_set[len(opened.train_set) - 1])
    target, trust = (sample[key].as_subclass(torch.Tensor)[None] for key in ("target", "target_weight"))
    logits = torch.randn(1, 3, *target.shape[1:])
    found = WeightedCrossEntropy()(PixelBatch(logits, target, sample={"target_weight": trust}))["loss"]
    each = torch.nn.functional.cross_entropy(logits, target, ignore_index=255, reduction="none")
    weight = trust * (target != 255)
    torch.testing.assert_close(found, (weight * each).sum() / weight.sum())
    assert len(weight.unique()) > 10


def test_a_run_on_both_is_trained_checked_and_resumed(
    data: Data, pair: LabeledImages, classes: str, tmp_path: Path
) -> None:
    settings = arguments(data, classes, pair)
    outcome = run_hardpix("fit", *settings, *TINY, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert f"Training, too: 4 images of {pair.images}" in outcome.out
    split = yaml.safe_load((tmp_path / "run" / "split.yaml").read_text())
    assert split["train_2"]["stems"] == [f"frame_{k:03d}" for k in range(4)]
    recorded = Run(tmp_path / "run").read_files() or {}
    kinds = ("images", "masks", "trust")
    assert {key for key in recorded if key.startswith("train_2/")} == {
        f"train_2/{kind}/frame_{k:03d}" for kind in kinds for k in range(4)
    }
    again = run_hardpix("fit", "--run", tmp_path / "run", "--resume", "--trainer.max_epochs", 3)
    assert again.code == 0, again.err
    checked = run_hardpix("check", *(word.replace("--data.", "--") for word in settings))
    assert checked.code == 0, checked.out + checked.err
    # Trained on, though under a name of the first folder.
    test = run_hardpix("test", "--run", tmp_path / "run", "--images", pair.images, "--masks", pair.masks)
    assert "4 of 4 images (100 %) are images that" in test.out, test.err


def test_ids_that_the_others_have_not_are_refused(
    data: Data, pair: LabeledImages, classes: str, tmp_path: Path
) -> None:
    mask = Path(pair.masks) / "frame_002.png"
    Image.fromarray(np.full(SIZE, 9, np.uint8)).save(mask)
    for command in (["fit", *TINY, "--run", tmp_path / "run"], ["check"]):
        settings = arguments(data, classes, pair)
        if command[0] == "check":
            settings = [word.replace("--data.", "--") for word in settings]
        outcome = run_hardpix(*command, *settings)
        assert outcome.code
        assert str(mask) in outcome.out + outcome.err
    assert not (tmp_path / "run").exists()


def copy_first(data: Data, pair: LabeledImages, classes: str, part: str) -> None:
    """The first image of a part of the split stands among the further ones, too, as copy.png."""
    stem = SegmentationData(str(data.images), str(data.masks), classes=classes, workers=0).split[part]["stems"][0]
    for kind, folder in (("images", pair.images), ("masks", pair.masks)):
        shutil.copy(getattr(data, kind) / f"{stem}.png", Path(folder) / "copy.png")
    shutil.copy(Path(pair.trust) / "frame_000.png", Path(pair.trust) / "copy.png")


def test_an_image_to_validate_on_is_refused_under_any_name(
    data: Data, pair: LabeledImages, classes: str, tmp_path: Path
) -> None:
    copy_first(data, pair, classes, "val")
    outcome = run_hardpix("fit", *arguments(data, classes, pair), *TINY, "--run", tmp_path / "run")
    assert outcome.code == 2
    assert "image to train on and to validate on (1)" in outcome.err
    assert "copy.png" in outcome.err


def test_images_that_are_trained_on_twice_are_said(
    data: Data, pair: LabeledImages, classes: str, tmp_path: Path
) -> None:
    copy_first(data, pair, classes, "train")
    outcome = run_hardpix("fit", *arguments(data, classes, pair), *TINY, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "1 of 5 images (20 %)" in outcome.out
    assert "are training images already (copy)" in outcome.out


def test_weight_maps_of_some_images_alone_are_refused(data: Data, pair: LabeledImages, classes: str) -> None:
    with pytest.raises(ValueError, match=r"more goes without --data\.weights"):
        SegmentationData(str(data.images), str(data.masks), classes=classes, more=[pair], weights=pair.trust)


def test_labels_carry_what_their_run_has_seen(data: Data, tmp_path: Path) -> None:
    """The command that label prints; said only where the validation images are others than those it held out."""
    run = ["--run", tmp_path / "run"]
    assert run_hardpix("fit", *data.arguments, *TINY, *run).code == 0
    rng = np.random.default_rng(8)
    for k in range(3):
        write_pair(tmp_path / "new", tmp_path / "unused", f"new_{k}", rng, ids=IDS)
    made = run_hardpix(
        "label", *run, "--images", tmp_path / "new", "--out", tmp_path / "out", "--labeler.threshold", 0.3
    )
    assert made.code == 0, made.err

    command = shlex.split(made.out.split("together:\n  hardpix ")[1].splitlines()[0])
    trained = yaml.safe_load((tmp_path / "run" / "split.yaml").read_text())["train"]["stems"]
    for name, further in (("same", []), ("other", ["--data.val_stems", trained[0]])):
        outcome = run_hardpix(*command, *TINY, "--run", tmp_path / name, *further)
        assert outcome.code == 0, outcome.err
        assert ("its labels carry what it has seen" in outcome.out) == (name == "other")


def test_check_knows_what_fit_knows(data: Data, pair: LabeledImages, tmp_path: Path) -> None:
    """Depth in another unit, weight maps that are missing, an unlabeled part, validated images in a stream."""
    (tmp_path / "depth").mkdir()
    for path in data.images.iterdir():
        Image.fromarray(np.full(SIZE, 5000, np.uint16)).save(tmp_path / "depth" / path.name)
    streams = f"{{unlabeled: {{images: {data.images}}}}}"
    cases = {
        "depth": (["--data.depth", tmp_path / "depth"], 1),
        "scaled": (["--data.depth", tmp_path / "depth", "--data.depth_format.scale", 0.001], 0),
        "weights": (["--data.weights", pair.trust], 1),
        "labeled": (["--data.labeled_every", 3], 0),
        "none labeled": (["--data.labeled_stems", "nothing*"], 1),
        "stream": (["--data.streams", streams], 1),
    }
    for name, (settings, refused) in cases.items():
        fitted = run_hardpix(
            "fit", *data.arguments, *settings, *TINY, "--trainer.max_epochs", 1, "--run", tmp_path / name
        )
        given = [str(word).replace("--data.", "--") for word in [*data.arguments, *settings]]
        checked = run_hardpix("check", *given)
        assert (fitted.code != 0, checked.code != 0) == (bool(refused), bool(refused)), name + checked.err + fitted.err
