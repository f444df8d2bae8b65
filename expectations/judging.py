"""One declared rule as Great Expectations judges it: in plain English, a class and its arguments.

Pure: nothing of Great Expectations is imported here, its classes are named.
"""

from collections.abc import Sequence
from datetime import date
from sys import float_info
from typing import Any

from expectations.check import INVALID, given
from expectations.feed_checks import SITE_ID, STATED_TOTAL
from expectations.instrument import Instrument
from expectations.model import Column, Rule

EPOCH = date(1970, 1, 1)
"""Dates are checked as whole days since then: a datetime comparison costs half the suite."""

UNREADABLE = "A cell that could not be read fails."


def judged(
    column: Column,
    rule: Rule,
    sites: Sequence[str],
    received_on: date,
    instrument: Instrument | None,
) -> tuple[str, str, dict[str, Any]]:
    """The rule in plain English, its expectation class and that class's arguments."""
    name = column.name
    if rule.rule == "required":
        return f"{name} is present.", "ExpectColumnValuesToNotBeNull", {"column": name}
    if rule.rule == "required_when":
        text = f"{name} is present where {rule.when_column} is {rule.when_word}."
        return text, *between(given(name), 1.0, 1.0)
    if rule.rule == "valid":
        return _valid(column)
    if rule.rule == "one_of":
        if name == SITE_ID:
            said, words = "a site the practice declares", list(sites)
        else:
            said, words = f"one of {', '.join(column.allowed)}", list(column.allowed)
        text = f"{name} is {said}, or empty. {UNREADABLE}"
        return text, "ExpectColumnValuesToBeInSet", {"column": name, "value_set": words}
    if rule.rule == "ordered":
        text = f"{name} is not before {rule.after_column}, where both are given."
        arguments = {
            "column_A": name,
            "column_B": rule.after_column,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        }
        return text, "ExpectColumnPairValuesAToBeGreaterThanB", arguments
    if rule.rule == "not_future":
        text = f"{name} is not after the day the delivery came, or empty. {UNREADABLE}"
        return text, *between(name, None, float((received_on - EPOCH).days))
    low, high = rule.minimum, rule.maximum
    if name == STATED_TOTAL and instrument is not None:
        low, high = instrument.total.minimum, instrument.total.maximum
    text = f"{name} {range_text(low, high)}, or empty. {UNREADABLE}"
    return text, *between(name, _as_number(low), _as_number(high))


def _valid(column: Column) -> tuple[str, str, dict[str, Any]]:
    if column.type in ("id", "enumeration"):
        text = f"{column.name} has the shape of the practice's ids, or is empty."
        arguments = {"column": column.name, "value_set": [INVALID]}
        return text, "ExpectColumnValuesToNotBeInSet", arguments
    text = f"{column.name} can be read as {column.type}, or is empty."
    return text, *between(column.name, None, None)


def between(name: str, low: float | None, high: float | None) -> tuple[str, dict[str, Any]]:
    """The class and arguments of a range.

    Both bounds are always set, or infinity, the mark of an unreadable cell, would pass.
    """
    bounds = {
        "min_value": -float_info.max if low is None else low,
        "max_value": float_info.max if high is None else high,
    }
    return "ExpectColumnValuesToBeBetween", {"column": name, **bounds}


def range_text(low: float | str | None, high: float | str | None) -> str:
    """A range in words; at least one bound is given."""
    shown = [
        bound if isinstance(bound, str) else f"{bound:g}"
        for bound in (low, high)
        if bound is not None
    ]
    if low is None:
        return f"is at most {shown[0]}"
    if high is None:
        return f"is at least {shown[0]}"
    return f"lies between {shown[0]} and {shown[1]}"


def _as_number(bound: float | str | None) -> float | None:
    """A bound as the frame holds its column: dates as days since 1970-01-01."""
    if isinstance(bound, str):
        return float((date.fromisoformat(bound) - EPOCH).days)
    return bound
