"""The calendar and the ledger as HTML tables. PURE: rows in, text out.

Nights are rows and practices are columns, so that a small screen scrolls down and words have room.
"""

from collections.abc import Sequence
from datetime import date
from html import escape

from dashboards import delivery_words, labels
from dashboards.release import Attempt, CalendarDay

_NONE = (
    '<td class="quiet"><span aria-hidden="true">·</span><span class="unseen">none due</span></td>'
)


def legend() -> str:
    """What each glyph and word means."""
    items = "".join(
        f"<div>{_badge(state)}<dd>{escape(delivery_words.word(state).meaning)}</dd></div>"
        for state in delivery_words.LEGEND
    )
    return f'<dl class="legend">{items}</dl>'


def calendar_table(days: Sequence[CalendarDay], today: date, *, by_file: bool) -> str:
    """A row a night, newest first, and a column a practice, or a kind of file when `by_file`.

    A practice's cell shows the file that needs a person most, and how many files it is true of.
    """
    if by_file:
        columns = {day.file: labels.readable(day.file) for day in days}
    else:
        columns = {day.practice_id: day.practice_name for day in days}
    ordered = sorted(columns, key=lambda key: (columns[key].lower(), key))
    nights = sorted({day.due_on for day in days}, reverse=True)
    cells: dict[tuple[date, str], list[CalendarDay]] = {}
    for day in days:
        cells.setdefault((day.due_on, day.file if by_file else day.practice_id), []).append(day)
    head = "".join(f'<th scope="col">{escape(columns[key])}</th>' for key in ordered)
    body = "".join(
        ('<tr class="today">' if night == today else "<tr>")
        + f'<th scope="row">{_night(night, today)}</th>'
        + "".join(_cell(cells.get((night, key), [])) for key in ordered)
        + "</tr>"
        for night in nights
    )
    caption = "What was due each day, by the date on the practices' contracts; newest first."
    return _scrolled(
        "Calendar of expected deliveries",
        '<table class="comparison nights" data-testid="calendar">'
        f"<caption>{escape(caption)}</caption>"
        f'<thead><tr><th scope="col">Due on</th>{head}</tr></thead><tbody>{body}</tbody></table>',
    )


def _scrolled(name: str, table: str) -> str:
    # What scrolls must be reachable by keyboard, and so needs a name.
    return (
        f'<div class="table-scroll" role="region" tabindex="0" aria-label="{escape(name)}">'
        f"{table}</div>"
    )


def _night(night: date, today: date) -> str:
    text = f"{night:%a} {night.day} {night:%b}"
    return f'{text}<span class="practice">today</span>' if night == today else text


def _cell(days: Sequence[CalendarDay]) -> str:
    if not days:
        return _NONE
    states = [day.state for day in days]
    worst = min(states, key=delivery_words.order)
    n_worst = states.count(worst)
    notes = [f"{n_worst} of {len(days)} files"] if n_worst < len(days) else []
    notes += _notes([day for day in days if day.state == worst])
    small = f'<span class="why">{escape(", ".join(notes))}</span>' if notes else ""
    return f'<td class="{delivery_words.word(worst).weight}">{_badge(worst, "span")}{small}</td>'


def _notes(days: Sequence[CalendarDay]) -> list[str]:
    """What one word cannot say of the files it stands for."""
    notes = []
    if all(day.state == "late" for day in days):
        n_here = sum(day.received_at is not None for day in days)
        notes.append("not here yet" if not n_here else "came late" if n_here == len(days) else "")
    if n_rows := sum(day.n_quarantined or 0 for day in days):
        notes.append(f"{n_rows:,} {'row' if n_rows == 1 else 'rows'} set aside")
    if n_superseded := sum(day.n_superseded for day in days):
        notes.append(f"{n_superseded} superseded")
    if n_again := sum(day.n_duplicates for day in days if day.state != "duplicate"):
        notes.append(f"{n_again} sent twice")
    notes += sorted({day.pause_note for day in days if day.state == "paused" and day.pause_note})
    return [note for note in notes if note]


def _badge(state: str, tag: str = "dt") -> str:
    shown = delivery_words.word(state)
    return (
        f'<{tag} class="state {shown.weight}"><span class="mark" aria-hidden="true">{shown.glyph}'
        f"</span>{escape(shown.word)}</{tag}>"
    )


_LEDGER_HEADERS = (
    ("Received", ""),
    ("File", ""),
    ("State", ""),
    ("Rows", "number"),
    ("Taken in", "number"),
    ("Set aside", "number"),
    ("Left out", "number"),
    ("Why, and what next", ""),
)


def ledger_table(attempts: Sequence[Attempt], practice_name: str, time_zone: str) -> str:
    """One practice's attempts in the order given, with counts and reasons; never a value."""
    head = "".join(
        f'<th scope="col"{f" class={kind!r}" if kind else ""}>{escape(text)}</th>'
        for text, kind in _LEDGER_HEADERS
    )
    body = "".join(_ledger_row(attempt, time_zone) for attempt in attempts)
    caption = f"What came from {practice_name}, newest first; one row a file and what it carries."
    return _scrolled(
        f"Ledger of {practice_name}",
        '<table class="comparison ledger" data-testid="ledger">'
        f"<caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
    )


def _ledger_row(attempt: Attempt, time_zone: str) -> str:
    state = "quarantined" if attempt.state == "loaded" and attempt.n_quarantined else attempt.state
    name = attempt.file_name or "a file whose name cannot be shown"
    counts = (
        attempt.n_file_rows,
        attempt.n_accepted,
        attempt.n_quarantined,
        attempt.n_excluded,
    )
    numbers = "".join(f'<td class="number">{labels.number(count, 0)}</td>' for count in counts)
    why = attempt.message or ""
    if attempt.state != "loaded" and attempt.is_settled:
        why = f"Settled: a later file brought it. {why}"
    return (
        f'<tr><td class="when">{escape(labels.short_moment(attempt.received_at, time_zone))}</td>'
        f'<th scope="row">{escape(name)}<span class="practice">'
        f"{escape(labels.feed(attempt.feed))}</span></th>"
        f'<td>{_badge(state, "span")}</td>{numbers}<td class="reason">{escape(why)}</td></tr>'
    )
