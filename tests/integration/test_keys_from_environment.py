"""A practice's key in the environment: used, refused for that practice alone, never changed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from orchestration.erasure import ErasureRefused, destroy
from orchestration.examination.home import key_of
from orchestration.ingest.pseudonyms import destroyed_path, key_path, load_key
from orchestration.key_rotation import RotationRefused, rotate
from orchestration.night import Night
from tests.integration import small_group as group

VARIABLE = "ALLIANCE_KEY_BROOK"
HELD = "c3" * 32


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """Brook's key comes in the environment, creek's lies in its file; both sent the same."""
    monkeypatch.setenv(VARIABLE, HELD)
    declared = group.registry(group.practice("brook"), group.practice("creek"))
    found = group.night_in(tmp_path / "home", declared)
    assert not key_path(found.settings.keys, "brook").exists()
    for name in ("brook", "creek"):
        group.send(found, name, "episodes_1.csv", group.EPISODES)
    return found


def _states(night: Night) -> dict[str, tuple[str, str | None]]:
    found = group.run(night)
    return {name: (o.state, o.reason) for (name, _), (o,) in found.items()}


def _bytes(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_malformed_key_stops_its_practice_alone(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, HELD[:-2])
    assert _states(night) == {"brook": ("refused", "key_unusable"), "creek": ("loaded", None)}
    monkeypatch.setenv(VARIABLE, HELD)
    assert _states(night) == {"brook": ("loaded", None)}
    night.close()
    written = _bytes(night.settings.home)
    assert HELD[:-2].encode() not in written
    assert bytes.fromhex(HELD) not in written


def test_doctor_and_the_list_say_where_a_key_comes_from(night: Night) -> None:
    _states(night)
    night.close()
    assert f"environment variable {VARIABLE}" in key_of(night.settings, "brook", None).message
    assert "file keys/creek.key" in key_of(night.settings, "creek", None).message


def test_the_list_names_the_variable_and_not_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLIANCE_KEY_TWO_OAKS", HELD)
    monkeypatch.setenv("ALLIANCE_KEY_SUMMIT_BEHAVIORAL", HELD[:-2])
    home = ["--home", str(tmp_path / "home")]
    CliRunner().invoke(app, ["keys", "create", *home])
    done = CliRunner().invoke(app, ["keys", "list", *home, "--json"])
    found = {line["practice_id"]: line for line in json.loads(done.stdout)}
    assert done.exit_code == 1
    assert found["two_oaks"]["source"] == "environment variable ALLIANCE_KEY_TWO_OAKS"
    assert found["two_oaks"]["state"] == "good"
    assert found["summit_behavioral"]["state"] == "look"
    assert found["old_mill_practice"]["source"] == "file keys/old_mill_practice.key"
    assert HELD[:-2] not in done.output


def test_no_command_changes_a_key_it_cannot_reach(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = night.settings
    _states(night)
    night.close()
    before = _bytes(settings.archive)
    with pytest.raises(RotationRefused, match=VARIABLE):
        rotate(settings, "brook", group.NOW.replace(tzinfo=None))
    with pytest.raises(ErasureRefused, match=VARIABLE):
        destroy(settings, "brook")
    assert _bytes(settings.archive) == before
    assert not destroyed_path(settings.keys, "brook").exists()
    # As the runbook says: the key's lines into a file for the rotation, or no variable to destroy.
    monkeypatch.delenv(VARIABLE)
    key_path(settings.keys, "brook").write_text(HELD)
    key_path(settings.keys, "brook").chmod(0o600)
    rotate(settings, "brook", group.NOW.replace(tzinfo=None))
    lines = key_path(settings.keys, "brook").read_text().split()
    key_path(settings.keys, "brook").unlink()
    monkeypatch.setenv(VARIABLE, " ".join(lines))
    assert load_key(settings.keys, "brook").version == 2
    monkeypatch.delenv(VARIABLE)
    destroy(settings, "brook")
    assert destroyed_path(settings.keys, "brook").exists()
    assert not (settings.archive / "brook").exists()
