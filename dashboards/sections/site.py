"""One site: where its gap to the group comes from, and its own line through time."""

from collections.abc import Mapping

import duckdb
import pandas as pd
import streamlit as st

from dashboards import (
    charts_gap,
    charts_trend,
    comparison_twins,
    drawn,
    queries_behind,
    queries_comparison,
    sentences,
    sentences_captions,
    sentences_gap,
    sentences_reasons,
    sentences_trend,
)
from dashboards.release import Instrument, SiteResult
from dashboards.sections.view import View

CHOOSE = (
    "Choose a site at “Read it for” above to see where its gap to the group comes from, and its "
    "own line through time."
)


def place(
    cursor: duckdb.DuckDBPyConnection,
    view: View,
    instruments: Mapping[tuple[str, str], Instrument],
) -> None:
    """What is shown of the chosen site; one sentence where none is, or where it is hidden."""
    if view.chosen is None:
        st.header("One site")
        drawn.notes(CHOOSE)
        return
    if view.chosen.is_suppressed:
        st.header(f"{view.chosen.site_label}: its gap and its line through time")
        drawn.notes(sentences.site_sentence(view.chosen, view.instrument))
        return
    _gap(cursor, view, view.chosen, instruments)
    _trend(cursor, view, view.chosen)


def _gap(
    cursor: duckdb.DuckDBPyConnection,
    view: View,
    site: SiteResult,
    instruments: Mapping[tuple[str, str], Instrument],
) -> None:
    st.header(f"{site.site_label}: where its gap to the group comes from")
    gap = queries_comparison.gap(cursor, view.choice, site)
    if gap is None:
        drawn.notes(_no_gap(view, site))
        return
    names = {code: item.name for (code, _), item in instruments.items()}
    outcome = names.get(gap.outcome_instrument_code or "")
    drawn.notes(sentences_gap.gap_sentence(gap, view.instrument, site.site_label, outcome))
    frame = charts_gap.gap_frame(gap, view.instrument)
    if frame.empty:
        return
    drawn.chart(
        "gap", charts_gap.gap_chart(frame), charts_gap.gap_description(frame, site.site_label)
    )
    identity = view.identity_of(site)
    heading = "The numbers of this chart as a table"
    drawn.twin(comparison_twins.gap_twin(gap, view.instrument), identity, heading=heading)
    drawn.twin(
        comparison_twins.outcome_twin(gap, outcome),
        identity,
        heading="What such a gap has meant, as a table",
    )


def _no_gap(view: View, site: SiteResult) -> str:
    if sentences_reasons.is_short(view.choice.period):
        return sentences_captions.NO_GAPS
    if not view.release.has_measures:
        return sentences_captions.NO_MEASURES
    return sentences_gap.gap_sentence(None, view.instrument, site.site_label)


def _trend(cursor: duckdb.DuckDBPyConnection, view: View, site: SiteResult) -> None:
    st.header(f"{site.site_label}: its own line through time")
    points = queries_behind.trend(cursor, view.choice, site)
    changes = queries_behind.interventions(cursor, site)
    drawn.notes(sentences_trend.trend_sentence(points, changes, view.instrument))
    if not points:
        return
    deciles = queries_behind.deciles(cursor, view.choice)
    frame = charts_trend.trend_frame(points, view.instrument)
    spread = charts_trend.deciles_frame(deciles)
    begun = pd.concat([frame["on"], spread["on"]])
    marked = charts_trend.interventions_frame(changes, begun.min(), begun.max())
    drawn.chart(
        "trend",
        charts_trend.trend_chart(frame, spread, marked, view.instrument),
        charts_trend.trend_description(frame, marked, site.site_label),
    )
    drawn.notes(sentences_captions.deciles_caption(deciles, view.instrument))
    drawn.twin(
        comparison_twins.trend_twin(points, deciles, changes, view.instrument),
        view.identity_of(site),
        heading="The numbers of this chart as a table",
    )
