"""The digest is blind to order, deliveries and keys, and to nothing else."""

import itertools

import duckdb
import pytest

from orchestration.content_digest import content_digest, table_digests

CLIENTS = {"a": ("north", "u1"), "b": ("south", "u2"), "c": ("north", "u3")}
SESSIONS = [("a", "s1", 1), ("a", "s2", 2), ("b", "s3", 1), ("c", "s4", 1), ("c", "s5", None)]
FORMS = [(1, "s1", 5.0), (2, "s2", 4.5), (3, "s3", 4.5), (4, "s4", None)]


def _marts(
    *,
    rename: str = "",
    turned: bool = False,
    seq: int = 1,
    forms: list[tuple[int, str, float | None]] = FORMS,
) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("create schema marts")
    con.execute("create table marts.dim_clients (client_key varchar, site_id varchar)")
    con.execute(
        "create table marts.fct_sessions (client_key varchar, session_key varchar, session_no int, "
        "load_seq int, loaded_at timestamp)"
    )
    con.execute(
        "create table marts.fct_forms "
        "(administration_row bigint, session_key varchar, total double)"
    )
    order = reversed if turned else iter
    for client, (site, _) in order(list(CLIENTS.items())):
        con.execute("insert into marts.dim_clients values (?, ?)", [rename + client, site])
    for client, session, number in order(SESSIONS):
        con.execute(
            "insert into marts.fct_sessions values (?, ?, ?, ?, now()::timestamp)",
            [rename + client, rename + session, number, seq],
        )
    for row, session, total in order(forms):
        con.execute(
            "insert into marts.fct_forms values (?, ?, ?)",
            [seq * 100 + row, rename + session, total],
        )
    return con


def test_order_keys_and_deliveries_do_not_count() -> None:
    same = [
        content_digest(_marts(rename=rename, turned=turned, seq=seq))
        for rename, turned, seq in itertools.product(("", "other_"), (False, True), (1, 7))
    ]
    assert len(set(same)) == 1


@pytest.mark.parametrize(
    "forms",
    [
        FORMS[:-1],
        [*FORMS, FORMS[-1]],
        [(1, "s1", 5.0), (2, "s2", 4.5), (3, "s3", 4.5), (4, "s4", 4.5)],
        # The same totals on other sessions: only the signatures can tell.
        [(1, "s2", 5.0), (2, "s1", 4.5), (3, "s3", 4.5), (4, "s4", None)],
        # Sessions alike by themselves (number 1, each in a client's own first row), of clients at
        # different sites.
        [(1, "s1", 5.0), (2, "s2", 4.5), (3, "s4", 4.5), (4, "s3", None)],
    ],
)
def test_every_other_difference_counts(forms: list[tuple[int, str, float | None]]) -> None:
    assert content_digest(_marts(forms=forms)) != content_digest(_marts())


def test_null_is_not_an_empty_text() -> None:
    def one(value: str | None) -> str:
        con = duckdb.connect()
        con.execute("create schema marts")
        con.execute("create table marts.t as select ?::varchar as word", [value])
        return content_digest(con)

    assert one(None) != one("")


def test_tables_are_told_apart_and_nothing_is_left_behind() -> None:
    con = _marts()
    found = table_digests(con)
    assert sorted(found) == ["dim_clients", "fct_forms", "fct_sessions"]
    changed = _marts()
    changed.execute("update marts.dim_clients set site_id = 'west' where client_key = 'b'")
    assert {name for name, value in table_digests(changed).items() if value != found[name]} >= {
        "dim_clients"
    }
    left = con.execute("select table_name from duckdb_tables() where temporary").fetchall()
    assert left == []
