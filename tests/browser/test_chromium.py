"""A missing browser is looked for everywhere, and skipped only where that was asked for."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.browser import chromium


def _only(monkeypatch: pytest.MonkeyPatch, working: str | None) -> list[str]:
    """Let one way work; return the ways tried, in order."""
    tried: list[str] = []
    ways = ("_playwrights_own", "_systems", "_install_with_playwright", "_install_with_apt")
    for name in ways:

        def way(name: str = name) -> Path | None:
            tried.append(name)
            return Path(name) if name == working else None

        monkeypatch.setattr(chromium, name, way)
    return tried


def test_playwrights_own_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = _only(monkeypatch, "_playwrights_own")
    assert chromium.find_or_install() == Path("_playwrights_own")
    assert tried == ["_playwrights_own"]


def test_the_systems_comes_before_any_download(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = _only(monkeypatch, "_systems")
    assert chromium.find_or_install() == Path("_systems")
    assert tried == ["_playwrights_own", "_systems"]


def test_apt_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = _only(monkeypatch, "_install_with_apt")
    assert chromium.find_or_install() == Path("_install_with_apt")
    assert len(tried) == 4


def test_only_one_installs_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _only(monkeypatch, None)
    installed = tmp_path / "chromium"
    at_once: list[int] = []

    def install() -> Path:
        at_once.append(len(at_once))
        time.sleep(0.05)
        installed.touch()
        return installed

    monkeypatch.setattr(chromium, "_systems", lambda: installed if installed.exists() else None)
    monkeypatch.setattr(chromium, "_install_with_apt", install)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(chromium.find_or_install, [tmp_path / "lock"] * 2))
    assert found == [installed, installed]
    assert at_once == [0], "the second finds what the first installed"


def test_when_every_way_fails_the_message_says_what_was_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _only(monkeypatch, None)
    with pytest.raises(chromium.NoChromiumError, match="playwright install chromium"):
        chromium.find_or_install()


@pytest.mark.parametrize(
    ("ci", "asked", "skips"),
    [
        ("", "", False),
        ("", "1", True),
        ("true", "1", False),
        ("1", "1", False),
        ("true", "", False),
    ],
)
def test_ci_never_skips(monkeypatch: pytest.MonkeyPatch, ci: str, asked: str, skips: bool) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv(chromium.SKIP_VARIABLE, asked)
    assert chromium.may_skip() is skips


def test_the_sandbox_is_given_up_for_root_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "_is_root", lambda: False)
    assert "--no-sandbox" not in chromium.launch_arguments()
    monkeypatch.setattr(chromium, "_is_root", lambda: True)
    assert "--no-sandbox" in chromium.launch_arguments()
    assert "--disable-background-networking" in chromium.launch_arguments()


def test_apt_is_for_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "_is_root", lambda: False)
    monkeypatch.setattr(chromium, "_run", lambda *command: pytest.fail(f"ran {command}"))
    assert chromium._install_with_apt() is None
