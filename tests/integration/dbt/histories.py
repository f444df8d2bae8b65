"""Treatments small enough to work out by hand, with every way in which one cannot be measured.

Sessions are a week apart from Monday, 5 January 2026. `north` asks for a form at every session,
`south` at the first alone and marks no cancellation as late or early, `miles` at sessions 3, 5 and
8, `quiet` sends no episodes, and `frame` is there for its appointments.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from expectations.episode_terms import Derivation, EpisodeTerms
from expectations.model import FeedName
from expectations.practice import Practice
from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, every_session, practice, registry

FIRST = date(2026, 1, 5)
LATER = datetime(2026, 9, 1, 8)


def day(number: int) -> date:
    """Day of a client's session of this number."""
    return FIRST + timedelta(days=7 * (number - 1))


def declared() -> Registry:
    """The five practices; the instrument is the shipped SRS, four lines of 0 to 10."""
    each = every_session("srs", "3")
    first = each.model_copy(update={"schedule_id": "srs_first", "rule": "intake"})
    listed = {"schedule_id": "srs_listed", "rule": "session_list", "sessions": (3, 5, 8)}
    return registry(
        practice("north", ["north_site"], [each]),
        practice("south", ["south_site"], [first]),
        practice("miles", ["miles_site"], [each.model_copy(update=listed)]),
        _deriving(practice("quiet", ["quiet_site"])),
        practice("frame", ["frame_site"]),
    )


def _deriving(quiet: Practice) -> Practice:
    """Sessions more than 60 days apart are in two episodes."""
    terms = EpisodeTerms(derive=Derivation(gap_days=60, service_type="individual"))
    (contract,) = quiet.contracts
    contracts = (contract.model_copy(update={"episodes": terms}),)
    return quiet.model_copy(update={"contracts": contracts})


@dataclass(frozen=True)
class History:
    """One client: as many weekly sessions, the total of the form at some, and what is special."""

    practice_id: str
    client: str
    n_sessions: int
    totals: Mapping[int, float] = field(default_factory=dict)
    closed: tuple[date, str | None] | None = None
    therapist: str = "t1"
    episode: Row = field(default_factory=dict)
    sessions: Row = field(default_factory=dict)
    forms: Mapping[int, Row] = field(default_factory=dict)
    """What differs of the form at a session."""
    further: Sequence[Row] = ()
    """Forms besides; `total` stands for the answers."""

    def rows(self) -> Iterator[tuple[FeedName, Row]]:
        """Every row with its feed."""
        common = {"client_key": self.client, "episode_key": f"e_{self.client}"}
        site = {"site_id": f"{self.practice_id}_site", "therapist_key": self.therapist}
        placed: dict[str, object] = {**common, **site}
        if self.practice_id == "quiet":
            placed["episode_key"] = None
        else:
            opened = {**placed, "opened_on": FIRST, **self.episode}
            if self.closed:
                closed_on, ending = self.closed
                opened |= {"state": "closed", "closed_on": closed_on, "ending_code": ending}
            yield "episodes", opened
        for number in range(1, self.n_sessions + 1):
            yield "sessions", self.session(number, **placed)
        for number, total in self.totals.items():
            form: Row = {
                "session_key": f"s_{self.client}_{number}",
                "completed_on": day(number),
                **self.forms.get(number, {}),
            }
            yield "administrations", self.form(f"{number}", total, form)
        for place, extra in enumerate(self.further):
            yield "administrations", self.form(f"x{place}", extra["total"], extra)

    def session(self, number: int, **placed: object) -> Row:
        """The session of this number."""
        key = {"session_key": f"s_{self.client}_{number}", "scheduled_on": day(number)}
        return {**placed, **key, **self.sessions}

    def form(self, name: str, total: float, row: Row) -> Row:
        """A form whose four answers add up to `total`."""
        told = {name: cell for name, cell in row.items() if name != "total"}
        key = {"form_key": f"f_{self.client}_{name}", "client_key": self.client}
        return {**key, "answers": [total / 4] * 4, **told}


