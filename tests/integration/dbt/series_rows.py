"""Series of totals, worked out by hand: what test_series.py and test_steps.py put into a warehouse.

Every language is a network of its own, because a standard deviation is never pooled over two.
SRS: 0 to 40, so a point of an item mean from 1 to 7 is 40/6 = 6.667 scale points, a quarter 1.667.
WAI-SR: 12 to 60, a point is 8 scale points, a quarter 2.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from expectations.instrument_facts import ReliableChange
from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, practice, registry

SRS = ("srs", "3")
WAI = ("wai_sr", "1")
RATED = ("made_up_alliance", "3")
"""The SRS with a reliable change of 8 points; no alliance instrument that is shipped has one."""
FIRST = date(2026, 1, 5)


@dataclass(frozen=True)
class Series:
    """One client's totals of one instrument, a week apart; None where no form came."""

    client: str
    totals: tuple[float | None, ...]
    instrument: tuple[str, str] = SRS
    language: str = "en"
    has_sessions: bool = False


DROPS = (
    Series("ada", (36, 29, 34.4, 27, 30, 30, 30, 30, 30)),
    Series("ben", (36, 29, 34.3)),
    Series("cleo", (36, 29)),
    Series("dina", (36, 29.4, 36)),
    Series("fay", (50, 42, 48), WAI),
    Series("gail", (50, 42, 47), WAI),
    Series("hugo", (36, 36, 29, None, None, None, None, None), has_sessions=True),
    Series("ida", (36, 29, 36), RATED),
    Series("joe", (36, 28, 36), RATED),
    Series("kim", (36, 27.9, 36), RATED, has_sessions=True),
    Series("lea", (30, 32, 30, 28, 30), language="de"),
    Series("max", (30, 34, 30, 26, 30), language="de"),
    Series("ned", (30, 20, 30, 20), language="fr"),
    Series("olga", (40,) * 8, language="nl"),
    Series("pia", (36, 35, 36, 35, 36, 35, 36, 31), language="it"),
    Series("quin", (36, 35, 36, 31, 36, 35, 36, 35), language="it"),
    Series("rosa", (40, 40, 40, 30, 40, 40, 40, 40), language="es"),
)


def declared() -> Registry:
    """One practice, the shipped instruments and the made-up one."""
    shipped = registry(practice("north", ["east"]))
    rated = shipped.instruments[SRS].model_copy(
        update={
            "instrument_code": RATED[0],
            "reliable_change": (ReliableChange(published=8, mark="D", source="made up"),),
        }
    )
    return replace(shipped, instruments=shipped.instruments | {RATED: rated})


def episodes(series: tuple[Series, ...]) -> list[Row]:
    """One open episode a client."""
    return [
        {
            "client_key": client,
            "episode_key": f"e_{client}",
            "site_id": "east",
            "therapist_key": "t1",
            "opened_on": FIRST,
            "age_band_at_intake": "30-39",
        }
        for client in dict.fromkeys(one.client for one in series)
    ]


def sessions(series: tuple[Series, ...]) -> list[Row]:
    """A session a week, whether a form came or not."""
    lengths = {one.client: len(one.totals) for one in series if one.has_sessions}
    return [
        {
            "client_key": client,
            "session_key": f"s_{client}_{week}",
            "episode_key": f"e_{client}",
            "site_id": "east",
            "therapist_key": "t1",
            "scheduled_on": FIRST + timedelta(weeks=week),
            "delivery_mode": "video",
        }
        for client, n_weeks in lengths.items()
        for week in range(n_weeks)
    ]


def forms(series: tuple[Series, ...]) -> list[Row]:
    """One form a total; where none came, one that expired."""
    return [
        {
            "form_key": f"f_{one.client}_{week}",
            "client_key": one.client,
            "session_key": f"s_{one.client}_{week}" if one.has_sessions else None,
            "completed_on": FIRST + timedelta(weeks=week),
            "instrument_code": one.instrument[0],
            "version": one.instrument[1],
            "language": one.language,
            "stated_total": total,
            "status": "expired" if total is None else "completed",
        }
        for one in series
        for week, total in enumerate(one.totals)
    ]


def deliver(
    warehouse: RawWarehouse, series: tuple[Series, ...], *, is_turned: bool = False
) -> None:
    """Everything of these series in three deliveries; `is_turned` has every row the other way."""
    step = -1 if is_turned else 1
    warehouse.deliver("episodes", "north", episodes(series)[::step])
    if any(one.has_sessions for one in series):
        warehouse.deliver("sessions", "north", sessions(series)[::step])
    warehouse.deliver("administrations", "north", forms(series)[::step])
