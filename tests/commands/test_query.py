"""hardpix query, there and back: what is asked for by hand, on the page and by tools, and rounds that go on."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from scipy.stats import entropy

from hardpix.commands import query_images
from hardpix.data import write_mask
from runs import IDS, SIZES, Mixed, Outcome, logits_by_hand, read, run_hardpix, tree

RADIUS = 2
Query = Callable[..., tuple[Path, Outcome]]


@pytest.fixture(scope="module")
def query(mixed: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Query:
    def asked(*arguments: object, ok: bool = True) -> tuple[Path, Outcome]:
        out = tmp_path_factory.mktemp("query") / "out"
        images = ["--run", mixed.run.path, "--images", mixed.data.images, "--out", out]
        outcome = run_hardpix("query", *images, *arguments)
        assert outcome.code == (0 if ok else 2), outcome.err
        return out, outcome

    return asked


@pytest.fixture(scope="module")
def regions(query: Query) -> tuple[Path, Outcome]:
    return query("--budget", 0.05, "--radius", RADIUS)


def table(out: Path) -> list[dict[str, str]]:
    with (out / "regions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def box(row: dict[str, str]) -> tuple[slice, slice]:
    return slice(int(row["top"]), int(row["bottom"])), slice(int(row["left"]), int(row["right"]))


def score_by_hand(mixed: Mixed, stem: str, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """RIPU's score by scipy's filters, and the probabilities, (H, W) and (C, H, W)."""
    logits = logits_by_hand(mixed.run, read(mixed.data.images / f"{stem}.png"))
    shares = logits.double().softmax(0).numpy()
    predicted, width = logits.argmax(0).numpy(), 2 * radius + 1

    def window_mean(values: np.ndarray) -> np.ndarray:
        total, count = (
            ndimage.convolve(each, np.ones((width, width)), mode="constant") for each in (values, np.ones_like(values))
        )
        return total / count

    counts = np.stack([window_mean((predicted == k).astype(float)) for k in range(len(shares))]).round(12)
    return entropy(counts, base=len(shares), axis=0) * window_mean(entropy(shares, base=len(shares), axis=0)), shares


def test_regions_are_the_highest_products_of_impurity_and_entropy(mixed: Mixed, regions: tuple[Path, Outcome]) -> None:
    out, _ = regions
    for stem, size in SIZES.items():
        score, shares = score_by_hand(mixed, stem, RADIUS)
        rows = sorted((row for row in table(out) if row["image"] == stem), key=lambda row: int(row["region"]))
        asked, left = np.zeros(size, bool), score.copy()
        for row in rows:
            # The maximum of what is left, up to the rounding of float32.
            place = int(row["row"]), int(row["column"])
            assert left[place] == pytest.approx(left.max(), rel=1e-4)
            assert float(row["score"]) == pytest.approx(left[place], rel=1e-4)
            top, at = max(0, place[0] - 2 * RADIUS), max(0, place[1] - 2 * RADIUS)
            left[top : place[0] + 2 * RADIUS + 1, at : place[1] + 2 * RADIUS + 1] = -1
            inside = box(row)
            predicted = shares.argmax(0)[inside]
            counts = np.bincount(predicted.ravel(), minlength=3)
            assert row["class"] == f"class {IDS[counts.argmax()]}"
            assert float(row["share"]) == pytest.approx(counts.max() / counts.sum(), abs=1e-4)
            assert float(row["confidence"]) == pytest.approx(shares.max(0)[inside].mean(), abs=2e-4)
            assert int(row["pixels"]) == predicted.size
            assert not asked[inside].any()
            asked[inside] = True
        np.testing.assert_array_equal(read(out / "ask" / f"{stem}.png"), 255 * asked)
        # As many as reach the budget, and not one more.
        last = int(rows[-1]["pixels"])
        assert asked.sum() - last < 0.05 * asked.size <= asked.sum()


def test_rows_are_in_the_order_of_the_score_and_the_sum_is_said(regions: tuple[Path, Outcome]) -> None:
    out, outcome = regions
    rows = table(out)
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert [int(row["rank"]) for row in rows] == [*range(1, len(rows) + 1)]
    total = sum(int(row["pixels"]) for row in rows)
    assert f"{len(rows)} regions in 5 of 5 images ask for {total} pixels" in outcome.out
    assert total == sum((read(out / "ask" / f"{stem}.png") > 0).sum() for stem in SIZES)


def test_single_pixels_take_the_entropy_of_the_pixel_and_keep_apart(mixed: Mixed, query: Query) -> None:
    out, _ = query("--unit", "pixels", "--radius", 6, "--budget", 0.001)
    rows = table(out)
    for stem in SIZES:
        shares = score_by_hand(mixed, stem, 1)[1]
        predicted = shares.argmax(0)
        of_pixels = entropy(shares, base=3, axis=0)
        own = [row for row in rows if row["image"] == stem]
        assert len(own) == int(np.ceil(0.001 * predicted.size))
        for row in own:
            y, x = int(row["row"]), int(row["column"])
            near = predicted[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7]
            expected = entropy(np.bincount(near.ravel(), minlength=3), base=3) * of_pixels[y, x]
            assert float(row["score"]) == pytest.approx(expected, rel=1e-3)
            assert (int(row["pixels"]), float(row["share"])) == (1, 1)
        places = np.array([(int(row["row"]), int(row["column"])) for row in own])
        distances = np.abs(places[:, None] - places[None]).max(2) + 99 * np.eye(len(places))
        assert distances.min() > 6
        assert (read(out / "ask" / f"{stem}.png") > 0).sum() == len(own)
    points = list(ElementTree.parse(out / "cvat.xml").iter("points"))
    assert len(points) == len(rows)


def test_one_budget_of_the_pool_goes_to_the_highest_scores_of_all(query: Query) -> None:
    settings = ("--radius", RADIUS, "--budget", 0.02, "--budget_over", "pool")
    rows = table(query(*settings, "--image_share", 1)[0])
    of_each = table(query("--radius", RADIUS, "--budget", 1)[0])
    total = sum(height * width for height, width in SIZES.values())
    pixels = np.cumsum([int(row["pixels"]) for row in of_each])
    count = int(np.searchsorted(pixels, 0.02 * total)) + 1
    assert [row["score"] for row in rows] == [row["score"] for row in of_each[:count]]
    capped = table(query(*settings, "--image_share", 0.03)[0])
    for stem, (height, width) in SIZES.items():
        assert sum(int(row["pixels"]) for row in capped if row["image"] == stem) <= 0.03 * height * width
    assert capped != rows


def test_a_signal_of_the_run_multiplies_with_others(mixed: Mixed, query: Query, tmp_path: Path) -> None:
    images = ["--run", mixed.run.path, "--images", mixed.data.images]
    assert run_hardpix("mine", *images, "--out", tmp_path / "mined").code == 0
    out, _ = query("--unit", "pixels", "--budget", 0.001, "--signal", "hardness", "--signal", "Margin")
    for row in table(out):
        level = read(tmp_path / "mined" / "hardness" / f"{row['image']}.png") / 65535
        shares = np.sort(score_by_hand(mixed, row["image"], 1)[1], axis=0)
        place = int(row["row"]), int(row["column"])
        expected = level[place] * (1 - shares[-1][place] + shares[-2][place])
        assert float(row["score"]) == pytest.approx(expected, rel=1e-3)
    alone = table(query("--unit", "pixels", "--budget", 0.001, "--signal", "HardnessLevel")[0])
    first = alone[0]
    level = read(tmp_path / "mined" / "hardness" / f"{first['image']}.png") / 65535
    assert float(first["score"]) == pytest.approx(level.max(), abs=1e-4)


# ---------------------------------------------------------------- rounds


def answered(mixed: Mixed, ask: Path, masks: Path) -> None:
    """Masks of an oracle that labels what was asked for, in 16 bits; others are 65535."""
    for stem in SIZES:
        asked = read(ask / f"{stem}.png") > 0
        write_mask(
            masks / f"{stem}.png", np.where(asked, read(mixed.data.masks / f"{stem}.png"), 65535).astype(np.uint16)
        )


LABEL_MAP = "{0: 0, 7: 1, 3000: 2, 65535: ignore}"


def test_labels_are_not_asked_for_again_and_the_second_round_goes_on(
    mixed: Mixed, regions: tuple[Path, Outcome], query: Query, tmp_path: Path
) -> None:
    out, _ = regions
    answered(mixed, out / "ask", tmp_path / "masks")
    (tmp_path / "masks" / "four.png").unlink()
    settings = ("--budget", 0.05, "--radius", RADIUS)
    second, outcome = query(*settings, "--masks", tmp_path / "masks", "--label_map", LABEL_MAP)
    assert "1 of 5 images (20 %) have no mask yet" in outcome.out
    for stem in SIZES:
        before, now = (read(each / "ask" / f"{stem}.png") > 0 for each in (out, second))
        if stem == "four":
            np.testing.assert_array_equal(now, before)
            continue
        assert now.any()
        assert not (before & now).any()
    # Asked and not labeled: left out all the same where the earlier folder is named.
    third, _ = query(*settings, "--asked", out)
    for stem in SIZES:
        before, now = (read(each / "ask" / f"{stem}.png") > 0 for each in (out, third))
        assert now.any()
        assert not (before & now).any()
        if stem != "four":
            np.testing.assert_array_equal(now, read(second / "ask" / f"{stem}.png") > 0)
    fourth, _ = query(*settings, "--asked", out, "--asked", third)
    assert all(
        not (
            read(fourth / "ask" / f"{stem}.png")
            & (read(out / "ask" / f"{stem}.png") | read(third / "ask" / f"{stem}.png"))
        ).any()
        for stem in SIZES
    )


def test_nothing_is_asked_where_all_is_labeled(mixed: Mixed, query: Query) -> None:
    out, outcome = query("--masks", mixed.data.masks)
    assert table(out) == []
    assert "0 regions in 0 of 5 images ask for 0 pixels" in outcome.out
    assert "fewer than the budget of 2 %: no more is left that has no label" in outcome.out
    assert not read(out / "ask" / "four.png").any()


def test_partial_masks_that_come_back_are_trained_on(
    mixed: Mixed, regions: tuple[Path, Outcome], tmp_path: Path
) -> None:
    """CVAT's file with labels for the boxes, drawn as masks over an earlier round, and a training on them."""
    out, _ = regions
    root = ElementTree.parse(out / "cvat.xml").getroot()
    expected = {}
    for image in root.iter("image"):
        stem = image.attrib["name"].removesuffix(".png")
        mask = expected[stem] = np.full(SIZES[stem], 65535)
        for number, shape in enumerate(image.findall("box")):
            corners = [round(float(shape.attrib[key])) for key in ("ytl", "ybr", "xtl", "xbr")]
            # One is left unanswered.
            if number:
                shape.attrib["label"] = f"class {IDS[number % 3]}"
                mask[corners[0] : corners[1], corners[2] : corners[3]] = IDS[number % 3]
    ElementTree.ElementTree(root).write(tmp_path / "back.xml")
    entries = [{"name": f"class {i}", "id": i} for i in IDS]
    (tmp_path / "classes.yaml").write_text(json.dumps({"classes": entries, "ignore_ids": [65535]}))
    given = ("--images", mixed.data.images, "--classes", tmp_path / "classes.yaml")
    drawn = run_hardpix("rasterize", "--annotations", tmp_path / "back.xml", *given, "--out", tmp_path / "drawn")
    assert drawn.code == 0, drawn.err
    assert "5 shapes still named 'label me', as hardpix query asks: left out" in drawn.out
    for stem, mask in expected.items():
        np.testing.assert_array_equal(read(tmp_path / "drawn" / "masks" / f"{stem}.png"), mask)

    # A second round of one image, over the first one.
    for image in [each for each in root.iter("image") if each.attrib["name"] != "four.png"]:
        root.remove(image)
    (image,) = root.iter("image")
    for shape in image.findall("box"):
        image.remove(shape)
    ElementTree.SubElement(image, "box", label="class 7", xtl="1", ytl="2", xbr="4", ybr="5", z_order="0")
    ElementTree.ElementTree(root).write(tmp_path / "second.xml")
    onto = ("--annotations", tmp_path / "second.xml", *given, "--onto", tmp_path / "drawn" / "masks")
    drawn = run_hardpix("rasterize", *onto, "--out", tmp_path / "both")
    assert drawn.code == 0, drawn.err
    assert "5 masks" in drawn.out
    expected["four"][2:5, 1:4] = 7
    for stem, mask in expected.items():
        np.testing.assert_array_equal(read(tmp_path / "both" / "masks" / f"{stem}.png"), mask)

    folders = ("--data.images", mixed.data.images, "--data.masks", tmp_path / "both" / "masks")
    quick = ("--data.workers", 0, "--data.batch_size", 2, "--data.crop_size", "[32,32]", "--trainer.max_epochs", 1)
    network = ("--model.network", "my_networks.Tiny", "--model.decoder", "decoder", "--trainer.accelerator", "cpu")
    table_of = ("--data.classes", tmp_path / "both" / "classes.yaml")
    trained = run_hardpix("fit", *folders, *table_of, *network, *quick, "--run", tmp_path / "run")
    assert trained.code == 0, trained.err
    next_round = ("--run", tmp_path / "run", "--images", mixed.data.images, "--masks", tmp_path / "both" / "masks")
    assert run_hardpix("query", *next_round, "--radius", RADIUS, "--out", tmp_path / "next").code == 0
    for stem, mask in expected.items():
        assert (mask[read(tmp_path / "next" / "ask" / f"{stem}.png") > 0] == 65535).all()


