"""What stands at the top of every page: which release it is, and whose numbers may be old.

A page calls `show`, which opens the release, draws the top and hands the release over.
"""

from collections.abc import Callable
from html import escape
from pathlib import Path

import duckdb
import streamlit as st

from dashboards import clock, drawn, labels, queries, sentences_notes
from dashboards.release import Release

_STYLE = Path(__file__).with_name("theme.css")

Body = Callable[[duckdb.DuckDBPyConnection, Release], None]


def show(title: str, nothing_yet: str, body: Body) -> None:
    """Draw a page: the top, then `body`; or say why the release in force cannot be shown.

    `nothing_yet` ends the sentence on a group that has no release.
    """
    st.html(_STYLE)
    try:
        cursor = queries.open_release(queries.current_pointer(queries.home()))
        release = queries.release(cursor)
        _masthead(title, release)
        _practices_behind(cursor, release)
        body(cursor, release)
    except (queries.NoReleaseError, queries.BrokenReleaseError) as error:
        _say_no_release(title, nothing_yet, error)


def plain(text: str) -> str:
    """Text as Streamlit's Markdown shows it literally: names come from YAML and may hold marks."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>()#+-!|~$:" else sign for sign in text)


def _say_no_release(title: str, nothing_yet: str, error: Exception) -> None:
    st.title(title)
    if isinstance(error, queries.NoReleaseError):
        st.info(
            f"There is no release yet, so there is nothing to {nothing_yet}. Run `make nightly` "
            "(or `alliance nightly`), then reload this page.",
            icon=":material/hourglass_empty:",
        )
        drawn.notes(f"Looked in: {error}")
    else:
        st.error(
            f"The current release cannot be shown: {plain(str(error))}. Run `alliance doctor`, "
            "or load and publish with `alliance nightly`, then reload this page.",
            icon=":material/error:",
        )


def _masthead(title: str, release: Release) -> None:
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
        f'<header class="masthead"><h1>{escape(title)}</h1>'
        f'<p class="lead">{escape(release.group_name)}</p>'
        f'<dl class="facts">{items}</dl></header>'
    )


def _practices_behind(cursor: duckdb.DuckDBPyConnection, release: Release) -> None:
    """Say whose numbers may be old: nothing came in time, or nothing that comes can be read."""
    late = sentences_notes.late_deliveries(
        queries.expected_deliveries(cursor), clock.now(), release.time_zone
    )
    broken = sentences_notes.broken_declarations(queries.broken_declarations(cursor))
    for texts, icon in ((broken, ":material/report:"), (late, ":material/schedule:")):
        if texts:
            st.warning("\n\n".join(plain(text) for text in texts), icon=icon)
