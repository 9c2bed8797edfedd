"""Pieces of work for processes of their own, which find this module by its name."""

import os
import signal
import time
from typing import Any

import torch


def threads_and_sum(first: int, second: int, say: Any) -> tuple[int, int, int]:
    say(first)
    return os.getpid(), torch.get_num_threads(), first + second


def fail(say: Any) -> None:
    raise ValueError("no such thing")


def die(say: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(seconds: float, say: Any) -> None:
    time.sleep(seconds)


def first_fails(place: int, say: Any) -> None:
    fail(say) if place == 0 else sleep(1000, say)


def first_dies(place: int, say: Any) -> None:
    die(say) if place == 0 else sleep(1000, say)
