"""Compare sites: how one questionnaire's mean score lies at each site, and what it supports.

A thin shell: queries supply rows; labels, sentences, charts and tables (all pure) turn them into
what is seen; dashboards/sections places it, a part of the page in each module.
"""

import duckdb
import streamlit as st

from dashboards import choosers, masthead, queries, queries_comparison, sentences_notes
from dashboards.release import MEAN_SCORE, Release
from dashboards.sections import group, model, reading, site
from dashboards.sections.view import View


def _body(cursor: duckdb.DuckDBPyConnection, release: Release) -> None:
    instruments = queries.instruments(cursor)
    choices = queries_comparison.choices(cursor)
    if not choices:
        st.info("This release holds no comparison of sites yet: no period has closed.")
        return
    view_places, site_place = choosers.places()
    choice = choosers.choose_view(choices, instruments, view_places)
    instrument = instruments.get((choice.form.instrument_code, choice.form.version))
    if instrument is None:
        raise queries.BrokenReleaseError("it does not describe this questionnaire")
    rows = queries_comparison.site_results(cursor, choice)
    view = View(
        release,
        choice,
        instrument,
        rows,
        choosers.choose_site(rows, site_place),
        queries_comparison.adjustments(cursor, choice),
        queries_comparison.reference_bands(cursor, choice),
    )
    if note := sentences_notes.key_note(instrument):
        st.warning(masthead.plain(note), icon=":material/key:")
    for note in sentences_notes.instrument_notes(instrument):
        st.warning(masthead.plain(note), icon=":material/report:")
    present = {(row.practice_id, row.site_id) for row in rows}
    absent = [one for one in queries.sites(cursor) if (one.practice_id, one.site_id) not in present]
    group.place(view, absent)
    site.place(cursor, view, instruments)
    model.place(cursor, view)
    reading.place(instrument, queries.metrics(cursor).get(MEAN_SCORE))


masthead.show("Compare sites", "compare", _body)
