"""A rule as it is run: named, worded, weighed. A suite carries it in, a verdict carries it out."""

from dataclasses import dataclass

from expectations.model import Category, FeedName, Severity

INVALID = "\x01invalid"
"""Stands in a text cell that could not be read; the cell's own text goes nowhere. In number, date
and boolean columns plus infinity does the same; an empty cell is None or not-a-number."""

ROW = "row_no"
DELIVERY = "delivery_id"
"""Index levels of a frame to be checked: a row is named by its number, never by an id."""

SAME_KEY = "n_same_key"
"""Column with the number of rows sharing a unit's key: 1 where the row may be kept."""

STRAY_ITEMS = "n_stray_items"
"""Column with the number of item rows of a form that belong nowhere; 0 where the form is sound."""


def given(column: str) -> str:
    """Name of the column that says whether a cell is filled (1 or 0), where it has to be."""
    return f"{column}_given"


CONTRADICTIONS = "n_contradictions"
"""Column with the number of a form's answers whose code and weight say different things."""


@dataclass(frozen=True, eq=False)
class Check:
    """One rule on one column of one feed (and instrument).

    `threshold` is the share of evaluated rows that may fail before the check does.
    """

    check_id: str
    feed: FeedName
    instrument_code: str | None
    column: str | None
    rule: str
    rule_version: int
    rule_text: str
    category: Category
    severity: Severity
    threshold: float
