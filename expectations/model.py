"""Types of what every practice shares: the group, the feeds, their columns and their rules."""

from datetime import date
from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from expectations.base import Declaration, Identifier

NOT_RECORDED = "not_recorded"
"""The value every enumeration also has: said, never guessed."""


class Severity(StrEnum):
    """What a failing rule does: critical quarantines the unit, the others are counted and shown."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Category(StrEnum):
    """Kahn et al. 2016 (eGEMs 4:1244): the three kinds of data quality."""

    CONFORMANCE = "conformance"
    COMPLETENESS = "completeness"
    PLAUSIBILITY = "plausibility"


FeedName = Literal["episodes", "sessions", "administrations", "process_ratings"]
FEED_NAMES: tuple[FeedName, ...] = ("episodes", "sessions", "administrations", "process_ratings")
OFF_BY_DEFAULT: tuple[FeedName, ...] = ("process_ratings",)
"""Feeds that are sensitive and few send: nothing is made for them until a contract maps one."""

ColumnType = Literal["id", "enumeration", "integer", "number", "date", "boolean"]
Informant = Literal["client", "child", "caregiver", "teacher", "therapist", "observer"]
AdministrationStatus = Literal[
    "completed", "partial", "declined", "not_offered", "unable", "expired", "not_recorded"
]

RuleKind = Literal[
    "required", "required_when", "one_of", "between", "unique", "valid", "ordered", "not_future"
]


class Rule(Declaration):
    """One expectation of one column of a feed; its check is named `<feed>.<column>.<rule>`.

    `required`: not null. `required_when`: not null where `when_column` is `when_word`.
    `one_of`: null or one of the column's values. `valid`: null or parsed as the column's type
    (a cell that could not be read as its type fails this one). `between`: null or minimum <= x
    <= maximum (dates as ISO text). `unique`: the unit's key occurs once in the delivery.
    `ordered`: null or not before `after_column`. `not_future`: null or not after the day the
    delivery came.
    """

    rule: RuleKind
    severity: Severity
    category: Category
    version: int = 1
    minimum: float | str | None = None
    maximum: float | str | None = None
    after_column: Identifier | None = None
    when_column: Identifier | None = None
    when_word: str | None = None
    tolerated_share: float = Field(default=0.0, ge=0, le=1)
    note: str
    """Why the rule and its threshold are what they are."""


class Column(Declaration):
    """A canonical column of a feed. `id` columns leave the gate as `<stem>_key` pseudonyms."""

    name: Identifier
    type: ColumnType
    description: str
    required: bool = False
    values: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _values_belong_to_enumerations(self) -> "Column":
        if (self.type == "enumeration") != bool(self.values):
            raise ValueError(f"column {self.name}: values belong to an enumeration, and only there")
        return self

    @property
    def allowed(self) -> tuple[str, ...]:
        """Values of an enumeration, `not_recorded` included."""
        return (*self.values, NOT_RECORDED) if self.values else ()

    @property
    def stored_name(self) -> str:
        """Name after the pseudonym step: `client_id` is stored as `client_key`.

        `site_id` keeps its name: the registry declares sites, so it is no sender id.
        """
        if self.type == "id" and self.name != "site_id":
            return self.name.removesuffix("_id") + "_key"
        return self.name


class Feed(Declaration):
    """A canonical feed: its columns, the columns that name one unit, and rules over units."""

    feed: FeedName
    description: str
    key: tuple[Identifier, ...]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _key_exists(self) -> "Feed":
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"feed {self.feed}: a column is declared twice")
        missing = [name for name in self.key if name not in names]
        if missing:
            raise ValueError(f"feed {self.feed}: key columns not declared: {', '.join(missing)}")
        return self

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError when the feed has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


class Thresholds(Declaration):
    """Numbers a group may set for itself; the defaults are the reference's."""

    minimum_clients: int = Field(default=11, ge=1)
    minimum_therapists: int = Field(default=3, ge=1)
    flag_minimum_clients: int = Field(default=30, ge=1)
    winsorise_share: float = Field(default=0.1, ge=0, lt=0.5)
    opening_sessions: int = Field(default=2, ge=0)
    developing_until_session: int = Field(default=8, ge=1)
    ending_sessions: int = Field(default=2, ge=0)
    link_days: int = Field(default=7, ge=0)
    data_complete_within_days: int = Field(default=14, ge=0)
    response_rate_floor: float = Field(default=0.5, ge=0, le=1)
    response_rate_gap: float = Field(default=0.2, ge=0, le=1)
    reliability_minimum_forms: int = Field(default=100, ge=2)
    """Complete forms a site needs for alpha, omega and item-rest correlations."""
    loadings_minimum_forms: int = Field(default=200, ge=2)
    """Complete forms a site needs for its loadings to be held against the network's."""


class Backup(Declaration):
    """Where the night's backup goes, and how many of them stay."""

    directory: str = Field(min_length=1)
    """A folder outside the home, on another disk; a path that begins with no `/` is the home's."""
    keep: int = Field(default=14, ge=1)


class Intervention(Declaration):
    """Something that was changed on purpose: at one site, in a whole practice, or everywhere."""

    starts_on: date
    """First day of it. What is usual before and after is told apart."""
    name: str = Field(min_length=1, max_length=80, pattern=r"^\S(?:.*\S)?$")
    """What was changed, on one line; everyone who sees the comparison reads it."""
    practice_id: Identifier | None = None
    site_id: Identifier | None = None

    @model_validator(mode="after")
    def _site_has_its_practice(self) -> "Intervention":
        if self.site_id is not None and self.practice_id is None:
            raise ValueError("site_id needs practice_id beside it: two practices may share a name")
        return self


class Group(Declaration):
    """The practice group: one per home, in `group.yml`."""

    group_id: Identifier
    name: str
    time_zone: str
    nightly_at: str = Field(default="04:00", pattern=r"^\d{2}:\d{2}$")
    periods: tuple[Literal["month", "quarter", "year", "last_12_months", "all"], ...] = (
        "quarter",
        "year",
        "last_12_months",
        "all",
    )
    thresholds: Thresholds = Thresholds()
    interventions: tuple[Intervention, ...] = ()
    backup: Backup | None = None
    """Made at the end of every night with something new; without it none is."""
    with_measures: bool = False
    """Whether nights also build the measures of expectations/metrics."""
    sample_practices: bool = False
    """Whether the practices shipped as samples belong to this group; a real group says no."""
