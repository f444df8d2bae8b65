"""Canonical values -> the cells of a practice's export: the contract read backwards.

Every column but ids has few different values, so cells are looked up in a vocabulary that is
written once; quoting and missing words are settled there.
"""

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expectations.mapping import FormBlock, LongIdentity, Mapping, Source
from expectations.practice import DELIMITED_FORMATS, Dialect, FileSpec
from orchestration.simulation.arrays import Ints
from orchestration.simulation.frames import (
    NO_DAY,
    NOTHING,
    Column,
    Days,
    Frame,
    Ids,
    Numbers,
    Words,
)
from orchestration.simulation.id_shapes import id_shape
from orchestration.simulation.instruments import UNANSWERED, ScoreModel

_EPOCH = date(1970, 1, 1)
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
_BEYOND = 4
"""Units above the highest answer that an answer out of range lies."""
_HOURS = tuple(f"{hour:02d}:{minute:02d}:00" for hour in range(8, 19) for minute in range(0, 60, 5))
"""Times of day at which forms are sent, for systems that write them."""


@dataclass(frozen=True)
class Writing:
    """How one file writes its cells."""

    spec: FileSpec
    mapping: Mapping

    @property
    def dialect(self) -> Dialect:
        """The file's dialect."""
        return self.spec.dialect

    def missing(self, source: Source | None = None) -> str:
        """The word for nothing in a column."""
        own = source.missing if source is not None else ()
        return (*own, *self.spec.missing, "")[0]

    def cell(self, word: str) -> str:
        """A word as it stands in the file: in quotes where a text export needs them."""
        return quoted(word, self.dialect) if self.spec.format in DELIMITED_FORMATS else word

    def looked_up(self, codes: Ints, words: Sequence[str], missing: str) -> pa.Array:
        """Cells of codes into `words`; a negative code is missing."""
        texts = [self.cell(word) for word in (*words, missing)]
        places = np.where(codes < 0, len(words), codes)
        return pa.array(texts, pa.string()).take(pa.array(places))

    def repeated(self, word: str, n: int) -> pa.Array:
        """The same cell n times."""
        return self.looked_up(np.zeros(n, dtype=np.int64), [word], "")

    def number(self, value: float) -> str:
        """A number as text, to three decimals, with the file's decimal mark."""
        text = f"{value:.3f}".rstrip("0").rstrip(".")
        text = "0" if text in ("", "-0") else text
        return text.replace(".", self.dialect.decimal_mark)

    def cells(self, source: Source, column: Column, frame: Frame) -> pa.Array:
        """A canonical column as the practice writes it."""
        missing = self.missing(source)
        if isinstance(column, Ids):
            return self._ids(column, missing)
        if isinstance(column, Days):
            pattern = source.date_format or self.mapping.date_format
            return self._days(column.days, pattern, missing, frame)
        if isinstance(column, Numbers):
            highest = int(column.values.max(initial=0))
            words = [self.number(value) for value in range(highest + 1)]
            return self.looked_up(column.values, words, missing)
        if source.age_bands:
            return self._years(column, frame, missing)
        words = [_native(word, source.recode) for word in column.vocabulary]
        return self.looked_up(column.codes, words, missing)

    def ids(self, column: Column) -> pa.Array:
        """Ids in the file's shape, whichever column they come to stand in."""
        assert isinstance(column, Ids)
        return self._ids(column, self.missing())

    def days(self, frame: Frame) -> pa.Array:
        """The day of each form, in the mapping's format."""
        day = frame["completed_on"]
        assert isinstance(day, Days)
        return self._days(day.days, self.mapping.date_format, self.missing(), frame)

    def _ids(self, column: Ids, missing: str) -> pa.Array:
        shape = id_shape(self.spec.id_pattern)
        marks = {self.dialect.delimiter, self.dialect.quote}
        is_text = self.spec.format in DELIMITED_FORMATS
        if is_text and any(set(place) & marks for place in shape.places):
            raise ValueError(f"id_pattern {self.spec.id_pattern} allows the file's delimiter")
        texts = shape.texts(np.maximum(column.numbers, 0))
        if (column.numbers >= 0).all():
            return texts
        nothing = pa.scalar(self.cell(missing))
        return pc.if_else(pa.array(column.numbers >= 0), texts, nothing)

    def _days(self, days: Ints, pattern: str, missing: str, frame: Frame) -> pa.Array:
        known = days[days != NO_DAY]
        if not len(known):
            return self.repeated(missing, len(days))
        first, last = int(known.min()), int(known.max())
        # A pattern with a time of day ends in it; the day's own part is written once a day.
        of_day, time_mark, _ = pattern.partition("%H:%M:%S")
        words = [(_EPOCH + timedelta(days=day)).strftime(of_day) for day in range(first, last + 1)]
        codes = np.where(days == NO_DAY, NOTHING, days - first)
        if not time_mark:
            return self.looked_up(codes, words, missing)
        times = pa.array(_HOURS).take(pa.array(scattered(frame, len(_HOURS))))
        moments = pc.binary_join_element_wise(
            pa.array(words).take(pa.array(codes % len(words))), times, ""
        )
        return pc.if_else(pa.array(days != NO_DAY), moments, pa.scalar(self.cell(missing)))

    def _years(self, bands: Words, frame: Frame, missing: str) -> pa.Array:
        """Whole years within the bands; one client is always the same age."""
        ends = [_band_ends(word) for word in bands.vocabulary]
        low, high = np.array(ends).T
        client = frame["client_id"]
        assert isinstance(client, Ids)
        width = (high - low + 1)[bands.codes]
        years = low[bands.codes] + client.numbers % width
        years = np.where(bands.codes < 0, NOTHING, years)
        return self.looked_up(years, [str(year) for year in range(int(high.max()) + 1)], missing)