END_OF_JANUARY = date(2026, 1, 31)
NORTH = (
    # Sessions 1 to 6 with a form at all but the second; two of them filled in late.
    History(
        "north",
        "ada",
        6,
        {1: 20, 3: 24, 4: 30, 5: 36, 6: 40},
        (date(2026, 2, 20), "planned"),
        episode={"age_band_at_intake": "30_39"},
        sessions={"delivery_mode": "video", "interpreter": False},
        forms={
            3: {"completed_on": day(3) + timedelta(3)},
            4: {"completed_on": day(4) - timedelta(4)},
        },
    ),
    History("north", "ben", 2, {2: 28}, (END_OF_JANUARY, "lost_contact")),
    History("north", "cleo", 4, {}, (END_OF_JANUARY, None), therapist="t2"),
    History(
        "north",
        "dina",
        5,
        {1: 32, 4: 16},
        forms={1: {"date_precision": "year"}, 4: {"completed_on": None}},
    ),
    History("north", "evan", 1, {1: 36}, (END_OF_JANUARY, "planned")),
    # Two forms of session 3, and one two months after it that belongs to no session.
    History(
        "north",
        "fay",
        3,
        {3: 20},
        (date(2026, 3, 20), "client_unplanned"),
        further=[
            {"session_key": "s_fay_3", "completed_on": day(3), "total": 30, "respondent": "again"},
            {"episode_key": "e_fay", "completed_on": date(2026, 3, 20), "total": 12},
        ],
    ),
    History("north", "moe", 3, {1: 20}, (END_OF_JANUARY, "referred")),
    History("north", "sam", 1, {}, (END_OF_JANUARY, "lost_contact"), therapist="t2"),
    # Two languages: what is due does not say in which.
    History(
        "north", "lea", 3, {1: 30, 2: 34, 3: 38}, (END_OF_JANUARY, "moved"),
        forms={3: {"language": "de"}},
    ),
)  # fmt: skip
LEFT_OUT = (
    History("north", "gus", 3, {3: 40}, episode={"service_type": "couple"}),
    History("north", "hal", 3, {3: 40}, episode={"use_permission": "care_only"}),
    History("north", "ida", 3, {3: 40}, episode={"service_type": "crisis"}),
    History("north", "joe", 3, {3: 40}, episode={"site_id": "away"}, sessions={"site_id": "away"}),
    History("north", "kim", 3, {3: 40}, sessions={"group_session_key": "g"}),
    History("north", "liv", 0),
)
SOUTH = (
    History("south", "max", 6, {2: 20, 3: 22, 5: 26}),
    History("south", "nan", 7, {1: 10, 7: 40}),
    # The first session's form names no session and is found by its day.
    History("south", "ole", 2, {1: 24}, forms={1: {"session_key": None}}),
    History("south", "pia", 2, {2: 33}),
    # One session, and a form due at it: not at each, had there been more.
    History("south", "rob", 1),
)
MILES = (
    # A form due at the one session of the early window, and at one of its two.
    History("miles", "tom", 3, {3: 26}),
    History("miles", "uma", 4, {3: 27}),
)
QUIET = (
    History("quiet", "quin", 3, {2: 31}, forms={2: {"session_key": None}}),
    # One session in May: Quin's silence is longer than the gap by then, Ruth's is not.
    History("quiet", "ruth", 1, sessions={"scheduled_on": date(2026, 5, 1)}),
)
ALL = (*NORTH, *LEFT_OUT, *SOUTH, *MILES, *QUIET)


def _appointment(client: str, on: date, **row: object) -> Row:
    return {
        "client_key": client,
        "session_key": f"{client}_{on:%m%d}",
        "episode_key": f"e_{client}",
        "site_id": "frame_site",
        "therapist_key": "t9",
        "scheduled_on": on,
        **row,
    }


def _amy(month: int, of_month: int, attendance: str | None = "attended", **row: object) -> Row:
    return _appointment("amy", date(2026, month, of_month), attendance=attendance, **row)


FRAME_EPISODES: tuple[Row, ...] = (
    {"client_key": "amy", "episode_key": "e_amy", "agreed_interval_days": 7},
    {"client_key": "bob", "episode_key": "e_bob"},
    {"client_key": "cat", "episode_key": "e_cat", "agreed_interval_days": 7},
)
AMY = (
    _amy(1, 1, session_type="intake"),
    _amy(1, 5, planned_minutes=50, actual_minutes=60),
    _amy(1, 12, "no_show"),
    _amy(1, 14, planned_minutes=50, actual_minutes=61),
    _amy(1, 26, planned_minutes=50),
    _amy(2, 2, "cancelled_client_late"),
    _amy(2, 9, "rescheduled"),
    _amy(2, 10, "cancelled_therapist"),
    _amy(2, 11, "cancelled_client_early"),
    _amy(2, 16, None),
    # Said to have been attended a month after the report; and one that is still to come.
    _amy(8, 1),
    _amy(12, 1, "cancelled_therapist"),
)
CAT = (
    _appointment("cat", date(2025, 1, 1), date_precision="year"),
    _appointment("cat", date(2026, 3, 2)),
)
BOB = tuple(_appointment("bob", date(2026, 8, of_month)) for of_month in (13, 20))


def deliver_frame(warehouse: RawWarehouse, is_reversed: bool = False) -> None:
    """Appointments of every kind; Bob's come two months after the others."""
    step = -1 if is_reversed else 1
    episodes = [
        {**row, "site_id": "frame_site", "opened_on": date(2026, 1, 1)} for row in FRAME_EPISODES
    ]
    warehouse.deliver("episodes", "frame", episodes[::step])
    warehouse.deliver("sessions", "frame", (*AMY, *CAT)[::step])
    warehouse.deliver("sessions", "frame", BOB[::step], received_at=LATER)


def deliver(
    warehouse: RawWarehouse, histories: Sequence[History], is_reversed: bool = False
) -> None:
    """One delivery a practice and feed, its rows in the histories' order or the reverse of it."""
    feeds: tuple[FeedName, ...] = ("episodes", "sessions", "administrations")
    step = -1 if is_reversed else 1
    for practice_id in dict.fromkeys(one.practice_id for one in histories):
        rows = [row for one in histories if one.practice_id == practice_id for row in one.rows()]
        for feed in feeds:
            of_feed = [row for name, row in rows if name == feed][::step]
            if of_feed:
                warehouse.deliver(feed, practice_id, of_feed)
