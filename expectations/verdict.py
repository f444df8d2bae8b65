"""Runs a suite on a frame and says, rule by rule, how many rows were judged and which failed.

Row numbers come out, cell values never do: not in results, messages or the text of an exception.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from expectations.check import DELIVERY, ROW, Check
from expectations.configured_once import configure_once
from expectations.suites import CHECK_ID, CHECKS

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite

Status = Literal["passed", "passed_with_failures", "failed", "not_applicable", "error"]
Rows = npt.NDArray[np.int64]

# Row numbers of every failing row and no cell value (BASIC and SUMMARY hold values).
_RESULT_FORMAT: dict[str, Any] = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
}


@dataclass(frozen=True, eq=False)
class RuleVerdict(Check):
    """What one rule found. `n_evaluated` counts rows that had something to judge.

    `error` means that the check itself could not run: nothing is known, so nothing may be let in.
    """

    n_evaluated: int
    n_failed: int
    status: Status
    failed_rows: Rows = field(repr=False)


def validate_pooled(
    frame: "pd.DataFrame", suite: "ExpectationSuite"
) -> dict[str, list[RuleVerdict]]:
    """Verdicts of one or more deliveries (or slices), by delivery, in the suite's order.

    The frame's index is (`delivery_id`, `row_no`). A hundred deliveries of 500 rows cost 0.4 s
    pooled and 22 s one by one. Never raises for what the data hold: a check that Great Expectations
    cannot run has the status `error`.
    """
    if list(frame.index.names) != [DELIVERY, ROW]:
        raise ValueError(f"the frame's index must be {DELIVERY}, {ROW}")
    owners, deliveries = _owners(frame)
    verdicts: dict[str, list[RuleVerdict]] = {delivery: [] for delivery in deliveries}
    for check, found in _outcomes(frame, suite):
        if found is None:
            for delivery in deliveries:
                verdicts[delivery].append(_error(check))
            continue
        judged = np.ones(len(frame), dtype=bool)
        for column in found.columns:
            judged &= frame[column].notna().to_numpy()
        evaluated = np.bincount(owners[judged], minlength=len(deliveries))
        rows = _rows(found.failed.get(ROW, []))
        failed_owners = np.array([str(name) for name in found.failed.get(DELIVERY, [])], dtype=str)
        for delivery, n_evaluated in zip(deliveries, evaluated, strict=True):
            verdicts[delivery].append(
                _judged(check, int(n_evaluated), rows[failed_owners == delivery])
            )
    return verdicts


def _owners(frame: "pd.DataFrame") -> tuple[npt.NDArray[np.intp], list[str]]:
    """For each row the position of its delivery among the deliveries, and these."""
    positions, names = frame.index.get_level_values(DELIVERY).factorize()
    return positions, [str(name) for name in names]


def with_threshold(verdict: RuleVerdict, share: float) -> RuleVerdict:
    """A verdict as it is where `share` of the rows may fail; an error stays one."""
    if verdict.status == "error":
        return verdict
    check = Check(
        **{**{f.name: getattr(verdict, f.name) for f in fields(Check)}, "threshold": share}
    )
    return _judged(check, verdict.n_evaluated, verdict.failed_rows)


def merge(slices: Iterable[Sequence[RuleVerdict]]) -> list[RuleVerdict]:
    """The verdicts of a delivery from those of its slices: counts added, rows joined.

    A check that could not run on one slice could not run on the delivery.
    """
    parts: dict[tuple[str, str | None], list[RuleVerdict]] = {}
    for verdicts in slices:
        for verdict in verdicts:
            parts.setdefault((verdict.check_id, verdict.instrument_code), []).append(verdict)
    return [
        _error(same[0])
        if any(part.status == "error" for part in same)
        else _judged(
            same[0],
            sum(part.n_evaluated for part in same),
            np.concatenate([part.failed_rows for part in same]),
        )
        for same in parts.values()
    ]


@dataclass(frozen=True)
class _Outcome:
    """What Great Expectations says of one rule on the whole frame."""

    failed: Mapping[str, Sequence[Any]]
    """Index level -> its values, failing rows only."""
    columns: tuple[str, ...]
    """Columns that must be filled for a row to be judged; any row is judged for `required`."""


def _outcomes(
    frame: "pd.DataFrame", suite: "ExpectationSuite"
) -> Iterator[tuple[Check, _Outcome | None]]:
    """Each check of the suite with its outcome; None where there is none to be had."""
    found: dict[str, Any] = {}
    try:
        batch = _batch_definition().get_batch({"dataframe": frame})
        results = batch.validate(suite, result_format=_RESULT_FORMAT).results
        found = {result.expectation_config.meta[CHECK_ID]: result for result in results}
    except Exception:  # the text of an exception may quote a cell: it goes nowhere
        found = {}
    for declared in suite.meta[CHECKS]:
        check = Check(**declared)
        result = found.get(check.check_id)
        yield check, None if result is None else _outcome(check, result)


def _outcome(check: Check, result: Any) -> _Outcome | None:
    """What one result says; None when an exception inside it left it without an answer."""
    said = result.result or {}
    if "element_count" not in said or "unexpected_index_list" not in said:
        return None
    listed = said["unexpected_index_list"]
    failed = listed[0] if listed else {}
    if said["unexpected_count"] != len(failed.get(ROW, [])):
        return None
    arguments = result.expectation_config.kwargs
    keys = () if check.rule == "required" else ("column", "column_A", "column_B")
    return _Outcome(
        failed=failed,
        columns=tuple(arguments[key] for key in keys if key in arguments),
    )


@cache
def _batch_definition() -> Any:
    """One ephemeral context for the process; building one for every frame would cost more."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # Its own log lines quote exceptions, and an exception may quote a cell.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    configure_once()
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def _rows(numbers: Sequence[int]) -> Rows:
    return np.asarray(numbers, dtype=np.int64)


def _judged(check: Check, n_evaluated: int, failed_rows: Rows) -> RuleVerdict:
    n_failed = len(failed_rows)
    status: Status = "passed"
    if n_evaluated == 0:
        status = "not_applicable"
    elif n_failed > check.threshold * n_evaluated:
        status = "failed"
    elif n_failed:
        status = "passed_with_failures"
    return _verdict(check, n_evaluated, status, failed_rows)


def _error(check: Check) -> RuleVerdict:
    return _verdict(check, 0, "error", np.empty(0, np.int64))


def _verdict(check: Check, n_evaluated: int, status: Status, failed_rows: Rows) -> RuleVerdict:
    declared = {item.name: getattr(check, item.name) for item in fields(Check)}
    return RuleVerdict(
        **declared,
        n_evaluated=n_evaluated,
        n_failed=len(failed_rows),
        status=status,
        failed_rows=failed_rows,
    )
