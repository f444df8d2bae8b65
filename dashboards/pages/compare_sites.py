"""Compare sites: how one questionnaire's mean score lies at each site, and what it supports.

A thin shell: queries supply rows; labels, sentences, charts and table (all pure) turn them into
what is seen; this file only places it.
"""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TypeVar

import duckdb
import streamlit as st

from dashboards import charts, clock, labels, queries, sentences, table
from dashboards.release import MEAN_SCORE, Choice, Form, Instrument, Metric, Release, SiteResult

WHOLE_GROUP = "The whole group"
_STYLE = Path(__file__).parents[1] / "theme.css"

_Option = TypeVar("_Option")
_Instruments = dict[tuple[str, str], Instrument]


def _say_no_release(error: Exception) -> None:
    st.title("Compare sites")
    if isinstance(error, queries.NoReleaseError):
        st.info(
            "There is no release yet, so there is nothing to compare. Run `make nightly` "
            "(or `alliance nightly`), then reload this page.",
            icon=":material/hourglass_empty:",
        )
        st.caption(f"Looked in: {error}")
    else:
        st.error(
            f"The current release cannot be shown: {error}. Run `alliance doctor`, or publish "
            "again with `alliance nightly`, then reload this page.",
            icon=":material/error:",
        )


def _masthead(release: Release) -> None:
    facts = {
        "Data through": labels.day(release.data_through_on),
        "Made": labels.moment(release.created_at, release.time_zone),
        "Release": release.release_id,
    }
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    st.html(
        '<header class="masthead"><h1>Compare sites</h1>'
        f'<p class="lead">{escape(release.group_name)}</p><dl class="facts">{items}</dl></header>'
    )


def _notices(cursor: duckdb.DuckDBPyConnection, release: Release) -> None:
    late = sentences.late_deliveries(
        queries.expected_deliveries(cursor), clock.now(), release.time_zone
    )
    if late:
        st.warning("\n\n".join(_plain(text) for text in late), icon=":material/schedule:")
    if release.is_internal_only:
        st.info(sentences.INTERNAL_ONLY, icon=":material/lock:")


