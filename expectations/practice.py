"""Types of a practice's contract: who it is, what it sends, in which words, and under which terms.

Everything in which two practices differ is declared here; no code knows a practice by name.
"""

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from expectations.base import Declaration, Identifier
from expectations.fhir import FhirReading
from expectations.model import FeedName, Informant

PrivacyClass = Literal[
    "limited_data_set", "safe_harbor", "expert_determination", "gdpr_pseudonymised", "phi_under_baa"
]
ServiceType = Literal["individual", "couple", "family", "group", "crisis", "assessment"]


class Agreement(Declaration):
    """The paper a practice's exports come under. An expired one stops the practice's ingest."""

    kind: str
    signed_on: date
    expires_on: date
    purpose: str


class Site(Declaration):
    """A place the group compares, open for a stretch of time."""

    site_id: Identifier
    name: str
    service_setting: str
    peer_group: str | None = None
    open_from: date
    open_to: date | None = None


class Scope(Declaration):
    """Whom a schedule is for; an empty field means everyone."""

    sites: tuple[Identifier, ...] = ()
    service_types: tuple[ServiceType, ...] = ("individual", "couple", "family", "group")


class Schedule(Declaration):
    """When a form is due: the denominator of every response rate, hence dated."""

    schedule_id: Identifier
    instrument_code: Identifier
    version: str
    informant: Informant
    rule: Literal["intake", "every_session", "every_n", "session_list", "every_days", "ending"]
    every: int | None = Field(default=None, ge=1)
    """n of every_n (sessions 1, 1+n, 1+2n, ...) or the days of every_days."""
    sessions: tuple[int, ...] = ()
    window_days: int = Field(default=7, ge=0)
    valid_from: date
    valid_to: date | None = None
    scope: Scope = Scope()

    @model_validator(mode="after")
    def _rule_has_its_numbers(self) -> "Schedule":
        if (self.rule in ("every_n", "every_days")) != (self.every is not None):
            raise ValueError(f"{self.schedule_id}: `every` goes with every_n and every_days")
        if (self.rule == "session_list") != bool(self.sessions):
            raise ValueError(f"{self.schedule_id}: `sessions` goes with session_list")
        return self


class Dialect(Declaration):
    """How the bytes of a text export are to be read.

    XLSX and Parquet say so themselves; there `decimal_mark` alone means something, for numbers that
    stand in text and for those that become text.
    """

    delimiter: Literal[",", ";", "\t", "|"] = ","
    quote: Literal['"', "'"] = '"'
    encoding: Literal["utf-8", "latin-1", "utf-16"] = "utf-8"
    decimal_mark: Literal[".", ","] = "."
    final_newline: Literal["required", "optional"] = "required"
    """A file cut off in its last cell shows only in the missing line end."""
    compression: Literal["none", "gzip"] = "none"


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
    missing: tuple[str, ...] = ()
    """Words that mean "no answer" in this column, beside the file's `missing`."""

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        if (self.column is None) == (self.constant is None):
            raise ValueError("a source is either `from` a column or a `constant`")
        return self


class Only(Declaration):
    """The rows that belong here: those whose column holds one of the words (`""` is blank).

    Every other row is left out under the reason, so that the events and instruments of one file go
    to different feeds and forms and each row is still counted.
    """

    column: str
    words: tuple[str, ...] = Field(min_length=1)
    reason: Identifier


class FormBlock(Declaration):
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
    shift: float = 0
    """Added to each answer: 1 where a practice codes 0-based what the instrument prints 1-based."""
    scale_by: float = Field(default=1, gt=0)
    """Multiplies each answer before the shift: 0.1 where a 0-10 line is exported as 0-100."""
    recode: dict[str, str] = {}
    """Printed answer words -> numbers as text."""
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


class LongIdentity(Declaration):
    """What a practice's word for a questionnaire stands for."""

    instrument_code: Identifier
    version: str
    language: str
    informant: Informant
    shift: float = 0
    scale_by: float = Field(default=1, gt=0)
    recode: dict[str, str] = {}
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

    `layout`: `table` (a row is a unit; `distinct` keeps one per key, the repeats excluded with
    that reason), `wide` (a row carries one or more forms), `long` (a row is an item answer).
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


