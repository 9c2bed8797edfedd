"""A kind of map that the library does not know: declared here, and in no other file."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torchvision import tv_tensors

from hardpix.data import (
    MAPS,
    DataError,
    ImageFormat,
    ImagePaths,
    MapKind,
    Problem,
    RandomScaledCrop,
    SegmentationFolder,
    TrainingTransform,
    Transformed,
    check_folders,
    collate,
)
from hardpix.data.image_format import PLAIN
from hardpix.data.images import read_numbers
from hardpix.data.maps import MapFacts
from hardpix.objectives import WeightedCrossEntropy
from hardpix.signals import Uniform
from hardpix.training.augmentation import Augmentation
from hardpix.training.data_module import SegmentationData
from hardpix.training.dataset_split import open_split
from hardpix.training.dry_run import dry_run
from hardpix.training.plan_split import plan_split
from hardpix.training.task import SegmentationTask

Pairs = Callable[..., tuple[Path, Path]]
STEMS = ["a", "b", "c", "d"]
HEIGHT, WIDTH = 40, 60
KIND = MapKind("superpixel", "superpixels", 0, read_numbers, dtype=torch.int64, ending="_ids")


def ids_of(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Another id in every pixel: its row, its column and the number of its image can be told from it."""
    rows, columns = np.mgrid[:height, :width]
    return (1 + columns + 1000 * rows + 1_000_000 * number).astype(np.int32)


