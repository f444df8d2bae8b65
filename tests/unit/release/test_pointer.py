"""The pointer to the release in force: absent, broken, or leading where it must not."""

import json
from pathlib import Path

import pytest

from orchestration.release.reader import Releases


def test_no_pointer_is_no_release(tmp_path: Path) -> None:
    assert Releases(tmp_path).current() is None
    assert Releases(tmp_path / "nowhere").current_id() is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"release_id": "r1", "release": 3}'])
def test_a_broken_pointer_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "current.json").write_text(text)
    with pytest.raises(ValueError, match="run the nightly load again"):
        Releases(tmp_path).current()


def test_a_pointer_never_leads_out_of_its_folder(tmp_path: Path) -> None:
    outside = {"release_id": "r", "release": "../warehouse.duckdb", "quality": "q"}
    (tmp_path / "current.json").write_text(json.dumps(outside))
    with pytest.raises(ValueError, match="not a pointer"):
        Releases(tmp_path).current()
