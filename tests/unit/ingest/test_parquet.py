"""Parquet: every column as stable text, what has no such text refused, metadata searched."""

import random
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.practice import FileSpec
from orchestration.ingest import privacy
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.readers.opened import Opened
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from tests.unit.ingest import declarations

PLANTED = "jo@example.org"
UUID_TEXT = "12345678-1234-5678-1234-567812345678"


def opened(con: duckdb.DuckDBPyConnection, path: Path, **dialect: str) -> Opened:
    spec = FileSpec.model_validate(
        {**declarations.LONG_FILE, "format": "parquet", "dialect": dialect}
    )
    return open_file(con, path, spec, Limits())


def written(tmp_path: Path, table: pa.Table, **options: Any) -> Path:
    path = tmp_path / "answers_1.parquet"
    pq.write_table(table, path, **options)
    return path


def texts(tmp_path: Path, column: pa.Array, **dialect: str) -> list[str | None]:
    con = duckdb.connect()
    found = opened(con, written(tmp_path, pa.table({" a ": column})), **dialect)
    return [row[0] for row in con.execute(f"select a from {found.relation.sql}").fetchall()]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, None, -7], pa.int8()), ["1", None, "-7"]),
        (pa.array([2**63], pa.uint64()), [str(2**63)]),
        (
            pa.array([1.0, None, 2.5, 0.1 + 0.2, -0.0, 1e-5]),
            ["1", None, "2.5", "0.3", "0", "1e-05"],
        ),
        (pa.array([float("nan")]), ["nan"]),
        (pa.array([0.1, 3.0], pa.float32()), ["0.1", "3"]),
        (
            pa.array([Decimal("10.00"), Decimal("1.50"), Decimal("0.00")]),
            ["10", "1.5", "0"],
        ),
        (pa.array([Decimal(100)], pa.decimal128(5, 0)), ["100"]),
        (pa.array(["x", "", None, " 007 "]), ["x", "", None, " 007 "]),
        (pa.array(["x", "y", "x"]).dictionary_encode(), ["x", "y", "x"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([date(2026, 2, 3)]), ["2026-02-03"]),
        (
            pa.array([datetime(2026, 2, 3), datetime(2026, 2, 3, 10, 5, 1, 250000), None]),
            ["2026-02-03", "2026-02-03 10:05:01", None],
        ),
        (pa.array([datetime(2026, 2, 3)], pa.timestamp("ns")), ["2026-02-03"]),
        (pa.array([time(9, 30)]), ["09:30:00"]),
        (pa.array([UUID(UUID_TEXT).bytes], pa.uuid()), [UUID_TEXT]),
    ],
)
def test_cells_become_text_in_one_form(
    tmp_path: Path, column: pa.Array, expected: list[str | None]
) -> None:
    assert texts(tmp_path, column) == expected


def test_numbers_take_the_contracts_decimal_mark(tmp_path: Path) -> None:
    assert texts(tmp_path, pa.array([2.5, 3.0]), decimal_mark=",") == ["2,5", "3"]
    assert texts(tmp_path, pa.array([Decimal("1.50")]), decimal_mark=",") == ["1,5"]


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([[1]]), "unsupported_type"),
        (pa.array([{"a": 1}]), "unsupported_type"),
        (pa.array([b"x"]), "unsupported_type"),
        (pa.array([datetime(2026, 2, 3)], pa.timestamp("us", "UTC")), "unsupported_type"),
        (pa.array([1e15]), "inexact_number"),
        (pa.array([1e7], pa.float32()), "inexact_number"),
    ],
)
def test_what_has_no_plain_text_is_refused_by_column(
    tmp_path: Path, column: pa.Array, reason: str
) -> None:
    for name, shown in (("answer", "answer"), (PLANTED, "(a name that cannot be shown)")):
        with pytest.raises(DeliveryRefused) as refusal:
            opened(duckdb.connect(), written(tmp_path, pa.table({"client": ["P1"], name: column})))
        assert refusal.value.reason == reason
        assert shown in refusal.value.message
        assert "client" not in refusal.value.message
        assert PLANTED not in refusal.value.message


def test_rows_keep_their_order_and_number(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array(range(300_000), pa.int64())})
    con = duckdb.connect()
    found = opened(con, written(tmp_path, table, row_group_size=1000))
    rows = con.execute(f"select n, row_number() over () - 1 from {found.relation.sql}").fetchall()
    assert all(text == str(number) for text, number in rows)
    assert found.n_rows == len(rows) == 300_000