class FileSpec(Declaration):
    """One kind of file a practice sends."""

    file: Identifier
    pattern: str
    """Glob on the file's name, e.g. `sessions_*.csv`."""
    format: Literal["csv", "xlsx", "parquet", "redcap", "qualtrics", "fhir"] = "csv"
    """`csv` is delimited text of any dialect, TSV included."""
    coding: Literal["raw", "label"] = "raw"
    """Of redcap and qualtrics: whether a choice is exported as its code or as its label."""
    header_rows: Literal[2, 3] = 3
    """Of qualtrics: names, wording and import ids, or the older form without the last."""
    fhir: FhirReading | None = None
    dialect: Dialect = Dialect()
    sheet: str | None = None
    """XLSX: the sheet's name; without it the workbook has one visible sheet only."""
    missing: tuple[str, ...] = ()
    """Words that mean "not recorded" in any column of this file, beside the empty cell."""
    id_pattern: str = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
    """What the sender's ids look like; the gate also wants a digit in each."""
    discard: tuple[str, ...] = ()
    """Columns that are scanned and never stored."""
    exported_at: str | None = None
    """Regular expression on the file's name whose first group is the export's date, YYYYMMDD or
    YYYY-MM-DD (also with `_` or `.`). A file whose name gives none is refused. Without
    `exported_at` arrival decides which version of a row wins."""
    delivery_scope: Literal["snapshot", "period", "append"] = "append"
    mappings: tuple[Mapping, ...]
    tolerated_quarantine_share: float = Field(default=0.05, ge=0, le=1)
    tolerance_note: str = "default"

    @model_validator(mode="after")
    def _one_mapping_a_feed(self) -> "FileSpec":
        feeds = [mapping.feed for mapping in self.mappings]
        if not feeds or len(set(feeds)) != len(feeds):
            raise ValueError(f"file {self.file}: one mapping for each feed, at least one")
        return self

    @model_validator(mode="after")
    def _options_fit_the_format(self) -> "FileSpec":
        if self.coding != "raw" and self.format == "csv":
            raise ValueError(f"file {self.file}: `coding` goes with format redcap or qualtrics")
        if self.header_rows != 3 and self.format != "qualtrics":
            raise ValueError(f"file {self.file}: `header_rows` goes with format qualtrics")
        return self

    @property
    def wanted_columns(self) -> tuple[str, ...]:
        """Every column of the file a mapping reads, in first-use order, `discard` left out."""
        names: dict[str, None] = {}
        for mapping in self.mappings:
            for source in (
                *mapping.columns.values(),
                *(own for block in mapping.forms for own in block.columns.values()),
            ):
                if source.column is not None:
                    names.setdefault(source.column)
            for block in mapping.forms:
                for column in (*block.items.values(), *([block.total] if block.total else [])):
                    names.setdefault(column)
            if mapping.long is not None:
                long = mapping.long
                for column in (
                    *long.form_columns,
                    long.instrument_column,
                    long.item_column,
                    long.value_column,
                    *([long.ordinal_column] if long.ordinal_column else []),
                ):
                    names.setdefault(column)
            for rule in mapping.row_rules:
                names.setdefault(rule.column)
        return tuple(names)


class Cadence(Declaration):
    """When the next delivery is expected."""

    every: Literal["day", "week", "month"] = "day"
    deadline: str = Field(default="03:00", pattern=r"^\d{2}:\d{2}$")
    grace_days: int = Field(default=1, ge=0)


class Retention(Declaration):
    """How long what is kept is kept, in days."""

    archive_days: int = 3650
    raw_days: int = 3650
    releases_days: int = 3650
    audit_days: int = 3650


class Contract(Declaration):
    """One dated version of what a practice and the group agreed. `valid_to` is inclusive."""

    valid_from: date
    valid_to: date | None = None
    privacy_class: PrivacyClass
    agreements: tuple[Agreement, ...]
    default_use_permission: Literal["all", "care_only", "none"] = "all"
    part_2_records: bool = False
    owners: tuple[str, ...]
    retention: Retention = Retention()
    cadence: Cadence = Cadence()
    schedules: tuple[Schedule, ...] = ()
    files: tuple[FileSpec, ...]

    @model_validator(mode="after")
    def _distinct_names(self) -> "Contract":
        for what, names in (
            ("file", [spec.file for spec in self.files]),
            ("schedule", [schedule.schedule_id for schedule in self.schedules]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"a {what} is declared twice")
        return self

    @property
    def feeds(self) -> tuple[FeedName, ...]:
        """The feeds this contract delivers, in the canonical order."""
        sent = {mapping.feed for spec in self.files for mapping in spec.mappings}
        order: tuple[FeedName, ...] = ("episodes", "sessions", "administrations")
        return tuple(feed for feed in order if feed in sent)

    def has_agreement_on(self, day: date) -> bool:
        """Whether an agreement is in force on `day`; without one nothing is taken in."""
        return any(paper.signed_on <= day <= paper.expires_on for paper in self.agreements)


class Practice(Declaration):
    """A practice of the group: its sites and its contract, version by version."""

    practice_id: Identifier
    name: str
    sites: tuple[Site, ...]
    contracts: tuple[Contract, ...]

    @model_validator(mode="after")
    def _versions_do_not_overlap(self) -> "Practice":
        if not self.sites or not self.contracts:
            raise ValueError(f"{self.practice_id}: at least one site and one contract version")
        names = [site.site_id for site in self.sites]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.practice_id}: a site is declared twice")
        for earlier, later in zip(self.contracts, self.contracts[1:], strict=False):
            if earlier.valid_to is None or earlier.valid_to >= later.valid_from:
                raise ValueError(f"{self.practice_id}: contract versions overlap or are unordered")
        return self

    def contract_on(self, day: date) -> Contract | None:
        """The version valid on `day`, or None."""
        for contract in self.contracts:
            if contract.valid_from <= day and (
                contract.valid_to is None or day <= contract.valid_to
            ):
                return contract
        return None
