"""Finds a Chromium to drive, or gets one: a browser test that silently skips tests nothing.

Order: Playwright's own download, the system's, `playwright install chromium`, apt as root.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

SKIP_VARIABLE = "ALLIANCE_SKIP_BROWSER"
_SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LOCK = Path(tempfile.gettempdir()) / f"alliance-chromium-{os.getuid()}.lock"


class NoChromiumError(Exception):
    """No Chromium is here and none could be installed; the message says what was tried."""


def launch_arguments() -> list[str]:
    """Arguments that keep the browser itself quiet on the network, and let root start it."""
    quiet = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-quic",
    ]
    # Chromium's sandbox refuses to run as root, as CI containers often do.
    return ["--no-sandbox", *quiet] if _is_root() else quiet


def may_skip() -> bool:
    """Whether a missing browser may be skipped: asked for, and not in CI."""
    in_ci = os.environ.get("CI", "").lower() in ("1", "true")
    return os.environ.get(SKIP_VARIABLE) == "1" and not in_ci


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _playwrights_own() -> Path | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def _systems() -> Path | None:
    found = (shutil.which(name) for name in _SYSTEM_NAMES)
    return next((Path(path) for path in found if path), None)


def _run(*command: str) -> bool:
    try:
        finished = subprocess.run(command, capture_output=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return finished.returncode == 0


def _install_with_playwright() -> Path | None:
    installed = _run(sys.executable, "-m", "playwright", "install", "chromium")
    return _playwrights_own() if installed else None


def _install_with_apt() -> Path | None:
    if not _is_root() or shutil.which("apt-get") is None:
        return None
    _run("apt-get", "update")
    _run("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
    return _systems()


def _ways() -> Iterator[tuple[str, Callable[[], Path | None]]]:
    yield "Playwright's own download", _playwrights_own
    yield f"the system's ({', '.join(_SYSTEM_NAMES)})", _systems
    yield "`playwright install chromium`", _install_with_playwright
    yield "apt-get (root only)", _install_with_apt


def find_or_install(lock: Path = _LOCK) -> Path:
    """Path of a Chromium. NoChromiumError when every way fails.

    One process of the tests at a time: apt turns away whoever comes while another installs.
    """
    tried = []
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for name, way in _ways():
            path = way()
            if path is not None:
                return path
            tried.append(name)
    raise NoChromiumError(
        f"No Chromium; tried: {'; '.join(tried)}. Install one (`playwright install chromium`, or "
        f"your system's package), or set {SKIP_VARIABLE}=1 outside CI to skip the browser test."
    )
