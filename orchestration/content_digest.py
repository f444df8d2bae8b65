"""One number for what the marts say, whatever way they came to say it.

Two warehouses that took in the same exports must agree on it: in another order, after a crash, out
of the archive, under another key. So it does not depend on the order of rows, leaves out what names
a delivery or a time of loading, and puts in place of each pseudonym a signature of the rows in
which it stands (the refinement of colours by neighbours: Weisfeiler and Leman 1968).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from orchestration.sql import identifier, literal

ROUNDS = 3
"""How far a signature looks: a session's row, its client's other rows, their sessions' rows."""
_LEFT_OUT = ("delivery_id", "load_seq", "key_version", "received_on")


@dataclass(frozen=True)
class _Table:
    name: str
    relation: str
    keys: tuple[str, ...]
    plain: tuple[str, ...]


def content_digest(con: duckdb.DuckDBPyConnection, schema: str = "marts") -> str:
    """SHA-256 over the content of every table of a schema, as 64 hexadecimal digits.

    Makes and drops temporary tables; writes nothing else.
    """
    return digest_of(table_digests(con, schema))


def digest_of(tables: Mapping[str, str]) -> str:
    """The content digest of a schema, from those of its tables."""
    lines = [f"{name} {found}" for name, found in tables.items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def table_digests(con: duckdb.DuckDBPyConnection, schema: str = "marts") -> dict[str, str]:
    """The content of each table by its name: number of rows and an order-free sum over them.

    Tells which table two warehouses differ in. A key's signature spans all tables of the schema,
    so a row that is missing in one may show in others that hold its keys.
    """
    tables = _tables(con, schema)
    for number, table in enumerate(tables):
        con.execute(_rows_sql(number, table))
    con.execute(f"create or replace temp table digest_places as {_places_sql(tables)}")
    con.execute(
        "create or replace temp table digest_signatures as "
        "select distinct key_value, '' as signature from digest_places"
    )
    for _ in range(ROUNDS):
        con.execute(_REFINED)
    found = {table.name: _digest(con, number, table) for number, table in enumerate(tables)}
    made = [f"digest_rows_{number}" for number in range(len(tables))]
    for name in (*made, "digest_places", "digest_signatures"):
        con.execute(f"drop table {name}")
    return found


def _tables(con: duckdb.DuckDBPyConnection, schema: str) -> list[_Table]:
    rows = con.execute(
        "select table_name, list(column_name order by column_name) from duckdb_columns() "
        "where schema_name = ? and database_name = current_database() group by 1 order by 1",
        [schema],
    ).fetchall()
    return [
        _Table(
            name=name,
            relation=f"{identifier(schema)}.{identifier(name)}",
            keys=tuple(column for column in columns if _is_key(column)),
            plain=tuple(c for c in columns if not (_is_key(c) or _names_a_delivery(c))),
        )
        for name, columns in rows
    ]


def _is_key(column: str) -> bool:
    # A form's row number is as arbitrary as a pseudonym: it counts deliveries.
    return column.endswith("_key") or column == "administration_row"


def _names_a_delivery(column: str) -> bool:
    return column in _LEFT_OUT or column.endswith("_at")


def _rows_sql(number: int, table: _Table) -> str:
    keys = "".join(f", {identifier(key)}::varchar as {identifier(key)}" for key in table.keys)
    plain = _texts(f"{identifier(name)}::varchar" for name in table.plain)
    return f"""
        create or replace temp table digest_rows_{number} as
        select row_number() over () as row_no, md5({plain}) as content{keys}
        from {table.relation}
        """


def _texts(parts: Iterable[str]) -> str:
    """Texts as one, in which null and the empty text differ."""
    shown = [f"coalesce('=' || {part}, '-')" for part in parts]
    return f"concat_ws(chr(31), {', '.join(shown)})" if shown else "''"


def _places_sql(tables: Iterable[_Table]) -> str:
    """Where each key stands: table, row, column, and the row's content without keys."""
    places = [
        f"select {number} as table_no, row_no, content, {literal(key)} as column_name, "
        f"{identifier(key)} as key_value from digest_rows_{number} "
        f"where {identifier(key)} is not null"
        for number, table in enumerate(tables)
        for key in table.keys
    ]
    none = (
        "select 0 as table_no, 0 as row_no, '' as content, '' as column_name, '' as key_value "
        "where false"
    )
    return " union all by name ".join([none, *places])


_REFINED = """
    create or replace temp table digest_signatures as
    with signed as (
        select places.*, signatures.signature
        from digest_places as places
        inner join digest_signatures as signatures using (key_value)
    ),
    rows_signed as (
        select
            table_no,
            row_no,
            md5(string_agg(column_name || signature, chr(31) order by column_name)) as neighbours
        from signed group by table_no, row_no
    ),
    seen as (
        select
            key_value,
            md5(concat_ws(chr(31), table_no, column_name, content, neighbours)) as place
        from signed inner join rows_signed using (table_no, row_no)
    )
    select key_value, md5(string_agg(place, '' order by place)) as signature
    from seen group by key_value
    """


def _digest(con: duckdb.DuckDBPyConnection, number: int, table: _Table) -> str:
    joins = "".join(
        f" left join digest_signatures as s{i} on s{i}.key_value = r.{identifier(key)}"
        for i, key in enumerate(table.keys)
    )
    parts = ["r.content", *(f"s{i}.signature" for i in range(len(table.keys)))]
    ((rows, upper, lower),) = con.execute(
        f"""
        select count(*), sum(md5_number_upper(text)), sum(md5_number_lower(text))
        from (select {_texts(parts)} as text from digest_rows_{number} as r{joins})
        """
    ).fetchall()
    columns = hashlib.sha256(" ".join((*table.keys, *table.plain)).encode()).hexdigest()
    return f"{rows} {upper or 0} {lower or 0} {columns[:16]}"