@pytest.fixture
def places(write_pairs: Pairs, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Images whose red is the column and green the row, masks, and superpixels as npy."""
    images, masks = write_pairs(STEMS, size=(HEIGHT, WIDTH))
    maps = tmp_path / "slic"
    maps.mkdir()
    for number, stem in enumerate(STEMS):
        np.save(maps / f"{stem}_ids.npy", ids_of(number))
    return images, masks, maps


def opened(places: tuple[Path, Path, Path], kind: MapKind = KIND, **settings: Any) -> SegmentationFolder:
    images, masks, maps = places
    return SegmentationFolder(images, masks, maps={kind: maps}, **settings)


def plain(values: Tensor) -> Tensor:
    return values.as_subclass(Tensor)


def test_a_sample_holds_what_the_files_hold(places: tuple[Path, Path, Path]) -> None:
    data = opened(places)
    assert [*data.map_kinds] == ["superpixel"]
    assert check_folders(data.folders).problems == ()
    for number, sample in enumerate(data):  # type: ignore[arg-type, var-annotated]
        assert [*sample] == ["image", "target", "superpixel", "stem"]
        assert (type(sample["superpixel"]), sample["superpixel"].dtype) == (tv_tensors.Mask, torch.int64)
        np.testing.assert_array_equal(sample["superpixel"], ids_of(number))


def test_images_without_one_are_named(places: tuple[Path, Path, Path]) -> None:
    with pytest.raises(DataError, match="superpixel maps that are named otherwise than the images"):
        opened(places, replace(KIND, ending=""))
    with pytest.raises(DataError, match=r"give --data\.superpixel_suffix _ids"):
        opened(places, replace(KIND, ending="", suffix_setting="superpixel_suffix"))
    (places[2] / "b_ids.npy").unlink()
    (problem,) = check_folders(ImagePaths(*places[:2], maps={KIND: places[2]})).problems
    assert (problem.kind, problem.where.name) == ("no superpixel map for an image", "b.png")
    assert problem.expected == f"a superpixel map b_ids.* in {places[2]}"
    with pytest.raises(DataError, match="no superpixel map for an image"):
        opened(places)


def test_a_map_of_another_size_is_named(places: tuple[Path, Path, Path]) -> None:
    np.save(places[2] / "c_ids.npy", ids_of(2, HEIGHT, WIDTH + 1))
    data = opened(places)
    (problem,) = check_folders(data.folders).problems
    assert (problem.where.name, problem.found) == ("c_ids.npy", f"{HEIGHT}×{WIDTH + 1}")
    with pytest.raises(DataError, match="another size than its image"):
        data[2]


def test_files_of_no_image_are_warned_of(places: tuple[Path, Path, Path]) -> None:
    np.save(places[2] / "left_ids.npy", ids_of(9))
    report = check_folders(opened(places).folders)
    assert [warning.where.name for warning in report.alone] == ["left_ids.npy"]


def test_images_may_do_without_one_that_is_not_needed(places: tuple[Path, Path, Path]) -> None:
    optional = replace(KIND, needed=False, fill=-1)
    (places[2] / "b_ids.npy").unlink()
    data = opened(places, optional)
    assert check_folders(data.folders).lacking["superpixel"] == ("b",)
    assert data[1]["superpixel"].eq(-1).all()
    assert (data[1]["superpixel"].dtype, data[1]["superpixel"].shape) == (torch.int64, (HEIGHT, WIDTH))
    del (samples := [dict(data[k]) for k in range(2)])[0]["superpixel"]
    with pytest.raises(ValueError, match="where superpixel is unknown, give a map of -1"):
        collate(samples, map_kinds=data.map_kinds)
    for stem in "acd":
        (places[2] / f"{stem}_ids.npy").unlink()
    with pytest.raises(DataError, match="no superpixel map for any image"):
        opened(places, optional)


def test_ids_stay_on_their_pixels_through_crops_and_flips(places: tuple[Path, Path, Path]) -> None:
    """Row and column are read from the image; padding is 0."""
    torch.manual_seed(0)
    data = opened(places)
    seen: set[tuple[bool, bool]] = set()
    transform = TrainingTransform(
        (24, 80),
        scale=(1, 1),
        max_class_share=1,
        **dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.0),
        mean=(0, 0, 0),
        std=(1, 1, 1),
        map_kinds=data.map_kinds,
    )
    for number in range(len(STEMS)):
        for _ in range(4):
            sample = transform(data[number])
            red, green, blue = plain(sample["image"]).mul(255).round().long()
            inside = blue == 20 + number
            expected = torch.where(inside, 1 + red + 1000 * green + 1_000_000 * number, 0)
            assert sample["superpixel"].dtype == torch.int64
            assert plain(sample["superpixel"]).equal(expected)
            ids = expected[0][inside[0]]
            seen.add((bool(ids[0] > ids[-1]), bool(inside.all())))
    assert seen == {(False, False), (True, False)}


@pytest.mark.parametrize("scale", [0.5, 1.5, 2.0])
def test_a_scaled_crop_takes_the_nearest_id(scale: float, places: tuple[Path, Path, Path]) -> None:
    """Held against torch, where the window is the whole image."""
    data = opened(places)
    size = (round(HEIGHT * scale), round(WIDTH * scale))
    cut = RandomScaledCrop(size, (scale, scale), max_class_share=1, map_kinds=data.map_kinds)(data[1])
    expected = nn.functional.interpolate(torch.from_numpy(ids_of(1))[None, None].double(), size, mode="nearest-exact")
    assert plain(cut["superpixel"]).equal(expected[0, 0].long())


def test_batches_pad_with_the_fill(places: tuple[Path, Path, Path]) -> None:
    data = opened(places)
    samples = [data[0] | {"image": data[0]["image"].float()}, data[1]]
    samples[1] = {"image": samples[1]["image"][:, :30, :50].float()} | {
        key: samples[1][key][:30, :50] for key in ("target", "superpixel")
    }
    del samples[0]["stem"]
    found = collate(samples, map_kinds=data.map_kinds)["superpixel"]
    expected = np.stack([ids_of(0), np.pad(ids_of(1)[:30, :50], ((0, HEIGHT - 30), (0, WIDTH - 50)))])
    assert (type(found), found.dtype) == (Tensor, torch.int64)
    np.testing.assert_array_equal(found, expected)


def test_it_arrives_in_the_training_step(places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of the data module's own loader, aligned with the target, and in the look before training."""
    data = opened(places)
    for stem in STEMS:  # A target that can be told from the superpixels.
        np.save(places[2] / f"{stem}_ids.npy", 1 + np.asarray(data[STEMS.index(stem)]["target"], np.int32))
    module = SegmentationData(
        train_set=data,
        val_set=opened(places),
        crop_size=(32, 32),
        batch_size=2,
        workers=0,
        augment=Augmentation(photometric=False),
    )
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1))
    task = SegmentationTask(3, network, WeightedCrossEntropy(Uniform()), decoder="1", embedding="2")
    calls: list[tuple[bool, Tensor, dict[str, Tensor]]] = []
    forward = task.recipe.forward

    def spy(batches: dict[str, dict], progress: float) -> dict[str, Tensor]:
        maps = {key: value for key, value in batches["labeled"].items() if isinstance(value, Tensor)}
        del maps["image"]
        calls.append((task.recipe.training, maps.pop("target"), maps))
        return forward(batches, progress)

    monkeypatch.setattr(task.recipe, "forward", spy)
    dry_run(task, module.first_batch(), map_kinds=module.map_kinds)
    trainer = Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, datamodule=module)
    assert [training for training, _, _ in calls] == [False] + [True] * 4
    for _, target, maps in calls:
        # Tags are the classes of the whole image, and no map.
        assert [*maps] == ["superpixel", "tags"]
        assert maps["superpixel"].equal(torch.where(target == 255, 0, 1 + target))
    assert any((target == 255).any() for _, target, _ in calls)


