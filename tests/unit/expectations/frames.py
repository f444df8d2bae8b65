"""Small frames as ingest hands them over, and verdicts in a form that compares."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from expectations.check import DELIVERY, INVALID, ROW, SAME_KEY, STRAY_ITEMS, given
from expectations.judging import EPOCH
from expectations.model import Feed
from expectations.registry import load_registry
from expectations.verdict import RuleVerdict, validate_pooled

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

REGISTRY = load_registry()
RECEIVED = date(2026, 10, 1)
TODAY = float((RECEIVED - EPOCH).days)
SITES = ("north", "south")
N = 12


def good_frame(feed: Feed, n_items: int = 0, n: int = N) -> pd.DataFrame:
    """A frame nothing is wrong with, row numbers from 101."""
    columns: dict[str, Any] = {}
    for column in feed.columns:
        if column.name == "site_id":
            columns[column.name] = [SITES[row % 2] for row in range(n)]
        elif column.type == "id":
            columns[column.name] = [f"{row:032x}" for row in range(n)]
        elif column.type == "enumeration":
            columns[column.name] = [column.allowed[row % len(column.allowed)] for row in range(n)]
        elif column.type == "date":
            columns[column.name] = np.full(n, TODAY - 30)
        elif column.name == "stated_total":
            columns[column.name] = np.full(n, 30.0)
        else:
            columns[column.name] = np.ones(n)
        if any(rule.when_column for rule in column.rules):
            columns[given(column.name)] = np.ones(n)
    columns |= {f"item_{number:02d}": np.full(n, 3.0) for number in range(1, n_items + 1)}
    columns |= {SAME_KEY: np.ones(n), STRAY_ITEMS: np.zeros(n)}
    index = pd.Index(np.arange(101, 101 + n), name=ROW)
    return pd.DataFrame(columns, index=index, dtype=object).astype(
        {name: float for name, values in columns.items() if isinstance(values, np.ndarray)}
    )


def judged(frame: pd.DataFrame, suite: "ExpectationSuite") -> list[RuleVerdict]:
    """The verdicts of a frame that is one delivery."""
    owned = pd.concat({"d1": frame}, names=[DELIVERY])
    return validate_pooled(owned, suite)["d1"]


def found(verdicts: Sequence[RuleVerdict]) -> dict[str, tuple[str, int, int, list[int]]]:
    return {
        one.check_id: (one.status, one.n_evaluated, one.n_failed, one.failed_rows.tolist())
        for one in verdicts
    }


def failing(verdicts: Sequence[RuleVerdict]) -> dict[str, list[int]]:
    return {one.check_id: one.failed_rows.tolist() for one in verdicts if one.n_failed}


def forms(n: int = N) -> pd.DataFrame:
    return good_frame(REGISTRY.feeds["administrations"], 12, n)


WAI = REGISTRY.instruments["wai_sr", "1"]
SRS = REGISTRY.instruments["srs", "3"]


def dirty_forms(n: int) -> pd.DataFrame:
    """Forms with about every fifth cell wrong or empty, by a fixed seed."""
    random = np.random.default_rng(20)
    frame = forms(n)
    for column in frame.columns:
        wrong, empty = random.random(n) < 0.1, random.random(n) < 0.1
        if frame[column].dtype == object:
            frame.loc[wrong, column], frame.loc[empty, column] = INVALID, None
        else:
            frame.loc[wrong, column], frame.loc[empty, column] = np.inf, np.nan
    return frame
