"""Ways in which an export goes wrong on its way to landing. Pure: bytes in and out.

A mutation that changes nothing of what a delivery says is `is_harmless`: its tables must be those
of the sound one. Every other must end in rows that are conserved, or in a typed refusal.
"""

import codecs
import gzip
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.archives import PARQUET_MUTATIONS, XLSX_MUTATIONS
from tests.faults.deliveries import PLANTED, Delivery, Grid, delimited
from tests.faults.documents import JSON_MUTATIONS

Mutation = Callable[[Delivery, random.Random], bytes]

HOSTILE_CELLS = (
    "=1+1", "@SUM(A1)", "-", "--1", "+", "1e999", "-1e308", "1e-400", "NaN", "inf", "-inf", "0x10",
    "1,000", "1.000,5", "1_000", " 3 ", "\u0663", "\u00bd", "\u2014", "9" * 40, "0." + "3" * 60,
    "null",
    "None", "NA", "true", "9999-12-31", "0000-00-00", "31.02.2026", "29.02.2027", "1.1.1",
    "32.13.2026",
    "03.02.0001", "03.02.9999", "\u202e", "\ufeff", "\u200b", "\u00a0", "\U0001f600", "\x1b[31m",
    "\x0b", "\x85", "../../../etc/passwd", "C:\\Windows", "%s%n%x", "{0.__class__}", "${a:b}",
    "'; drop table raw.deliveries; --", "\" or 1=1", "'", "\\", "\\N", "<script>", "&amp;", "{}",
    "[]",
    "a" * 70_000, "\u0130" * 300, "INVALID", "invalid", "unknown", "\ud7ff", "\ue000", "-0",
    "00001",
)  # fmt: skip
"""Texts that some parser, engine or spreadsheet takes for something else."""
HOSTILE_HEADERS = (
    "", " ", "row_no", "excluded", "unit_key", "client_id", "item_01", "column0", "rowid", "*",
    'a"b', "a'b", "a;b", "a,b", "__index_level_0__", "select", "\u202eday", "\ufeffday", "x" * 5000,
    "day\r", "first_name", "ssn", "=1+1", "\x00", "d\u0430y", "DAY", "day ", "%s", "{day}",
    "day\n2",
)  # fmt: skip


@dataclass(frozen=True)
class Mutated:
    """A mutated delivery; the same `shape`, `how` and `seed` give the same bytes."""

    shape: str
    how: str
    seed: int
    content: bytes
    is_harmless: bool


def _flipped(delivery: Delivery, chance: random.Random) -> bytes:
    content = bytearray(delivery.content)
    for _ in range(chance.choice((1, 1, 2, 8, 32))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def _overwritten(delivery: Delivery, chance: random.Random) -> bytes:
    content = bytearray(delivery.content)
    at, length = chance.randrange(len(content)), chance.choice((1, 2, 4, 16, 200))
    content[at : at + length] = chance.randbytes(length)
    return bytes(content)


def _truncated(delivery: Delivery, chance: random.Random) -> bytes:
    content = delivery.content
    return content[: chance.randrange(len(content))]


def _slice(delivery: Delivery, chance: random.Random) -> tuple[bytes, int, int]:
    content = delivery.content
    first, last = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    return content, first, last


def _with_a_hole(delivery: Delivery, chance: random.Random) -> bytes:
    content, first, last = _slice(delivery, chance)
    return content[:first] + content[last:]


def _with_a_zeroed_block(delivery: Delivery, chance: random.Random) -> bytes:
    content, first, last = _slice(delivery, chance)
    return content[:first] + bytes(last - first) + content[last:]


def _with_nul(delivery: Delivery, chance: random.Random) -> bytes:
    content = delivery.content
    at = chance.randrange(len(content) + 1)
    return content[:at] + bytes(chance.choice((1, 1, 3, 512))) + content[at:]


def _with_garbage_after(delivery: Delivery, chance: random.Random) -> bytes:
    return delivery.content + chance.randbytes(chance.choice((1, 2, 100, 5000)))


def _twice_over(delivery: Delivery, chance: random.Random) -> bytes:
    return delivery.content * chance.choice((2, 3, 50))


def _empty(_: Delivery, chance: random.Random) -> bytes:
    return chance.choice(
        (b"", b"\n", b" ", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b"PK\x03\x04")
    )


def _noise(_: Delivery, chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((1, 16, 1000, 100_000)))


ANY_BYTES: Mapping[str, Mutation] = {
    "flipped": _flipped,
    "overwritten": _overwritten,
    "truncated": _truncated,
    "with_a_hole": _with_a_hole,
    "with_a_zeroed_block": _with_a_zeroed_block,
    "with_nul": _with_nul,
    "with_garbage_after": _with_garbage_after,
    "twice_over": _twice_over,
    "empty": _empty,
    "noise": _noise,
}

_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "utf-7", "cp037")