def test_an_interrupted_round_goes_on_and_ends_as_an_uninterrupted_one(
    mixed: Mixed, regions: tuple[Path, Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = query_images.write_offer
    count = 0

    def stop(*arguments: object) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        written(*arguments)  # type: ignore[arg-type]

    images = ["--run", mixed.run.path, "--images", mixed.data.images, "--out", tmp_path / "out"]
    settings = ("--budget", 0.05, "--radius", RADIUS)
    monkeypatch.setattr(query_images, "write_offer", stop)
    stopped = run_hardpix("query", *images, *settings)
    assert stopped.code == 130
    assert "to go on: hardpix query" in stopped.err
    assert not (tmp_path / "out" / "regions.csv").exists()
    monkeypatch.setattr(query_images, "write_offer", written)
    outcome = run_hardpix("query", *images, *settings)
    assert outcome.code == 0, outcome.err
    assert "2 of 5 images" in outcome.err
    found, whole = (
        {name: content for name, (content, _) in tree(each).items()} for each in (tmp_path / "out", regions[0])
    )
    assert found == whole


# ---------------------------------------------------------------- what is handed out


def test_tools_get_the_same_regions(mixed: Mixed, regions: tuple[Path, Outcome]) -> None:
    out, _ = regions
    rows = {(row["image"], *(int(row[side]) for side in ("left", "top", "right", "bottom"))) for row in table(out)}
    root = ElementTree.parse(out / "cvat.xml").getroot()
    in_cvat = {
        (image.attrib["name"].removesuffix(".png"), *(float(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr")))
        for image in root.iter("image")
        for shape in image.iter("box")
    }
    assert in_cvat == rows
    in_studio = set()
    for task in json.loads((out / "label_studio.json").read_text()):
        stem = task["data"]["image"].removeprefix("/data/local-files/?d=").removesuffix(".png")
        for result in task["predictions"][0]["result"]:
            height, width = result["original_height"], result["original_width"]
            assert (height, width) == SIZES[stem]
            value = result["value"]
            left, top = value["x"] * width / 100, value["y"] * height / 100
            right, bottom = left + value["width"] * width / 100, top + value["height"] * height / 100
            in_studio.add((stem, *(round(each, 6) for each in (left, top, right, bottom))))
    assert in_studio == rows


def test_overlays_show_what_is_asked_for_as_it_is(mixed: Mixed, regions: tuple[Path, Outcome]) -> None:
    out, _ = regions
    for stem in SIZES:
        asked = ndimage.binary_erosion(read(out / "ask" / f"{stem}.png") > 0)
        far = ~ndimage.binary_dilation(read(out / "ask" / f"{stem}.png") > 0, iterations=8)
        drawn, image = (
            read(path).astype(float) for path in (out / "overlays" / f"{stem}.jpg", mixed.data.images / f"{stem}.png")
        )
        # JPEG keeps means.
        assert abs((drawn - image)[far].mean() + 0.55 * image[far].mean()) < 4
        if image[asked].mean() > 60:
            assert drawn[asked].mean() > 0.8 * image[asked].mean()


# ---------------------------------------------------------------- faulty input


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--budget", 0),
            "expected budget as a share of the pixels, above 0 and at most 1, found 0; 2 % is --budget 0.02",
        ),
        (("--budget", 2), "found 2; 2 % is --budget 0.02"),
        (("--budget", "nan"), "found nan"),
        (("--radius", 0), "expected radius ≥ 1 pixel, found 0; --unit pixels asks for single pixels"),
        (("--image_share", 0.5), "expected --budget_over pool for --image_share, found image"),
        (
            ("--budget_over", "pool", "--image_share", 0.01),
            "expected image_share from the budget, 0.02, to 1, found 0.01",
        ),
        (("--signal", "Entropie"), "(RegionImpurity, Entropy, Margin) or of the run (Product, HardnessLevel, "),
        (("--signal", "Entropy", "--signal", "entropy"), "expected each signal once, found Entropy 2 times"),
        (("--signal", "ClassBalance"), "ClassBalance needs labels, found images without"),
    ],
)
def test_faulty_settings_are_one_message_and_nothing_is_written(
    query: Query, arguments: tuple[object, ...], said: str
) -> None:
    out, outcome = query(*arguments, ok=False)
    assert said in outcome.err
    assert outcome.err.count("hardpix query:") == 1
    assert not out.exists()


def test_an_empty_pool_is_refused(mixed: Mixed, tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    places = ("--run", mixed.run.path, "--images", tmp_path / "pool", "--out", tmp_path / "out")
    outcome = run_hardpix("query", *places)
    assert outcome.code == 2
    assert "none" in outcome.err
    assert not (tmp_path / "out").exists()


def test_masks_that_cannot_be_used_leave_their_image_out(mixed: Mixed, query: Query, tmp_path: Path) -> None:
    write_mask(tmp_path / "masks" / "four.png", np.full((10, 12), 0, np.uint8))
    write_mask(tmp_path / "masks" / "a" / "one.png", np.full(SIZES["a/one"], 7, np.uint8))
    out, outcome = query("--masks", tmp_path / "masks")
    assert "four.png" in outcome.out
    assert "1 of 2 images left out" in outcome.out
    listed = (out / "problems.csv").read_text()
    assert "four.png" in listed
    assert "12" in listed
    assert not (out / "ask" / "four.png").exists()
    assert not read(out / "ask" / "a" / "one.png").any()
    assert read(out / "ask" / "a" / "two.png").any()


def test_masks_of_other_images_are_counted(mixed: Mixed, query: Query, tmp_path: Path) -> None:
    for name, size in (("four", SIZES["four"]), ("other", (3, 4))):
        write_mask(tmp_path / "masks" / f"{name}.png", np.full(size, 7, np.uint8))
    _, outcome = query("--masks", tmp_path / "masks")
    assert "1 of 2 masks (50 %) is of no image of the pool (other): not used" in outcome.out


def test_masks_of_no_image_are_refused(query: Query, tmp_path: Path) -> None:
    write_mask(tmp_path / "masks" / "other.png", np.zeros((10, 12), np.uint8))
    out, outcome = query("--masks", tmp_path / "masks", ok=False)
    assert "found 1 mask, none of them of the name of an image such as a/one" in outcome.err
    assert not out.exists()


def test_questions_of_others_are_refused(
    query: Query, mixed: Mixed, regions: tuple[Path, Outcome], tmp_path: Path
) -> None:
    assert "expected a folder that hardpix query wrote as --asked" in query("--asked", tmp_path, ok=False)[1].err
    (tmp_path / "ask").mkdir()
    (tmp_path / "hardpix.json").write_bytes((regions[0] / "hardpix.json").read_bytes())
    assert "found none of an image such as a/one" in query("--asked", tmp_path, ok=False)[1].err
    write_mask(tmp_path / "ask" / "four.png", np.zeros((3, 4), np.uint8))
    assert "1 of 1 image (100 %) of another size (four)" in query("--asked", tmp_path, ok=False)[1].err


def test_a_file_that_is_no_image_is_listed_and_left_out(mixed: Mixed, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    (pool / "four.png").write_bytes((mixed.data.images / "four.png").read_bytes())
    (pool / "broken.png").write_bytes(b"no png")
    outcome = run_hardpix("query", "--run", mixed.run.path, "--images", pool, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "1 of 2 images left out" in outcome.out
    assert "broken.png" in outcome.out
    assert [path.name for path in (tmp_path / "out" / "ask").iterdir()] == ["four.png"]


def test_padding_is_no_part_of_a_window(mixed: Mixed, query: Query) -> None:
    # 33 × 97 pixels are padded to 64 × 128 for the network.
    out, _ = query("--budget", 0.05, "--radius", 9)
    score, _ = score_by_hand(mixed, "b/one", 9)
    first = next(row for row in table(out) if row["image"] == "b/one")
    assert float(first["score"]) == pytest.approx(score.max(), rel=1e-4)
    assert F.pad(torch.zeros(1, 33, 97), (0, 31, 0, 31)).shape == (1, 64, 128)
