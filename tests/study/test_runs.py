"""Runs shared between processes, the lines they leave, and what becomes of failures; no training here."""

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from hardpix.data import DataError
from hardpix.study import machine, runs
from hardpix.study.engines import run_locally
from hardpix.study.folder import StudyFolder
from hardpix.study.lines import Line, Lines
from hardpix.study.locks import held
from hardpix.study.plan import Variant
from hardpix.study.processes import RunFailed, RunInterrupted, reason
from hardpix.study.runs import Job, do_job
from hardpix.study.unchanged import require_unchanged


def jobs_in(path: Path, variants: int = 2, seeds: int = 3) -> list[Job]:
    folder = StudyFolder(path)
    planned = [Variant(f"v{k}", k, {}, {"model": {"power": k}}) for k in range(variants)]
    return [Job(folder, variant, seed) for seed in range(seeds) for variant in planned]


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, int]]:
    """Number of times that each run was done; instead of training it takes a moment."""
    count: Counter[tuple[str, int]] = Counter()

    def train(job: Job, lock: int, watch: object) -> None:
        count[job.key] += 1
        time.sleep(0.02)

    monkeypatch.setattr(runs, "_train", train)
    monkeypatch.setattr(runs, "_scored", lambda job, lock, watch: runs._line(job) | {"scores": {"miou": job.seed}})
    return count


def keys(lines: list[Line]) -> list[tuple[str, int]]:
    return [(line["variant"], line["seed"]) for line in lines]


def test_two_commands_share_the_runs_of_one_folder(done: Counter, tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    commands = [threading.Thread(target=run_locally, args=(jobs, 2, {}, lambda: None)) for _ in range(2)]
    for command in commands:
        command.start()
    for command in commands:
        command.join()
    assert done == Counter({job.key: 1 for job in jobs})
    assert keys(jobs[0].folder.lines.read()) == sorted(job.key for job in jobs)


def test_a_run_that_is_held_elsewhere_is_waited_for(done: Counter, tmp_path: Path) -> None:
    job, *_ = jobs_in(tmp_path)
    with held(job.beside("lock")):
        assert not do_job(job)
    assert not done
    assert do_job(job)
    assert do_job(job)
    assert done == {job.key: 1}


HOLD = """
import sys
from pathlib import Path
from hardpix.study.locks import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock_is_of_processes_and_ends_with_them(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with held(tmp_path / "lock", wait=False) as mine:
            assert mine is None
        other.kill()
        other.wait()
    with held(tmp_path / "lock", wait=False) as mine:
        assert mine is not None


def test_failure_has_a_line_and_is_tried_again(done: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, *_ = jobs_in(tmp_path)
    train = runs._train

    def fail(job: Job, lock: int, watch: object) -> None:
        raise RunFailed("out of memory")

    monkeypatch.setattr(runs, "_train", fail)
    assert do_job(job)
    failed = job.folder.lines.find(*job.key)
    assert failed is not None
    assert failed["error"] == "out of memory"
    monkeypatch.setattr(runs, "_train", train)
    # Another command's failure of meanwhile stays, the one of before is tried again.
    assert do_job(job, failed_before="earlier")
    assert not done
    assert do_job(job, failed_before=failed["date"])
    assert [line.get("error") for line in job.folder.lines.read()] == [None]


def test_what_is_stopped_by_hand_has_not_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, *_ = jobs_in(tmp_path)

    def stop(job: Job, lock: int, watch: object) -> None:
        raise RunInterrupted("by hand")

    monkeypatch.setattr(runs, "_train", stop)
    run_locally([job], 1, {}, lambda: None)
    assert job.folder.lines.read() == []


def test_changed_configuration_is_refused_and_named(done: Counter, tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, 2, 1)
    for job in jobs:
        do_job(job)
    require_unchanged(jobs, jobs[0].folder.lines.read())
    changed = [Job(job.folder, Variant(job.variant.name, 0, {}, {"model": {"power": 7}}), 0) for job in jobs]
    with pytest.raises(ValueError, match=r"v0, seed 0: model\.power: 0 → 7\n  v1, seed 0: model\.power: 1 → 7"):
        require_unchanged(changed, jobs[0].folder.lines.read())
    # A run under way counts as well, and one that failed before its first checkpoint does not.
    under_way = jobs_in(tmp_path / "other")[0]
    under_way.run.mkdir(parents=True)
    under_way.beside("json").write_text('{"config_hash": "other", "config": {"model": {"power": 5}}}')
    require_unchanged([under_way], [])
    (under_way.run / "checkpoints").mkdir()
    (under_way.run / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(ValueError, match=r"model\.power: 5 → 0"):
        require_unchanged([under_way], [])


def test_lines_keep_one_a_run_in_order(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "runs.jsonl")
    known = {"format": 1, "config_hash": "", "config": {}}
    for variant, order, seed in (("b", 1, 0), ("a", 0, 10), ("a", 0, 2), ("b", 1, 0)):
        lines.put(known | {"variant": variant, "order": order, "seed": seed})
    assert keys(lines.read()) == [("a", 2), ("a", 10), ("b", 0)]
    lines.order({"a": 1, "b": 0})
    assert keys(lines.read()) == [("b", 0), ("a", 2), ("a", 10)]


@pytest.mark.parametrize("text", ["{", "[]", '{"variant": "a"}', '{"format": 99, "variant": "a"}'])
def test_other_lines_are_refused_with_their_number(text: str, tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text(text + "\n")
    with pytest.raises(DataError, match="in line 1"):
        Lines(tmp_path / "runs.jsonl").read()


def test_many_writers_lose_no_line(tmp_path: Path) -> None:
    def write(number: int) -> None:
        line = {"format": 1, "variant": f"v{number}", "order": number, "seed": 0, "config_hash": "", "config": {}}
        Lines(tmp_path / "runs.jsonl").put(line)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Lines(tmp_path / "runs.jsonl").read()) == 12


def test_reason_is_the_command_s_message_or_the_last_line() -> None:
    said = "4 classes\nhardpix fit: expected a network of 4 channels,\nfound 3\n"
    assert reason(said) == "expected a network of 4 channels,\nfound 3"
    assert reason("Traceback\n  File x\nRuntimeError: no memory\n\n") == "RuntimeError: no memory"
    assert reason("") == "it said nothing"


def test_gpus_are_taken_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    taken = [machine.gpu_of(slot, 3) for slot in range(3)]
    assert taken == [{"CUDA_VISIBLE_DEVICES": number} for number in ("4", "6", "4")]
    assert machine.gpu_of(0, 1) == {}
    monkeypatch.setattr(machine.torch.cuda, "device_count", lambda: 0)
    assert machine.gpu_of(0, 3) == {}


def test_threads_of_the_user_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert machine.environment(3) == {"OMP_NUM_THREADS": "2"}
    assert machine.reading_options(3) == ("--data.workers", "2")
    assert machine.reading_options(1) == ()
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert machine.environment(3) == {}
