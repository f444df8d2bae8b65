"""What the ledger knows of a delivery, and what that means for a file lying in landing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import duckdb

from orchestration.ingest.privacy import is_showable
from orchestration.landing import Arrival, is_ahead

Disposition = Literal["new", "already_loaded", "waiting", "turned_away"]
REFUSED_BY_A_PERSON = "refused_by_a_person"


@dataclass(frozen=True)
class Entry:
    """The last attempt on one delivery; once it is loaded, the load."""

    state: str
    reason: str | None
    message: str | None
    contract_digest: str | None
    contract_valid_from: date | None
    """Of the contract's version that was in force; None when there was none."""
    code_version: str
    n_attempts: int
    exported_on: date | None = None
    is_released: bool = False
    """Whether a person let it in although it had been held."""


@dataclass(frozen=True)
class Circumstances:
    """What taking in a practice's files depends on beside their bytes."""

    today: date
    contract_digest: str
    code_version: str
    attempts: int
    """How often a file whose reading died is tried under the same rules and software."""
    key_refusal: Callable[[], str | None]
    """The reason why the practice's key cannot be used, None when it can; asked only if need be."""


@dataclass(frozen=True)
class Sorted:
    """Files in landing by what is to be done with them."""

    new: tuple[Arrival, ...]
    already_loaded: tuple[Arrival, ...]
    waiting: tuple[tuple[Arrival, Entry], ...]
    """Turned away earlier, for a cause that is still there: a person has to act."""
    copies: tuple[Arrival, ...]
    """The same bytes as a new file under another name: they share its fate, once it is known."""
    turned_away: tuple[Arrival, ...] = ()
    """A person refused these bytes for good."""


def entries(con: duckdb.DuckDBPyConnection) -> dict[str, Entry]:
    """Last attempt by delivery id. What is loaded stays so, whatever comes of a later attempt."""
    rows = con.execute(
        """
        with decided as (
            select delivery_id, arg_max(decision, decided_at) as decision
            from raw.decisions group by delivery_id
        )
        select
            delivery_id, state, reason, message, contract_digest, contract_valid_from,
            code_version, n_attempts, exported_on, coalesce(decision = 'release', false)
        from raw.deliveries left join decided using (delivery_id)
        where state <> 'duplicate'
        qualify row_number() over (
            partition by delivery_id order by state = 'loaded' desc, load_seq desc
        ) = 1
        """
    ).fetchall()
    return {row[0]: Entry(*row[1:]) for row in rows}