def scattered(frame: Frame, n: int) -> Ints:
    """A number below `n` for each form, the same in every export of it."""
    numbers = frame["administration_id"]
    assert isinstance(numbers, Ids)
    return numbers.numbers * 2_654_435_761 % 1_000_003 % n


def quoted(text: str, dialect: Dialect) -> str:
    """A cell's text, in quotes where delimiter, quote or line end would break it."""
    mark = dialect.quote
    if any(c in text for c in (dialect.delimiter, mark, "\n", "\r")):
        return mark + text.replace(mark, mark * 2) + mark
    return text


def answer_words(
    writing: Writing, score: ScoreModel, form: FormBlock | LongIdentity
) -> tuple[str, ...]:
    """What a practice writes for points 0, 1, ..., and last for an answer out of range."""
    low = score.instrument.item_minimum or 0.0
    high = low + score.n_points * score.step
    values = [low + point * score.step for point in range(score.n_points + 1)]
    printed = {round(float(number), 6): word for word, number in form.recode.items()}
    words = []
    for value in (*values, high + _BEYOND):
        native = (value - form.shift) / form.scale_by
        key = round(native * form.scale_by, 6)
        words.append(printed.get(key, writing.number(native)))
    return tuple(words)


def answer_codes(points: Ints, score: ScoreModel) -> Ints:
    """Points as codes into `answer_words`; negative is missing."""
    return np.where(points == UNANSWERED, NOTHING, np.minimum(points, score.n_points + 1))


def _native(word: str, recode: MappingType[str, str]) -> str:
    """The practice's word for ours: the first that means it, else ours itself."""
    same = next((set_ for set_ in (_TRUE, _FALSE) if word in set_), (word,))
    return next((theirs for theirs, ours in recode.items() if ours.lower() in same), word)


def _band_ends(word: str) -> tuple[int, int]:
    low, _, high = word.partition("_")
    return int(low), int(low) if high == "plus" else int(high)
