"""Every number of the simulated network, with its default.

The defaults are those of the specification of the simulation; a study that needs another world
replaces fields and keeps the code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType


@dataclass(frozen=True)
class ScoreTarget:
    """What an instrument's forms look like: mean and SD of a form's item mean, in the units of the
    items, and Cronbach's alpha. The share at the ceiling follows from mean and SD.
    """

    item_mean: float
    item_sd: float
    alpha: float


SCORE_TARGETS: Mapping[str, ScoreTarget] = MappingProxyType(
    {
        "srs": ScoreTarget(item_mean=8.95, item_sd=1.0, alpha=0.88),
        "wai_sr": ScoreTarget(item_mean=4.1, item_sd=0.65, alpha=0.92),
        "wai_srt": ScoreTarget(item_mean=4.1, item_sd=0.65, alpha=0.90),
        "phq_9": ScoreTarget(item_mean=1.05, item_sd=0.65, alpha=0.86),
    }
)
INFORMANT_OFFSETS: Mapping[str, float] = MappingProxyType(
    {
        "client": 0.0,
        "therapist": -0.5,
        "child": -0.15,
        "caregiver": 0.22,
        "teacher": -0.2,
        "observer": -0.3,
    }
)
"""SDs above the client's own form: the therapist's .5 lower, child .35 and parent .72 above it."""


@dataclass(frozen=True)
class SimulationSettings:
    """One world (everything but `window`) and the part of it that is exported (`window`).

    Shares are 0-1, effects are in SDs of the instrument's form, days are calendar days. Ranges are
    spread over the sites. ValueError when the world or the window is impossible.
    """

    seed: int = 20260930
    n_clients: int = 3_600
    """Clients who come between `from_on` and `through_on`; more come at the same rate after it."""
    n_therapists: int = 120
    from_on: date = date(2024, 10, 1)
    through_on: date = date(2026, 9, 30)
    window: tuple[date, date] | None = None
    """First and last day that an export covers, both included; None is everything up to
    `through_on`. Windows that follow each other deliver each row once, in the state of that day."""

    null: bool = False
    """No site differs from another: no site variance, nobody planted, no differences of mix."""
    missing_at_random: bool = False
    """Whether a form comes back has nothing to do with the alliance."""
    dirt: float = 0.001
    """Share of forms spoilt for the quarantine: an answer out of range, or a contradicting copy."""
    preview_share: float = 0.002
    """Share of forms exported once more as rows that the contract leaves out, where it does."""
    partial_share: float = 0.01
    """Share of returned forms with one item unanswered."""
    collection_mode: str = "tablet"

    planted: tuple[float, ...] = (0.5, -0.5)
    """Sites that truly differ, in SDs of the total; drawn among the larger ones."""
    planted_minimum_therapists: int = 6
    small_settings: tuple[str, ...] = ("solo_practice", "shared_office")
    """Service settings of sites with `small_therapists`; the others share the rest."""
    small_therapists: int = 2
    therapist_range: tuple[float, float] = (3, 12)

    no_return: tuple[float, float] = (0.15, 0.34)
    no_return_mean: float = 0.22
    """P(one session)."""
    length_size: float = 1.3
    length_mean: float = 9.0
    """Otherwise 2 + NegBin(size, mean) sessions."""
    length_alliance_r: float = 0.1
    never_started_share: float = 0.05
    intake_share: float = 0.3
    dropout: tuple[float, float] = (0.12, 0.35)
    dropout_mean: float = 0.20
    dropout_alliance_logit: float = -0.9
    """Logit of an unplanned ending per SD of the client's alliance (about d = .55)."""
    ending_unrecorded: tuple[float, float] = (0.15, 0.40)
    return_share: float = 0.04
    change_therapist_share: float = 0.03

    alliance_site_share: float = 0.01
    alliance_therapist_share: float = 0.04
    alliance_client_share: float = 0.47
    alliance_session_share: float = 0.42
    """Variance shares of the alliance as the client rates it; mix, trend and ruptures fill up."""
    rater_share: float = 0.15
    """Variance share of the rating therapist in the therapist's own form."""
    instrument_client_share: float = 0.30
    instrument_session_share: float = 0.50
    """Of the client's and the session's part: what one alliance form does not share with another;
    two forms of one session then correlate about .6."""
    couple_share: float = 0.2
    """Of the client's part: what partners and group members share."""
    dyad_r: float = 0.42
    """Of what the client's forms share with each other; single forms of a dyad come to about .3."""
    trend_per_session: float = 0.008
    trend_until_session: int = 20
    rupture_share: float = 0.20
    rupture_size: tuple[float, float] = (1.0, 2.5)
    rupture_repaired_share: float = 0.6

    outcome_site_share: float = 0.01
    outcome_therapist_share: float = 0.04
    outcome_link: float = 0.75
    """Correlation of improvement with the client's alliance; the observed r comes to about .28."""
    outcome_link_youth: float = 0.52
    outcome_reverse: float = 0.25
    """SDs by which full improvement raises the alliance: the part of r that is reverse."""

    severity_site_sd: float = 0.25
    severity_on_alliance: float = -0.10
    child_on_alliance: float = -0.10
    video_on_alliance: float = -0.06
    other_language_on_alliance: float = -0.12
    couple_on_alliance: float = -0.10
    group_on_alliance: float = -0.15

    video_share: float = 0.35
    couple_clients: float = 0.08
    group_clients: float = 0.06
    child_clients: float = 0.15
    crisis_clients: float = 0.04
    assessment_clients: float = 0.02
    other_language_share: float = 0.12
    permission_withheld: tuple[float, float] = (0.03, 0.02)
    """Shares `care_only` and `none`."""

    response: tuple[float, float] = (0.30, 0.85)
    """Share of due forms that come back, from the worst site to the best; (1, 1) with
    `never_respond_share` 0 returns every form."""
    response_therapist_sd: float = 1.0
    never_respond_share: float = 0.05
    response_odds: float = 0.6
    """Odds ratio of returning a form per SD lower alliance."""
    lost_before_dropout: float = 0.7

    no_show: float = 0.08
    cancelled_late: float = 0.10
    cancelled_therapist: float = 0.03
    cancelled_early: float = 0.04
    rescheduled: float = 0.02
    attendance_therapist_sd: float = 0.4
    early_missed_logit: float = 0.35
    gap_shares: tuple[float, float] = (0.60, 0.27)
    """Shares of 7 and of 14 days between appointments; the rest is 21 and more."""

    truth_clients: int = 6_000
    """Clients a site's truth is averaged over, each with a therapist of their own."""
    score_targets: Mapping[str, ScoreTarget] = field(default_factory=lambda: SCORE_TARGETS)
    alliance_target: tuple[float, float, float] = (0.78, 0.16, 0.90)
    outcome_target: tuple[float, float, float] = (0.38, 0.22, 0.86)
    """Mean and SD as shares of the range, and alpha, of an instrument without a target."""
    informant_offsets: Mapping[str, float] = field(default_factory=lambda: INFORMANT_OFFSETS)

    def __post_init__(self) -> None:
        if self.from_on >= self.through_on or self.n_clients < 1 or self.n_therapists < 1:
            raise ValueError("a world needs at least two days, one client and one therapist")
        first, last = self.exported
        if first > last or last > self.last_day:
            raise ValueError(f"a window runs forwards and ends by {self.last_day}")

    @property
    def exported(self) -> tuple[date, date]:
        """First and last day of the export."""
        return self.window or (date.min, self.through_on)

    @property
    def last_day(self) -> date:
        """The world goes on after `through_on`, but not for ever."""
        return self.through_on + timedelta(days=730)
