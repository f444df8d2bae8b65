"""What the ledger knows of a delivery, and what that means for a file lying in landing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import duckdb

from orchestration.landing import Arrival

Disposition = Literal["new", "already_loaded", "waiting"]


@dataclass(frozen=True)
class Entry:
    """The last attempt on one delivery."""

    state: str
    reason: str | None
    message: str | None
    contract_digest: str | None
    n_attempts: int


@dataclass(frozen=True)
class Sorted:
    """Files in landing by what is to be done with them."""

    new: tuple[Arrival, ...]
    already_loaded: tuple[Arrival, ...]
    waiting: tuple[tuple[Arrival, Entry], ...]
    """Turned away earlier, under rules that have not changed since: a person has to act."""


def entries(con: duckdb.DuckDBPyConnection) -> dict[str, Entry]:
    """Last attempt by delivery id."""
    rows = con.execute(
        "select delivery_id, state, reason, message, contract_digest, n_attempts "
        "from raw.deliveries qualify row_number() over "
        "(partition by delivery_id order by load_seq desc) = 1"
    ).fetchall()
    return {row[0]: Entry(*row[1:]) for row in rows}


def disposition(entry: Entry | None, contract_digest: str, attempts: int) -> Disposition:
    """What to do with a file whose last attempt was `entry`.

    A refused file is tried again when the practice's rules changed; one whose reading died also on
    the following nights, up to the number of attempts.
    """
    if entry is None:
        return "new"
    if entry.state == "loaded":
        return "already_loaded"
    if entry.contract_digest != contract_digest:
        return "new"
    if entry.state == "dead" and entry.n_attempts < attempts:
        return "new"
    return "waiting"


def sort_arrivals(
    arrivals: Iterable[Arrival],
    known: dict[str, Entry],
    digests: dict[str, str],
    attempts: int,
) -> Sorted:
    """Sort landing's files. `digests` is each practice's contract digest."""
    new: list[Arrival] = []
    loaded: list[Arrival] = []
    waiting: list[tuple[Arrival, Entry]] = []
    seen: set[str] = set()
    for arrival in arrivals:
        entry = known.get(arrival.delivery_id)
        what = disposition(entry, digests[arrival.practice_id], attempts)
        if what == "new" and arrival.delivery_id not in seen:
            seen.add(arrival.delivery_id)
            new.append(arrival)
        elif what == "already_loaded" or arrival.delivery_id in seen:
            loaded.append(arrival)
        elif entry is not None:
            waiting.append((arrival, entry))
    return Sorted(tuple(new), tuple(loaded), tuple(waiting))
