"""Reports on disk, and a browser that opens them and tolerates neither complaints nor requests to a network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .fake_report import fake_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything: pictures, hardness, probabilities, another run beside it, and names that need care."""
    pytest.importorskip("plotly", reason="plotly is not installed")
    folder = tmp_path_factory.mktemp("reports")
    other = fake_report(folder / "other", title="Learned <b>hardness</b>", better=True)
    return fake_report(folder / "odd #1 ä", against=other)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of masks and predictions alone, without pictures."""
    pytest.importorskip("plotly", reason="plotly is not installed")
    folder = tmp_path_factory.mktemp("bare")
    return fake_report(folder / "report", pictures=False, hardness=False, probabilities=False)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of 10,000 images."""
    pytest.importorskip("plotly", reason="plotly is not installed")
    return fake_report(tmp_path_factory.mktemp("large") / "report", 10_000, pictures=False, odd_names=False)


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