def _text(delivery: Delivery) -> str:
    """The sound text, without its mark."""
    content = delivery.content
    if delivery.kind == "gzip":
        content = gzip.decompress(content)
    return content.decode("utf-8-sig" if delivery.encoding == "utf-8" else delivery.encoding)


def _bytes(delivery: Delivery, text: str) -> bytes:
    content = text.encode(delivery.encoding, "replace")
    return gzip.compress(content, mtime=0) if delivery.kind == "gzip" else content


def _in_another_encoding(delivery: Delivery, chance: random.Random) -> bytes:
    text = _text(delivery)
    if chance.random() < 0.5:  # letters that differ between encodings
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice("éüß€İж") + text[at:]
    return text.encode(chance.choice(_ENCODINGS), "replace")


def _with_line_ends(delivery: Delivery, chance: random.Random) -> bytes:
    ends = chance.choice((("\r",), ("\r\n", "\n"), ("\n\r",), ("\x85",), ("\u2028",), ("\n\n",)))
    return _bytes(
        delivery, "".join(c if c != "\n" else chance.choice(ends) for c in _text(delivery))
    )


def _with_a_lost_line_end(delivery: Delivery, chance: random.Random) -> bytes:
    """Now and then the header's: cells stand in the first line then."""
    text = _text(delivery)
    ends = [at for at, character in enumerate(text) if character == "\n"]
    at = ends[0] if chance.random() < 0.4 else chance.choice(ends)
    return _bytes(delivery, text[:at] + text[at + 1 :])


def _with_quotes(delivery: Delivery, chance: random.Random) -> bytes:
    text = _text(delivery)
    for _ in range(chance.choice((1, 2, 3))):
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(("'", '"', '""', "\\", '"\n"')) + text[at:]
    return _bytes(delivery, text)


def _with_dropped_lines(delivery: Delivery, chance: random.Random) -> bytes:
    lines = _text(delivery).splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return _bytes(delivery, "".join(lines))


def _with_repeated_lines(delivery: Delivery, chance: random.Random) -> bytes:
    lines = _text(delivery).splitlines(keepends=True)
    line = chance.choice(lines)
    for _ in range(chance.choice((1, 1, 40))):
        lines.insert(chance.randrange(len(lines) + 1), line)
    return _bytes(delivery, "".join(lines))


TEXT_MUTATIONS: Mapping[str, Mutation] = {
    "in_another_encoding": _in_another_encoding,
    "with_line_ends": _with_line_ends,
    "with_a_lost_line_end": _with_a_lost_line_end,
    "with_quotes": _with_quotes,
    "with_dropped_lines": _with_dropped_lines,
    "with_repeated_lines": _with_repeated_lines,
}


def _cells(delivery: Delivery) -> Grid:
    return [list(row) for row in delivery.grid]


def _places(delivery: Delivery, grid: Grid, chance: random.Random) -> list[tuple[int, int]]:
    """Some cells below the header, by row and column."""
    rows = range(delivery.n_headers, len(grid))
    return [
        (chance.choice(rows), chance.randrange(len(grid[0])))
        for _ in range(chance.choice((1, 1, 3)))
    ]


def _with_hostile_cells(delivery: Delivery, chance: random.Random) -> bytes:
    grid = _cells(delivery)
    for row, column in _places(delivery, grid, chance):
        grid[row][column] = chance.choice(HOSTILE_CELLS)
    return delivery.written(grid)


def _with_planted_cells(delivery: Delivery, chance: random.Random) -> bytes:
    """Words where none belong, beside numbers, dates and words of the contract."""
    grid = _cells(delivery)
    for row, column in _places(delivery, grid, chance):
        grid[row][column] = f"{PLANTED} {chance.randrange(99)}"
    return delivery.written(grid)


def _with_a_hostile_header(delivery: Delivery, chance: random.Random) -> bytes:
    grid = _cells(delivery)
    word, column = chance.choice(HOSTILE_HEADERS), chance.randrange(len(grid[0]))
    if chance.random() < 0.5:
        grid[0][column] = word
    else:
        for number, row in enumerate(grid):
            row.insert(column, word if number == 0 else "1")
    return delivery.written(grid)


def _without_a_column(delivery: Delivery, chance: random.Random) -> bytes:
    grid = _cells(delivery)
    column = chance.randrange(len(grid[0]))
    for row in grid:
        del row[column]
    return delivery.written(grid)


