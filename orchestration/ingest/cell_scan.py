"""Every cell of a file searched for identifiers, in one pass that says yes or no.

Cells of a row are joined and searched together, which costs a fraction of searching each: nearly
every file is clean. Only where something may have been found are columns looked at one by one,
check digits and chance included. A finding is a class, a column and row numbers; never text.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import duckdb

from expectations.model import Feed, FeedName
from expectations.practice import YEAR_ONLY, FileSpec, PrivacyClass
from orchestration.ingest import cells
from orchestration.ingest.patterns import (
    AGE_OVER_89,
    BARE_NUMBERS,
    FULL_DATE,
    ID_PATTERNS,
    PATTERNS,
    POSTCODE,
    SHORTEST_FINDING,
    Pattern,
    row_regex,
)
from orchestration.ingest.privacy import listed
from orchestration.ingest.readers.opened import TextRelation
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.sql import identifier, literal

_ROWS_NAMED = 20
_SHORTEST_AGE = 2


@dataclass(frozen=True)
class Gated:
    """A file that passed: how many rows the parser saw."""

    n_rows: int


@dataclass(frozen=True)
class Searched:
    """Some columns of a file, and what is searched for in each of them."""

    columns: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    shortest: int = SHORTEST_FINDING

    def joined(self) -> str:
        """The columns' cells that are long enough, a line each, as SQL."""
        texts = (
            f"case when length({cell}) >= {self.shortest} then {cell} end"
            for cell in map(identifier, self.columns)
        )
        return f"concat_ws(chr(10), {', '.join(texts)})"


@dataclass(frozen=True)
class CellRules:
    """What a contract says of a file's columns, as far as it changes what may stand in them."""

    ids: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    """Columns of one canonical word, date or number, which have no place for a long number."""
    ages: frozenset[str] = frozenset()
    year_only: bool = False

    def searched(self, columns: Sequence[str]) -> Iterator[Searched]:
        """The file's columns by what is searched for in them; those of ages come twice."""
        everywhere = (*PATTERNS, *((FULL_DATE, POSTCODE) if self.year_only else ()))
        kinds = {
            "id": (*everywhere, *ID_PATTERNS),
            "word": (*everywhere, *BARE_NUMBERS),
            "other": everywhere,
        }
        sorted_out: dict[str, list[str]] = {kind: [] for kind in kinds}
        for column in columns:
            kind = "id" if column in self.ids else "word" if column in self.words else "other"
            sorted_out[kind].append(column)
        for kind, patterns in kinds.items():
            if sorted_out[kind]:
                yield Searched(tuple(sorted_out[kind]), patterns)
        ages = tuple(column for column in columns if column in self.ages)
        if self.year_only and ages:
            yield Searched(ages, (AGE_OVER_89,), _SHORTEST_AGE)


def cell_rules(
    spec: FileSpec, feeds: Mapping[FeedName, Feed], privacy_class: PrivacyClass
) -> CellRules:
    """The rules of one kind of file under its practice's class."""
    ids: set[str] = set()
    words: set[str] = set()
    ages: set[str] = set()
    for mapping in spec.mappings:
        columns = feeds[mapping.feed].columns
        for sources in (mapping.columns, *(block.columns for block in mapping.forms)):
            ids |= set(cells.id_headers(columns, sources))
            words |= {source.column for source in sources.values() if source.column}
            ages |= {s.column for s in sources.values() if s.column and s.age_bands}
    # A code of a FHIR answer may be a long number of a vocabulary.
    typed = frozenset() if spec.format == "fhir" else frozenset(words - ids)
    return CellRules(frozenset(ids), typed, frozenset(ages), privacy_class in YEAR_ONLY)


def scan(
    con: duckdb.DuckDBPyConnection, source: TextRelation, rules: CellRules | None = None
) -> Gated:
    """Search every cell of the file for identifiers; returns the number of rows read.

    Raises DeliveryRefused (identifier_found), naming class, column and the first row numbers, and
    lets duckdb.Error through for an unreadable row.
    """
    groups = list((rules or CellRules()).searched(source.columns))
    counts = ", ".join(
        f"count_if(regexp_matches({group.joined()}, {literal(row_regex(group.patterns))}))"
        for group in groups
    )
    (row,) = con.execute(f"select count(*), {counts} from {source.sql}").fetchall()
    suspect = [group for group, n_rows in zip(groups, row[1:], strict=True) if n_rows]
    findings = [text for group in suspect for text in _findings(con, source, group)]
    if findings:
        raise DeliveryRefused(
            "identifier_found", "; ".join(findings) + "; send the file without them"
        )
    return Gated(n_rows=int(row[0]))


