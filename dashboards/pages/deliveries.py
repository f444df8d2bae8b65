"""Deliveries: what each practice was to send, what came of it, and what waits for a person.

A thin shell: queries supply rows; nights, to_do and delivery_words (all pure) turn them into what
is seen; this file only places it.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from html import escape

import duckdb
import streamlit as st

from dashboards import clock, drawn, labels, masthead, nights, queries, to_do
from dashboards.release import Attempt, CalendarDay, Release

_ALL = "All practices"
_SPANS = {"1 week": 7, "2 weeks": 14, "4 weeks": 28, "3 months": 91}


def _choose(names: Sequence[str]) -> tuple[str, int]:
    left, right, _ = st.columns([2, 1, 1])
    practice = left.selectbox(
        "Practice",
        [_ALL, *names],
        key="choose practice",
        help="One practice is shown file by file.",
    )
    span = right.selectbox("Go back", list(_SPANS), index=1, key="choose span")
    return practice, _SPANS[span]


def _what_to_do(days: Sequence[CalendarDay], ledger: Sequence[Attempt], broken: list[str]) -> None:
    st.header("What waits for a person")
    found = to_do.to_do(days, ledger, broken)
    if not found:
        st.html('<p class="reading" data-testid="to-do">Nothing waits for a person.</p>')
        return
    items = "".join(f"<li>{escape(text)}</li>" for text in found)
    st.html(f'<ul class="to-do" data-testid="to-do">{items}</ul>')


def _calendar(days: Sequence[CalendarDay], today: date, *, by_file: bool) -> None:
    st.header("Expected deliveries, day by day")
    if not days:
        drawn.notes("Nothing was due in these days.")
        return
    st.html(nights.calendar_table(days, today, by_file=by_file))
    st.html(nights.legend())


def _ledger(attempts: Sequence[Attempt], time_zone: str) -> None:
    st.header("The ledger behind it")
    if not attempts:
        drawn.notes("No file came in these days.")
        return
    names = {attempt.practice_id: attempt.practice_name for attempt in attempts}
    for practice_id in sorted(names, key=lambda key: (names[key].lower(), key)):
        mine = [attempt for attempt in attempts if attempt.practice_id == practice_id]
        title = f"{masthead.plain(names[practice_id])} ({len(mine)})"
        with st.expander(title, expanded=len(names) == 1):
            st.html(nights.ledger_table(mine, names[practice_id], time_zone))


def _body(cursor: duckdb.DuckDBPyConnection, release: Release) -> None:
    now = clock.now()
    today = labels.local(now, release.time_zone).date()
    ledger = queries.attempts(cursor)
    broken = queries.broken_declarations(cursor)
    known = queries.calendar(cursor, now, date.min, today + timedelta(days=1))
    names = sorted({day.practice_name for day in known} | {a.practice_name for a in ledger})
    practice, n_days = _choose(names)
    if practice != _ALL:
        known = [day for day in known if day.practice_name == practice]
        ledger = [attempt for attempt in ledger if attempt.practice_name == practice]
        broken = [name for name in broken if name == practice]
    first = today - timedelta(days=n_days - 1)
    days = [day for day in known if day.due_on >= first]
    _what_to_do(days, ledger, broken)
    last_on = queries.calendar_ends_on(cursor)
    if last_on is not None and today > last_on:
        st.warning(
            f"This release's calendar ends on {labels.day(last_on)}, so nothing can be said of "
            "the days since. Run `alliance nightly` to publish a new one.",
            icon=":material/event_busy:",
        )
    _calendar(days, today, by_file=practice != _ALL)
    _ledger(_since(ledger, first, release.time_zone), release.time_zone)


def _since(ledger: Sequence[Attempt], first: date, time_zone: str) -> list[Attempt]:
    def received_on(moment: datetime) -> date:
        return labels.local(moment, time_zone).date()

    return [attempt for attempt in ledger if received_on(attempt.received_at) >= first]


masthead.show("Deliveries", "show", _body)
