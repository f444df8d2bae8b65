"""The choosers above a comparison: which form, period and stage, then whom to read it for.

Each chooser offers what the ones before it leave, so that no combination is empty, and opens on the
view that most sites can be shown in. What was chosen stays chosen where it is still offered. A
period is chosen by its kind first: a few years hold dozens of months.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboards import labels
from dashboards.release import Choice, Instrument, SiteResult

WHOLE_GROUP = "The whole group"
KIND = "Kind of period"

Instruments = dict[tuple[str, str], Instrument]


@dataclass(frozen=True)
class _Chooser:
    """One select box: the part of a view it is about, its words, the order of its options."""

    label: str
    part: Callable[[Choice], Any]
    words: Callable[[Any], str]
    order: Callable[[Any], Any]
    explanation: str


def _choosers(instruments: Instruments) -> tuple[_Chooser, ...]:
    codes = [code for code, _ in instruments]

    def questionnaire(key: tuple[str, str]) -> str:
        if key not in instruments:
            return f"{labels.readable(key[0])} ({key[1]})"
        return labels.questionnaire(instruments[key], codes.count(key[0]) > 1)

    return (
        _Chooser(
            "Questionnaire",
            lambda choice: (choice.form.instrument_code, choice.form.version),
            questionnaire,
            questionnaire,
            "Scores of two questionnaires are never mixed or compared.",
        ),
        _Chooser(
            "Filled in by",
            lambda choice: choice.form.informant,
            labels.informant,
            labels.informant,
            "Clients and therapists see the same work in different ways. We keep them apart.",
        ),
        _Chooser(
            "Language and way",
            lambda choice: (choice.form.language, choice.form.collection_mode),
            labels.language_and_mode,
            labels.language_and_mode,
            "People answer in another way on paper than on a screen, so we keep these apart.",
        ),
        _Chooser(
            KIND,
            lambda choice: labels.period_kind(choice.period),
            str,
            labels.period_kind_order,
            "How long a time the numbers are of. Means are adjusted in a year or longer only.",
        ),
        _Chooser(
            "Period",
            lambda choice: choice.period,
            labels.period,
            labels.period_order,
            "Closed periods only. “All dates” also holds forms without a date.",
        ),
        _Chooser(
            "Stage of treatment",
            lambda choice: choice.stage,
            labels.stage,
            labels.stage_order,
            "Our own stages, by the number of the session.",
        ),
    )


def first_shown(choices: Iterable[Choice], instruments: Instruments) -> Choice:
    """Where the page opens: the alliance over the newest 12 months, where most sites show."""

    def preference(choice: Choice) -> tuple[Any, ...]:
        instrument = instruments.get((choice.form.instrument_code, choice.form.version))
        return (
            choice.n_sites_published == 0,
            instrument is None or instrument.kind != "alliance",
            choice.stage != "all",
            labels.period_order(choice.period),
            -choice.n_sites_published,
        )

    return min(choices, key=preference)


def _options(chooser: _Chooser, choices: Iterable[Choice]) -> dict[str, Any]:
    """The parts to choose from by their words, in order; words used twice get the code beside.

    Words and not parts are given to Streamlit: the browser answers with words, and Streamlit would
    give back the part it knew under them in an earlier view.
    """
    parts = sorted({chooser.part(choice) for choice in choices}, key=chooser.order)
    words = [chooser.words(part) for part in parts]
    return {
        word if words.count(word) == 1 else f"{word} [{part}]": part
        for word, part in zip(words, parts, strict=True)
    }


def choose_view(
    choices: Sequence[Choice], instruments: Instruments, places: Iterable[Any]
) -> Choice:
    """Draw the choosers, one in each of `places`, and return the view they name."""
    left = list(choices)
    for chooser, place in zip(_choosers(instruments), places, strict=True):
        options = _options(chooser, left)
        opening = chooser.part(first_shown(left, instruments))
        word = place.selectbox(
            chooser.label,
            list(options),
            index=list(options.values()).index(opening),
            key=f"choose {chooser.label}",
            help=chooser.explanation,
        )
        left = [choice for choice in left if chooser.part(choice) == options[word]]
    return left[0]


def choose_site(rows: Sequence[SiteResult], place: Any) -> SiteResult | None:
    """Draw the chooser of a site; None stands for the whole group."""
    chosen = place.selectbox(
        "Read it for", [WHOLE_GROUP, *(row.site_label for row in rows)], key="choose site"
    )
    return next((row for row in rows if row.site_label == chosen), None)


def places() -> tuple[list[Any], Any]:
    """The places of the choosers of a view, and the place of the chooser of a site."""
    upper, lower = st.columns([2, 1, 1.2]), st.columns([0.9, 1.5, 1, 1.4])
    return [*upper, *lower[:3]], lower[3]
