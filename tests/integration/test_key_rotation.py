"""A replaced key: clients keep one pseudonym, the old one is nowhere, and a kill loses nothing."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.archive import Archive, ArchiveDamaged
from orchestration.content_digest import table_digests
from orchestration.ingest.pseudonyms import (
    PracticeKey,
    install,
    install_rotation,
    key_path,
    load_key,
    next_key_path,
)
from orchestration.key_changes import finish_key_changes
from orchestration.key_rotation import RotationRefused, rotate
from orchestration.key_versions import registered
from orchestration.night import Night
from orchestration.settings import Settings
from tests.conftest import REPOSITORY
from tests.integration import small_group as group

AT = datetime(2026, 10, 2, 8)
# P1's first form corrected, and a form of a client who was not there before.
LATER = f"{group.HEADER}\nP1;V1;03.02.2026;done;4;4;4;x\nP9;V9;20.02.2026;done;1;1;1;x\n"
STEPS = (
    *("next key written", "an archived file encrypted", "archive encrypted"),
    *("candidate begun", "candidate written", "candidate in force"),
    *("an archived file in its place", "archive in its place", "key in its place"),
)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Two practices that sent the same ids."""
    return group.night_over_twins(tmp_path_factory.mktemp("twins"))


@pytest.fixture
def night(sent: Night, tmp_path: Path) -> Night:
    """A copy of that home for each test."""
    return group.copied(sent, tmp_path / "home")


def _again(night: Night) -> Night:
    """A later night over the same home."""
    return group.night_in(night.settings.home, night.registry)


def _keys(settings: Settings, practice_id: str) -> set[str]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        rows = con.execute(
            "select unnest([form_key, client_key, session_key])::varchar from raw.administrations "
            "where practice_id = $p union select unnest([episode_key, client_key])::varchar "
            "from raw.episodes where practice_id = $p union select client_key::varchar "
            "from raw.touched_clients where practice_id = $p union select client_key::varchar "
            "from quality.quarantine where practice_id = $p",
            {"p": practice_id},
        ).fetchall()
    return {key for (key,) in rows if key is not None}


def _content(settings: Settings) -> dict[str, str]:
    """What the rows say, whatever their pseudonyms are."""
    with duckdb.connect(str(settings.warehouse)) as con:
        found = table_digests(con, "raw")
    return {name: found[name] for name in ("episodes", "administrations", "answers")}


def _archived(settings: Settings, practice_id: str) -> dict[str, bytes]:
    key = load_key(settings.keys, practice_id)
    archive = Archive(settings.archive)
    return {
        path.name: b"".join(archive.open(key, path.name))
        for path in (settings.archive / practice_id).glob("*[0-9a-f]")
    }


def test_a_client_keeps_one_pseudonym_over_a_rotation(night: Night) -> None:
    settings = night.settings
    old_key, old_rows = load_key(settings.keys, "brook"), group.rows(night, "creek")
    before, archived = _keys(settings, "brook"), _archived(settings, "brook")
    new_key = rotate(settings, "brook", AT)
    assert load_key(settings.keys, "brook") == new_key
    assert new_key.version == 2
    assert not _keys(settings, "brook") & before
    assert len(_keys(settings, "brook")) == len(before)
    assert group.rows(night, "creek") == old_rows
    assert str(new_key.pseudonym("P1")) in _keys(settings, "brook")
    assert str(old_key.pseudonym("P1")) not in _keys(settings, "brook")

    later = _again(night)
    group.send(later, "brook", "forms_20260401.csv", LATER)
    later.prepare()
    (outcome,) = group.run(later)["brook", "administrations"]
    assert outcome.state == "loaded"
    with later.warehouse.connect() as con:
        forms = con.execute(
            "select form_key, client_key::varchar, count(*) from raw.administrations "
            "where practice_id = 'brook' group by all having count(*) > 1"
        ).fetchall()
        known = registered(con)["brook"]
    later.close()
    # The corrected form is recognised: two versions of one form of one client.
    assert [(client, n) for _, client, n in forms] == [(str(new_key.pseudonym("P1")), 2)]
    assert (known.key_version, known.fingerprint) == (2, new_key.fingerprint)
    assert archived.items() <= _archived(settings, "brook").items()


def test_a_second_rotation_goes_on_from_the_first(night: Night) -> None:
    settings = night.settings
    rotate(settings, "brook", AT)
    third = rotate(settings, "brook", AT + timedelta(days=1))
    assert third.version == 3
    later = _again(night)
    group.send(later, "brook", "forms_20260401.csv", LATER)
    later.prepare()
    group.run(later)
    later.close()
    expected = {str(third.pseudonym(name)) for name in ("P1", "P2", "P3", "P9")}
    assert expected <= _keys(settings, "brook")
    with duckdb.connect(str(settings.warehouse)) as con:
        ((n_clients,),) = con.execute(
            "select count(distinct client_key) from raw.administrations where practice_id = 'brook'"
        ).fetchall()
    assert n_clients == 4


def test_the_old_secret_opens_nothing_that_was_written_since(night: Night) -> None:
    settings = night.settings
    old_key = load_key(settings.keys, "brook")
    rotate(settings, "brook", AT)
    kept = key_path(settings.keys, "brook")
    assert old_key.secret.hex() not in kept.read_text()
    assert old_key.derived("archive").hex() not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in settings.keys.iterdir()} == {0o600}
    for path in (settings.archive / "brook").glob("*[0-9a-f]"):
        with pytest.raises(ArchiveDamaged):
            list(Archive(settings.archive).open(old_key, path.name))
    for name, content in _archived(settings, "brook").items():
        assert hashlib.sha256(content).hexdigest() == name


