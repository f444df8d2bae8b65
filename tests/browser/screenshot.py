"""Takes the README's picture of "Compare sites" from a home's current release.

python -m tests.browser.screenshot --home HOME --out docs/images/compare_sites.png
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.chromium import find_or_install, launch_arguments
from tests.browser.served import served_dashboard

CHART = ".st-key-funnel svg.marks"


def take(home: Path, out: Path, width: int = 1280, *, is_whole: bool = False) -> None:
    """Write a picture of the page as it opens on `home`'s release to `out` (PNG, 1.5 x).

    It ends below the second chart, enough for a README; `is_whole` takes all.
    """
    browser_path = find_or_install()
    with (
        tempfile.TemporaryDirectory() as folder,
        served_dashboard(home, Path(folder) / "server.log") as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=browser_path, args=launch_arguments())
        page = browser.new_page(viewport={"width": width, "height": 900}, device_scale_factor=1.5)
        page.goto(url)
        page.locator(CHART).wait_for(timeout=30_000)
        end = "[data-testid=stMainBlockContainer]"
        page.get_by_text("How to read this page").wait_for(timeout=30_000)
        if not is_whole:
            end = ".st-key-caterpillar"
        last = page.locator(end).first.bounding_box()
        if last is None:
            raise RuntimeError("the page drew no second chart to end the picture at")
        height = int(last["y"] + last["height"])
        # A taller window and not a full-page picture: Streamlit scrolls inside the page.
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(500)
        out.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=out)
        browser.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--whole", action="store_true", help="the whole page, to its end")
    options = parser.parse_args(arguments)
    take(options.home, options.out, options.width, is_whole=options.whole)


if __name__ == "__main__":
    main()
