"""What every test shares: no way off this machine, the campaign's size, the reference inputs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network_guard import ATTEMPTS, install
from tests.parsed_project import read_once

REPOSITORY = Path(__file__).resolve().parents[1]

install()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--campaign",
        choices=("sample", "full"),
        default=os.environ.get("ALLIANCE_CAMPAIGN", "sample"),
        help="faults and studies: a seeded sample (default), or every seed",
    )
    parser.addoption("--slice", default="1/1", help="of a fault campaign: 2/3 is the second third")
    parser.addoption("--campaign-log", help="a file for each outcome; what passed is left out")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what has a campaign, wherever it lives, so that `make faults` finds it."""
    for item in items:
        if "is_full_campaign" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.campaign)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped, none included: pytest's own line leaves a zero out."""
    terminalreporter.write_line(f"skipped: {len(terminalreporter.getreports('skipped'))}")


@pytest.fixture(scope="session")
def is_full_campaign(pytestconfig: pytest.Config) -> bool:
    """Whether `make faults` or `make studies` asked for every seed."""
    return bool(pytestconfig.getoption("--campaign") == "full")


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's reading of the project; copied, never written to (`parsed_project.give`)."""
    return read_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's top level."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference inputs kept beside the repository; tests that need them skip without them."""
    path = REPOSITORY.parent / "shared"
    if not path.is_dir():
        pytest.skip("the reference inputs (../shared) are not on this machine")
    return path


@pytest.fixture(autouse=True)
def _stays_on_this_machine() -> Iterator[None]:
    """Fail the test during which this process reached out, even if a library hid the refusal."""
    before = len(ATTEMPTS)
    yield
    attempts = ATTEMPTS[before:]
    assert not attempts, f"left loopback: {', '.join(attempts)}"


@pytest.fixture
def guarded_environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose Python children refuse to leave loopback too.

    Their attempts are lines of the file named by `NETWORK_ATTEMPTS`; it exists only if there
    were any.
    """
    folder = str(REPOSITORY / "tests" / "guarded")
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")]).rstrip(
            os.pathsep
        ),
        "NETWORK_ATTEMPTS": str(tmp_path / "network_attempts.txt"),
    }
