"""Rows of a release as the pages use them: names as in the release, null as None."""

from dataclasses import dataclass, field
from datetime import date, datetime

MEAN_SCORE = "mean_score"
"""The metric whose cells "Compare sites" shows: the mean of the clients' mean total scores."""


@dataclass(frozen=True)
class Release:
    """The one row of `release`. `created_at` is aware (UTC)."""

    release_id: str
    created_at: datetime
    data_through_on: date | None
    is_internal_only: bool
    group_name: str
    time_zone: str


@dataclass(frozen=True)
class Instrument:
    """One instrument x version: what its numbers mean and how far its key can be trusted."""

    instrument_code: str
    version: str
    name: str
    kind: str
    direction: str
    total_minimum: float | None
    total_maximum: float | None
    key_status: str
    key_note: str | None
    licence: str | None
    citations: str | None
    risk_notice: str | None = None
    cautions: str | None = None

    @property
    def decimals(self) -> int:
        """Digits shown after the point: one where the scale is wide, two where it is narrow."""
        if self.total_minimum is None or self.total_maximum is None:
            return 1
        return 1 if self.total_maximum - self.total_minimum >= 20 else 2


@dataclass(frozen=True)
class Form:
    """What may be compared at all: one questionnaire, one language, one informant, one way.

    `collection_mode` and `language` may be absent from what a practice sends.
    """

    instrument_code: str
    version: str
    language: str | None
    informant: str
    collection_mode: str | None


@dataclass(frozen=True)
class Choice:
    """One view of the page: a form in one stage of treatment over one closed period."""

    form: Form
    stage: str
    period: str
    n_sites_published: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Site:
    """A site of the group, with a label that is unique within the release."""

    practice_id: str
    practice_name: str
    site_id: str
    site_label: str
    is_dated_by_year: bool = False


@dataclass(frozen=True)
class SiteResult:
    """One row of `site_benchmarks` with its site's label; all numbers None when suppressed."""

    practice_id: str
    practice_name: str
    site_id: str
    site_label: str
    n_clients: int | None
    n_therapists: int | None
    n_forms: int | None
    response_rate: float | None
    ceiling_share: float | None
    raw: float | None
    standard_error: float | None
    target: float | None
    tau2: float | None
    lower95: float | None
    upper95: float | None
    lower998: float | None
    upper998: float | None
    flag: str | None
    comparability: str | None
    is_suppressed: bool
    suppression_reason: str | None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of the failed conditions of comparability; empty when comparable."""
        return tuple(code.strip() for code in (self.comparability or "").split(",") if code.strip())

    @property
    def margin(self) -> float | None:
        """Half the width of the mean's 95 % interval, in scale points."""
        return None if self.standard_error is None else 1.959964 * self.standard_error


@dataclass(frozen=True)
class ExpectedDelivery:
    """The next export of one feed that a practice owes. `expected_by_at` is aware (UTC)."""

    practice_id: str
    practice_name: str
    feed: str
    expected_by_at: datetime


@dataclass(frozen=True)
class CalendarDay:
    """One kind of file that a practice owed on one local date, and what came. Moments are UTC.

    `state` is what it is at the reader's moment: on_time, late, missing, due, paused, duplicate,
    quarantined, held, refused, dead. `received_at` is None when nothing came.
    """

    practice_id: str
    practice_name: str
    file: str
    due_on: date
    state: str
    expected_by_at: datetime | None
    received_at: datetime | None
    is_late: bool
    pause_note: str | None
    file_name: str | None
    n_superseded: int
    n_duplicates: int
    n_quarantined: int | None
    is_over_tolerance: bool | None


@dataclass(frozen=True)
class Attempt:
    """One attempt on one file for one feed. `is_last`: none came after it on the same content.

    `is_settled`: a later file brought what this one failed to, so nobody need mend it.
    """

    practice_id: str
    practice_name: str
    feed: str
    delivery_id: str
    file: str | None
    file_name: str | None
    state: str
    reason: str | None
    message: str | None
    received_at: datetime
    n_file_rows: int | None
    n_accepted: int | None
    n_quarantined: int | None
    n_excluded: int | None
    is_over_tolerance: bool | None
    is_last: bool
    is_settled: bool


@dataclass(frozen=True)
class Metric:
    """How a metric is defined, and the pitfall to keep in mind when reading it."""

    metric: str
    name: str
    definition: str
    unit: str | None
    minimum: str | None
    pitfall: str | None
    citation: str | None
