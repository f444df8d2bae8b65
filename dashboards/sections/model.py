"""How good the model is by which means are adjusted, folded away: most readers need it once."""

from dataclasses import asdict

import duckdb
import streamlit as st

from dashboards import (
    charts_case_mix,
    comparison_twins,
    drawn,
    queries_behind,
    sentences_captions,
)
from dashboards.sections.view import View


@st.fragment
def place(cursor: duckdb.DuckDBPyConnection, view: View) -> None:
    """The model of the view's form and stage: in words, its coefficients, its calibration.

    Drawn when it is opened, without the rest of the page.
    """
    fold = st.expander("How good the model of the case mix is", on_change="rerun", key="model")
    if not fold.open:
        return
    with fold:
        model = queries_behind.case_mix_model(cursor, view.choice)
        if model is None:
            none = view.release.has_measures
            drawn.notes(sentences_captions.NO_CASE_MIX if none else sentences_captions.NO_MEASURES)
            return
        known = {name: value for name, value in asdict(model).items() if name != "period"}
        drawn.notes(sentences_captions.model_caption(**known))
        _coefficients(cursor, view)
        _calibration(cursor, view)


def _coefficients(cursor: duckdb.DuckDBPyConnection, view: View) -> None:
    found = queries_behind.case_mix_coefficients(cursor, view.choice)
    frame = charts_case_mix.coefficients_frame(found, view.instrument)
    if not frame.empty:
        st.markdown("**What each thing that we allow for goes along with**")
        drawn.chart(
            "coefficients",
            charts_case_mix.coefficients_chart(frame, view.instrument),
            charts_case_mix.coefficients_description(frame),
        )
    drawn.twin(comparison_twins.coefficients_twin(found, view.instrument), view.identity)


def _calibration(cursor: duckdb.DuckDBPyConnection, view: View) -> None:
    tenths = queries_behind.case_mix_calibration(cursor, view.choice)
    frame = charts_case_mix.calibration_frame(tenths)
    if frame.empty:
        return
    st.markdown("**What the model expects, and what came**")
    drawn.chart(
        "calibration",
        charts_case_mix.calibration_chart(frame, view.instrument),
        charts_case_mix.calibration_description(frame),
    )
    drawn.twin(comparison_twins.calibration_twin(tenths, view.instrument), view.identity)
