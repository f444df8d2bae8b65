"""Compare sites: how one questionnaire's mean score lies at each site, and what it supports.

A thin shell: queries supply rows; labels, sentences, charts and table (all pure) turn them into
what is seen; this file only places it.
"""

from collections.abc import Sequence
from html import escape

import duckdb
import streamlit as st

from dashboards import charts, choosers, masthead, queries, sentences, sentences_notes, table
from dashboards.release import MEAN_SCORE, Choice, Instrument, Metric, Release, Site, SiteResult


def _comparison(
    rows: Sequence[SiteResult],
    instrument: Instrument,
    chosen: SiteResult | None,
    absent_sites: Sequence[Site],
    period: str,
) -> None:
    """The sentence, the funnel, who is missing from it, and the table."""
    said = (
        sentences.site_sentence(chosen, instrument, None, period)
        if chosen is not None
        else sentences.headline(rows, (), instrument, period)
    )
    chosen_label = chosen.site_label if chosen is not None else None
    st.html(
        f'<p class="reading" data-testid="reading">{escape(said)}'
        f'<span class="meaning">{escape(sentences.meaning(instrument))} '
        f"{escape(sentences.MEANS_NOTE)}</span></p>"
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
        sentences_notes.unplaced_sites(rows),
        sentences_notes.suppressed_sites(rows),
        sentences_notes.absent_sites(absent_sites, period),
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
        "risk_notice": instrument.risk_notice,
        "cautions": instrument.cautions,
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
        paragraphs = [
            f"**{masthead.plain(instrument.name)}** (version {masthead.plain(instrument.version)})"
        ]
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
                paragraphs.append(f"{masthead.plain(title)}: {masthead.plain(text)}")
        st.markdown("\n\n".join(paragraphs))


def _body(cursor: duckdb.DuckDBPyConnection, release: Release) -> None:
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
    if note := sentences_notes.key_note(instrument):
        st.warning(masthead.plain(note), icon=":material/key:")
    for note in sentences_notes.instrument_notes(instrument):
        st.warning(masthead.plain(note), icon=":material/report:")
    present = {(row.practice_id, row.site_id) for row in rows}
    absent_sites = [
        site for site in queries.sites(cursor) if (site.practice_id, site.site_id) not in present
    ]
    _comparison(rows, instrument, chosen, absent_sites, choice.period)
    _download(release, choice, instrument, rows)
    _how_to_read(instrument, queries.metrics(cursor).get(MEAN_SCORE))


masthead.show("Compare sites", "compare", _body)