def _with_a_column_twice(delivery: Delivery, chance: random.Random) -> bytes:
    grid = _cells(delivery)
    column = chance.randrange(len(grid[0]))
    for row in grid:
        row.append(row[column])
    return delivery.written(grid)


def _with_very_many_columns(delivery: Delivery, chance: random.Random) -> bytes:
    more = chance.choice((1990, 2001, 8000))
    return delivery.written([[*row, *(f"c{i}" for i in range(more))] for row in _cells(delivery)])


def _ragged(delivery: Delivery, chance: random.Random) -> bytes:
    grid = _cells(delivery)
    row = chance.choice(grid[delivery.n_headers :])
    if chance.random() < 0.5:
        row.append(PLANTED)
    else:
        row.pop()
    return delivery.written(grid)


def _with_very_many_rows(delivery: Delivery, chance: random.Random) -> bytes:
    grid = _cells(delivery)
    rows = grid[delivery.n_headers :]
    return delivery.written(grid[: delivery.n_headers] + rows * chance.choice((2, 300)))


GRID_MUTATIONS: Mapping[str, Mutation] = {
    "with_hostile_cells": _with_hostile_cells,
    "with_planted_cells": _with_planted_cells,
    "with_a_hostile_header": _with_a_hostile_header,
    "without_a_column": _without_a_column,
    "with_a_column_twice": _with_a_column_twice,
    "with_very_many_columns": _with_very_many_columns,
    "ragged": _ragged,
    "with_very_many_rows": _with_very_many_rows,
}


def _with_columns_in_another_order(delivery: Delivery, chance: random.Random) -> bytes:
    order = list(range(len(delivery.grid[0])))
    chance.shuffle(order)
    return delivery.written([[row[at] for at in order] for row in delivery.grid])


def _with_lines_in_another_order(delivery: Delivery, chance: random.Random) -> bytes:
    grid = _cells(delivery)
    rows = grid[delivery.n_headers :]
    chance.shuffle(rows)
    return delivery.written(grid[: delivery.n_headers] + rows)


def _written_otherwise(delivery: Delivery, chance: random.Random) -> bytes:
    """Quotes round every cell, CRLF, a byte order mark: what another program would write."""
    mark = codecs.BOM_UTF8 if delivery.encoding == "utf-8" else b""
    content = delimited(
        delivery.grid,
        delimiter=delivery.delimiter,
        encoding=delivery.encoding,
        quote_all=chance.random() < 0.5,
        line_end=chance.choice(("\n", "\r\n")),
        mark=chance.choice((b"", mark)),
    )
    if delivery.kind == "gzip":
        return gzip.compress(content, compresslevel=chance.randrange(1, 10), mtime=0)
    return content


def _with_keys_in_another_order(delivery: Delivery, chance: random.Random) -> bytes:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            chance.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(each) for each in value] if isinstance(value, list) else value

    return delivery.written(json.loads(json.dumps([shuffled(r) for r in delivery.responses])))


_ORDERS: Mapping[str, Mutation] = {
    "with_columns_in_another_order": _with_columns_in_another_order,
    "with_lines_in_another_order": _with_lines_in_another_order,
}
HARMLESS: Mapping[str, Mapping[str, Mutation]] = {
    "text": {**_ORDERS, "written_otherwise": _written_otherwise},
    "gzip": {**_ORDERS, "written_otherwise": _written_otherwise},
    "xlsx": _ORDERS,
    "parquet": _ORDERS,
    "json": {"with_keys_in_another_order": _with_keys_in_another_order},
}
HARMFUL: Mapping[str, Mapping[str, Mutation]] = {
    "text": {**ANY_BYTES, **TEXT_MUTATIONS, **GRID_MUTATIONS},
    "gzip": {**ANY_BYTES, **TEXT_MUTATIONS, **GRID_MUTATIONS},
    "xlsx": {**ANY_BYTES, **GRID_MUTATIONS, **XLSX_MUTATIONS},
    "parquet": {**ANY_BYTES, **GRID_MUTATIONS, **PARQUET_MUTATIONS},
    "json": {**ANY_BYTES, **TEXT_MUTATIONS, **JSON_MUTATIONS},
}


def mutated(delivery: Delivery, seed: int) -> Mutated:
    """The mutation of that number: kinds take turns, so that every one has its share."""
    harmful, harmless = HARMFUL[delivery.kind], HARMLESS[delivery.kind]
    names: Sequence[str] = (*harmful, *harmless)
    how = names[seed % len(names)]
    chance = random.Random(f"{delivery.shape} {seed}")
    change = harmless[how] if how in harmless else harmful[how]
    return Mutated(delivery.shape, how, seed, change(delivery, chance), how in harmless)
