"""What can be wrong inside a workbook or a Parquet file, bombs included. Pure: bytes in and out."""

import io
import random
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.faults.deliveries import PLANTED, Delivery
from tests.unit.ingest.workbooks import tampered, workbook

_MEGABYTE = 2**20
_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY a "{planted}">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><sst><si><t>&j;</t></si></sst>"
).replace("{planted}", PLANTED)
_OUTSIDE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x>&e;</x>'
TRAVERSALS = (
    "../../../outside.txt", "/etc/outside", "xl/../../outside", "C:\\outside", "..\\outside",
    "xl/worksheets/../../../outside.xml", "//host/outside", "outside\x00.xml", "./xl/outside.xml",
)  # fmt: skip


def _member_changed(delivery: Delivery, chance: random.Random) -> bytes:
    """One member's bytes damaged, its check sum right: what a parser of XML gets to see."""
    content = delivery.content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        name = chance.choice(archive.namelist())

    def edit(member: bytes) -> bytes:
        changed = bytearray(member)
        for _ in range(chance.choice((1, 1, 4))):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            return bytes(changed[: chance.randrange(len(changed))])
        return bytes(changed) if bytes(changed) != member else member + b" "

    return tampered(content, {name: edit})


def _bomb(delivery: Delivery, chance: random.Random) -> bytes:
    size = chance.choice((8, 60, 250)) * _MEGABYTE
    filling = chance.choice((b"\0", b" ", b"<a>"))
    name = chance.choice(
        ("xl/sharedStrings.xml", "xl/media/x.bin", "xl/worksheets/sheet1.xml", "x")
    )
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(delivery.content)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        new.writestr(name, filling * (size // len(filling)))
    return stream.getvalue()


def _entities(delivery: Delivery, chance: random.Random) -> bytes:
    name = chance.choice(("sharedStrings.xml", "workbook.xml", "sheet1.xml", "core.xml"))
    text = chance.choice((_LAUGHS, _OUTSIDE))
    return tampered(delivery.content, {name: lambda _: text.encode()})


def _traversal(delivery: Delivery, chance: random.Random) -> bytes:
    return tampered(delivery.content, add={chance.choice(TRAVERSALS): PLANTED.encode()})


def _more_members(delivery: Delivery, chance: random.Random) -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x", PLANTED)
    added: dict[str, bytes] = chance.choice((
        {f"xl/m{n}.xml": b"<a/>" for n in range(400)},
        {"xl/embeddings/x.zip": inner.getvalue()},
        {"xl/vbaProject.bin": PLANTED.encode()},
        {"xl/media/image1.png": b"\x89PNG" + PLANTED.encode()},
        {"xl/extra.xml": f"<a>{PLANTED}</a>".encode()},
    ))  # fmt: skip
    return tampered(delivery.content, add=added)


def _odd_cells(delivery: Delivery, chance: random.Random) -> bytes:
    """Formulas, errors, merged and boolean cells, a second sheet."""
    grid = [list(row) for row in delivery.grid]
    row, column = chance.randrange(1, len(grid)), chance.randrange(len(grid[0]))

    def touch(book: Any, page: Any) -> None:
        what = chance.randrange(6)
        if what == 0:
            page.write_formula(row, column, "=1+1", None, chance.choice((2, "", "#N/A")))
        elif what == 1:
            page.merge_range(row, 0, row + 1, 1, PLANTED)
        elif what == 2:
            page.write_boolean(row, column, True)
        elif what == 3:
            page.write_number(row, column, chance.choice((1e300, 1.1, -0.0, 123456789012345678.0)))
        elif what == 4:
            book.add_worksheet(chance.choice((PLANTED, "x"))).write(0, 0, PLANTED)
        else:
            page.write_comment(row, column, PLANTED)
            page.set_row(row, None, None, {"hidden": True})

    return workbook(grid, touch)


XLSX_MUTATIONS: Mapping[str, Callable[[Delivery, random.Random], bytes]] = {
    "member_changed": _member_changed,
    "bomb": _bomb,
    "entities": _entities,
    "traversal": _traversal,
    "more_members": _more_members,
    "odd_cells": _odd_cells,
}


def _table(delivery: Delivery) -> pa.Table:
    return pq.read_table(io.BytesIO(delivery.content))


def _stored(table: pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def _of_another_type(delivery: Delivery, chance: random.Random) -> bytes:
    table = _table(delivery)
    at = chance.randrange(table.num_columns)
    value: Any = chance.choice((
        [PLANTED], {"a": PLANTED}, PLANTED.encode(), Decimal("1.50"), Decimal(10) ** 30, 2**62,
        1.1e300,
        float("nan"), float("inf"), True, datetime(2026, 2, 3, 4, 5, tzinfo=UTC), datetime(2026,
        2, 3, 4),
        None, "", PLANTED * 5000,
    ))  # fmt: skip
    column = pa.array([value] * table.num_rows)
    if chance.random() < 0.2 and isinstance(value, str):
        column = column.dictionary_encode()
    return _stored(table.set_column(at, table.column_names[at], column))


def _stored_otherwise(delivery: Delivery, chance: random.Random) -> bytes:
    table = _table(delivery)
    metadata = chance.choice((None, {"sender": PLANTED}, {"sender": "jo@example.org"}))
    return _stored(
        table.replace_schema_metadata(metadata),
        row_group_size=chance.choice((1, 2, 1000)),
        compression=chance.choice(("none", "gzip", "zstd", "brotli")),
        use_dictionary=chance.random() < 0.5,
        data_page_version=chance.choice(("1.0", "2.0")),
    )


def _bomb_of_one_value(delivery: Delivery, chance: random.Random) -> bytes:
    """Few bytes that decode to hundreds of megabytes of text."""
    table = _table(delivery)
    n_rows, length = chance.choice(((20_000, 10_000), (300_000, 8), (3, 30 * _MEGABYTE)))
    columns = {
        name: pa.DictionaryArray.from_arrays(
            pa.array([0] * n_rows, pa.int32()), pa.array(["x" * length])
        )
        for name in table.column_names
    }
    return _stored(pa.table(columns), compression="zstd")


PARQUET_MUTATIONS: Mapping[str, Callable[[Delivery, random.Random], bytes]] = {
    "of_another_type": _of_another_type,
    "stored_otherwise": _stored_otherwise,
    "bomb_of_one_value": _bomb_of_one_value,
}
