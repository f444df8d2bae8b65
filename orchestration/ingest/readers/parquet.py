"""Parquet: every column as the text a careful CSV export would hold.

Whole numbers have no decimals, days are YYYY-MM-DD, times of day follow a day only where they are
not midnight, truth is `true` or `false`. What has no such text (lists, bytes, instants whose local
day is unknown, numbers too large to be exact) is refused, not guessed.
"""

import base64
import binascii
from pathlib import Path

import duckdb

from expectations.practice import FileSpec
from orchestration.ingest.content_hash import sha256_of
from orchestration.ingest.privacy import listed
from orchestration.ingest.readers.damage import refused_when_damaged
from orchestration.ingest.readers.header import checked_header
from orchestration.ingest.readers.opened import Opened, OtherText, TextRelation
from orchestration.ingest.receive import sized
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from orchestration.sql import identifier, literal, path_literal

_WHOLE = frozenset(
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "", "BIG", "HUGE")
) | {"INTEGER", "UINTEGER"}
_EXACT_BELOW = {"DOUBLE": 1e15, "FLOAT": 1e7}
"""Digits a spreadsheet or a program keeps of a number of this type; longer ids become others."""
_DIGITS = {"DOUBLE": 15, "FLOAT": 7}
_INSTANTS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_ARROW_SCHEMA = "ARROW:schema"
_CELLS_FLOOR, _MAX_CELLS_RATIO = 2_000_000, 100
_TEXT_FLOOR_BYTES, _MAX_TEXT_RATIO = 64 * 2**20, 1000
"""A value that repeats takes next to nothing: what a byte of the file may unpack to. Ids differ
from row to row, so that an export has a few cells a byte."""


def open_file(con: duckdb.DuckDBPyConnection, path: Path, spec: FileSpec, limits: Limits) -> Opened:
    """A Parquet file.

    Raises DeliveryRefused: empty_file, too_large (also once unpacked), damaged_file, no_header,
    repeated_column, unsupported_type, inexact_number.
    """
    n_bytes = sized(path, limits.file_bytes)
    file = path_literal(path)
    rows = f"read_parquet({file}, hive_partitioning = false)"
    with refused_when_damaged("Parquet"):
        ((n_rows, created_by),) = con.execute(
            f"select num_rows, created_by from parquet_file_metadata({file})"
        ).fetchall()
        described = con.execute(f"describe select * from {rows}").fetchall()
        stored = con.execute(f"select name from parquet_schema({file})").fetchall()[1:]
        pairs = con.execute(f"select key, value from parquet_kv_metadata({file})").fetchall()
    names = [str(row[0]) for row in described]
    types = [str(row[1]) for row in described]
    # The engine gives repeated names new ones; nested columns, refused below, have names inside.
    is_flat = len(stored) == len(names)
    header = checked_header([str(row[0]) for row in stored] if is_flat else names)
    cells = [
        _text(identifier(name), kind, spec.dialect.decimal_mark)
        for name, kind in zip(names, types, strict=True)
    ]
    if unfit := [name for name, cell in zip(header, cells, strict=True) if cell is None]:
        raise DeliveryRefused(
            "unsupported_type",
            f"columns whose type has no plain text: {listed(unfit)}; export text, numbers, days "
            "and local times (no lists, structures or bytes, no time zones)",
        )
    if int(n_rows) * len(header) > max(_CELLS_FLOOR, _MAX_CELLS_RATIO * n_bytes):
        raise _unpacks_to_too_much()
    selected = ", ".join(
        f"{cell} as {identifier(name)}" for name, cell in zip(header, cells, strict=True)
    )
    relation = TextRelation(header, f"(select {selected} from {rows})")
    _read_whole(con, relation, rows, dict(zip(names, types, strict=True)), int(n_rows), n_bytes)
    texts = [OtherText("the file's writer", created_by or "")]
    for key, value in pairs:
        texts += _metadata(bytes(key), bytes(value or b""))
    return Opened(relation, sha256_of(path), n_bytes, int(n_rows), tuple(texts))


def _text(column: str, kind: str, decimal_mark: str) -> str | None:
    """A column as text in SQL; None for a type that has none."""
    if kind == "VARCHAR" or kind.startswith("ENUM("):
        return f"{column}::varchar"
    if kind in _WHOLE or kind in ("BOOLEAN", "DATE", "TIME", "UUID"):
        return f"{column}::varchar"
    if kind in _INSTANTS:
        second = f"date_trunc('second', {column}::timestamp)"
        day = f"date_trunc('day', {column}::timestamp)"
        return (
            f"(case when {second} = {day} then {column}::date::varchar else {second}::varchar end)"
        )
    if kind in _DIGITS:
        whole = f"isfinite({column}) and {column} = trunc({column})"
        text = (
            f"case when {whole} then {column}::decimal(38, 0)::varchar "
            f"when {column} is not null then printf('%.{_DIGITS[kind]}g', {column}::double) end"
        )
    elif kind.startswith("DECIMAL("):
        text = f"regexp_replace({column}::varchar, '\\.?0+$', '')"
        text = f"case when contains({column}::varchar, '.') then {text} else {column}::varchar end"
    else:
        return None
    return f"replace({text}, '.', {literal(decimal_mark)})"


def _read_whole(
    con: duckdb.DuckDBPyConnection,
    relation: TextRelation,
    rows: str,
    types: dict[str, str],
    n_rows: int,
    n_bytes: int,
) -> None:
    """Decode every page once: what is damaged shows here, and not half-way through the gate."""
    lengths = ", ".join(f"sum(strlen({identifier(name)}))" for name in relation.columns)
    inexact = ", ".join(
        f"count_if(isfinite({identifier(name)}) and abs({identifier(name)}) >= "
        f"{_EXACT_BELOW.get(kind, 0)!r})"
        if kind in _EXACT_BELOW
        else "0"
        for name, kind in types.items()
    )
    with refused_when_damaged("Parquet"):
        (found,) = con.execute(f"select count(*), {inexact} from {rows}").fetchall()
    suspect = [name for name, n in zip(relation.columns, found[1:], strict=True) if n]
    if suspect:
        raise DeliveryRefused(
            "inexact_number",
            f"columns with numbers too long to be exact: {listed(suspect)}; export them as text "
            "or as whole numbers",
        )
    with refused_when_damaged("Parquet"):
        ((_, *n_text),) = con.execute(f"select count(*), {lengths} from {relation.sql}").fetchall()
    if sum(int(n or 0) for n in n_text) > max(_TEXT_FLOOR_BYTES, _MAX_TEXT_RATIO * n_bytes):
        raise _unpacks_to_too_much()
    if found[0] != n_rows:
        raise DeliveryRefused(
            "damaged_file", "the file holds another number of rows than it says; export it again"
        )


def _unpacks_to_too_much() -> DeliveryRefused:
    return DeliveryRefused(
        "too_large",
        "the file holds far more cells or text than so few bytes can of an export (repeated "
        "values); export it again, or send it as delimited text",
    )


def _metadata(key: bytes, value: bytes) -> list[OtherText]:
    place = "the file's key-value metadata"
    texts = [key.decode("utf-8", "replace")]
    if texts[0] == _ARROW_SCHEMA:
        # Base64 of a binary schema, in which names and notes stand as they are.
        try:
            texts.append(base64.b64decode(value).decode("latin-1"))
        except binascii.Error:
            texts.append(value.decode("latin-1"))
    else:
        texts.append(value.decode("utf-8", "replace"))
    return [OtherText(place, text) for text in texts]
