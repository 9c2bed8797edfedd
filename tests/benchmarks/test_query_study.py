"""The simulated annotation in its smallest form: labels that grow, and a study that goes on where it ended."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from .conftest import load_script

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("query_study")


def start(script: ModuleType, camvid: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> list[dict]:
    settings = "--size 48 64 --images 2 --steps 2 --batch 2 --rounds 3 --seeds 0 --pretrained 0 --share 0.02 --radius 1"
    words = ["query_study.py", "--data", str(camvid), "--out", str(out), "--device", "cpu", *settings.split(), *more]
    monkeypatch.setattr(sys, "argv", words)
    script.main()
    return [json.loads(line) for line in out.read_text().splitlines()]


def known(out: Path, name: str, number: int) -> np.ndarray:
    with np.load(out.with_suffix(".masks") / f"{name}_0_{number}.npz") as saved:
        return np.unpackbits(saved["known"], count=2 * 48 * 64).reshape(2, 48, 64)


def test_labels_grow_by_the_share_and_a_study_goes_on(
    script: ModuleType, camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lines.jsonl"
    lines = start(script, camvid, out, monkeypatch)
    assert [(line["strategy"], line["round"]) for line in lines] == [
        (n, k) for n in script.STRATEGIES for k in range(3)
    ]
    for name in script.STRATEGIES:
        rounds = [known(out, name, number) for number in range(3)]
        for before, after in pairwise(rounds):
            assert (after >= before).all()
            # Each image reaches the share with its last window of 3 × 3.
            new = (after - before).sum((1, 2))
            assert ((new >= 0.02 * 48 * 64) & (new < 0.02 * 48 * 64 + 9)).all()
    assert len({line["miou"] for line in lines if line["round"] == 0}) == 1
    # The last line was cut off, another one is missing: both come again, and nothing else.
    kept = out.read_text().splitlines()
    out.write_text("\n".join([*kept[:-2], kept[-1][:40], ""]))
    again = [line for line in out.read_text().splitlines() if line.endswith("}")]
    out.write_text("\n".join([*again, ""]))
    found = start(script, camvid, out, monkeypatch)
    timeless = [{k: v for k, v in line.items() if "seconds" not in k} for line in found]
    assert timeless == [{k: v for k, v in line.items() if "seconds" not in k} for line in lines]
    with pytest.raises(SystemExit, match="expected lines of the same settings"):
        start(script, camvid, out, monkeypatch, "--lr", "0.1")
