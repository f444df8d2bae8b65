"""The table twin of the chart, on the page and as a download. PURE: rows in, text out.

The page's table is plain HTML: read by a screen reader cell by cell, printed as it stands, and not
sortable by score, because an order by score is a ranking.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

from dashboards import bounds, labels, part_labels, sentences_reasons
from dashboards.readings import Reading, readings
from dashboards.release import Adjustment, Instrument, SiteResult

Adjustments = Mapping[tuple[str, str], Adjustment]

_MARKS = {
    "above_998": ("▲", "above strong"),
    "above_95": ("△", "above"),
    "within": ("●", "within"),
    "below_95": ("▽", "below"),
    "below_998": ("▼", "below strong"),
}
_HEADERS = (
    ("Site", ""),
    ("Clients", "number"),
    ("Therapists", "number"),
    ("Forms", "number"),
    ("Mean ± margin", "number"),
    ("Adjusted ± margin", "number"),
    ("Expected range", "number"),
    ("Forms returned", "number"),
    ("At best score", "number"),
    ("Reading", ""),
)

_SCORES = (
    "raw",
    "margin",
    "adjusted",
    "adjusted_margin",
    "target",
    "lower95",
    "upper95",
    "lower998",
    "upper998",
)
_SHARES = ("response_rate", "ceiling_share")
DOWNLOAD_COLUMNS = (
    "practice_id",
    "site_id",
    "n_clients",
    "n_therapists",
    "n_forms",
    *_SCORES,
    *_SHARES,
    "raw_bound",
    "margin_bound",
    "ceiling_share_bound",
    "flag",
    "not_adjusted",
    "comparability",
    "is_suppressed",
    "suppression_reason",
)


def _adjusted(row: SiteResult, adjustment: Adjustment | None) -> Reading | None:
    found = readings(row, adjustment)
    return None if found is None else found.adjusted


def _with_margin(reading: Reading | None, decimals: int) -> str:
    if reading is None:
        return "–"
    text = bounds.signed(labels.number(reading.value, decimals), reading.bound)
    if reading.margin is None:
        return text
    margin = bounds.signed(labels.number(reading.margin, decimals), reading.margin_bound)
    return f"{text} ± {margin}"


def _range(row: SiteResult, decimals: int) -> str:
    if row.lower95 is None or row.upper95 is None:
        return "–"
    return f"{labels.number(row.lower95, decimals)} to {labels.number(row.upper95, decimals)}"


def _reading(row: SiteResult, adjustment: Adjustment | None) -> str:
    """Where the raw mean lies and the reasons against, then the same of the adjusted mean."""
    mark, kind = _MARKS.get(row.flag or "", ("◇", "none"))
    adjusted = _adjusted(row, adjustment)
    if adjusted is not None:
        second = f"Adjusted: {labels.flag(adjusted.flag).lower()}"
    else:
        second = part_labels.not_adjusted(adjustment)
    why = sentences_reasons.short_reasons(row)
    notes = "".join(
        f'<span class="why">{escape(text)}</span>'
        for text in (why[:1].upper() + why[1:], second)
        if text
    )
    return (
        f'<span class="flag {kind}"><span class="mark" aria-hidden="true">{mark}</span>'
        f"{escape(labels.flag(row.flag))}</span>{notes}"
    )


def _cells(row: SiteResult, adjustment: Adjustment | None, decimals: int) -> tuple[str, ...]:
    found = readings(row, adjustment)
    return (
        labels.number(row.n_clients, 0),
        labels.number(row.n_therapists, 0),
        labels.number(row.n_forms, 0),
        _with_margin(found.raw if found else None, decimals),
        _with_margin(found.adjusted if found else None, decimals),
        _range(row, decimals),
        labels.percent(row.response_rate),
        bounds.signed(labels.percent(row.ceiling_share), row.ceiling_share_bound),
    )


def _body_row(
    row: SiteResult, adjustment: Adjustment | None, decimals: int, is_chosen: bool
) -> str:
    name = (
        f'<th scope="row">{escape(row.site_label)}'
        f'<span class="practice">{escape(row.practice_name)}</span></th>'
    )
    if row.is_suppressed:
        text = escape(labels.SUPPRESSED)
        return f'<tr class="suppressed">{name}<td colspan="{len(_HEADERS) - 1}">{text}</td></tr>'
    numbers = "".join(
        f'<td class="number">{escape(cell)}</td>' for cell in _cells(row, adjustment, decimals)
    )
    opening = '<tr class="chosen">' if is_chosen else "<tr>"
    return f"{opening}{name}{numbers}<td>{_reading(row, adjustment)}</td></tr>"


def _of(row: SiteResult, adjustments: Adjustments) -> Adjustment | None:
    return adjustments.get((row.practice_id, row.site_id))


def html_table(
    rows: Sequence[SiteResult],
    instrument: Instrument,
    caption: str,
    chosen_site: str | None = None,
    adjustments: Adjustments = MappingProxyType({}),
) -> str:
    """The rows in the order given, as an HTML table with a caption and row headers.

    It scrolls within itself where the page is narrow, by keyboard too.
    """
    head = "".join(
        f'<th scope="col"{f" class={kind!r}" if kind else ""}>{escape(text)}</th>'
        for text, kind in _HEADERS
    )
    body = "".join(
        _body_row(row, _of(row, adjustments), instrument.decimals, row.site_label == chosen_site)
        for row in rows
    )
    return (
        '<div class="table-scroll" role="region" tabindex="0" aria-label="Sites as a table">'
        '<table class="comparison" data-testid="comparison-table">'
        f"<caption><span>{escape(caption)}</span></caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def safe_cell(value: object) -> object:
    """A cell that no spreadsheet runs: text that could start a formula gets a leading `'`."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _values(row: SiteResult, adjustment: Adjustment | None, names: Sequence[str]) -> list[object]:
    adjusted = _adjusted(row, adjustment)
    own = {
        "margin_bound": row.standard_error_bound,
        "adjusted": adjusted.value if adjusted else None,
        "adjusted_margin": adjusted.margin if adjusted else None,
        "not_adjusted": None if row.is_suppressed else part_labels.not_adjusted(adjustment) or None,
    }
    return [own[name] if name in own else getattr(row, name) for name in names]


def _rounded(value: Any, name: str, instrument: Instrument) -> object:
    if value is None or name not in (*_SCORES, *_SHARES):
        return value
    # Shares are whole percents on the page.
    return round(float(value), instrument.decimals if name in _SCORES else 2)


def csv_text(
    rows: Sequence[SiteResult],
    instrument: Instrument,
    identity: Mapping[str, object],
    adjustments: Adjustments = MappingProxyType({}),
) -> str:
    """The rows as CSV, columns named as in the release; suppressed cells are empty.

    Values are rounded as on the page: more digits would say more than the page stands for, and
    more of those behind a mean. `margin` is half the mean's 95 % interval, `not_adjusted` why there
    is no adjusted mean, `raw_bound` and the like what a number stands for that is coded at an end.
    `identity` (release, form, stage, period, who may see it, how far the key can be trusted) stands
    at the start of every row, so that a file taken out of its folder still says what it is.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = ("practice_name", "site_label", *DOWNLOAD_COLUMNS)
    writer.writerow([*identity, *names])
    for row in rows:
        found = _values(row, _of(row, adjustments), names)
        values = [
            _rounded(value, name, instrument) for name, value in zip(names, found, strict=True)
        ]
        writer.writerow([safe_cell(value) for value in (*identity.values(), *values)])
    return buffer.getvalue()