def with_findings(
    con: duckdb.DuckDBPyConnection,
    source: TextRelation,
    refusal: DeliveryRefused,
    rules: CellRules | None = None,
) -> DeliveryRefused:
    """A refusal for its columns' names, with what their cells hold besides.

    A sender who mends only what was named would send the rest again.
    """
    if refusal.reason != "direct_identifier":
        return refusal
    try:
        scan(con, source, rules)
    except DeliveryRefused as found:
        return DeliveryRefused(refusal.reason, f"{refusal.message}; also, {found.message}")
    except duckdb.Error:
        # A row that cannot be read is not what this file is turned away for.
        return refusal
    return refusal


def stands(n_hits: int, n_like: int, n_filled: int, by_chance: float) -> bool:
    """Whether different texts that fit a pattern are findings, or what chance leaves among ids.

    A tenth of all long numbers keep a card's check digit. Where most texts of a column have that
    shape it is the shape of its ids, and a share that chance explains (within four standard
    deviations) is no finding; a text that stands out among others always is, and so are texts that
    all fit.
    """
    if n_hits == 0 or by_chance == 0 or 2 * n_like < n_filled or n_hits >= n_like:
        return n_hits > 0
    return n_hits > by_chance * n_like + 4 * sqrt(by_chance * (1 - by_chance) * n_like)


def _findings(
    con: duckdb.DuckDBPyConnection, source: TextRelation, group: Searched
) -> Iterator[str]:
    any_pattern = literal(row_regex(group.patterns))
    counts = ", ".join(
        f"count_if(regexp_matches({cell}, {any_pattern}))"
        for cell in map(identifier, group.columns)
    )
    (counted_cells,) = con.execute(f"select {counts} from {source.sql}").fetchall()
    suspect = [column for column, n in zip(group.columns, counted_cells, strict=True) if n]
    for column in suspect:
        cell = identifier(column)
        fits = {pattern: pattern.sql(cell) for pattern in group.patterns}
        counted = ", ".join(
            f"count(distinct {cell}) filter ({fit}), "
            + (
                f"count(distinct {cell}) filter (regexp_matches({cell}, {literal(pattern.like)}))"
                if pattern.like
                else "0"
            )
            for pattern, fit in fits.items()
        )
        (row,) = con.execute(
            f"select count(distinct {cell}), {counted} from {source.sql} "
            f"where length({cell}) >= {group.shortest}"
        ).fetchall()
        n_filled, numbers = row[0], iter(row[1:])
        for pattern, fit in fits.items():
            if stands(next(numbers), next(numbers), n_filled, pattern.by_chance):
                yield _named(con, source, column, pattern, fit)


def _named(
    con: duckdb.DuckDBPyConnection, source: TextRelation, column: str, pattern: Pattern, fit: str
) -> str:
    rows = con.execute(
        f"""
        select row_no
        from (select {identifier(column)}, row_number() over () as row_no from {source.sql})
        where {fit}
        order by row_no limit {_ROWS_NAMED}
        """
    ).fetchall()
    numbers = ", ".join(str(number) for (number,) in rows)
    return f"column {listed([column])} looks like a {pattern.kind} in rows {numbers}"


def row_number_ids(
    con: duckdb.DuckDBPyConnection, source: TextRelation, headers: Collection[str], n_rows: int
) -> dict[str, tuple[int, int]]:
    """Column of ids -> rows among the first looked at, and those whose id is the row's number.

    Such an id says nothing of the client, but another one will have it in the next export. The
    header may be counted or not, from 0 or from 1.
    """
    looked_at = min(n_rows, ROWS_LOOKED_AT)
    ids = [column for column in source.columns if column in set(headers)]
    if not ids or looked_at == 0:
        return {}
    counts = ", ".join(
        f"count_if(try_cast({identifier(column)} as bigint) = row_no + {shift})"
        for column in ids
        for shift in (-1, 0, 1)
    )
    (row,) = con.execute(
        f"select {counts} from (select *, row_number() over () as row_no from "
        f"(select * from {source.sql} limit {looked_at}))"
    ).fetchall()
    return {
        column: (looked_at, max(int(n or 0) for n in row[3 * place : 3 * place + 3]))
        for place, column in enumerate(ids)
    }


ROWS_LOOKED_AT = 1000
"""Enough to tell an id that counts rows: it does so from the first row on."""
