"""Every finding can be good and can be bad, and a bad one says what to do."""

import hashlib
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from expectations.registry import Registry, load_registry
from orchestration.archive import Archive
from orchestration.examination import locks, machine
from orchestration.examination.finding import Finding
from orchestration.examination.home import examine_home
from orchestration.examination.stored import examine_stored, structure
from orchestration.ingest.pseudonyms import PracticeKey, create_key, load_key
from orchestration.load_notes import LoadName, LoadNotes
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse

NOW = datetime(2026, 10, 2, 3, tzinfo=UTC)
TWO_OAKS = "two_oaks"


@pytest.fixture(scope="module")
def registry() -> Registry:
    whole = load_registry()
    return Registry(
        whole.group,
        {TWO_OAKS: whole.practices[TWO_OAKS]},
        whole.feeds,
        whole.instruments,
        {},
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with a key, a loaded file and its note."""
    found = Settings(tmp_path / "home")
    found.home.mkdir(mode=0o700)
    create_key(found.keys, TWO_OAKS)
    Warehouse(found).prepare()
    sent = tmp_path / "sent.csv"
    sent.write_text("a,b\n1,2\n")
    key = load_key(found.keys, TWO_OAKS)
    with sent.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    Archive(found.archive).store(sent, key, sha256)
    with Warehouse(found).connect() as con:
        con.execute(
            "insert into raw.deliveries by name select 1 as load_seq, ? as delivery_id, "
            "? as practice_id, 'sessions' as feed, ? as file_sha256, 'loaded' as state, "
            "date '2026-10-01' as received_on, 1 as n_rows_read, 1 as n_accepted, "
            "0 as n_quarantined, 0 as n_excluded, "
            "'{}' as exclusions, false as is_over_tolerance, 'r' as registry_digest, "
            "timestamp '2026-10-01 02:00:00' as received_at, '0' as code_version, 1 as n_attempts",
            [f"{TWO_OAKS}.sessions.{sha256[:16]}", TWO_OAKS, sha256],
        )
    LoadNotes(found.archive).write(
        key, {"load_seq": 1, "delivery_id": f"{TWO_OAKS}.sessions.{sha256[:16]}"}
    )
    return found


def _by_subject(findings: object) -> dict[str, Finding]:
    assert findings is not None
    return {finding.subject: finding for finding in findings}  # type: ignore[attr-defined]


def _stored(settings: Settings, registry: Registry, *, deep: bool = False) -> dict[str, Finding]:
    return _by_subject(examine_stored(settings, registry, NOW, deep=deep))


def test_a_home_in_order(settings: Settings, registry: Registry) -> None:
    home = _by_subject(examine_home(settings, registry))
    stored = _stored(settings, registry, deep=True)
    assert {f.state for f in (*home.values(), *stored.values())} == {"good"}, (home, stored)
    assert "all decrypted" in stored["archive"].message
    assert "opens the archive" in home[f"key of {TWO_OAKS}"].message


@pytest.mark.parametrize("what", ["home", "folder", "key"])
def test_what_others_can_read(what: str, settings: Settings, registry: Registry) -> None:
    path = {
        "home": settings.home,
        "folder": settings.keys,
        "key": settings.keys / f"{TWO_OAKS}.key",
    }[what]
    path.chmod(0o755)
    found = _by_subject(examine_home(settings, registry))["permissions"]
    assert found.state == "look"
    assert f"chmod {'600' if what == 'key' else '700'}" in found.message
    assert path.name in found.message


def test_a_key_that_is_not_the_right_one(settings: Settings, registry: Registry) -> None:
    path = settings.keys / f"{TWO_OAKS}.key"
    path.write_text("ab" * 32)
    found = _by_subject(examine_home(settings, registry))[f"key of {TWO_OAKS}"]
    assert (found.state, "another key" in found.message) == ("look", True)
    path.unlink()
    found = _by_subject(examine_home(settings, registry))[f"key of {TWO_OAKS}"]
    assert (found.state, "has no key" in found.message) == ("look", True)


def test_a_lost_commit_and_a_lost_file(settings: Settings, registry: Registry) -> None:
    key = load_key(settings.keys, TWO_OAKS)
    LoadNotes(settings.archive).write(key, {"load_seq": 2, "delivery_id": "two_oaks.sessions.x"})
    found = _stored(settings, registry)["warehouse"]
    assert found.state == "look"
    assert "two_oaks.sessions.x" in found.message
    assert "alliance rebuild" in found.message
    settings.warehouse.unlink()
    assert "alliance rebuild" in _stored(settings, registry)["warehouse"].message


def test_damage_that_only_a_deep_look_sees(settings: Settings, registry: Registry) -> None:
    (archived,) = (p for p in (settings.archive / TWO_OAKS).iterdir() if p.is_file())
    archived.write_bytes(archived.read_bytes()[:-1] + b"x")
    assert _stored(settings, registry)["archive"].state == "good"
    found = _stored(settings, registry, deep=True)["archive"]
    assert (found.state, "does not decrypt" in found.message) == ("look", True)
    archived.unlink()
    found = _stored(settings, registry)["archive"]
    assert (found.state, "is missing" in found.message) == ("look", True)


def test_a_broken_warehouse(settings: Settings, registry: Registry) -> None:
    os.truncate(settings.warehouse, settings.warehouse.stat().st_size // 2)
    found = _stored(settings, registry)["warehouse"]
    assert (found.state, "alliance rebuild" in found.message) == ("look", True)


def test_an_edited_verdict_and_a_foreign_structure(settings: Settings, registry: Registry) -> None:
    with duckdb.connect(str(settings.warehouse)) as con:
        con.execute(
            "insert into quality.check_results by name select 1 as check_seq, 'c' as check_id, "
            "'p' as practice_id, 'd' as delivery_id, 1 as load_seq, 's' as file_sha256, "
            "'sessions' as feed, 'r' as rule, 1 as rule_version, 't' as rule_text, "
            "'c' as category, 's' as severity, 0 as threshold, 1 as n_evaluated, 0 as n_failed, "
            "'passed' as status, '0' as code_version, 'g' as registry_digest, "
            "timestamp '2026-10-01 02:00:00' as checked_at, 'x' as prev_hash, 'y' as row_hash"
        )
        con.execute("alter table quality.rebuilds add column other integer")
    found = _stored(settings, registry, deep=True)
    assert found["verdicts"].state == "look"
    assert found["structure"].state == "look"
    assert "quality.rebuilds.other" in found["structure"].message
    assert "adds" in structure(set()).message


@pytest.mark.parametrize("fault", ["pointer", "file", "other"])
def test_a_release_that_cannot_be_served(
    fault: str, settings: Settings, registry: Registry
) -> None:
    settings.releases.mkdir()
    for name in ("r1.duckdb", "r1.quality.duckdb"):
        with duckdb.connect(str(settings.releases / name)) as con:
            con.execute("create table release as select 'r1' as release_id")
    pointer = settings.releases / "current.json"
    text = '{"release_id": "r1", "release": "r1.duckdb", "quality": "r1.quality.duckdb"}'
    pointer.write_text(text)
    assert _stored(settings, registry)["release in force"].state == "good"
    if fault == "pointer":
        pointer.write_text("{")
    elif fault == "file":
        os.truncate(settings.releases / "r1.quality.duckdb", 5000)
    else:
        pointer.write_text(text.replace('"r1"', '"r2"'))
    found = _stored(settings, registry)["release in force"]
    assert found.state == "look"


def test_the_age_of_the_backup(settings: Settings, registry: Registry) -> None:
    group = registry.group.model_copy(update={"sample_practices": False})
    real = Registry(group, registry.practices, registry.feeds, registry.instruments, {})
    assert "alliance backup FOLDER" in _stored(settings, real)["backup"].message
    path = settings.home / "last_backup.json"
    for days, state in ((1, "good"), (3, "look")):
        made = (NOW - timedelta(days=days)).isoformat()
        path.write_text(f'{{"made_at": "{made}", "folder": "/mnt/backup"}}')
        assert _stored(settings, real)["backup"].state == state
    path.write_text("{}")
    assert _stored(settings, real)["backup"].state == "unknown"


HOLDER = """
import sys
from pathlib import Path
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
with Warehouse(Settings(Path(sys.argv[1]))).writer():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_holds_the_writers_lock(settings: Settings, registry: Registry) -> None:
    assert locks.writers_lock(settings, NOW).message == "free"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(settings.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        now = datetime.now(UTC)
        fresh = locks.writers_lock(settings, now)
        old = locks.writers_lock(settings, now + timedelta(hours=13))
        assert _stored(settings, registry)["warehouse"].state == "unknown"
        holder.communicate("")
    if fresh.state != "unknown":  # the system says who it is
        assert f"process {holder.pid} is writing" in fresh.message
        assert (old.state, str(holder.pid) in old.message) == ("look", True)


def test_python_and_distributions(tmp_path: Path) -> None:
    assert machine.python_version((3, 12)).state == "good"
    for other in ((3, 10), (3, 14)):
        assert machine.python_version(other).state == "look"
    lock = tmp_path / "runtime.txt"
    lock.write_text(
        "duckdb==0.0.1 \\\n    --hash=sha256:ab\n    # via\n"
        'colorama==9.9 ; sys_platform == "win32" \\\n    --hash=sha256:cd\n'
    )
    assert machine.locked_versions(lock.read_text()) == {
        "duckdb": ("0.0.1", False),
        "colorama": ("9.9", True),
    }
    found = machine.distributions(lock)
    assert (found.state, "duckdb" in found.message) == ("look", True)
    assert machine.distributions(tmp_path / "none").state == "unknown"
    assert len(machine.locked_versions(machine.LOCKED.read_text())) > 50


def test_room_for_a_night(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(3 * machine.GIB))
    assert machine.disk_space(settings).state == "good"
    (settings.landing / TWO_OAKS).mkdir(parents=True)
    with (settings.landing / TWO_OAKS / "large.csv").open("wb") as stream:
        stream.truncate(machine.GIB)  # a hole: it takes no room
    found = machine.disk_space(settings)
    assert (found.state, "make room" in found.message) == ("look", True)


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


MOUNTS = """\
22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 254:1 / /srv rw shared:1 - xfs /dev/mapper/vault rw
31 30 0:40 / /srv/private rw - fuse.gocryptfs gocryptfs rw
"""


def test_the_volume_under_a_path(tmp_path: Path) -> None:
    assert machine.mount_of(Path("/srv/alliance"), MOUNTS) == ("/dev/mapper/vault", "xfs")
    assert machine.mount_of(Path("/srv/private/x"), MOUNTS) == ("gocryptfs", "fuse.gocryptfs")
    assert machine.mount_of(Path("/opt"), MOUNTS) == ("/dev/vda", "ext4")
    with pytest.raises(ValueError, match="no mount"):
        machine.mount_of(Path("/opt"), "")
    # A logical volume on an encrypted partition.
    for name, uuid in (("dm-0", "CRYPT-LUKS2-ab"), ("dm-1", "LVM-cd"), ("vda1", "")):
        (tmp_path / name / "dm").mkdir(parents=True)
        (tmp_path / name / "dm" / "uuid").write_text(uuid)
        (tmp_path / name / "slaves").mkdir()
    (tmp_path / "dm-1" / "slaves" / "dm-0").mkdir()
    assert machine._is_crypt("dm-1", tmp_path)
    assert not machine._is_crypt("vda1", tmp_path)


def test_names_of_notes() -> None:
    name = LoadName(12, "two_oaks.sessions.ab")
    assert (name.file_name, name.practice_id) == ("12.two_oaks.sessions.ab", TWO_OAKS)
    assert PracticeKey(TWO_OAKS, bytes(32)).practice_id == name.practice_id
