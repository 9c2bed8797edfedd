"""Engines that do runs: processes of this machine, or Ray on many that share the study's folder."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from hardpix.study import machine
from hardpix.study.processes import RunInterrupted
from hardpix.study.runs import Job, do_job

# Seconds until a run that another process holds is asked for again.
PAUSE = 1.0
FailedBefore = Mapping[tuple[str, int], str]


def run_locally(jobs: Sequence[Job], parallel: int, failed_before: FailedBefore, tick: Callable[[], None]) -> None:
    """Do runs in processes of this machine, several at a time.

    Args:
        jobs: in their order.
        parallel: how many at a time.
        failed_before: date of the failure of each run that is to be tried again.
        tick: called all the while, such as to show how far the runs are.
    """
    waiting, processes, stopped = deque(jobs), set[subprocess.Popen[bytes]](), threading.Event()

    def work(slot: int) -> None:
        refused = 0
        while waiting and not stopped.is_set():
            try:
                job = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            own = replace(job, environment=job.environment | machine.gpu_of(slot, parallel))
            try:
                if do_job(own, failed_before.get(job.key), processes.add):
                    refused = 0
                    continue
            except RunInterrupted:
                continue
            waiting.append(job)
            refused += 1
            if refused >= len(waiting):
                stopped.wait(PAUSE)
                refused = 0

    with ThreadPoolExecutor(parallel) as pool:
        working = [pool.submit(work, slot) for slot in range(parallel)]
        try:
            while not all(one.done() for one in working):
                tick()
                time.sleep(0.2)
        except BaseException:
            stopped.set()
            for process in list(processes):
                if process.poll() is None:
                    process.terminate()
            raise
    tick()
    for one in working:
        one.result()


def run_with_ray(jobs: Sequence[Job], parallel: int, failed_before: FailedBefore, tick: Callable[[], None]) -> None:
    """Do runs as tasks of Ray, on the cluster that there is or on this machine; arguments as `run_locally` has them.

    The study's folder and the data lie where every machine of the cluster finds them under the same path. `parallel` is
    how many runs share the processors and GPUs of one machine.
    """
    import ray

    ray.init(log_to_driver=False, ignore_reinit_error=True)
    processors, gpus = _of_a_machine([node["Resources"] for node in ray.nodes() if node["Alive"]], parallel)
    task = ray.remote(max_retries=0, num_cpus=processors, num_gpus=gpus)(do_job)
    if "OMP_NUM_THREADS" not in os.environ:
        threads = {"OMP_NUM_THREADS": str(processors)}
        jobs = [replace(job, environment=job.environment | threads) for job in jobs]
    running: dict[Any, Job] = {task.remote(job, failed_before.get(job.key)): job for job in jobs}
    try:
        while running:
            done, _ = ray.wait(list(running), num_returns=1, timeout=PAUSE)
            tick()
            for reference in done:
                job = running.pop(reference)
                try:
                    mine = ray.get(reference)
                except RunInterrupted:
                    continue
                if not mine:
                    time.sleep(PAUSE)
                    running[task.remote(job, failed_before.get(job.key))] = job
    finally:
        for reference in running:
            ray.cancel(reference)
        ray.shutdown()


def _of_a_machine(machines: Sequence[Mapping[str, float]], parallel: int) -> tuple[int, float]:
    """Processors and GPUs of a run: its share of the smallest machine, of those with GPUs where any has one.

    Example:
        >>> _of_a_machine([{"CPU": 16.0, "GPU": 1.0}, {"CPU": 64.0, "GPU": 8.0}, {"CPU": 4.0}], 2)
        (8, 0.5)
        >>> _of_a_machine([{"CPU": 4.0}, {"memory": 1e9}], 8)
        (1, 0)
    """
    able = [of for of in machines if of.get("GPU")] or [of for of in machines if of.get("CPU")]
    processors = min((int(of.get("CPU", 1)) for of in able), default=1)
    gpus = min((of.get("GPU", 0) for of in able), default=0) / parallel
    # Ray takes a share of one GPU, or whole ones.
    return max(1, processors // parallel), gpus if 0 < gpus < 1 else int(gpus)


ENGINES = {"local": run_locally, "ray": run_with_ray}
