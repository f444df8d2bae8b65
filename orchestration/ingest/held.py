"""A delivery much smaller than its forerunners waits for a person: half an export looks whole.

What is compared are rows of the file, with those of the last comparable deliveries of the same kind
of file that were exported before it. A snapshot is compared with snapshots. Other files hold the
events of some days, so they are compared with files that hold about as many days; where files of
the same weekday are among those, with them alone. Events come by chance, so a file of theirs must
also be smaller than chance makes it: below the median by more than twice its square root (the
standard deviation of a count, Poisson), and fewer than three forerunners are no history.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

import duckdb

from expectations.delivery_terms import DeliveryScope, Shrinkage
from orchestration.ingest import ledger
from orchestration.ingest.days_read import days_read
from orchestration.ingest.outcome import Outcome, refused
from orchestration.ingest.standing import DAY_OF
from orchestration.landing import Arrival

N_COMPARED = 5
FEWEST_COMPARED = 3
"""Of files of events; a snapshot holds everything, so that one forerunner is enough."""


@dataclass(frozen=True)
class Size:
    """Rows of a file and the days they hold; no days where its rows have none."""

    n_rows: int
    first_on: date | None
    last_on: date | None

    @property
    def n_days(self) -> int | None:
        """How many days lie between the first and the last, both included."""
        if self.first_on is None or self.last_on is None:
            return None
        return (self.last_on - self.first_on).days + 1


def comparable(size: Size, earlier: Sequence[Size], scope: DeliveryScope) -> list[Size]:
    """Those of the earlier deliveries, newest first, that a delivery can be held against."""
    if scope == "snapshot":
        return list(earlier[:N_COMPARED])
    alike = [other for other in earlier if _are_alike(size.n_days, other.n_days)]
    if size.last_on is not None and size.n_days is not None and size.n_days < 7:
        weekday = size.last_on.weekday()
        same = [o for o in alike if o.last_on is not None and o.last_on.weekday() == weekday]
        alike = same or alike
    return alike[:N_COMPARED]


def _are_alike(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return one is other
    return max(one, other) <= 2 * min(one, other)


def is_shrunken(n_rows: int, usual: float, scope: DeliveryScope, terms: Shrinkage) -> bool:
    """Whether a delivery of `n_rows` is too small where `usual` rows are usual."""
    if n_rows > (1 - terms.tolerated_share) * usual or usual == 0:
        return False
    return scope == "snapshot" or usual - n_rows > 2 * math.sqrt(usual)


def held(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, outcome: Outcome, exported_on: date | None
) -> Outcome | None:
    """The outcome of a delivery that has to wait for a person; None when it has not.

    `scratch` is attached on `con`.
    """
    spec = arrival.spec
    if spec is None or outcome.n_file_rows is None:
        return None
    earlier = _earlier(con, arrival, exported_on)
    if not earlier:
        return None
    compared = comparable(_size(con, arrival, outcome), earlier, spec.delivery_scope)
    if len(compared) < (1 if spec.delivery_scope == "snapshot" else FEWEST_COMPARED):
        return None
    usual = float(median(size.n_rows for size in compared))
    if not is_shrunken(outcome.n_file_rows, usual, spec.delivery_scope, spec.shrinkage):
        return None
    smaller = 100 * (1 - outcome.n_file_rows / usual)
    return refused(
        outcome.delivery_id,
        "shrunken",
        f"{outcome.n_file_rows} rows, {smaller:.0f} % fewer than the {usual:.0f} that are usual "
        f"(median of the last {len(compared)} comparable deliveries); nothing of it is loaded: ask "
        "the practice whether it is whole, then `alliance deliveries release` or `refuse` "
        f"{outcome.delivery_id}",
        state="held",
        n_bytes=outcome.n_bytes,
    )


def _earlier(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, exported_on: date | None
) -> list[Size]:
    """Loaded deliveries of the same kind exported no later, newest first."""
    assert arrival.spec is not None
    rows = con.execute(
        """
        select deliveries.n_file_rows, ordered.data_from_on, ordered.data_through_on
        from raw.deliveries_ordered as ordered
        inner join raw.deliveries as deliveries using (load_seq)
        where
            ordered.practice_id = ? and ordered.feed = ? and ordered.file = ?
            and ordered.delivery_scope = ? and ordered.version_rank is not null
            and coalesce(ordered.last_exported_on <= ?, true)
            and deliveries.n_file_rows is not null
        order by ordered.version_rank desc
        """,
        [
            arrival.practice_id,
            arrival.feed,
            arrival.spec.file,
            arrival.spec.delivery_scope,
            exported_on,
        ],
    ).fetchall()
    return [Size(*row) for row in rows]


def _size(con: duckdb.DuckDBPyConnection, arrival: Arrival, outcome: Outcome) -> Size:
    """Rows and days of a file that is read and not loaded."""
    assert outcome.n_file_rows is not None
    return Size(outcome.n_file_rows, *days_read(con, outcome, DAY_OF[arrival.feed]))


@dataclass(frozen=True)
class Decision:
    """What a person said of a held delivery."""

    delivery_id: str
    is_released: bool
    by: str
    at: datetime
    """UTC, without its zone."""

    @property
    def word(self) -> str:
        """As it is stored."""
        return "release" if self.is_released else "refuse"


def decide(con: duckdb.DuckDBPyConnection, decision: Decision) -> None:
    """Write a decision; a refusal is also the delivery's next attempt. The next night acts on it.

    The caller has a transaction open.
    """
    con.execute(
        "insert into raw.decisions values (?, ?, ?, ?)",
        [decision.delivery_id, decision.word, decision.by, decision.at],
    )
    if decision.is_released:
        return
    con.execute(
        """
        insert into raw.deliveries
        select * replace (
            (select max(load_seq) + 1 from raw.deliveries) as load_seq,
            'refused' as state,
            'refused_by_a_person' as reason,
            'a person turned it away for good; have a whole export sent' as message
        )
        from raw.deliveries
        where delivery_id = ?
        qualify row_number() over (order by load_seq desc) = 1
        """,
        [decision.delivery_id],
    )


def held_now(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Deliveries whose last attempt was held. One that was let in is among them until the night
    that loads it: the newest word counts, so it can still be turned away."""
    found = ledger.entries(con).items()
    return sorted(delivery_id for delivery_id, entry in found if entry.state == "held")
