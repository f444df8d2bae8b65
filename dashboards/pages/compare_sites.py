"""Compare sites: how one questionnaire's mean score lies at each site, and what it supports.

A thin shell: queries supply rows; labels, sentences, charts and table (all pure) turn them into
what is seen; this file only places it.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import duckdb
import streamlit as st

from dashboards import charts, choosers, clock, labels, queries, sentences, table
from dashboards.release import MEAN_SCORE, Choice, Instrument, Metric, Release, SiteResult

_STYLE = Path(__file__).parents[1] / "theme.css"


def _say_no_release(error: Exception) -> None:
    st.title("Compare sites")
    if isinstance(error, queries.NoReleaseError):
        st.info(
            "There is no release yet, so there is nothing to compare. Run `make nightly` "
            "(or `alliance nightly`), then reload this page.",
            icon=":material/hourglass_empty:",
        )
        st.caption(f"Looked in: {_plain(str(error))}")
    else:
        st.error(
            f"The current release cannot be shown: {_plain(str(error))}. Run `alliance doctor`, "
            "or load and publish with `alliance nightly`, then reload this page.",
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
    internal = (
        f'<p class="internal"><strong>Internal only</strong>{escape(sentences.INTERNAL_ONLY)}</p>'
        if release.is_internal_only
        else ""
    )
    st.html(
        '<header class="masthead"><h1>Compare sites</h1>'
        f'<p class="lead">{escape(release.group_name)}</p>'
        f'<dl class="facts">{items}</dl>{internal}</header>'
    )


def _practices_behind(cursor: duckdb.DuckDBPyConnection, release: Release) -> None:
    """Say whose numbers may be old: nothing came in time, or nothing that comes can be read."""
    late = sentences.late_deliveries(
        queries.expected_deliveries(cursor), clock.now(), release.time_zone
    )
    broken = sentences.broken_declarations(queries.broken_declarations(cursor))
    for texts, icon in ((broken, ":material/report:"), (late, ":material/schedule:")):
        if texts:
            st.warning("\n\n".join(_plain(text) for text in texts), icon=icon)


def _plain(text: str) -> str:
    """Text as Streamlit's Markdown shows it literally: names come from YAML and may hold marks."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>()#+-!|~$:" else sign for sign in text)


def _comparison(
    rows: Sequence[SiteResult],
    instrument: Instrument,
    chosen: SiteResult | None,
    absent_sites: Sequence[str],
) -> None:
    """The sentence, the funnel, who is missing from it, and the table."""
    said = (
        sentences.site_sentence(chosen, instrument)
        if chosen is not None
        else sentences.headline(rows, instrument)
    )
    chosen_label = chosen.site_label if chosen is not None else None
    st.html(
        f'<p class="reading" data-testid="reading">{escape(said)}'
        f'<span class="meaning">{escape(sentences.meaning(instrument))} '
        f"{escape(sentences.RAW_MEANS)}</span></p>"
    )
    st.subheader("Each site against the range expected for it")
    frame = charts.funnel_frame(rows, instrument)
    if frame.empty:
        st.caption("There is no site that a chart could place in this view.")
    else:
        with st.container(key="funnel"):
            st.altair_chart(
                charts.funnel(frame, instrument, chosen_label),
                theme=None,
                alt=charts.funnel_description(frame, instrument),
            )
    for note in (
        sentences.unplaced_sites(rows),
        sentences.suppressed_sites(rows),
        sentences.absent_sites(absent_sites),
    ):
        if note:
            st.html(f'<p class="note">{escape(note)}</p>')
    st.subheader("The same numbers as a table")
    caption = (
        "Sites in alphabetical order. Mean ± margin: the mean of the clients' mean scores and half "
        "its 95 % interval. Expected range: the 95 % limits for a site like this one."
    )
    st.html(table.html_table(rows, instrument, caption, chosen_label))


def _download(
    release: Release, choice: Choice, instrument: Instrument, rows: Sequence[SiteResult]
) -> None:
    form = choice.form
    identity = {
        "release_id": release.release_id,
        "is_internal_only": release.is_internal_only,
        "instrument_code": form.instrument_code,
        "version": form.version,
        "key_status": instrument.key_status,
        "language": form.language,
        "informant": form.informant,
        "collection_mode": form.collection_mode,
        "metric": MEAN_SCORE,
        "stage": choice.stage,
        "period": choice.period,
    }
    st.download_button(
        "Download this table (CSV)",
        table.csv_text(rows, instrument, identity),
        file_name=f"compare_sites_{form.instrument_code}_{choice.period}_{release.release_id}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _how_to_read(instrument: Instrument, metric: Metric | None) -> None:
    st.subheader("How to read this page")
    st.markdown(
        "- Each site's expected range depends on how sure its own mean is: few clients, or few "
        "therapists, make a wide range. Sites on the right of the chart are surer.\n"
        "- Look at “Forms returned” and “At best score” before you trust a mean. If few forms came "
        "back, or most have the best score, a mean says little.\n"
        "- This page is not an alerting system. It says nothing about any one client."
    )
    with st.expander("Definition and sources"):
        paragraphs = [f"**{_plain(instrument.name)}** (version {_plain(instrument.version)})"]
        for title, text in (
            ("Scoring key", f"{instrument.key_status}. {instrument.key_note or ''}"),
            ("Sources", instrument.citations),
            ("Licence", instrument.licence),
            *(
                (
                    (metric.name, metric.definition),
                    ("Unit", metric.unit),
                    ("Least data", metric.minimum),
                    ("Pitfall", metric.pitfall),
                    ("Source of the method", metric.citation),
                )
                if metric is not None
                else ()
            ),
        ):
            if text:
                paragraphs.append(f"{_plain(title)}: {_plain(text)}")
        st.markdown("\n\n".join(paragraphs))


def _show(cursor: duckdb.DuckDBPyConnection) -> None:
    release = queries.release(cursor)
    _masthead(release)
    _practices_behind(cursor, release)
    instruments = queries.instruments(cursor)
    choices = queries.choices(cursor)
    if not choices:
        st.info("This release holds no comparison of sites yet: no period has closed.")
        return
    view_places, site_place = choosers.places()
    choice = choosers.choose_view(choices, instruments, view_places)
    form = choice.form
    instrument = instruments.get((form.instrument_code, form.version))
    if instrument is None:
        raise queries.BrokenReleaseError("it does not describe this questionnaire")
    rows = queries.site_results(cursor, choice)
    chosen = choosers.choose_site(rows, site_place)
    if note := sentences.key_note(instrument):
        st.warning(_plain(note), icon=":material/key:")
    present = {(row.practice_id, row.site_id) for row in rows}
    absent_sites = [
        site.site_label
        for site in queries.sites(cursor)
        if (site.practice_id, site.site_id) not in present
    ]
    _comparison(rows, instrument, chosen, absent_sites)
    _download(release, choice, instrument, rows)
    _how_to_read(instrument, queries.metrics(cursor).get(MEAN_SCORE))


def page() -> None:
    """Draw the page from the current release, or say why it cannot be drawn."""
    st.html(_STYLE)
    try:
        _show(queries.open_release(queries.current_pointer(queries.home())))
    except (queries.NoReleaseError, queries.BrokenReleaseError) as error:
        _say_no_release(error)


page()
