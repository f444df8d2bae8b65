"""A served dashboard, a real browser, and a record of everything the page did."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.browser.chromium import (
    SKIP_VARIABLE,
    NoChromiumError,
    find_or_install,
    launch_arguments,
    may_skip,
)


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """A Chromium; its absence fails the test, unless skipping was asked for outside CI."""
    if may_skip():
        pytest.skip(f"{SKIP_VARIABLE}=1")
    try:
        return find_or_install()
    except NoChromiumError as error:
        pytest.fail(str(error))


# Not for the session: while Playwright runs, its event loop is this thread's, and a test elsewhere
# that starts one of its own would fail.
@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=launch_arguments())
        yield browser
        browser.close()


@dataclass
class Record:
    """What a page asked for and complained about."""

    requested: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def watch(self, page: Page) -> None:
        """Record every request, web socket, console error or warning and page error from now on."""
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("websocket", lambda socket: self.requested.append(socket.url))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on(
            "requestfailed",
            lambda request: self.complaints.append(f"failed: {request.url} {request.failure}"),
        )


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def page(browser: Browser, record: Record) -> Iterator[Page]:
    """A fresh page of a fresh profile, recorded."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    record.watch(page)
    yield page
    context.close()


@pytest.fixture
def quiet(record: Record) -> Iterator[Record]:
    """What the page did, checked when the test is over."""
    yield record
    assert record.requested, "nothing was recorded"
    elsewhere = [
        url for url in record.requested if urlsplit(url).hostname not in (None, "127.0.0.1")
    ]
    assert elsewhere == []
    schemes = {urlsplit(url).scheme for url in record.requested}
    assert schemes <= {"http", "ws", "data", "blob"}
    assert record.complaints == []


@pytest.fixture(scope="module")
def guarded(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The server's environment: it refuses to leave this machine, and notes every attempt."""
    return os.environ | {
        "PYTHONPATH": str(repository / "tests" / "guarded"),
        "NETWORK_ATTEMPTS": str(tmp_path_factory.mktemp("network") / "attempts.txt"),
    }
