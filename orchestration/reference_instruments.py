"""Instruments as reference tables: what the one scoring model knows of keys and rules."""

from collections.abc import Iterable

import duckdb

from expectations.instrument import Instrument
from orchestration.reference_rows import Row, insert_rows

INSTRUMENT_TABLES: tuple[str, ...] = (
    "instruments",
    "scales",
    "scale_items",
    "scale_parts",
    "cut_offs",
    "reliable_changes",
    "parallel_forms",
)


def write_instruments(con: duckdb.DuckDBPyConnection, instruments: Iterable[Instrument]) -> None:
    """Replace the tables of instruments and nothing else."""
    known = list(instruments)
    for table in INSTRUMENT_TABLES:
        con.execute(f"delete from reference.{table}")
    insert_rows(con, "instruments", map(_instrument, known))
    insert_rows(con, "scales", (row for one in known for row in _scales(one)))
    _insert_items(con, [row for one in known for row in _items(one)])
    insert_rows(con, "scale_parts", (row for one in known for row in _parts(one)))
    insert_rows(con, "cut_offs", (row for one in known for row in _cut_offs(one)))
    insert_rows(con, "reliable_changes", (row for one in known for row in _changes(one)))
    insert_rows(con, "parallel_forms", _parallel(known))


def _insert_items(con: duckdb.DuckDBPyConnection, rows: list[Row]) -> None:
    """By columns: this is the long table, and a parameter a cell would take seconds."""
    if rows:
        con.execute(
            "insert into reference.scale_items "
            "select unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
            [list(column) for column in zip(*rows, strict=True)],
        )


def _instrument(instrument: Instrument) -> Row:
    return (
        instrument.instrument_code,
        instrument.version,
        instrument.name,
        instrument.kind,
        instrument.n_items,
        instrument.item_minimum,
        instrument.item_maximum,
        instrument.direction,
        instrument.totals_only,
        instrument.is_scored,
        instrument.key_status,
        instrument.key_note,
        instrument.licence,
        "\n".join(instrument.citations),
    )


def _scales(instrument: Instrument) -> list[Row]:
    return [
        (
            instrument.instrument_code,
            instrument.version,
            scale.scale,
            scale.method,
            scale.factor,
            len(scale.items),
            scale.minimum,
            scale.maximum,
            scale.missing.rule,
            scale.max_missing,
            scale.decimals,
            scale.alliance_construct,
            scale.direction or instrument.direction,
        )
        for scale in instrument.scales
    ]


def _items(instrument: Instrument) -> list[Row]:
    return [
        (
            instrument.instrument_code,
            instrument.version,
            scale.scale,
            number,
            number in instrument.reversed_items,
        )
        for scale in instrument.scales
        for number in scale.items
    ]


def _parts(instrument: Instrument) -> list[Row]:
    return [
        (instrument.instrument_code, instrument.version, scale.scale, part)
        for scale in instrument.scales
        for part in scale.parts
    ]


def _cut_offs(instrument: Instrument) -> list[Row]:
    return [
        (
            instrument.instrument_code,
            instrument.version,
            cut_off.scale,
            cut_off.name,
            cut_off.value,
            cut_off.side,
            cut_off.bound == "inclusive",
            " ".join(cut_off.languages),
            " ".join(cut_off.informants),
            " ".join(cut_off.age_bands),
            cut_off.use,
            cut_off.mark,
            cut_off.source,
        )
        for cut_off in instrument.cut_offs
    ]


def _changes(instrument: Instrument) -> list[Row]:
    return [
        (
            instrument.instrument_code,
            instrument.version,
            change.scale,
            " ".join(change.informants),
            change.points,
            change.published is not None,
            change.sd,
            change.reliability,
            change.sample,
            change.mark,
            change.source,
        )
        for change in instrument.reliable_change
    ]


def _parallel(instruments: Iterable[Instrument]) -> list[Row]:
    declared = {
        ((one.instrument_code, one.version), (other.instrument_code, other.version))
        for one in instruments
        for other in one.parallel_to
    }
    return [(*one, *other) for one, other in sorted(declared | {pair[::-1] for pair in declared})]
