"""Fixtures of several tests of this room."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def no_waiting_for_the_device() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")