def loaded_hashes(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """Practice and content hash of every file that is loaded, or that a person refused."""
    rows = con.execute(
        "select distinct practice_id, file_sha256 from raw.deliveries "
        "where state = 'loaded' or reason = ?",
        [REFUSED_BY_A_PERSON],
    ).fetchall()
    return {(str(practice_id), str(sha256)) for practice_id, sha256 in rows}


def _key_is_as_bad(entry: Entry, _: Arrival, now: Circumstances) -> bool:
    return now.key_refusal() == entry.reason


def _has_no_agreement(_: Entry, arrival: Arrival, now: Circumstances) -> bool:
    return arrival.contract is None or not arrival.contract.has_agreement_on(now.today)


def _is_still_ahead(entry: Entry, arrival: Arrival, now: Circumstances) -> bool:
    return is_ahead(arrival.exported_on or entry.exported_on, now.today)


CURED_ELSEWHERE: Mapping[str, Callable[[Entry, Arrival, Circumstances], bool]] = {
    "identifier_in_file_name": lambda _, arrival, __: not is_showable(arrival.path.name),
    "unexpected_file": lambda _, arrival, __: arrival.spec is None,
    "no_export_date": lambda _, arrival, __: arrival.lacks_export_date or arrival.is_dated_inside,
    "export_date_ahead": _is_still_ahead,
    "no_period": lambda _, arrival, __: arrival.lacks_period,
    "manifest_unreadable": lambda entry, arrival, _: arrival.list_problem == entry.reason,
    "not_in_manifest": lambda entry, arrival, _: arrival.list_problem == entry.reason,
    "manifest_hash": lambda _, arrival, __: (
        arrival.listed is not None and arrival.listed.sha256 != arrival.sha256
    ),
    # The list may have been sent again with another count; the file is read to find out.
    "manifest_rows": lambda entry, arrival, _: (
        arrival.listed is not None
        and f"the list says {arrival.listed.n_rows} rows" in (entry.message or "")
    ),
    "no_contract": lambda _, arrival, __: arrival.contract is None,
    "agreement_expired": _has_no_agreement,
    "key_missing": _key_is_as_bad,
    "key_readable": _key_is_as_bad,
    "key_unusable": _key_is_as_bad,
    "key_given_twice": _key_is_as_bad,
    "key_changed": _key_is_as_bad,
    "key_destroyed": _key_is_as_bad,
    # It has the bytes that were expected again, so it holds still now.
    "file_changed": lambda *_: False,
}
"""Reasons that can go without a change of bytes, contract or software, each with the question
whether it is still there. It is asked of the file's name, the keys and the calendar, so a waiting
file costs no reading, and no row in the ledger, until its cause is gone."""


def disposition(entry: Entry | None, arrival: Arrival, now: Circumstances) -> Disposition:
    """What to do with a file whose last attempt was `entry`.

    A file turned away is tried again when the practice's rules, the version of them in force or
    the software changed, and when the cause was elsewhere and is gone; one whose reading died also
    on the following nights, up to the number of attempts.
    """
    if entry is None:
        return "new"
    if entry.state == "loaded":
        return "already_loaded"
    if entry.reason == REFUSED_BY_A_PERSON:
        return "turned_away"
    if entry.state == "held" and entry.is_released:
        return "new"
    if not _is_same(entry, arrival, now):
        return "new"
    if entry.state == "dead":
        return "new" if entry.n_attempts < now.attempts else "waiting"
    is_still_there = CURED_ELSEWHERE.get(entry.reason or "")
    if is_still_there is not None and not is_still_there(entry, arrival, now):
        return "new"
    return "waiting"


def _is_same(entry: Entry, arrival: Arrival, now: Circumstances) -> bool:
    """Whether rules and software are those of the last attempt."""
    in_force = arrival.contract.valid_from if arrival.contract else None
    before = (entry.contract_digest, entry.contract_valid_from, entry.code_version)
    return before == (now.contract_digest, in_force, now.code_version)


def attempt_number(entry: Entry | None, arrival: Arrival, now: Circumstances) -> int:
    """Which attempt comes next; rules or software that changed start a new count."""
    if entry is None or entry.state != "dead" or not _is_same(entry, arrival, now):
        return 1
    return entry.n_attempts + 1


def sort_arrivals(
    arrivals: Iterable[Arrival],
    known: Mapping[str, Entry],
    circumstances: Mapping[str, Circumstances],
) -> Sorted:
    """Sort landing's files. `circumstances` are each practice's."""
    new: list[Arrival] = []
    loaded: list[Arrival] = []
    waiting: list[tuple[Arrival, Entry]] = []
    copies: list[Arrival] = []
    turned_away: list[Arrival] = []
    seen: set[str] = set()
    for arrival in arrivals:
        entry = known.get(arrival.delivery_id)
        now = circumstances[arrival.practice_id]
        what = disposition(entry, arrival, now)
        is_loaded = what == "already_loaded"
        if is_loaded and entry is not None and is_ahead(arrival.exported_on, now.today):
            waiting.append((arrival, _sent_again_ahead(entry)))
        elif is_loaded:
            loaded.append(arrival)
        elif what == "turned_away":
            turned_away.append(arrival)
        elif what == "waiting" and entry is not None:
            waiting.append((arrival, entry))
        elif arrival.delivery_id in seen:
            copies.append(arrival)
        else:
            seen.add(arrival.delivery_id)
            new.append(arrival)
    return Sorted(tuple(new), tuple(loaded), tuple(waiting), tuple(copies), tuple(turned_away))


def _sent_again_ahead(entry: Entry) -> Entry:
    """Loaded bytes that came again under a date to come: they must not win until then."""
    return replace(
        entry,
        state="refused",
        reason="export_date_ahead",
        message="these bytes are loaded, and came again under an export's date that is still to "
        "come; send them with their true date, or remove the file",
    )