def _plain(text: str) -> str:
    """Text as Streamlit's Markdown shows it literally: names come from YAML and may hold marks."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>()#+-!|~$:" else sign for sign in text)


def _first_shown(choices: Sequence[Choice], instruments: _Instruments) -> Choice:
    """Where the page opens: the alliance over the newest 12 months, where most sites show."""

    def preference(choice: Choice) -> tuple[object, ...]:
        instrument = instruments.get((choice.form.instrument_code, choice.form.version))
        return (
            choice.n_sites_published == 0,
            instrument is None or instrument.kind != "alliance",
            choice.stage != "all",
            labels.period_order(choice.period),
            -choice.n_sites_published,
        )

    return min(choices, key=preference)


def _narrow(
    choices: Sequence[Choice],
    instruments: _Instruments,
    label: str,
    part: Callable[[Choice], _Option],
    words: Callable[[_Option], str],
    order: Callable[[_Option], object],
    explanation: str,
) -> list[Choice]:
    """One chooser: its options are what the choices before it leave."""
    options = sorted({part(choice) for choice in choices}, key=order)  # type: ignore[arg-type]
    opening = part(_first_shown(choices, instruments))
    chosen = st.selectbox(
        label,
        options,
        index=options.index(opening),
        format_func=words,
        key=f"choose_{label}",
        help=explanation,
    )
    return [choice for choice in choices if part(choice) == chosen]


def _choose(choices: Sequence[Choice], instruments: _Instruments) -> Choice:
    codes = [code for code, _ in instruments]

    def questionnaire(key: tuple[str, str]) -> str:
        if key not in instruments:
            return f"{labels.readable(key[0])} ({key[1]})"
        return labels.questionnaire(instruments[key], codes.count(key[0]) > 1)

    def way(form: Form) -> str:
        return labels.language_and_mode(form)

    columns = iter(st.columns([1.5, 1, 1.3, 1.4, 1]))
    left = list(choices)
    with next(columns):
        left = _narrow(
            left,
            instruments,
            "Questionnaire",
            lambda choice: (choice.form.instrument_code, choice.form.version),
            questionnaire,
            questionnaire,
            "Scores of two questionnaires are never mixed or compared.",
        )
    with next(columns):
        left = _narrow(
            left,
            instruments,
            "Filled in by",
            lambda choice: choice.form.informant,
            labels.informant,
            labels.informant,
            "Clients and therapists see the same work in different ways. We keep them apart.",
        )
    with next(columns):
        left = _narrow(
            left,
            instruments,
            "Language and way",
            lambda choice: choice.form,
            way,
            way,
            "People answer in another way on paper than on a screen, so we keep these apart.",
        )
    with next(columns):
        left = _narrow(
            left,
            instruments,
            "Period",
            lambda choice: choice.period,
            labels.period,
            labels.period_order,
            "Closed periods only. “All dates” also holds forms without a date.",
        )
    with next(columns):
        left = _narrow(
            left,
            instruments,
            "Stage of treatment",
            lambda choice: choice.stage,
            labels.stage,
            labels.stage_order,
            "Our own stages, by the number of the session.",
        )
    return left[0]


@st.fragment
def _reading(rows: Sequence[SiteResult], instrument: Instrument) -> None:
    """The sentence, the funnel and the table; picking a site redraws only these."""
    names = [row.site_label for row in rows]
    chosen = st.selectbox("Read it for", [WHOLE_GROUP, *names], key="choose_site", width=360)
    row = next((row for row in rows if row.site_label == chosen), None)
    said = (
        sentences.site_sentence(row, instrument)
        if row is not None
        else sentences.headline(rows, instrument)
    )
    st.html(
        f'<p class="reading" data-testid="reading">{escape(said)}'
        f'<span class="meaning">{escape(sentences.meaning(instrument))}</span></p>'
    )
    frame = charts.funnel_frame(rows, instrument)
    if frame.empty:
        st.caption("There is no site that a chart could place in this view.")
    else:
        with st.container(key="funnel"):
            st.altair_chart(
                charts.funnel(frame, instrument, chosen if row is not None else None),
                theme=None,
                alt=charts.funnel_description(frame, instrument),
            )
    for note in (
        sentences.unplaced_sites(rows),
        sentences.suppressed_sites(rows),
    ):
        if note:
            st.caption(_plain(note))
    st.subheader("The same numbers as a table")
    caption = (
        "Sites in alphabetical order. Mean ± margin: the mean of the clients' mean scores, and half "
        "of its 95 % interval. Expected range: the 95 % limits for a site like this one."
    )
    st.html(table.html_table(rows, instrument, caption, chosen if row is not None else None))


def _download(release: Release, choice: Choice, rows: Sequence[SiteResult]) -> None:
    form = choice.form
    identity = {
        "release_id": release.release_id,
        "instrument_code": form.instrument_code,
        "version": form.version,
        "language": form.language,
        "informant": form.informant,
        "collection_mode": form.collection_mode,
        "metric": MEAN_SCORE,
        "stage": choice.stage,
        "period": choice.period,
    }
    st.download_button(
        "Download this table (CSV)",
        table.csv_text(rows, identity),
        file_name=f"compare_sites_{form.instrument_code}_{choice.period}_{release.release_id}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _how_to_read(instrument: Instrument, metric: Metric | None) -> None:
    st.subheader("How to read this page")
    st.markdown(
        f"- {sentences.RAW_MEANS}\n"
        f"- {sentences.NO_VERDICT}\n"
        "- Each site's expected range depends on how sure its own mean is: few clients, or few "
        "therapists, make a wide range. Sites on the right of the chart are surer.\n"
        "- Look at “Forms returned” and “At best score” before you trust a mean. If few forms came "
        "back, or most have the best score, a mean says little.\n"
        "- This page is not an alerting system. It says nothing about any one client."
    )
    if metric is not None:
        with st.expander("Definition, sources and licence"):
            parts = [
                f"**{_plain(metric.name)}.** {_plain(metric.definition)}",
                *(_plain(text) for text in (metric.pitfall, metric.citation) if text),
                *(_plain(text) for text in (instrument.citations, instrument.licence) if text),
            ]
            st.markdown("\n\n".join(parts))


def _show(cursor: duckdb.DuckDBPyConnection) -> None:
    release = queries.release(cursor)
    _masthead(release)
    _notices(cursor, release)
    instruments = queries.instruments(cursor)
    choices = queries.choices(cursor)
    if not choices:
        st.info("This release holds no comparison of sites yet: no period has closed.")
        return
    choice = _choose(choices, instruments)
    form = choice.form
    instrument = instruments.get((form.instrument_code, form.version))
    if instrument is None:
        raise queries.BrokenReleaseError("it does not describe this questionnaire")
    if note := sentences.key_note(instrument):
        st.warning(_plain(note), icon=":material/key:")
    rows = queries.site_results(cursor, choice)
    _reading(rows, instrument)
    present = {(row.practice_id, row.site_id) for row in rows}
    absent = [
        site.site_label
        for site in queries.sites(cursor)
        if (site.practice_id, site.site_id) not in present
    ]
    if absent:
        st.caption(_plain(sentences.absent_sites(absent)))
    _download(release, choice, rows)
    _how_to_read(instrument, queries.metrics(cursor).get(MEAN_SCORE))


def page() -> None:
    """Draw the page from the current release, or say why it cannot be drawn."""
    st.html(_STYLE)
    try:
        _show(queries.open_release(queries.current_pointer(queries.home())))
    except (queries.NoReleaseError, queries.BrokenReleaseError) as error:
        _say_no_release(error)


page()
