"""Why a number changed: two releases held against each other, and what lies between them.

A leader who saw 48.2 last week and sees 48.6 today is owed an answer. What moved is read off the
two files; what can have moved it, off the ledger, the rules and the declarations they were made
from. Nothing is traced through a client: a release holds none.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from orchestration.release.tables import ReleaseTable, tables_of
from orchestration.sql import identifier, literal

_OF_THE_NETWORK = frozenset(
    {
        "target",
        "standard_error",
        "z",
        "phi",
        "tau2",
        *("lower95", "upper95", "lower998", "upper998"),
        *("flag", "comparability", "adjusted", "reliability"),
        *("shrunken", "shrunken_lower95", "shrunken_upper95"),
        *("expected", "gap", "gap_case_mix", "gap_response", "gap_therapists", "gap_rest"),
        *("outcome_instrument_code", "outcome_of_gap", "outcome_lower95", "outcome_upper95"),
    }
)
"""Columns of a cell that other sites' data move too."""
_TOLD = ("loaded", "superseded", "refused", "held", "dead")


@dataclass(frozen=True)
class Change:
    """One row of one table that is not the same. `kind`: appeared, gone, hidden, shown, changed.

    `moved` has, by column, the older and the newer value as text. `moved_by`: `own_data` where the
    site's own figures moved, `network` where only what it is held against did.
    """

    table: str
    key: dict[str, str | None]
    kind: str
    moved: dict[str, tuple[str | None, str | None]]
    moved_by: str


@dataclass(frozen=True)
class Cause:
    """Something that lies between the two. `kind`: new_delivery, correction, late_delivery,
    decision, removal, rule, instrument, metric, setting or code; `practice_id` null for all."""

    kind: str
    practice_id: str | None
    what: str


@dataclass(frozen=True)
class Removal:
    """Rows a practice's stored data lost on a day, `withdrawn` or by `retention`."""

    practice_id: str
    reason: str
    removed_on: date


