"""What became of a file in the worker: counts and verdicts, fit to cross a process boundary.

Holds numbers, rule names and row counts, never a cell's value.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["loaded", "refused", "dead", "held"]


@dataclass(frozen=True)
class RuleOutcome:
    """One rule on one delivery, as it is kept in quality.check_results."""

    check_id: str
    instrument_code: str | None
    column: str | None
    rule: str
    rule_version: int
    rule_text: str
    category: str
    severity: str
    threshold: float
    n_evaluated: int
    n_failed: int
    status: str
    message: str | None = None

    @property
    def failed_share(self) -> float | None:
        """Failed over evaluated; null where nothing was evaluated, which is no pass."""
        return self.n_failed / self.n_evaluated if self.n_evaluated else None


@dataclass(frozen=True)
class Outcome:
    """The worker's word on one file for one feed.

    `n_rows_read` counts a row once for each questionnaire it carries; accepted, quarantined and
    excluded add up to it.
    """

    delivery_id: str
    state: State
    scratch: str = ""
    """The DuckDB file, and within it the schema, that hold the checked tables."""
    schema: str = ""
    reason: str | None = None
    message: str | None = None
    n_bytes: int = 0
    n_file_rows: int | None = None
    """Rows of the file as its sender counts them; None when it was not read to its end."""
    n_rows_read: int = 0
    n_accepted: int = 0
    n_quarantined: int = 0
    n_excluded: int = 0
    exclusions: dict[str, int] = field(default_factory=dict)
    is_over_tolerance: bool = False
    verdicts: tuple[RuleOutcome, ...] = ()
    exported_on: str | None = None
    """The export's day as the file's own column says it, YYYY-MM-DD."""

    @property
    def is_loadable(self) -> bool:
        """Whether there are tables in scratch to load."""
        return self.state == "loaded"

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the pipe between worker and run."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Outcome":
        """The outcome a worker sent."""
        verdicts = tuple(RuleOutcome(**verdict) for verdict in document.pop("verdicts"))
        return cls(**document, verdicts=verdicts)


def refused(
    delivery_id: str,
    reason: str,
    message: str,
    state: State = "refused",
    n_bytes: int = 0,
    exported_on: str | None = None,
) -> Outcome:
    """A file that was turned away or whose reading died, with the one verdict that says so."""
    verdict = RuleOutcome(
        check_id="delivery.file.taken_in",
        instrument_code=None,
        column=None,
        rule="taken_in",
        rule_version=1,
        rule_text="the file can be read, has the contract's columns and passes the privacy gate",
        category="conformance",
        severity="critical",
        threshold=0.0,
        n_evaluated=1,
        n_failed=1,
        status="failed" if state == "refused" else "error",
        message=f"{reason}: {message}",
    )
    return Outcome(
        delivery_id=delivery_id,
        state=state,
        reason=reason,
        message=message,
        n_bytes=n_bytes,
        verdicts=(verdict,),
        exported_on=exported_on,
    )
