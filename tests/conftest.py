"""Batches and branches whose every number is known, and a browser that tolerates no complaint."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from torch import Tensor, nn

from hardpix.pixels import PixelBatch
from hardpix.signals import HardnessLevel
from testing import batch_of

# The workers of a parallel run are as many as the cores; with more threads each would wait for the others.
torch.set_num_threads(1)

# A shell's background job ignores Ctrl-C, and so would all that the tests start in order to interrupt it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Tests that are slow on a busy machine are not wrong. The same examples every time, so that a change fails for what it
# changed; `pytest --hypothesis-profile search` looks further.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("hardpix", derandomize=True, **PATIENT)
settings.register_profile("search", max_examples=1500, **PATIENT)
settings.load_profile("hardpix")


class Scores(nn.Module):
    """A branch whose output D is its parameter, whatever it sees."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores.unsqueeze(1))

    def forward(self, features: object, embedding: Tensor | None = None) -> Tensor:
        return self.scores


def make_batch(seed: int = 0, shape: tuple[int, int, int] = (2, 3, 5), classes: int = 4, **known: Tensor) -> PixelBatch:
    """Float64 logits that want a gradient, a third of the pixels ignored, in every image another number of them."""
    generator = torch.Generator().manual_seed(seed)
    images, height, width = shape
    logits = 2 * torch.randn(images, classes, height, width, generator=generator, dtype=torch.float64)
    target = torch.randint(0, classes, shape, generator=generator)
    target[torch.rand(shape, generator=generator) < 1 / 3] = 255
    target[:, 0, 0] = 0
    return batch_of(logits.requires_grad_(), target, **known)


def with_scores(scores: Tensor, **settings: object) -> HardnessLevel:
    """A bound hardness level with D = scores, (B, h, w)."""
    signal = HardnessLevel(**settings)  # type: ignore[arg-type]
    signal.branch = Scores(scores)
    return signal


@pytest.fixture(scope="session")
def pixel_batch() -> Callable[..., PixelBatch]:
    return make_batch


@pytest.fixture(scope="session")
def hardness_with_scores() -> Callable[..., HardnessLevel]:
    return with_scores


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--use-angle=swiftshader"],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a report at an address; afterwards: no error, no warning, no request but for files of that report."""
    opened: list[tuple[Any, str, list[str], list[str]]] = []

    def visit(report: Path, address: str = "", **settings: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, "offline": True} | settings)
        page = context.new_page()
        page.set_default_timeout(30_000)  # a busy machine is no defect of the page
        complaints: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))
        opened.append((context, report.as_uri() + "/", complaints, requests))
        page.goto((report / "index.html").as_uri() + address)
        return page

    yield visit
    for context, folder, complaints, requests in opened:
        context.close()
        assert complaints == []
        assert requests
        assert [url for url in requests if not url.startswith((folder, "data:"))] == []
