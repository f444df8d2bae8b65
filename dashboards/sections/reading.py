"""How to read the page, and where its definitions come from."""

import streamlit as st

from dashboards import masthead
from dashboards.release import Instrument, Metric

HOW = (
    "- Each site's expected range depends on how sure its own mean is: few clients, or few "
    "therapists, make a wide range. Sites on the right of the first chart are surer.\n"
    "- Read raw and adjusted together. Where they differ, who comes to a site plays a part.\n"
    "- A solid mark is our best guess at what a site would show with many more clients. The less "
    "a mean can be trusted, the nearer to the group it lies.\n"
    "- Look at “Forms returned” and “At best score” before you trust a mean. If few forms came "
    "back, or most have the best score, a mean says little.\n"
    "- A mark on a line through time says that something moved. It does not say why.\n"
    "- This page is not an alerting system. It says nothing about any one client."
)


def place(instrument: Instrument, metric: Metric | None) -> None:
    """How to read, and the definitions."""
    st.header("How to read this page")
    st.markdown(HOW)
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
