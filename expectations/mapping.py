"""Types of a mapping: how one feed is read out of one kind of file."""

from typing import Literal

from pydantic import Field, model_validator

from expectations.base import Declaration, Identifier
from expectations.model import FeedName, Informant

BOOLEAN_WORDS = {"true": "1", "false": "0", "yes": "1", "no": "0", "1": "1", "0": "0"}
"""Words of a yes-or-no column, in any case -> what they mean."""

ONLY_YEAR = "%Y"
"""The date format of a year alone."""


class Source(Declaration):
    """Where a canonical column comes from: a column of the file, or a constant.

    `recode` maps the practice's words (exact, after trimming) to ours; a word that is neither
    there nor ours is a failed check. A column of numbers takes what is not there as it is.
    `age_bands` turns completed years into an age band; a fraction
    of a year is dropped.
    """

    column: str | None = Field(default=None, alias="from")
    constant: str | None = None
    recode: dict[str, str] = {}
    age_bands: bool = False
    date_format: str | None = None
    """strptime pattern; the feed's dates default to the mapping's `date_format`."""
    day_offset: str | None = None
    """Column of whole days to add to the first of January, where the date is a year alone: what
    safe_harbor leaves of a date. Days count from a day of the client's that is not sent, and the
    year is that day's in all rows of the client: so days keep their distances, and no more."""
    missing: tuple[str, ...] = ()
    """Words that mean "no answer" in this column, beside the file's `missing`."""

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        if (self.column is None) == (self.constant is None):
            raise ValueError("a source is either `from` a column or a `constant`")
        if self.day_offset is not None and self.column is None:
            raise ValueError("`day_offset` goes with a column of years")
        return self

    @property
    def read_columns(self) -> tuple[str, ...]:
        """Columns of the file that are read for it."""
        return tuple(column for column in (self.column, self.day_offset) if column is not None)


class Only(Declaration):
    """The rows that belong here: those whose column holds one of the words (`""` is blank).

    Every other row is left out under the reason, so that the events and instruments of one file go
    to different feeds and forms and each row is still counted.
    """

    column: str
    words: tuple[str, ...] = Field(min_length=1)
    reason: Identifier


class Coding(Declaration):
    """How a practice's answers become the printed ones: recoded, scaled, shifted, in this order.

    `item_coding: position` says that the number is the place of the chosen response, the first
    being 1 after the shift, where the form prints other values beside them. `already_reversed` says
    that the system turned the reversed items round before it exported them; they are turned back,
    because scoring turns them itself.
    """

    shift: float = 0
    """Added to each answer: 1 where a practice codes 0-based what the instrument prints 1-based."""
    scale_by: float = Field(default=1, gt=0)
    """Multiplies each answer before the shift: 0.1 where a 0-10 line is exported as 0-100."""
    recode: dict[str, str] = {}
    """Printed answer words -> numbers as text."""
    item_coding: Literal["printed_value", "position"] = "printed_value"
    already_reversed: bool = False


class FormBlock(Coding):
    """One questionnaire in a wide row: its identity and its item columns.

    `columns` are this form's own (its date, its status), in place of the mapping's; `only` are the
    rows that can hold it.
    """

    instrument_code: Identifier
    version: str
    language: str
    informant: Informant
    items: dict[int, str] = {}
    """Item number -> column of the file."""
    total: str | None = None
    """Column of a stated total."""
    columns: dict[Identifier, Source] = {}
    only: tuple[Only, ...] = ()

    @model_validator(mode="after")
    def _carries_something(self) -> "FormBlock":
        if not self.items and self.total is None:
            raise ValueError(f"{self.instrument_code}: a block has items or a total")
        return self


class LongForms(Declaration):
    """Layout of one row per item answer.

    `form_columns` are the file's columns that together name one form. `identity` says, for each
    word in `instrument_column`, which questionnaire it is.
    """

    instrument_column: str
    identity: dict[str, "LongIdentity"]
    item_column: str
    item_prefix: str = ""
    """Taken off the item's name before its number is read: `Q` in `Q07`."""
    value_column: str
    ordinal_column: str | None = None
    """The answer's weight as a number, where the file sends one beside its code. It is the answer
    where nothing is recoded; where both are known and differ, the form fails."""
    form_columns: tuple[str, ...]


class LongIdentity(Coding):
    """What a practice's word for a questionnaire stands for."""

    instrument_code: Identifier
    version: str
    language: str
    informant: Informant
    items: dict[int, tuple[str, ...]] = {}
    """Item number -> the words of `item_column` that mean it, where it is not a number."""
    total: tuple[str, ...] = ()
    """Words of `item_column` whose value is the stated total, no item."""
    ignored: tuple[str, ...] = ()
    """Words of `item_column` that are neither: questions the instrument does not count."""

    @model_validator(mode="after")
    def _words_mean_one_thing(self) -> "LongIdentity":
        words = [word for names in self.items.values() for word in names]
        words += [*self.total, *self.ignored]
        if len(set(words)) != len(words):
            raise ValueError(f"{self.instrument_code}: a word means two items")
        return self


class Mapping(Declaration):
    """One feed out of one file.

    `layout`: `table` (a row is a unit, as one rating is; `distinct` keeps one per key, the repeats
    excluded with that reason), `wide` (a row carries one or more forms), `long` (a row is an item
    answer).
    `exclude` drops rows where a column holds one of some words, each with its reason; `only` drops
    those where it holds none of them, and is asked second.
    """

    feed: FeedName
    layout: Literal["table", "wide", "long"]
    columns: dict[Identifier, Source]
    date_format: str = "%Y-%m-%d"
    distinct: bool = False
    forms: tuple[FormBlock, ...] = ()
    long: LongForms | None = None
    exclude: tuple["Exclusion", ...] = ()
    only: tuple[Only, ...] = ()

    @model_validator(mode="after")
    def _layout_has_its_parts(self) -> "Mapping":
        if (self.layout == "wide") != bool(self.forms):
            raise ValueError("`forms` goes with layout wide")
        if (self.layout == "long") != (self.long is not None):
            raise ValueError("`long` goes with layout long")
        if (self.layout == "table") == (self.feed == "administrations"):
            raise ValueError("administrations are wide or long; other feeds are tables")
        if self.distinct and self.layout != "table":
            raise ValueError("`distinct` goes with layout table")
        return self

    @property
    def row_rules(self) -> "tuple[Exclusion | Only, ...]":
        """All that decides which rows belong to the mapping or to one of its forms."""
        return (*self.exclude, *self.only, *(rule for block in self.forms for rule in block.only))


class Exclusion(Declaration):
    """Rows the contract leaves out on purpose, counted under its reason."""

    column: str
    words: tuple[str, ...]
    reason: Identifier