def test_worker_processes_read_it(places: tuple[Path, Path, Path]) -> None:
    """Spawned workers get data set and transform pickled."""
    data = opened(places)
    transformed = pickle.loads(pickle.dumps(Transformed(data, TrainingTransform(16, map_kinds=data.map_kinds))))
    assert [int(sample["superpixel"].amax()) // 1_000_000 for sample in transformed] == [0, 1, 2, 3]


@pytest.mark.parametrize("training_only", [False, True])
def test_validation_does_not_read_what_is_for_training_alone(
    training_only: bool, places: tuple[Path, Path, Path]
) -> None:
    kind = replace(KIND, training_only=training_only)
    folders = ImagePaths(*places[:2], maps={kind: places[2]})
    split = open_split(plan_split(folders, None, None, val_share=0.5, val_stems=None, image_format=PLAIN), 255)
    assert "superpixel" in split.train[0]
    assert ("superpixel" in split.val[0]) != training_only


@pytest.mark.parametrize("training_only", [False, True])
def test_faults_in_held_out_images_matter_where_validation_reads_the_map(
    training_only: bool, places: tuple[Path, Path, Path]
) -> None:
    kind = replace(KIND, needed=False, training_only=training_only)
    (places[2] / "d_ids.npy").write_bytes(b"broken")

    def split(validation: ImagePaths | None = None) -> None:
        training = ImagePaths(*places[:2], maps={kind: places[2]}, stems=STEMS[:3] if validation else None)
        plan = plan_split(training, validation, None, val_share=0.25, val_stems="d", image_format=PLAIN)
        open_split(plan, 255)

    for validation in (None, ImagePaths(*places[:2], maps={kind: places[2]}, stems="d")):
        if training_only:
            split(validation)
        else:
            with pytest.raises(DataError, match=r"d_ids\.npy"):
                split(validation)


@dataclass(frozen=True)
class Heights(MapKind):
    """Heights in pixels, which grow with the zoom; negative ones are refused, and 0 everywhere says nothing."""

    def moved(self, values: Tensor, scale: float) -> Tensor:
        return values * scale

    def look(self, path: Path, values: np.ndarray) -> MapFacts:
        if (values < 0).any():
            return MapFacts([Problem("height below 0", path, "0 or more", f"{values.min():g}", "correct it")])
        return MapFacts(seen=values.max(), known=bool(values.any()))

    def summary(self, seen: Any) -> str:
        return f"Highest of {len(seen)}: {max(seen):g}"


class TestHooks:
    @pytest.fixture
    def folders(self, write_pairs: Pairs, tmp_path: Path) -> ImagePaths:
        images, masks = write_pairs(STEMS)
        (tmp_path / "high").mkdir()
        for number, stem in enumerate(STEMS):
            np.save(tmp_path / "high" / f"{stem}.npy", np.full((6, 9), number, np.float32))
        return ImagePaths(
            images, masks, maps={Heights("height", "heights", 0.0, np.load, needed=False): tmp_path / "high"}
        )

    def test_numbers_that_change_with_the_zoom(self, folders: ImagePaths) -> None:
        data = SegmentationFolder.of(folders)
        cut = RandomScaledCrop((12, 18), (2, 2), max_class_share=1, map_kinds=data.map_kinds)(data[3])
        assert cut["height"].eq(6).all()

    def test_particular_problems(self, folders: ImagePaths) -> None:
        report = check_folders(folders)
        assert (report.problems, report.lacking) == ((), {"height": ("a",)})
        assert report.maps_seen == {"height": {"a": 0, "b": 1, "c": 2, "d": 3}}
        np.save(folders.given["heights"] / "c.npy", np.full((6, 9), -2.0))
        (problem,) = check_folders(folders).problems
        assert (problem.kind, problem.where.name, problem.found) == ("height below 0", "c.npy", "-2")

    def test_nothing_known_anywhere(self, folders: ImagePaths) -> None:
        for stem in STEMS:
            np.save(folders.given["heights"] / f"{stem}.npy", np.zeros((6, 9)))
        (problem,) = check_folders(folders).problems
        assert (problem.kind, problem.where) == ("no known height", folders.given["heights"])

    def test_the_start_of_a_training_says_it(self, folders: ImagePaths, capsys: pytest.CaptureFixture[str]) -> None:
        split = open_split(plan_split(folders, None, None, val_share=0.25, val_stems="d", image_format=PLAIN), 255)
        assert split.lacking == {"height": ("a",)}
        said = capsys.readouterr().out
        assert "Highest of 3: 2\n" in said
        assert "height: 1 of 3 training images have none (a); they are trained on without it" in said


def test_a_mask_that_nobody_declared_is_refused(places: tuple[Path, Path, Path]) -> None:
    """It would be flipped and not cropped."""
    with pytest.raises(ValueError, match=r"kinds target, depth, weight, found the mask 'superpixel'.*map_kinds="):
        TrainingTransform(16)(opened(places)[0])


def test_a_reader_that_can_refuse_large_files_is_told_the_limit(places: tuple[Path, Path, Path]) -> None:
    small = ImageFormat(max_pixels=HEIGHT * WIDTH)
    np.save(places[2] / "c_ids.npy", ids_of(2, HEIGHT, WIDTH + 1))

    def found(kind: MapKind) -> list[str]:
        folders = ImagePaths(*places[:2], maps={kind: places[2]})
        return [problem.kind for problem in check_folders(folders, image_format=small).problems]

    assert found(KIND) == ["image of too many pixels"]
    assert found(replace(KIND, read=lambda path: np.load(path))) == ["map of another size than its image"]


def test_places_may_be_replaced_one_by_one(tmp_path: Path) -> None:
    folders = ImagePaths("images", "masks", "far", depth_suffix="_z", maps={KIND: "ids"})
    assert [(kind.key, kind.ending) for kind in folders.kinds] == [("depth", "_z"), ("superpixel", "_ids")]
    assert replace(folders, images="others").given == folders.given | {"images": Path("others")}
    assert replace(folders, depth=None).given.keys() == {"images", "masks", "superpixels"}  # type: ignore[call-arg]
    assert folders == ImagePaths(
        Path("images"), Path("masks"), Path("far"), depth_suffix="_z", maps={KIND: Path("ids")}
    )
    assert folders.keeping(lambda kind: kind.needed).kinds == [KIND]
    assert (folders.depth, folders.weights) == (Path("far"), None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"key": "target"}, "choose another one"),
        ({"folder": "masks"}, "choose another one"),
        ({"key": "super pixel"}, "a Python name"),
        ({"fill": float("nan")}, "a whole number as fill of superpixel maps"),
        ({"fill": 0.5}, "found 0.5"),
    ],
)
def test_declarations_that_cannot_be(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(KIND, **settings)


@pytest.mark.parametrize("other", [{"folder": "more"}, {"key": "more"}, {"key": "more", "folder": "depth"}])
def test_two_kinds_of_one_name(other: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="differ in key and folder"):
        ImagePaths("images", maps={KIND: "a", replace(KIND, **other): "b"})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        MAPS["superpixel"] = KIND  # type: ignore[index]
