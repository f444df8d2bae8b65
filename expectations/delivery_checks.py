"""What a contract's terms of delivery must keep: dates, periods and lists that can be found.

A date that is looked for where none can stand would turn every file away, or, for a period, let a
delivery replace days it never spoke for.
"""

from collections.abc import Iterator

from expectations.model import FeedName
from expectations.pattern_checks import (
    date_regex_problem,
    glob_problem,
    globs_overlap,
    regex_problem,
)
from expectations.practice import Contract, FileSpec
from expectations.yaml_source import Finding

Path = tuple[str | int, ...]

PERIOD_COLUMNS: dict[FeedName, tuple[str, ...]] = {
    "episodes": ("opened_on", "closed_on"),
    "sessions": ("scheduled_on",),
    "administrations": ("completed_on",),
    "process_ratings": ("rated_on",),
}
"""Date columns by which a feed's rows lie in a period; the first is the feed's own day."""


def delivery_findings(at: Path, contract: Contract) -> Iterator[Finding]:
    """What is wrong with the terms of delivery of one contract version."""
    for number, spec in enumerate(contract.files):
        place = (*at, "files", number)
        yield from _date_findings(place, spec, contract)
        yield from _period_findings(place, spec, contract)
    if contract.manifest is not None:
        pattern = contract.manifest.pattern
        place = (*at, "manifest", "pattern")
        problem = glob_problem(pattern)
        if problem:
            yield place, problem
        for spec in contract.files:
            if globs_overlap(pattern, spec.pattern):
                yield (
                    place,
                    f"a name can match both this and the pattern of `{spec.file}`; "
                    "make them exclude each other",
                )


def _date_findings(at: Path, spec: FileSpec, contract: Contract) -> Iterator[Finding]:
    if spec.export_date_pattern:
        problem = date_regex_problem(spec.export_date_pattern)
        if problem:
            yield (*at, "exported_at"), problem
    if spec.export_date is None:
        return
    if spec.export_date.manifest and contract.manifest is None:
        yield (*at, "exported_at", "manifest"), "the contract declares no `manifest`"
    if spec.export_date.column is not None and spec.format == "fhir":
        yield (
            (*at, "exported_at", "column"),
            "format fhir has no such column; have the date written into the name or a manifest",
        )


def _period_findings(at: Path, spec: FileSpec, contract: Contract) -> Iterator[Finding]:
    period = spec.period
    if period.stated_in == "manifest" and contract.manifest is None:
        yield (*at, "period", "stated_in"), "the contract declares no `manifest`"
    if period.pattern is not None:
        problem = regex_problem(period.pattern)
        if problem is None and period.pattern.count("(") < 2:
            problem = "needs two groups in parentheses: the first day and the last"
        if problem:
            yield (*at, "period", "pattern"), problem
    for mapping in spec.mappings:
        known = PERIOD_COLUMNS[mapping.feed]
        if period.on is not None and period.on not in known:
            yield (*at, "period", "on"), f"must be {' or '.join(known)} for {mapping.feed}"
