"""What one mapping of a contract must keep: canonical columns, our words, whole questionnaires."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingType
from datetime import date, datetime

from expectations.feed_checks import SITE_ID
from expectations.instrument import Instrument
from expectations.mapping import BOOLEAN_WORDS, Coding, FormBlock, LongIdentity, Mapping, Source
from expectations.model import Column, Feed, Rule
from expectations.yaml_source import Finding

Path = tuple[str | int, ...]
Instruments = MappingType[tuple[str, str], Instrument]

AGE_BANDS = "age_band_at_intake"
_PROBE = date(2003, 11, 28)


def mapping_problems(
    at: Path,
    mapping: Mapping,
    feed: Feed,
    sites: Sequence[str],
    instruments: Instruments,
) -> Iterator[Finding]:
    """What is wrong with one mapping, each with its place in the practice's file."""
    known = {column.name: column for column in feed.columns}
    missing = [name for name, column in known.items() if column.required]
    # What every form brings of its own need not stand beside them.
    own = [set(block.columns) for block in mapping.forms]
    given = set(mapping.columns) | (set.intersection(*own) if own else set())
    if mapping.layout == "table" and "unit_id" in given:
        # A unit may stand in for its members; what that needs, units.py says.
        given.add("client_id")
    missing = [name for name in missing if name not in given]
    if missing:
        yield (
            (*at, "columns"),
            f"{feed.feed} needs {', '.join(missing)}; map each from a column or a constant",
        )
    yield from _column_findings(at, mapping.columns, feed, sites)
    for name, rule in _demanded_of_some(mapping, feed):
        yield (
            (*at, "columns"),
            f"{feed.feed} needs {name} where {rule.when_column} is {rule.when_word}; map it, or "
            f"give {rule.when_column} as another constant",
        )
    if problem := _date_format_problem(mapping.date_format):
        yield (*at, "date_format"), problem
    for number, block in enumerate(mapping.forms):
        yield from _block_findings((*at, "forms", number), block, instruments)
        yield from _column_findings((*at, "forms", number), block.columns, feed, sites)
    if mapping.long is not None:
        for word, identity in mapping.long.identity.items():
            place = (*at, "long", "identity", word)
            yield from _identity_findings(place, identity, instruments)
            yield from _named_item_findings(place, identity, instruments)


def _demanded_of_some(mapping: Mapping, feed: Feed) -> Iterator[tuple[str, Rule]]:
    """Columns nobody maps that rows of one kind must have, if such rows may come."""
    for column in feed.columns:
        for rule in column.rules:
            if rule.when_column is None or column.name in mapping.columns:
                continue
            source = mapping.columns.get(rule.when_column)
            if source is not None and source.constant in (None, rule.when_word):
                yield column.name, rule


def _named_item_findings(
    at: Path, identity: LongIdentity, instruments: Instruments
) -> Iterator[Finding]:
    instrument = instruments.get((identity.instrument_code, identity.version))
    if instrument is None or not identity.items:
        return
    for number in identity.items:
        if not 1 <= number <= instrument.n_items:
            yield (*at, "items", number), f"{identity.instrument_code} has no such item"
    absent = [item for item in range(1, instrument.n_items + 1) if item not in identity.items]
    if len(absent) > instrument.total.max_missing:
        yield (
            (*at, "items"),
            f"items {', '.join(map(str, absent))} are not named; no form could ever be scored",
        )


def _column_findings(
    at: Path, columns: MappingType[str, Source], feed: Feed, sites: Sequence[str]
) -> Iterator[Finding]:
    known = {column.name: column for column in feed.columns}
    for name, source in columns.items():
        place = (*at, "columns", name)
        if name not in known:
            yield place, f"is no column of {feed.feed}; its columns are {', '.join(known)}"
            continue
        for key, text in _source_findings(known[name], source, sites):
            yield (*place, *key), text


