"""``hardpix correct``, there and back: proposals by what predict writes, decisions, and masks that change since."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from hardpix.data import write_mask
from runs import IDS, SIZES, Mixed, read, run_hardpix, tree

# As predict sees the images, and without the rules that keep most disagreements of a poor network away.
BARE = ("--most_given", 1, "--least_right", 0, "--agreement", 0, "--scales", "[1.0]")
SETTINGS = ("--confidence", 0.3, "--min_area", 3, "--border", 0, *BARE)


@pytest.fixture(scope="module")
def noisy(mixed: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The masks of the run with a block of another class in each."""
    masks = tmp_path_factory.mktemp("noisy") / "masks"
    for stem in SIZES:
        ids = read(mixed.data.masks / f"{stem}.png")
        ids[:8, :8] = IDS[(IDS.index(int(ids[0, 0])) + 1) % 3]
        write_mask(masks / f"{stem}.png", ids)
    return masks


@pytest.fixture(scope="module")
def corrected(mixed: Mixed, noisy: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("corrected") / "out"
    outcome = run_hardpix("correct", *given(mixed, noisy), "--out", out, *SETTINGS)
    assert outcome.code == 0, outcome.err
    return out, outcome.out


def given(mixed: Mixed, masks: Path) -> list[object]:
    return ["--run", mixed.run.path, "--images", mixed.data.images, "--masks", masks]


def table(out: Path) -> list[dict[str, str]]:
    with (out / "regions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_regions_are_sure_predictions_of_another_class(
    mixed: Mixed, noisy: Path, corrected: tuple[Path, str], tmp_path: Path
) -> None:
    out, _ = corrected
    images = ["--run", mixed.run.path, "--images", mixed.data.images, "--out", tmp_path / "out"]
    outcome = run_hardpix("predict", *images, "--probabilities", "--hardness")
    assert outcome.code == 0, outcome.err
    shares = {stem: np.load(tmp_path / "out" / "probabilities" / f"{stem}.npy").astype(float) for stem in SIZES}
    labels = {stem: np.searchsorted(IDS, read(noisy / f"{stem}.png")) for stem in SIZES}
    of_labels = [[shares[stem][k][labels[stem] == k] for stem in SIZES] for k in range(3)]
    levels = [np.concatenate(own).mean() for own in of_labels]
    rows = table(out)
    assert rows
    for stem in SIZES:
        predicted = np.searchsorted(IDS, read(tmp_path / "out" / "labels" / f"{stem}.png"))
        confidence = shares[stem].max(0)
        level = np.maximum(levels, 0.3)[predicted]
        sure, unsure = confidence >= level + 2e-3, confidence < level - 2e-3
        changes = read(out / "changes" / f"{stem}.png")
        assert not (changes > 0)[unsure | (predicted == labels[stem])].any()
        count = 0
        for given_class in range(3):
            for other in range(3):
                mask = sure & (labels[stem] == given_class) & (predicted == other) & (given_class != other)
                parts, number = ndimage.label(mask, np.ones((3, 3)))
                for part in range(1, number + 1):
                    if (parts == part).sum() >= 3:
                        assert (changes[parts == part] > 0).all()
                        count += 1
        assert count or not changes.any()
        own = [row for row in rows if row["image"] == stem]
        assert [int(row["region"]) for row in own] == list(range(1, len(own) + 1))
        hardness = read(tmp_path / "out" / "hardness" / f"{stem}.png") / 65535
        expected = read(noisy / f"{stem}.png")
        for row in own:
            pixels = changes == int(row["region"])
            box = [int(row[side]) for side in ("top", "left", "bottom", "right")]
            where = np.argwhere(pixels)
            assert box == [*where.min(0), *(where.max(0) + 1)]
            assert int(row["pixels"]) == pixels.sum() >= 3
            assert {row["from"]} == {f"class {IDS[k]}" for k in labels[stem][pixels]}
            assert {row["to"]} == {f"class {IDS[k]}" for k in predicted[pixels]}
            assert float(row["confidence"]) == pytest.approx(confidence[pixels].mean(), abs=2e-3)
            assert float(row["hardness"]) == pytest.approx(hardness[pixels].mean(), abs=2e-4)
            expected[pixels] = IDS[predicted[pixels][0]]
        np.testing.assert_array_equal(read(out / "masks" / f"{stem}.png"), expected)


def test_training_images_are_named_and_originals_stay(mixed: Mixed, noisy: Path, tmp_path: Path) -> None:
    before = tree(mixed.data.images.parent) | tree(noisy)
    outcome = run_hardpix("correct", *given(mixed, noisy), "--out", tmp_path / "out", *SETTINGS)
    assert outcome.code == 0, outcome.err
    assert f"are images that {mixed.run.path} was trained on" in outcome.out
    assert "learns wrong labels there by heart" in outcome.out
    assert "EarlyLearning" in outcome.out
    assert tree(mixed.data.images.parent) | tree(noisy) == before
    inside = run_hardpix("correct", *given(mixed, noisy), "--out", noisy / "out")
    assert inside.code == 2
    assert tree(noisy).keys() <= before.keys()


def test_masks_without_a_region_are_copied(mixed: Mixed, noisy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = run_hardpix("correct", *given(mixed, noisy), "--out", out, "--confidence", 1)
    assert outcome.code == 0, outcome.err
    assert "no label of 5 images looks wrong" in outcome.out
    for stem in SIZES:
        assert (out / "masks" / f"{stem}.png").read_bytes() == (noisy / f"{stem}.png").read_bytes()
    assert table(out) == []
    assert not [path for path in out.rglob("*") if ".hardpix" in path.name]


def decisions(out: Path, path: Path, accepted: dict[str, list[int]], rejected: dict[str, list[int]]) -> Path:
    known = json.loads((out / "proposals.json").read_text())
    found = {"hardpix": "decisions", "version": 1, "proposals": str(out), "fingerprint": known["fingerprint"]}
    path.write_text(json.dumps({**found, "accepted": accepted, "rejected": rejected}))
    return path


def test_exactly_the_accepted_regions_are_changed(noisy: Path, corrected: tuple[Path, str], tmp_path: Path) -> None:
    out, _ = corrected
    rows = table(out)
    accepted: dict[str, list[int]] = {}
    for row in rows[::2]:
        accepted.setdefault(row["image"], []).append(int(row["region"]))
    file = decisions(out, tmp_path / "decisions.json", accepted, {rows[1]["image"]: [int(rows[1]["region"])]})
    outcome = run_hardpix("correct", "--apply", file, "--out", tmp_path / "final")
    assert outcome.code == 0, outcome.err
    changed = 0
    for stem in SIZES:
        chosen = np.isin(read(out / "changes" / f"{stem}.png"), accepted.get(stem, []))
        expected = np.where(chosen, read(out / "masks" / f"{stem}.png"), read(noisy / f"{stem}.png"))
        np.testing.assert_array_equal(read(tmp_path / "final" / "masks" / f"{stem}.png"), expected)
        changed += (expected != read(noisy / f"{stem}.png")).sum()
    assert changed == sum(int(row["pixels"]) for row in rows[::2])
    said = [row["decision"] for row in table(tmp_path / "final")]
    assert said[:3] == ["accepted", "rejected", "accepted"]
    assert f"{len(rows[::2])} regions of {len(rows)} corrected" in outcome.out
    left = len(rows) - len(rows[::2]) - 1
    assert f"{left} region{'s' if left != 1 else ''} without a decision" in outcome.out or left == 0


def test_masks_that_changed_since_are_refused(mixed: Mixed, noisy: Path, tmp_path: Path) -> None:
    masks, out = tmp_path / "masks", tmp_path / "out"
    shutil.copytree(noisy, masks)
    assert run_hardpix("correct", *given(mixed, masks), "--out", out, *SETTINGS).code == 0
    row = table(out)[0]
    file = decisions(out, tmp_path / "decisions.json", {row["image"]: [int(row["region"])]}, {})
    ids = read(masks / f"{row['image']}.png")
    ids[-1, -1] = IDS[(IDS.index(int(ids[-1, -1])) + 1) % 3]
    write_mask(masks / f"{row['image']}.png", ids)
    outcome = run_hardpix("correct", "--apply", file, "--out", tmp_path / "final")
    assert outcome.code == 2
    assert f"1 of 5 images (20 %) changed or gone since ({row['image']})" in outcome.err
    assert not (tmp_path / "final").exists()
    shutil.copy(noisy / f"{row['image']}.png", masks / f"{row['image']}.png")
    moved = tmp_path / "moved"
    out.rename(moved)
    outcome = run_hardpix("correct", "--apply", file, "--out", tmp_path / "final")
    assert outcome.code == 2
    assert "--proposals DIR" in outcome.err
    outcome = run_hardpix("correct", "--apply", file, "--proposals", moved, "--out", tmp_path / "final")
    assert outcome.code == 0, outcome.err


def test_decisions_on_others_are_refused(corrected: tuple[Path, str], tmp_path: Path) -> None:
    out, _ = corrected
    good = decisions(out, tmp_path / "good.json", {}, {})
    for change, message in (
        ({"fingerprint": "0"}, "found those on others"),
        ({"hardpix": "labels"}, "found something else"),
        ({"version": 9}, "found something else"),
        ({"accepted": {"nowhere": [1]}}, "found 1 on others, such as region 1 of nowhere"),
        ({"accepted": [1]}, "found something else"),
    ):
        bad = tmp_path / "bad.json"
        bad.write_text(json.dumps(json.loads(good.read_text()) | change))
        outcome = run_hardpix("correct", "--apply", bad, "--out", tmp_path / "final")
        assert outcome.code == 2
        assert message in outcome.err
    assert run_hardpix("correct", "--apply", tmp_path / "none.json", "--out", tmp_path / "final").code == 2


def test_hard_and_sure(mixed: Mixed, noisy: Path, corrected: tuple[Path, str], tmp_path: Path) -> None:
    rows = table(corrected[0])
    level = float(np.median([float(row["hardness"]) for row in rows]))
    out = tmp_path / "out"
    outcome = run_hardpix("correct", *given(mixed, noisy), "--out", out, *SETTINGS, "--min_level", level)
    assert outcome.code == 0, outcome.err
    kept = table(out)
    assert 0 < len(kept) < len(rows)
    assert len(kept) == sum(float(row["hardness"]) > level - 1e-4 for row in rows)


def test_each_rule_leaves_out_what_the_table_says(
    mixed: Mixed, noisy: Path, corrected: tuple[Path, str], tmp_path: Path
) -> None:
    """Regions of one view: the label's probability is confidence − margin, and each row says it in words."""
    rows = table(corrected[0])
    given_share = [float(row["confidence"]) - float(row["margin"]) for row in rows]
    most = float(np.median(given_share))
    outcome = run_hardpix("correct", *given(mixed, noisy), "--out", tmp_path / "out", *SETTINGS, "--most_given", most)
    assert outcome.code == 0, outcome.err
    kept = table(tmp_path / "out")
    assert 0 < len(kept) < len(rows)
    assert len(kept) == pytest.approx(sum(share <= most for share in given_share), abs=1)
    for row in rows:
        assert row["why"].startswith(f"sure of {row['to']}: "), row["why"]
        assert f"{row['from']} has " in row["why"]
        assert "right in " in row["why"]
        assert "views" not in row["why"]


def test_views_of_an_image_must_agree(mixed: Mixed, noisy: Path, tmp_path: Path) -> None:
    settings = (*SETTINGS[:-1], "[1.0, 2.0]", "--flip", "true")
    for out, least in (("any", 0), ("all", 1)):
        outcome = run_hardpix("correct", *given(mixed, noisy), "--out", tmp_path / out, *settings, "--agreement", least)
        assert outcome.code == 0, outcome.err
    some, every = table(tmp_path / "any"), table(tmp_path / "all")
    assert all(" agree at " in row["why"] for row in some)
    assert len(every) == sum(row["why"].endswith(" agree at 100 %") for row in some)
    outcome = run_hardpix("correct", *given(mixed, noisy), "--out", tmp_path / "none", "--scales", "[0.0]")
    assert outcome.code == 2
    assert "expected one or more scales above 0 that differ, found [0.0]" in outcome.err


def test_arguments_that_do_not_belong_together(mixed: Mixed, noisy: Path, tmp_path: Path) -> None:
    outcome = run_hardpix("correct", "--run", mixed.run.path, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "found no --images, no --masks" in outcome.err
    outcome = run_hardpix("correct", *given(mixed, noisy), "--apply", tmp_path / "x.json", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "found both" in outcome.err
    outcome = run_hardpix("correct", *given(mixed, noisy), "--out", tmp_path / "out", "--confidence", 2)
    assert outcome.code == 2
    assert "expected confidence from 0 to 1" in outcome.err


def test_earlier_results_are_replaced_where_asked_for(mixed: Mixed, noisy: Path, tmp_path: Path) -> None:
    out, final = tmp_path / "out", tmp_path / "final"
    command = ["correct", *given(mixed, noisy), "--out", out, *SETTINGS]
    assert run_hardpix(*command).code == 0
    assert run_hardpix(*command).code == 2
    assert run_hardpix(*command, "--min_area", 5, "--overwrite", "true").code == 0
    file = decisions(out, tmp_path / "decisions.json", {}, {})
    assert run_hardpix("correct", "--apply", file, "--out", final).code == 0
    assert run_hardpix("correct", "--apply", file, "--out", final).code == 2
    assert run_hardpix("correct", "--apply", file, "--out", final, "--overwrite", "true").code == 0
    (out / "masks" / "notes.txt").write_text("mine")
    again = run_hardpix(*command, "--overwrite", "true")
    assert (out / "masks" / "notes.txt").read_text() == "mine", again.err
