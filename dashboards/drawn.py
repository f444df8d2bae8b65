"""Places a chart, its table twin and the download of it. Shell: what they say is made elsewhere."""

from collections.abc import Mapping
from html import escape

import altair as alt
import streamlit as st

from dashboards import twins
from dashboards.twins import Twin

Identity = Mapping[str, object]


def chart(key: str, drawn: alt.LayerChart, description: str) -> None:
    """A chart in a container of its own. `description` is what stands in for it without sight.

    Handed over unchecked: the tests check every chart, and it is half of the time of drawing one.
    """
    with st.container(key=key):
        st.vega_lite_chart(spec=drawn.to_dict(validate=False), theme=None, alt=description)


def notes(*texts: str) -> None:
    """Plain sentences beside a chart, a paragraph each; nothing where there is nothing to say."""
    said = "".join(f'<p class="note">{escape(text)}</p>' for text in texts if text)
    if said:
        st.html(said)


def download(text: str, name: str, identity: Identity, label: str) -> None:
    """A button that hands `text` (CSV) over, under a name that says of which release it is."""
    parts = (name, identity["instrument_code"], identity["period"], identity["release_id"])
    st.download_button(
        label,
        text,
        file_name=f"{'_'.join(str(part) for part in parts)}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"download {name}",
    )


def twin(table: Twin, identity: Identity, *, heading: str | None = None) -> None:
    """A table and its download; folded away under `heading` where one is given."""
    if not table.rows:
        return
    place = st.expander(heading) if heading else st.container()
    with place:
        st.html(twins.html(table))
        name = table.name.replace("-table", "").replace("-", "_")
        download(
            twins.csv_text(table, identity), name, identity, f"Download these numbers ({name}, CSV)"
        )
