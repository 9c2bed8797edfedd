"""The picture of the demo in the README: the card of one scene of a page that ``hardpix demo`` has written."""

import argparse
import shutil
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def main() -> None:
    """Take the picture of a card as a browser shows it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="index.html of the demo")
    parser.add_argument("out", type=Path, help="png file")
    parser.add_argument("--scene", type=int, default=2, help="number of the scene among those shown")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1240, "height": 900}, color_scheme="light")
        page.goto(given.page.resolve().as_uri())
        card = page.locator(".card").nth(given.scene)
        card.scroll_into_view_if_needed()
        card.locator("img").last.evaluate("image => image.decode()")
        card.screenshot(path=given.out)
        browser.close()


if __name__ == "__main__":
    main()
