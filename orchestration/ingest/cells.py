"""One text cell -> one typed value, as SQL. Pure: declarations in, SQL text out.

A blank cell or a declared missing word becomes null. A cell that is neither null nor readable as
its column's type becomes a mark that no rule accepts, so the check sees it and the word is gone:
`INVALID` for words, `INVALID_ID` for ids, infinity for numbers and dates.
"""

from collections.abc import Iterable, Mapping, Sequence

from expectations.feed_checks import SITE_ID
from expectations.instrument import Instrument
from expectations.mapping import BOOLEAN_WORDS, Coding, Source
from expectations.model import Column
from expectations.practice import Dialect, FileSpec, Times, has_offset, has_time
from orchestration.sql import identifier, literal, literals

INVALID_SQL = "(chr(1) || 'invalid')"
INVALID_ID = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"
INFINITE_NUMBER = "'infinity'::double"
INFINITE_DATE = "'infinity'::date"
SQL_TYPES = {
    "id": "uuid",
    "enumeration": "varchar",
    "integer": "double",
    "number": "double",
    "date": "date",
    "boolean": "double",
}
# Upper bounds of age bands, 45 CFR 164.514(b)(2)(i)(C) for the last: ages over 89 are one.
_AGE_BANDS = (
    (5, "0_5"),
    (10, "6_10"),
    (12, "11_12"),
    (17, "13_17"),
    (29, "18_29"),
    (39, "30_39"),
    (49, "40_49"),
    (59, "50_59"),
    (69, "60_69"),
    (79, "70_79"),
    (89, "80_89"),
    (130, "90_plus"),
)


AGES_OVER_89 = "90+"
"""What stands in a column of ages for all of them: 45 CFR 164.514(b)(2)(i)(C)."""
PREFIX = "cell_"
"""Before a column's header once it is trimmed: no header can meet a name of ours."""
KEY_PREFIX = "key_"
"""Before the header of a column of ids: the column of their pseudonyms."""


def trimmed(headers: Iterable[str], missing: Sequence[str]) -> str:
    """Select list that trims columns of the file; blank and missing words become null.

    Done once for each column, so that what is built on it may repeat its name without cost.
    """
    none = literals(["", *missing])
    return ", ".join(
        f"case when trim({identifier(header)}) not in ({none}) then trim({identifier(header)}) end "
        f"as {cell(header)}"
        for header in headers
    )


def cell(header: str, missing: Sequence[str] = ()) -> str:
    """A trimmed column, null also for further missing words."""
    text = identifier(PREFIX + header)
    if not missing:
        return text
    return f"(case when {text} not in ({literals(missing)}) then {text} end)"


def words(text: str, meanings: Mapping[str, str]) -> str:
    """A word -> what it means; any other word is INVALID, null stays null."""
    cases = " ".join(f"when {literal(a)} then {literal(b)}" for a, b in meanings.items())
    return f"(case when {text} is not null then (case {text} {cases} else {INVALID_SQL} end) end)"


def number(text: str, dialect: Dialect) -> str:
    """A number with the file's decimal mark, to three decimals; infinity when it is none."""
    plain = text if dialect.decimal_mark == "." else f"replace({text}, ',', '.')"
    foreign = "." if dialect.decimal_mark == "," else ","
    return (
        f"(case when {text} is null then null when contains({text}, {literal(foreign)}) or "
        f"contains({text}, '_') then {INFINITE_NUMBER} "
        f"else coalesce(try_cast({plain} as decimal(9, 3))::double, {INFINITE_NUMBER}) end)"
    )


def answer(header: str, spec: FileSpec, coding: Coding, instrument: Instrument) -> str:
    """One item answer on the instrument's own coding, but for what was turned round."""
    text = cell(header)
    scale_by, shift = coding.scale_by, coding.shift
    if coding.recode:
        cases = " ".join(f"when {literal(a)} then {float(b)!r}" for a, b in coding.recode.items())
        known = f"(case {text} {cases} else {INFINITE_NUMBER} end)"
        value = f"(case when {text} is not null then {known} end)"
    else:
        value = number(text, spec.dialect)
    if scale_by != 1:
        value = f"round({value} * {scale_by!r}, 3)"
    if shift:
        value = f"({value} + {shift!r})"
    if coding.item_coding == "position":
        low, step = float(instrument.item_minimum or 0), float(instrument.item_step or 1)
        value = f"round({low!r} + ({value} - 1) * {step!r}, 3)"
    return value


def turned_back(value: str, instrument: Instrument) -> str:
    """A reversed item as it was answered: on a range from a to b, x came as a + b - x."""
    both = float(instrument.item_minimum or 0) + float(instrument.item_maximum or 0)
    return f"(case when isfinite({value}) then {both!r} - {value} else {value} end)"


