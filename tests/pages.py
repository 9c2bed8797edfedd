"""Pages in a browser that are one file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def opened(browser: Any, address: str) -> Iterator[Any]:
    """The page, opened; afterwards: no error, no warning, and no request for anything but the file and its pictures."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    yield page
    page.close()
    assert complaints == []
    assert requests[0] == address
    assert [url for url in requests[1:] if not url.startswith("data:")] == []
