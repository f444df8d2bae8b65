"""The whole group: the sentence, the funnel, the caterpillar, who is missing, and the table."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from dashboards import (
    charts,
    charts_caterpillar,
    comparison_twins,
    drawn,
    places,
    sentences,
    sentences_captions,
    sentences_notes,
    sentences_reasons,
    sentences_told_apart,
    table,
)
from dashboards.release import Site
from dashboards.sections.view import View

CAPTION = (
    "Sites in alphabetical order. Mean ± margin: the mean of the clients' mean scores and half "
    "its 95 % interval. Expected range: the 95 % limits of the raw mean of a site like this one."
)
CODED = (
    "≥ means this or more, ≤ this or less: so near an end of the scale, the exact number could "
    "give someone away. On the charts, an arrow says where the true mean may lie."
)
CATERPILLAR = (
    "Hollow marks are means as they are, with their 95 % interval. Solid marks are the same means "
    "pulled to the group: the less sure a mean is, the further it is pulled. Circles are raw, "
    "diamonds are adjusted for who comes to a site."
)

PLACE = "Between which places could its mean lie?"
SEE_TABLE = "No mean is adjusted here. The table says why at each site."


def place(view: View, absent_sites: Sequence[Site]) -> None:
    """All of it, in the order in which it is to be read."""
    _reading(view)
    _funnel(view, absent_sites)
    _caterpillar(view)
    _table(view)


def _reading(view: View) -> None:
    adjustments = list(view.adjustments.values())
    if view.chosen is None:
        said = sentences.headline(view.rows, adjustments, view.instrument, view.choice.period)
    else:
        sentence = sentences.site_sentence(
            view.chosen, view.instrument, view.chosen_adjustment, view.choice.period
        )
        apart = sentences_told_apart.told_apart(view.chosen, view.rows, adjustments)
        said = f"{sentence} {apart}".strip()
    st.html(
        f'<p class="reading" data-testid="reading">{escape(said)}'
        f'<span class="meaning">{escape(sentences.meaning(view.instrument))} '
        f"{escape(sentences.MEANS_NOTE)}</span></p>"
    )
    if view.chosen is not None:
        range_of_places = places.place_sentence(view.chosen, view.rows, adjustments)
        if range_of_places:
            _place(range_of_places)


@st.fragment
def _place(said: str) -> None:
    """The range of the chosen site's places, worked out of sight until somebody asks."""
    fold = st.expander(PLACE, on_change="rerun", key="place")
    if fold.open:
        with fold:
            drawn.notes(said)


def _funnel(view: View, absent_sites: Sequence[Site]) -> None:
    st.header("Each site against the range expected for it")
    frame = charts.funnel_frame(view.rows, view.instrument)
    if frame.empty:
        drawn.notes("There is no site that a chart could place in this view.")
    else:
        drawn.chart(
            "funnel",
            charts.funnel(frame, view.instrument, view.chosen_label, view.references),
            charts.funnel_description(frame, view.instrument),
        )
    drawn.notes(
        CODED if any(row.is_coded for row in view.rows) else "",
        sentences_notes.unplaced_sites(view.rows),
        sentences_notes.suppressed_sites(view.rows),
        sentences_notes.absent_sites(absent_sites, view.choice.period),
    )


def _caterpillar(view: View) -> None:
    frame = charts_caterpillar.caterpillar_frame(view.rows, view.adjustments, view.instrument)
    if frame.empty:
        return
    st.header("Raw and adjusted, and how sure each is")
    drawn.notes(CATERPILLAR, _nothing_adjusted(view))
    drawn.chart(
        "caterpillar",
        charts_caterpillar.caterpillar(
            frame,
            view.instrument,
            charts_caterpillar.targets(view.rows, view.adjustments),
            view.chosen_label,
            view.references,
        ),
        charts_caterpillar.caterpillar_description(frame, view.instrument),
    )
    captions = [sentences_captions.band_caption(band, view.instrument) for band in view.references]
    drawn.notes(*(captions or [sentences_captions.NO_BANDS]))
    drawn.twin(
        comparison_twins.caterpillar_twin(view.rows, view.adjustments, view.instrument),
        view.identity,
        heading="The numbers of this chart as a table",
    )
    drawn.twin(
        comparison_twins.reference_twin(view.references, view.instrument),
        view.identity,
        heading="The references as a table",
    )


def _nothing_adjusted(view: View) -> str:
    """Why no site of the view has an adjusted mean; empty where one has."""
    if any(item.adjusted is not None for item in view.adjustments.values()):
        return ""
    period = view.choice.period
    if not sentences_reasons.is_short(period) and not view.release.has_measures:
        return f"No mean is adjusted here. {sentences_captions.NO_MEASURES}"
    # Where all sites have the same reason, it is the view's; what differs by site is in the table.
    named = {item.null_reason for item in view.adjustments.values()}
    if len(named) > 1 or sentences_reasons.NOT_IDENTIFIABLE in named:
        return SEE_TABLE
    reason = named.pop() if named else None
    why = sentences_reasons.why_nothing_adjusted(reason, None, period)
    return f"No mean is adjusted here. {why}"


def _table(view: View) -> None:
    st.header("The same numbers as a table")
    st.html(
        table.html_table(view.rows, view.instrument, CAPTION, view.chosen_label, view.adjustments)
    )
    drawn.download(
        table.csv_text(view.rows, view.instrument, view.identity, view.adjustments),
        "compare_sites",
        view.identity,
        "Download this table (CSV)",
    )