def _source_findings(column: Column, source: Source, sites: Sequence[str]) -> Iterator[Finding]:
    words = tuple(sites) if column.name == SITE_ID else column.allowed
    if words:
        said = "a declared site" if column.name == SITE_ID else f"one of {', '.join(words)}"
        if source.constant is not None and source.constant not in words:
            yield ("constant",), f"must be {said}"
        for theirs, ours in source.recode.items():
            if ours not in words:
                yield ("recode", theirs), f"must be {said}"
    if column.type in ("integer", "number"):
        for theirs, ours in source.recode.items():
            if not _is_number(ours):
                yield ("recode", theirs), "must be a number, in quotes"
    if column.type == "boolean":
        said = f"must be one of {', '.join(BOOLEAN_WORDS)}, in quotes"
        if source.constant is not None and source.constant.lower() not in BOOLEAN_WORDS:
            yield ("constant",), said
        for theirs, ours in source.recode.items():
            if ours.lower() not in BOOLEAN_WORDS:
                yield ("recode", theirs), said
    if source.age_bands and column.name != AGE_BANDS:
        yield ("age_bands",), f"goes with {AGE_BANDS} only"
    if source.day_offset is not None:
        if column.type != "date" or source.date_format != "%Y":
            yield ("day_offset",), 'goes with dates that are years: `date_format: "%Y"`'
            return
        return
    if source.date_format is None:
        return
    if column.type != "date":
        yield ("date_format",), f"goes with dates; this column is of type {column.type}"
    elif problem := _date_format_problem(source.date_format):
        yield ("date_format",), problem


def _block_findings(at: Path, block: FormBlock, instruments: Instruments) -> Iterator[Finding]:
    yield from _identity_findings(at, block, instruments)
    instrument = instruments.get((block.instrument_code, block.version))
    if instrument is None:
        return
    n_items = instrument.n_items
    for number in block.items:
        if not 1 <= number <= n_items:
            said = f"its items are 1 to {n_items}" if n_items else "it has a total only"
            yield (
                (*at, "items", number),
                f"{block.instrument_code} has no such item; {said}",
            )
    columns = list(block.items.values())
    for number, column in block.items.items():
        if columns.count(column) > 1:
            yield (
                (*at, "items", number),
                f"column `{column}` is mapped to several items",
            )
    absent = [number for number in range(1, n_items + 1) if number not in block.items]
    if block.items and len(absent) > instrument.total.max_missing:
        yield (
            (*at, "items"),
            f"items {', '.join(map(str, absent))} are not mapped; no form could ever be scored",
        )


def _identity_findings(
    at: Path, identity: FormBlock | LongIdentity, instruments: Instruments
) -> Iterator[Finding]:
    instrument = instruments.get((identity.instrument_code, identity.version))
    if instrument is None:
        yield (
            (*at, "instrument_code"),
            unknown_instrument(identity.instrument_code, identity.version, instruments),
        )
        return
    if identity.informant not in instrument.informants:
        yield (*at, "informant"), f"must be one of {', '.join(instrument.informants)}"
    if identity.language not in instrument.languages:
        yield (*at, "language"), f"must be one of {', '.join(instrument.languages)}"
    for theirs, ours in identity.recode.items():
        if not _is_number(ours):
            yield (*at, "recode", theirs), "must be a number, in quotes"
    yield from _coding_findings(at, identity, instrument)


def _coding_findings(at: Path, coding: Coding, instrument: Instrument) -> Iterator[Finding]:
    has_points = instrument.item_step is not None and instrument.n_items > 0
    if coding.item_coding == "position" and not has_points:
        yield (
            (*at, "item_coding"),
            f"{instrument.instrument_code} has no response points that could be counted",
        )
    if coding.already_reversed and not instrument.reversed_items:
        yield (
            (*at, "already_reversed"),
            f"{instrument.instrument_code} has no reversed items; take it out",
        )


def unknown_instrument(code: str, version: str, instruments: Instruments) -> str:
    """Message for an instrument nobody declared, naming the versions there are."""
    versions = sorted(known for name, known in instruments if name == code)
    if versions:
        return f"{code} has no version {version}; declared: {', '.join(versions)}"
    return f"{code} is no declared instrument; add instruments/{code}.yml or correct the code"


def _date_format_problem(pattern: str) -> str | None:
    """A format must carry year, month and day, so that a date survives being written and read."""
    try:
        survives = datetime.strptime(_PROBE.strftime(pattern), pattern).date() == _PROBE
    except ValueError:
        survives = False
    return None if survives else "must be a strptime pattern with day, month and year"


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False
