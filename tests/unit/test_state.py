"""A release is behind when anything that makes one changed, not only when rows came."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration import state

PACKAGE = Path(state.__file__).parent


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("benchmarking", "measures", "release"):
        shutil.copytree(PACKAGE / name, tmp_path / name)
    monkeypatch.setattr(state, "__file__", str(tmp_path / "state.py"))
    state.publishing_digest.cache_clear()
    yield tmp_path
    state.publishing_digest.cache_clear()


@pytest.mark.parametrize(
    "changed",
    [
        "release/tables.yml",
        "release/queries/response_rates.sql",
        "benchmarking/funnel.py",
        "measures/congruence.py",
    ],
)
def test_what_makes_a_release_is_part_of_its_state(copied: Path, changed: str) -> None:
    before = state.publishing_digest()
    state.publishing_digest.cache_clear()
    assert state.publishing_digest() == before
    with (copied / changed).open("a", encoding="utf-8") as stream:
        stream.write("\n")
    state.publishing_digest.cache_clear()
    assert state.publishing_digest() != before