@dataclass(frozen=True)
class Difference:
    """Two releases, what changed and what can have changed it."""

    older: str
    newer: str
    causes: tuple[Cause, ...]
    changes: tuple[Change, ...]
    only_in: dict[str, str] = field(default_factory=dict)
    """Tables that one of them does not have, and which has it."""

    def causes_of(self, change: Change) -> list[Cause]:
        """Those that can have moved this row: of its practice, of all, and, for what a site is
        held against, of the other practices too."""
        practice = change.key.get("practice_id")
        return [
            cause
            for cause in self.causes
            if cause.practice_id in (None, practice) or change.moved_by == "network"
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def difference(
    older: tuple[Path, Path], newer: tuple[Path, Path], removals: Sequence[Removal] = ()
) -> Difference:
    """Hold two releases against each other, each as its file and its file for quality teams.

    `removals` are what the warehouse knows and no release says. Raises duckdb.IOException for a
    file that is no release.
    """
    con = duckdb.connect()
    try:
        for side, (release, quality) in (("a", older), ("b", newer)):
            con.execute(f"attach {literal(str(release))} as {side} (read_only)")
            con.execute(f"attach {literal(str(quality))} as q{side} (read_only)")
        (first,), (second,) = (
            con.execute(f"select release_id from {side}.release").fetchall() for side in "ab"
        )
        held = {side: _tables(con, side) for side in "ab"}
        changes: list[Change] = []
        only_in: dict[str, str] = {}
        for table in tables_of("release"):
            has = [side for side in "ab" if table.table in held[side]]
            if len(has) == 1:
                only_in[table.table] = str({"a": first, "b": second}[has[0]][0])
            elif has and _is_of_sites(table):
                changes += _changes(con, table, held)
        causes = (
            *_deliveries(con),
            *(Cause("removal", r.practice_id, _removed(r)) for r in removals),
            *_rules(con),
            *_declared(con, "instrument", ("instrument_code", "version"), held),
            *_declared(con, "metric", ("metric",), held),
            *_settings(con),
        )
        return Difference(first[0], second[0], causes, tuple(changes), only_in)
    finally:
        con.close()


def _removed(removal: Removal) -> str:
    why = "a client withdrew" if removal.reason == "withdrawn" else f"{removal.reason} took rows"
    return f"{why} ({removal.removed_on})"


def _tables(con: duckdb.DuckDBPyConnection, side: str) -> dict[str, set[str]]:
    rows = con.execute(
        "select table_name, list(column_name) from duckdb_columns() "
        "where database_name = ? group by 1",
        [side],
    ).fetchall()
    return {name: set(columns) for name, columns in rows}


def _is_of_sites(table: ReleaseTable) -> bool:
    return "site_id" in table.key and table.table != "sites"


def _changes(
    con: duckdb.DuckDBPyConnection, table: ReleaseTable, held: dict[str, dict[str, set[str]]]
) -> Iterator[Change]:
    both = held["a"][table.table] & held["b"][table.table]
    key = [name for name in table.key if name in both]
    values = [name for name in table.names if name in both and name not in key]
    pairs = ", ".join(
        f"{{name: {literal(name)}, a: a.{identifier(name)}::varchar, "
        f"b: b.{identifier(name)}::varchar}}"
        for name in values
    )
    on = " and ".join(f"a.{identifier(k)} is not distinct from b.{identifier(k)}" for k in key)
    keys = ", ".join(f"coalesce(a.{identifier(k)}, b.{identifier(k)})::varchar" for k in key)
    name = identifier(table.table)
    rows = con.execute(
        f"""
        select
            {keys}, a.here, b.here,
            list_filter([{pairs}], lambda x: x.a is distinct from x.b) as moved
        from (select true as here, * from a.{name}) as a
        full join (select true as here, * from b.{name}) as b on {on}
        where len(moved) > 0 or a.here is null or b.here is null
        order by all
        """
    ).fetchall()
    for *found, in_older, in_newer, pairs_moved in rows:
        moved = {pair["name"]: (pair["a"], pair["b"]) for pair in pairs_moved}
        kind = _kind(in_older, in_newer, moved)
        is_own = kind != "changed" or not set(moved) <= _OF_THE_NETWORK
        yield Change(
            table.table,
            dict(zip(key, found, strict=True)),
            kind,
            moved,
            "own_data" if is_own else "network",
        )


def _kind(in_older: bool, in_newer: bool, moved: dict[str, tuple[str | None, str | None]]) -> str:
    if not in_older:
        return "appeared"
    if not in_newer:
        return "gone"
    hidden = moved.get("is_suppressed", ("", ""))[1]
    return {"true": "hidden", "false": "shown"}.get(hidden or "", "changed")


def _deliveries(con: duckdb.DuckDBPyConnection) -> Iterator[Cause]:
    """Files of the newer ledger that the older had not, and files a person decided on since."""
    rows = con.execute(
        f"""
        select
            b.practice_id, b.feed, b.load_seq, b.state, a.state as was,
            coalesce(b.file_name, 'file ' || b.delivery_id[:12]) as name,
            exists (
                select 1 from b.expected_deliveries as due
                where due.practice_id = b.practice_id and due.load_seq = b.load_seq and due.is_late
            ) as is_late,
            exists (
                select 1 from a.deliveries as former
                inner join b.deliveries as now on former.load_seq = now.load_seq
                where former.practice_id = b.practice_id and former.feed = b.feed
                    and former.state = 'loaded' and now.state = 'superseded'
            ) as is_putting_out
        from b.deliveries as b
        left join a.deliveries as a on b.load_seq = a.load_seq and b.feed = a.feed
        where b.load_seq is not null and b.state in ({", ".join(map(literal, _TOLD))})
            and a.state is distinct from b.state
        order by b.load_seq, b.feed
        """
    ).fetchall()
    for practice, feed, number, state, was, name, is_late, is_putting_out in rows:
        told = f"{feed}: {name} (number {number})"
        if was is None:
            kind = "late_delivery" if is_late else "new_delivery"
            if state == "loaded" and is_putting_out:
                kind = "correction"
            yield Cause(kind, practice, f"{told} {state}")
        elif was == "loaded" and state == "superseded":
            yield Cause("correction", practice, f"{told} no longer counts: a newer export stands")
        else:
            yield Cause("decision", practice, f"{told} was {was}, is {state}")


def _rules(con: duckdb.DuckDBPyConnection) -> Iterator[Cause]:
    """Rules whose newest wording, version or threshold is another."""
    newest = """
        select check_id, instrument_code, max_by(rule_version, check_seq) as rule_version,
            max_by(rule_text, check_seq) as rule_text, max_by(threshold, check_seq) as threshold
        from {side}.check_results group by all
    """
    rows = con.execute(
        f"""
        select b.check_id, b.instrument_code, a.check_id is null as is_new
        from ({newest.format(side="qb")}) as b
        left join ({newest.format(side="qa")}) as a
            on a.check_id = b.check_id and a.instrument_code is not distinct from b.instrument_code
        where (a.rule_version, a.rule_text, a.threshold)
            is distinct from (b.rule_version, b.rule_text, b.threshold)
        order by all
        """
    ).fetchall()
    for check_id, instrument, is_new in rows:
        of = f" on {instrument}" if instrument else ""
        yield Cause(
            "rule",
            None,
            f"{check_id}{of} {'is applied for the first time' if is_new else 'is another'}",
        )


def _declared(
    con: duckdb.DuckDBPyConnection,
    kind: str,
    key: tuple[str, ...],
    held: dict[str, dict[str, set[str]]],
) -> Iterator[Cause]:
    """Instruments or metrics that came, went, or are declared otherwise."""
    table = f"{kind}s"
    columns = sorted(held["a"].get(table, set()) & held["b"].get(table, set()) - set(key))
    if not columns:
        return
    on = " and ".join(f"a.{name} = b.{name}" for name in key)
    name = " || ' ' || ".join(f"coalesce(a.{part}, b.{part})" for part in key)
    differs = ", ".join(
        f"case when a.{identifier(column)} is distinct from b.{identifier(column)} "
        f"then {literal(column)} end"
        for column in columns
    )
    rows = con.execute(
        f"""
        select {name}, a.here, b.here, list_filter([{differs}], lambda x: x is not null) as moved
        from (select true as here, * from a.{table}) as a
        full join (select true as here, * from b.{table}) as b on {on}
        where a.here is null or b.here is null or len(moved) > 0
        order by all
        """
    ).fetchall()
    for what, in_older, in_newer, moved in rows:
        if not in_older:
            said = "is new"
        elif not in_newer:
            said = "is gone"
        else:
            said = f"is declared otherwise ({', '.join(moved)})"
        yield Cause(kind, None, f"{what} {said}")


def _settings(con: duckdb.DuckDBPyConnection) -> Iterator[Cause]:
    (older,), (newer,) = (
        con.execute(
            f"select settings, code_version, registry_version, data_through_on from {side}.release"
        ).fetchall()
        for side in "ab"
    )
    was, now = (dict(_flat(json.loads(row[0]))) for row in (older, newer))
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield Cause("setting", None, f"{name}: {was.get(name)} -> {now.get(name)}")
    if older[1] != newer[1]:
        yield Cause("code", None, f"made by version {older[1]} -> {newer[1]}")
    if older[2] != newer[2]:
        yield Cause("setting", None, "declarations are not the same")
    if older[3] != newer[3]:
        yield Cause("setting", None, f"periods close by {older[3]} -> {newer[3]}")


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value