def typed(
    column: Column, source: Source | None, spec: FileSpec, date_format: str, sites: Sequence[str]
) -> str:
    """A canonical column's value, or a typed null when the contract does not send it."""
    if source is None:
        return f"null::{SQL_TYPES[column.type]}"
    if source.column is None:
        text = f"{literal(source.constant or '')}"
    else:
        text = cell(source.column, source.missing)
    if column.name == SITE_ID:
        return words(text, {**{site: site for site in sites}, **source.recode})
    if is_sender_id(column):
        return _id(source, text, spec.id_pattern)
    if source.age_bands:
        band = _age_band(number(text, spec.dialect))
        return f"(case when {text} = {literal(AGES_OVER_89)} then '90_plus' else {band} end)"
    if column.type == "enumeration":
        return words(text, {**{word: word for word in column.allowed}, **source.recode})
    if column.type == "boolean":
        value = words(f"lower({text})", {**BOOLEAN_WORDS, **_boolean_recode(source)})
        invalid = f"when {INVALID_SQL} then {INFINITE_NUMBER}"
        return f"(case {value} when '1' then 1.0 when '0' then 0.0 {invalid} end)"
    if column.type == "date":
        day = _day(text, source.date_format or date_format, spec.times)
        if source.day_offset is not None:
            # At most three years back or ninety on: what is farther is no offset.
            written = cell(source.day_offset)
            whole = f"case when regexp_full_match({written}, '-?[0-9]+') then {written} end"
            days = f"try_cast({whole} as integer)"
            in_range = f"case when {days} between -1100 and 33000 then {days} end"
            day = f"({day} + ({in_range}))"
        return f"(case when {text} is null then null else coalesce({day}, {INFINITE_DATE}) end)"
    if source.recode:
        # Meanings are written with a point in the contract, whatever the file's decimal mark.
        mark = spec.dialect.decimal_mark
        cases = " ".join(
            f"when {literal(word)} then {literal(meaning.replace('.', mark))}"
            for word, meaning in source.recode.items()
        )
        text = f"(case {text} {cases} else {text} end)"
    value = number(text, spec.dialect)
    if column.type == "integer":
        broken = f"when {value} is not null then {INFINITE_NUMBER}"
        return f"(case when {value} = floor({value}) then {value} {broken} end)"
    return value


def _day(text: str, pattern: str, times: Times | None) -> str:
    """The day a text names; of a point in time the day it was where the contract says."""
    if times is None or not has_time(pattern):
        return f"try_strptime({text}, {literal(pattern)})::date"
    here = literal(times.days_in)
    if has_offset(pattern):
        # The engine does not take `Z` for an offset, which it is.
        moment = f"try_strptime(replace({text}, 'Z', '+00:00'), {literal(pattern)})"
        return f"timezone({here}, {moment})::date"
    moment = f"timezone({literal(times.written_in)}, try_strptime({text}, {literal(pattern)}))"
    return f"timezone({here}, {moment})::date"


def _boolean_recode(source: Source) -> dict[str, str]:
    return {word.lower(): BOOLEAN_WORDS[meaning.lower()] for word, meaning in source.recode.items()}


def fits_id_pattern(text: str, id_pattern: str) -> str:
    """Whether a text has the shape of the practice's ids, a digit included."""
    return f"regexp_full_match({text}, {literal(id_pattern)}) and regexp_matches({text}, '[0-9]')"


def sender_id(header: str, spec: FileSpec, table: str = "") -> str:
    """What is hashed of a column of ids. Where some of a file's ids have a namespace, that stands
    before them, and what has not the shape of an id is null.
    """
    text = table + cell(header)
    if not spec.id_namespaces:
        return text
    namespace = spec.id_namespaces.get(header)
    named = f"{literal(namespace + ':')} || {text}" if namespace else text
    return f"(case when {fits_id_pattern(text, spec.id_pattern)} then {named} end)"


def id_headers(columns: Iterable[Column], sources: Mapping[str, Source]) -> list[str]:
    """Headers of the file's columns that hold sender ids, each once, in order."""
    headers = [
        source.column
        for column in columns
        if is_sender_id(column) and (source := sources.get(column.name)) and source.column
    ]
    return list(dict.fromkeys(headers))


def is_sender_id(column: Column) -> bool:
    """Whether a column's ids are replaced by pseudonyms; sites are the registry's own words."""
    return column.type == "id" and column.name != SITE_ID


def _id(source: Source, text: str, id_pattern: str) -> str:
    """A column of the file has its pseudonyms beside it; null where the id has another shape."""
    if source.column is None:
        fits = fits_id_pattern(text, id_pattern)
        return f"(case when {fits} then pseudonym({text}) else {INVALID_ID} end)"
    pseudonym = identifier(KEY_PREFIX + source.column)
    return f"(case when {text} is not null then coalesce({pseudonym}, {INVALID_ID}) end)"


def _age_band(years: str) -> str:
    # Completed years, as ages are counted: 17.9 is not yet 18.
    age = f"floor({years})"
    bands = " ".join(f"when {age} <= {upper} then '{band}'" for upper, band in _AGE_BANDS)
    return (
        f"(case when {age} is null then null when {age} < 0 then {INVALID_SQL} {bands} "
        f"else {INVALID_SQL} end)"
    )