@pytest.mark.parametrize("place", ["key", "value", "field", "pandas"])
def test_an_identifier_in_the_metadata_is_found_and_not_repeated(
    tmp_path: Path, place: str
) -> None:
    table = pa.table({"client": ["P1"]})
    if place == "field":
        field = pa.field("client", pa.string(), metadata={"note": PLANTED})
        table = table.cast(pa.schema([field]))
    elif place == "pandas":
        frame = pd.DataFrame({"client": ["P1"]})
        frame.attrs["sent by"] = PLANTED
        table = pa.Table.from_pandas(frame)
    else:
        note = {"note": PLANTED} if place == "value" else {PLANTED: "note"}
        table = table.replace_schema_metadata(note)
    found = opened(duckdb.connect(), written(tmp_path, table))
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_other_texts(found.other_texts)
    assert "key-value metadata looks like" in refusal.value.message
    assert PLANTED not in refusal.value.message


def test_what_programs_write_of_themselves_is_no_finding(tmp_path: Path) -> None:
    frame = pd.DataFrame({"client": ["P1"], "answer": [1.0]})
    path = tmp_path / "a.parquet"
    frame.to_parquet(path)
    con = duckdb.connect()
    found = opened(con, path)
    privacy.check_other_texts(found.other_texts)
    assert con.execute(f"select * from {found.relation.sql}").fetchall() == [("P1", "1")]


@pytest.mark.parametrize(
    ("names", "reason"), [(["a", "A"], "repeated_column"), (["a", "a"], "repeated_column")]
)
def test_columns_have_names_of_their_own(tmp_path: Path, names: list[str], reason: str) -> None:
    table = pa.Table.from_arrays([pa.array(["1"]), pa.array(["2"])], names=names)
    with pytest.raises(DeliveryRefused) as refusal:
        opened(duckdb.connect(), written(tmp_path, table))
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty_file"),
        (b"a,b\n1,2\n", "damaged_file"),
        (b"PAR1 PAR1", "damaged_file"),
        (b"PARE" + b"x" * 100 + b"PARE", "damaged_file"),
    ],
)
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(DeliveryRefused) as refusal:
        opened(duckdb.connect(), path)
    assert refusal.value.reason == reason


def test_a_damaged_file_is_read_or_refused(tmp_path: Path) -> None:
    table = pa.table(
        {
            "client": [f"P{n}" for n in range(200)],
            "day": [date(2026, 1, 1 + n % 28) for n in range(200)],
            "answer": [n / 2 for n in range(200)],
        }
    )
    path = written(tmp_path, table)
    whole = path.read_bytes()
    chance = random.Random(20260930)
    con = duckdb.connect()
    n_refused = 0
    for number in range(150):
        damaged = bytearray(whole)
        if chance.random() < 0.3:
            damaged = damaged[: chance.randrange(len(damaged))]
        else:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(bytes(damaged))
        try:
            found = opened(con, path)
            rows = con.execute(f"select * from {found.relation.sql}").fetchall()
            privacy.check_other_texts(found.other_texts)
        except DeliveryRefused:
            n_refused += 1
        else:
            assert len(rows) == found.n_rows
    assert n_refused > 40


def _repeated(n_rows: int, length: int) -> pa.Table:
    """One value in every row: next to nothing in the file."""
    indices = pa.array([0], pa.int8()).take(pa.array([0] * n_rows))
    return pa.table({"a": pa.DictionaryArray.from_arrays(indices, pa.array(["x" * length]))})


@pytest.mark.parametrize(("n_rows", "length"), [(20_000, 10_000), (3_000_000, 1)])
def test_few_bytes_that_unpack_to_very_much_are_refused(
    tmp_path: Path, n_rows: int, length: int
) -> None:
    path = written(tmp_path, _repeated(n_rows, length), compression="zstd")
    assert path.stat().st_size < 20_000
    with pytest.raises(DeliveryRefused) as refusal:
        opened(duckdb.connect(), path)
    assert refusal.value.reason == "too_large"


def test_many_rows_that_say_the_same_are_an_export_all_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, _repeated(100_000, 12))
    assert opened(duckdb.connect(), path).n_rows == 100_000
