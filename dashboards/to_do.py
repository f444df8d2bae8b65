"""What a person has to do about deliveries, in plain sentences: who, whom to ask, and how. PURE."""

from collections.abc import Iterable, Sequence

from dashboards import labels
from dashboards.release import Attempt, CalendarDay

_KEEPERS = {
    "agreement_expired": "The group's leadership",
    "key_missing": "Whoever keeps the keys",
    "key_readable": "Whoever keeps the keys",
    "key_unusable": "Whoever keeps the keys",
    "key_changed": "Whoever keeps the keys",
    "key_destroyed": "Whoever keeps the keys",
    "identifier_found": "The privacy officer",
    "identifier_in_file_name": "The privacy officer",
}
"""Who acts on a refusal that is not the data analyst's; by its reason."""
_ANALYST = "The data analyst"
_MOST = 3


def to_do(
    days: Sequence[CalendarDay], attempts: Iterable[Attempt], broken: Iterable[str]
) -> list[str]:
    """Everything that waits for a person, the most pressing first; empty when nothing does.

    `attempts` are the whole ledger, `broken` the names of practices with a broken declaration.
    """
    waiting = [a for a in attempts if a.is_last and (a.state == "held" or not a.is_settled)]
    return [
        *(
            f"{_ANALYST} mends the declaration of {name}: “alliance doctor” names file and line."
            for name in broken
        ),
        *_turned_away(waiting),
        *_not_here(days),
        *_set_aside(waiting),
        *_sent_again(days),
    ]


def _turned_away(waiting: Sequence[Attempt]) -> list[str]:
    """One sentence for files of one practice that wait for the same reason; the newest is named."""
    alike: dict[tuple[str, ...], list[Attempt]] = {}
    for attempt in waiting:
        if attempt.state in ("held", "refused", "dead"):
            key = (attempt.practice_id, attempt.state, attempt.reason or "", attempt.message or "")
            # Each held file has to be let in by its own number.
            own = attempt.delivery_id if attempt.state == "held" else ""
            alike.setdefault((*key, own), []).append(attempt)
    return [_turned_away_alike(attempts) for attempts in alike.values()]


def _turned_away_alike(attempts: Sequence[Attempt]) -> str:
    newest = attempts[0]
    feeds = labels.listed(sorted({labels.feed(attempt.feed) for attempt in attempts}))
    n_more = len({attempt.file_name for attempt in attempts}) - 1
    more = f" and {n_more} more like it" if n_more > 0 else ""
    what = f"“{newest.file_name or 'a file whose name cannot be shown'}”{more} ({feeds})"
    if newest.state == "held":
        said = (
            f"{_ANALYST} asks {newest.practice_name} whether its file {what} is whole. If it is, "
            f"“alliance deliveries release {newest.delivery_id}” lets it in."
        )
    elif newest.state == "refused":
        who = _KEEPERS.get(newest.reason or "", _ANALYST)
        said = f"{who} sees to {what} of {newest.practice_name}, which was refused."
    else:
        said = (
            f"{_ANALYST} looks into {what} of {newest.practice_name}: reading it broke off. If the "
            "next nights do not get through either, ask for it again."
        )
    return f"{said} {_why(newest)}".strip()


def _why(attempt: Attempt) -> str:
    if not attempt.message:
        return ""
    text = attempt.message.strip()
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _not_here(days: Sequence[CalendarDay]) -> list[str]:
    """One sentence a practice for the files that have not come though their time has passed."""
    owed: dict[str, list[CalendarDay]] = {}
    for day in days:
        if day.state in ("late", "missing") and day.received_at is None:
            owed.setdefault(day.practice_id, []).append(day)
    found = []
    for mine in owed.values():
        nights = sorted({day.due_on for day in mine})
        files = labels.listed(sorted({labels.readable(day.file) for day in mine}))
        n_more = len(nights) - _MOST
        rest = f", and on {n_more} {'day' if n_more == 1 else 'days'} before" if n_more > 0 else ""
        shown = labels.listed([labels.short_day(night) for night in nights[-_MOST:]])
        found.append(
            f"{_ANALYST} asks {mine[0].practice_name} for its {files} due on {shown}{rest}. "
            "What comes late is taken in all the same."
        )
    return found


def _set_aside(waiting: Sequence[Attempt]) -> list[str]:
    """One sentence a practice with more in quarantine than agreed."""
    over = [a for a in waiting if a.state == "loaded" and a.is_over_tolerance]
    practices = {attempt.practice_id: attempt.practice_name for attempt in over}
    return [
        f"{_ANALYST} sends {name} the rows to mend: more were set aside than its contract allows. "
        f"“alliance quarantine --practice {practice_id} --csv mend_these.csv” lists them, and a "
        "mended file clears them."
        for practice_id, name in practices.items()
    ]


def _sent_again(days: Sequence[CalendarDay]) -> list[str]:
    stuck = {day.practice_id: day.practice_name for day in days if day.state == "duplicate"}
    return [
        f"{_ANALYST} asks {name} whether its export is stuck: it sent a file that we had already."
        for name in stuck.values()
    ]