def test_a_rotation_is_refused_with_another_key_or_an_unknown_archive(night: Night) -> None:
    settings = night.settings
    path = key_path(settings.keys, "brook")
    right, rows = path.read_text(), _keys(settings, "brook")
    path.write_text("ab" * 32)
    with pytest.raises(RotationRefused, match="put that key back"):
        rotate(settings, "brook", AT)
    path.write_text(right)
    stray = settings.archive / "brook" / "stray"
    stray.write_bytes(b"of another version")
    with pytest.raises(RotationRefused, match="stray"):
        rotate(settings, "brook", AT)
    assert path.read_text() == right
    assert _keys(settings, "brook") == rows
    assert not next_key_path(settings.keys, "brook").exists()


def test_a_next_key_that_cannot_be_read_stops_its_practice_alone(night: Night) -> None:
    """A rotation killed once it had happened, and then the journal spoilt."""
    settings = night.settings

    class Killed(BaseException):
        pass

    def step(name: str) -> None:
        if name == "candidate in force":
            raise Killed

    with pytest.raises(Killed):
        rotate(settings, "brook", AT, step)
    following = next_key_path(settings.keys, "brook")
    right = following.read_text()
    following.write_text("spoilt")
    night.prepare()
    group.send(night, "brook", "forms_20260401.csv", LATER)
    (outcome,) = group.run(night)["brook", "administrations"]
    night.close()
    assert outcome.reason == "key_changed"
    following.write_text(right)
    later = _again(night)
    later.prepare()
    (outcome,) = group.run(later)["brook", "administrations"]
    later.close()
    assert outcome.state == "loaded"
    assert load_key(settings.keys, "brook").version == 2


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from orchestration.key_rotation import rotate
from orchestration.settings import Settings
wanted = sys.argv[2]
def step(name):
    if name == wanted:
        os.kill(os.getpid(), signal.SIGKILL)
rotate(Settings(Path(sys.argv[1])), "brook", datetime(2026, 10, 2), step)
"""


def test_a_rotation_killed_at_any_step_is_finished_or_undone(night: Night) -> None:
    """One home goes through all of them: each kill is followed by the next night's tidying."""
    settings, n_forward = night.settings, 0
    content, n_keys = _content(settings), len(_keys(settings, "brook"))
    for wanted in STEPS:
        before = load_key(settings.keys, "brook")
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(settings.home), wanted],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            timeout=120,
            check=False,
            capture_output=True,
        )
        assert killed.returncode == -signal.SIGKILL, (wanted, killed.stderr[-2000:])
        finish_key_changes(settings)
        after = load_key(settings.keys, "brook")
        n_forward += after.version - before.version
        with duckdb.connect(str(settings.warehouse)) as con:
            assert registered(con)["brook"].fingerprint == after.fingerprint, wanted
        assert str(after.pseudonym("P1")) in _keys(settings, "brook"), wanted
        assert len(_keys(settings, "brook")) == n_keys
        assert {len(_archived(settings, name)) for name in ("brook", "creek")} == {2}
        left = {path.name for path in settings.home.iterdir()}
        assert not {"rewritten.duckdb", "rewritten.duckdb.wal"} & left
        assert not next_key_path(settings.keys, "brook").exists()
        assert {path.name for path in settings.archive.iterdir()} == {"brook", "creek"}
    # From the moment the new file is in force there is no way back.
    assert n_forward == len(STEPS) - STEPS.index("candidate in force")
    with duckdb.connect(str(settings.warehouse)) as con:
        versions = con.execute("select count(*) from raw.key_versions").fetchall()
    assert versions == [(2 + n_forward,)]
    assert _content(settings) == content


def test_what_holds_no_pseudonym_is_carried_over_as_it_was(night: Night) -> None:
    settings = night.settings
    tables = ("raw.deliveries", "raw.answers", "quality.check_results")

    def found() -> list[list[tuple[Any, ...]]]:
        with duckdb.connect(str(settings.warehouse)) as con:
            return [con.execute(f"select * from {name} order by all").fetchall() for name in tables]

    before = found()
    rotate(settings, "creek", AT)
    assert all(before)
    assert found() == before


def test_a_pseudonym_does_not_depend_on_who_asks() -> None:
    """What Python says of a chained key is what the reading worker's SQL says."""
    first = PracticeKey("brook", bytes(range(32)))
    second = first.replaced_by(bytes(range(1, 33)))
    third = second.replaced_by(bytes(range(2, 34)))
    with duckdb.connect() as con:
        for key in (first, second, third):
            install(con, key)
            ((said,),) = con.execute("select successor(pseudonym('P1'))").fetchall()
            assert said == key.pseudonym("P1")
        install_rotation(con, third)
        ((said,),) = con.execute("select rotated(?::uuid)", [second.pseudonym("P1")]).fetchall()
        assert said == third.pseudonym("P1")
    assert len({first.pseudonym("P1"), second.pseudonym("P1"), third.pseudonym("P1")}) == 3
    assert second.earlier == (first.derived("pseudonym"),)
    assert replace(third, earlier=()).pseudonym("P1") != third.pseudonym("P1")
