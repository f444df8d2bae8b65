"""Rows of a release as the pages use them: names as in the release, null as None."""

from dataclasses import dataclass, field
from datetime import date, datetime

MEAN_SCORE = "mean_score"
"""The metric whose cells "Compare sites" shows: the mean of the clients' mean total scores."""


@dataclass(frozen=True)
class Release:
    """The one row of `release`. `created_at` is aware (UTC).

    `has_measures`: the group asks for them, and only then is anything adjusted for case mix.
    """

    release_id: str
    created_at: datetime
    data_through_on: date | None
    group_name: str
    time_zone: str
    has_measures: bool = False


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
    """One row of `site_benchmarks` with its site's label; all numbers None when suppressed.

    `raw_bound` and the like: at_most or at_least where a number stands for itself or beyond.
    """

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
    adjusted: float | None = None
    shrunken: float | None = None
    shrunken_lower95: float | None = None
    shrunken_upper95: float | None = None
    reliability: float | None = None
    raw_bound: str | None = None
    ceiling_share_bound: str | None = None
    standard_error_bound: str | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of the failed conditions of comparability; empty when comparable."""
        return tuple(code.strip() for code in (self.comparability or "").split(",") if code.strip())

    @property
    def is_coded(self) -> bool:
        """Whether one of its numbers stands for itself or beyond."""
        bounds = (self.raw_bound, self.ceiling_share_bound, self.standard_error_bound)
        return any(bound is not None for bound in bounds)

    @property
    def margin(self) -> float | None:
        """Half the width of the mean's 95 % interval, in scale points."""
        return None if self.standard_error is None else 1.959964 * self.standard_error


@dataclass(frozen=True)
class Adjustment:
    """One row of `site_adjustments`: a site's value beside what its case mix lets expect."""

    practice_id: str
    site_id: str
    expected: float | None
    adjusted: float | None
    standard_error: float | None
    target: float | None
    lower95: float | None
    upper95: float | None
    lower998: float | None
    upper998: float | None
    flag: str | None
    shrunken: float | None
    shrunken_lower95: float | None
    shrunken_upper95: float | None
    largest_share_missing: float | None
    not_identifiable: str | None
    null_reason: str | None


@dataclass(frozen=True)
class Gap:
    """One row of `site_gaps`: the parts of a site's distance from the network's mean."""

    practice_id: str
    site_id: str
    gap: float | None
    gap_case_mix: float | None
    gap_response: float | None
    gap_therapists: float | None
    gap_rest: float | None
    outcome_instrument_code: str | None
    outcome_of_gap: float | None
    outcome_lower95: float | None
    outcome_upper95: float | None
    null_reason: str | None


@dataclass(frozen=True)
class TrendPoint:
    """One row of `site_trends`: a period of one site's own line, with its XmR limits."""

    practice_id: str
    site_id: str
    period: str
    period_on: date
    value: float
    phase: int
    mean: float | None
    lower_limit: float | None
    upper_limit: float | None
    signals: str | None
    null_reason: str | None
    value_bound: str | None = None

    @property
    def rules(self) -> tuple[str, ...]:
        """Rules that mark the point: outside, shift, trend, two_in_three."""
        return tuple((self.signals or "").split(",")) if self.signals else ()


@dataclass(frozen=True)
class Deciles:
    """One row of `network_deciles`: how the sites' values spread in one period."""

    period: str
    period_on: date
    n_sites: int
    p10: float
    p20: float
    p30: float
    p40: float
    p50: float
    p60: float
    p70: float
    p80: float
    p90: float


@dataclass(frozen=True)
class Intervention:
    """One row of `interventions`: what was changed, where (None: everywhere) and when."""

    starts_on: date
    practice_id: str | None
    site_id: str | None
    name: str


@dataclass(frozen=True)
class ReferenceBand:
    """One row of `reference_bands`: a frozen reference of this network, or a published norm."""

    source: str
    band: str
    frozen_on: date | None
    n: int | None
    mean: float | None
    sd: float | None
    p10: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p90: float | None


@dataclass(frozen=True)
class CaseMixModel:
    """One row of `case_mix_models`: how much the covariates of a network explain, and how well."""

    period: str
    n_clients: int | None
    n_sites: int | None
    r2_within: float | None
    r2_between: float | None
    calibration_slope: float | None
    calibration_lower95: float | None
    calibration_upper95: float | None
    null_reason: str | None


@dataclass(frozen=True)
class Coefficient:
    """One row of `case_mix_coefficients`, in scale points; `null_reason` where it was left out."""

    covariate: str
    category: str | None
    estimate: float | None
    lower95: float | None
    upper95: float | None
    share_missing: float | None
    reliability: float | None
    null_reason: str | None


@dataclass(frozen=True)
class CalibrationTenth:
    """One row of `case_mix_calibration`: a tenth of the clients by what is expected of them."""

    tenth: int
    expected: float
    observed: float


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
