"""What a contract keeps no longer, taken away each night: archive, stored rows, releases, verdicts.

Terms are days from the day a file last came, a release went out or a verdict was given. A row that
the newest snapshot of its kind of file holds came with that one, whenever it was stored. The ledger
stays: it holds no person, and a file it had forgotten would be loaded again. The release in force
stays whatever its age, and so does the newest verdict, to which the next one is chained.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from expectations.practice import Retention
from expectations.registry import Registry
from orchestration.audit_chain import remove_verdicts
from orchestration.durable import fsync_directory
from orchestration.release.reader import Releases
from orchestration.removal import COUNTED, FEED_TABLES, Removal, remove
from orchestration.rewriting import Table
from orchestration.settings import Settings
from orchestration.sql import literal
from orchestration.warehouse import Warehouse, transaction

RETENTION = "retention"
MEMBERS = "benchmark.disclosure_members"


@dataclass(frozen=True)
class _Past:
    """Deliveries of one practice past the term of their rows."""

    practice_id: str
    numbers: Sequence[int]

    def goes(self, catalog: str, *, is_repeated: bool) -> str:
        """Condition, in SQL, on a row past its term; `catalog` is where its tables lie."""
        practice, numbers = literal(self.practice_id), ", ".join(map(str, self.numbers))
        past = f"practice_id = {practice} and load_seq in ({numbers})"
        if not is_repeated:
            return f"({past})"
        return f"""(
            {past} and not coalesce(row_hash in (
                select row_hash from {catalog}raw.snapshot_rows_standing
                where practice_id = {practice} and load_seq not in ({numbers})
            ), false)
        )"""


def keep_terms(settings: Settings, registry: Registry, today: date) -> tuple[str, ...]:
    """Take away what is past its term; a line for each kind and practice. The caller holds the
    writer's lock and has the warehouse open nowhere.

    A practice whose declaration is broken keeps everything until it can be read again.
    """
    if not settings.warehouse.exists():
        return ()
    terms = {name: _terms(registry, name, today) for name in registry.practices}
    gone = tuple(_rows(settings, terms, today))
    with Warehouse(settings).connect() as con:
        return (
            *gone,
            *_archive(settings, con, terms, today),
            *_verdicts(con, terms, today),
            *_releases(settings, con, terms, today),
        )


def _terms(registry: Registry, practice_id: str, today: date) -> Retention:
    practice = registry.practices[practice_id]
    return (practice.contract_on(today) or practice.contracts[-1]).retention


def _before(today: date, days: int) -> date:
    """What is from before this day is past its term."""
    return today - timedelta(days=days)


def _rows(settings: Settings, terms: Mapping[str, Retention], today: date) -> Iterator[str]:
    found = _past_with_rows(settings, terms, today)
    if not found:
        return

    def goes(table: Table) -> str | None:
        if table.full_name == MEMBERS:
            return " or ".join(
                _members_gone(past, _before(today, terms[past.practice_id].raw_days))
                for past, _ in found
            )
        if not (table.has("practice_id") and table.has("load_seq")):
            return None
        is_repeated = table.has("row_hash")
        return " or ".join(past.goes("former.", is_repeated=is_repeated) for past, _ in found)

    remove(settings, Removal(goes, RETENTION, today))
    for past, n_loads in found:
        yield (
            f"practice {past.practice_id}: stored rows of {n_loads} deliveries were older than "
            f"{terms[past.practice_id].raw_days} days and are gone"
        )


def _members_gone(past: _Past, limit: date) -> str:
    """Condition on what disclosure control keeps of a practice's clients: of those of whom no form
    is left everything, of the others what they had answered before answers that are older."""
    practice = literal(past.practice_id)
    goes = past.goes("former.", is_repeated=True)
    return f"""(
        practice_id = {practice} and (
            client_key not in (
                select client_key from former.raw.administrations
                where practice_id = {practice} and not coalesce({goes}, false)
            )
            or coalesce(until_release in (
                select release_no from former.benchmark.disclosure_releases
                where written_on < date {literal(limit.isoformat())}
            ), false)
        )
    )"""


def _past_with_rows(
    settings: Settings, terms: Mapping[str, Retention], today: date
) -> list[tuple[_Past, int]]:
    """Practices with rows to go, and of how many deliveries they are."""
    found: list[tuple[_Past, int]] = []
    with Warehouse(settings).connect() as con:
        for name, term in terms.items():
            old = con.execute(
                "select load_seq from raw.deliveries where practice_id = ? "
                "qualify max(received_on) over (partition by delivery_id) < ? order by load_seq",
                [name, _before(today, term.raw_days)],
            ).fetchall()
            if not old:
                continue
            past = _Past(name, [int(number) for (number,) in old])
            stored = " union ".join(
                f"select load_seq from {table} "
                f"where {past.goes('', is_repeated=table in FEED_TABLES)}"
                for table in COUNTED
            )
            ((n_loads,),) = con.execute(f"select count(*) from ({stored})").fetchall()
            if n_loads:
                found.append((past, int(n_loads)))
    return found


def _archive(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    terms: Mapping[str, Retention],
    today: date,
) -> Iterator[str]:
    came = {
        (practice_id, sha256): last
        for practice_id, sha256, last in con.execute(
            "select practice_id, file_sha256, max(received_on) from raw.deliveries group by all"
        ).fetchall()
    }
    for name, term in terms.items():
        folder = settings.archive / name
        if not folder.is_dir():
            continue
        limit = _before(today, term.archive_days)
        # A file no ledger row speaks of was left by a killed run: its own date has to do.
        old = [
            path
            for path in folder.iterdir()
            if path.is_file() and (came.get((name, path.name)) or _written_on(path)) < limit
        ]
        for path in old:
            path.unlink()
        if old:
            fsync_directory(folder)
            yield (
                f"practice {name}: {len(old)} archived files were older than {term.archive_days} "
                "days and are gone; a rebuild does without them"
            )


def _verdicts(
    con: duckdb.DuckDBPyConnection, terms: Mapping[str, Retention], today: date
) -> Iterator[str]:
    conditions = {
        name: f"practice_id = {literal(name)} "
        f"and checked_at < date {literal(_before(today, term.audit_days).isoformat())}"
        for name, term in terms.items()
    }
    if not conditions:
        return
    with transaction(con):
        anyone = " or ".join(f"({condition})" for condition in conditions.values())
        n_removed = remove_verdicts(con, anyone, today)
    if n_removed:
        yield f"{n_removed} verdicts were past their practice's term and are gone; the chain holds"


def _releases(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    terms: Mapping[str, Retention],
    today: date,
) -> Iterator[str]:
    """A release is of all practices, so the shortest term counts."""
    if not terms or not settings.releases.is_dir():
        return
    days = min(term.releases_days for term in terms.values())
    releases = Releases(settings.releases)
    in_force = releases.current_id()
    published = {
        release_id: last.date()
        for release_id, last in con.execute(
            "select release_id, max(published_at) from benchmark.published group by 1"
        ).fetchall()
    }
    limit = _before(today, days)
    n_gone = 0
    for path in sorted(settings.releases.glob("*.duckdb")):
        release_id = path.name.partition(".")[0]
        if not release_id or release_id == in_force:
            continue
        if (published.get(release_id) or _written_on(path)) < limit:
            path.unlink()
            n_gone += 1
    if n_gone:
        fsync_directory(settings.releases)
        yield f"{n_gone} files of releases older than {days} days are gone"


def _written_on(path: Path) -> date:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
