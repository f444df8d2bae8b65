"""The table twin of the chart, on the page and as a download. PURE: rows in, text out.

The page's table is plain HTML: read by a screen reader cell by cell, printed as it stands, and not
sortable by score, because an order by score is a ranking.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from html import escape

from dashboards import labels, sentences_reasons
from dashboards.release import Instrument, SiteResult

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
    ("Expected range", "number"),
    ("Forms returned", "number"),
    ("At best score", "number"),
    ("Reading", ""),
)

_SCORES = ("raw", "margin", "target", "lower95", "upper95", "lower998", "upper998")
_SHARES = ("response_rate", "ceiling_share")
DOWNLOAD_COLUMNS = (
    "practice_id",
    "site_id",
    "n_clients",
    "n_therapists",
    "n_forms",
    *_SCORES,
    *_SHARES,
    "flag",
    "comparability",
    "is_suppressed",
    "suppression_reason",
)


def _interval(row: SiteResult, decimals: int) -> str:
    text = labels.number(row.raw, decimals)
    if row.raw is None or row.margin is None:
        return text
    return f"{text} ± {labels.number(row.margin, decimals)}"


def _range(row: SiteResult, decimals: int) -> str:
    if row.lower95 is None or row.upper95 is None:
        return "–"
    return f"{labels.number(row.lower95, decimals)} to {labels.number(row.upper95, decimals)}"


def _reading(row: SiteResult) -> str:
    mark, kind = _MARKS.get(row.flag or "", ("◇", "none"))
    why = sentences_reasons.short_reasons(row)
    reasons = f'<span class="why">{escape(why[0].upper() + why[1:])}</span>' if why else ""
    return (
        f'<span class="flag {kind}"><span class="mark" aria-hidden="true">{mark}</span>'
        f"{escape(labels.flag(row.flag))}</span>{reasons}"
    )


def _cells(row: SiteResult, decimals: int) -> tuple[str, ...]:
    return (
        labels.number(row.n_clients, 0),
        labels.number(row.n_therapists, 0),
        labels.number(row.n_forms, 0),
        _interval(row, decimals),
        _range(row, decimals),
        labels.percent(row.response_rate),
        labels.percent(row.ceiling_share),
    )


def _body_row(row: SiteResult, decimals: int, is_chosen: bool) -> str:
    name = (
        f'<th scope="row">{escape(row.site_label)}'
        f'<span class="practice">{escape(row.practice_name)}</span></th>'
    )
    if row.is_suppressed:
        text = escape(labels.SUPPRESSED)
        return f'<tr class="suppressed">{name}<td colspan="{len(_HEADERS) - 1}">{text}</td></tr>'
    numbers = "".join(f'<td class="number">{escape(cell)}</td>' for cell in _cells(row, decimals))
    opening = '<tr class="chosen">' if is_chosen else "<tr>"
    return f"{opening}{name}{numbers}<td>{_reading(row)}</td></tr>"


def html_table(
    rows: Sequence[SiteResult],
    instrument: Instrument,
    caption: str,
    chosen_site: str | None = None,
) -> str:
    """The rows in the order given, as an HTML table with a caption and row headers."""
    head = "".join(
        f'<th scope="col"{f" class={kind!r}" if kind else ""}>{escape(text)}</th>'
        for text, kind in _HEADERS
    )
    body = "".join(
        _body_row(row, instrument.decimals, row.site_label == chosen_site) for row in rows
    )
    return (
        '<div class="table-scroll"><table class="comparison" data-testid="comparison-table">'
        f"<caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def safe_cell(value: object) -> object:
    """A cell that no spreadsheet runs: text that could start a formula gets a leading `'`."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _rounded(row: SiteResult, name: str, instrument: Instrument) -> object:
    value = getattr(row, name)
    if value is None or name not in (*_SCORES, *_SHARES):
        return value
    # Shares are whole percents on the page.
    return round(float(value), instrument.decimals if name in _SCORES else 2)


def csv_text(
    rows: Sequence[SiteResult], instrument: Instrument, identity: Mapping[str, object]
) -> str:
    """The rows as CSV, columns named as in the release; suppressed cells are empty.

    Values are rounded as on the page: more digits would say more than the page stands for, and
    more of those behind a mean. `margin` is half the mean's 95 % interval.
    `identity` (release, form, stage, period, who may see it, how far the key can be trusted) stands
    at the start of every row, so that a file taken out of its folder still says what it is.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = ("practice_name", "site_label")
    writer.writerow([*identity, *names, *DOWNLOAD_COLUMNS])
    for row in rows:
        values = [_rounded(row, name, instrument) for name in (*names, *DOWNLOAD_COLUMNS)]
        writer.writerow([safe_cell(value) for value in (*identity.values(), *values)])
    return buffer.getvalue()
