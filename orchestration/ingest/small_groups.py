"""Warnings of the gate that turn no file away: groups too small to hide in, ids that count rows.

Kept as verdicts beside those of the feed's rules. A count is all that is said; which group or which
row it was is written nowhere.
"""

from collections.abc import Mapping

import duckdb

from expectations.mapping import Mapping as FeedMapping
from orchestration.ingest.outcome import RuleOutcome
from orchestration.sql import identifier

SMALLEST_GROUP = 5
"""Clients alike in what a neighbour may know; below it the group points at people (k-anonymity,
Sweeney 2002)."""
_ALIKE = ("age_band_at_intake", "gender", "site_id")
_MOSTLY = 0.9
"""Share (0-1) of ids equal to their row's number from which the ids count rows."""


def small_groups(con: duckdb.DuckDBPyConnection, relation: str, mapped: set[str]) -> RuleOutcome:
    """How many groups of clients alike in age band, gender, site and intake year are too small.

    `relation` is the conformed table of episodes, in SQL; `mapped` the columns the practice sends.
    """
    alike = [identifier(column) for column in _ALIKE if column in mapped]
    if "opened_on" in mapped:
        alike.append("case when isfinite(opened_on) then year(opened_on) end")
    grouped = f"group by {', '.join(alike)}" if alike else ""
    ((n_groups, n_small),) = con.execute(
        f"select count(*), coalesce(count_if(n_clients < {SMALLEST_GROUP}), 0) from ("
        f"select count(distinct client_id) as n_clients from {relation} "
        f"where excluded is null {grouped}) where n_clients > 0"
    ).fetchall()
    return _verdict(
        check_id="episodes.client_id.small_groups",
        column="client_id",
        rule="small_groups",
        rule_text=f"groups alike in {', '.join(_ALIKE)} and intake year have at least "
        f"{SMALLEST_GROUP} clients",
        threshold=0.0,
        n_evaluated=int(n_groups),
        n_failed=int(n_small),
        says=f"{n_small} groups have fewer than {SMALLEST_GROUP} clients; think of wider age bands "
        "if they are many",
    )


def row_number_verdicts(
    mapping: FeedMapping, found: Mapping[str, tuple[int, int]]
) -> list[RuleOutcome]:
    """A verdict for each canonical column whose ids were compared with their rows' numbers.

    `found`: header of the file -> rows looked at, and rows whose id is the row's number.
    """
    verdicts = []
    for name, source in mapping.columns.items():
        if source.column is None or source.column not in found:
            continue
        n_rows, n_equal = found[source.column]
        verdicts.append(
            _verdict(
                check_id=f"{mapping.feed}.{name}.not_the_row_number",
                column=name,
                rule="not_the_row_number",
                rule_text=f"fewer than {_MOSTLY:.0%} of the first ids are the number of their row",
                threshold=_MOSTLY,
                n_evaluated=n_rows,
                n_failed=n_equal,
                says="these ids count rows, so the next export gives them to other clients; send "
                "the ids of the practice, or those of `alliance pseudonymise`",
            )
        )
    return verdicts


def _verdict(
    check_id: str,
    column: str,
    rule: str,
    rule_text: str,
    threshold: float,
    n_evaluated: int,
    n_failed: int,
    says: str,
) -> RuleOutcome:
    share = n_failed / n_evaluated if n_evaluated else 0.0
    has_failed = n_failed > 0 and (share >= threshold if threshold else True)
    if n_evaluated == 0:
        status = "not_applicable"
    elif has_failed:
        status = "failed"
    else:
        status = "passed_with_failures" if n_failed else "passed"
    return RuleOutcome(
        check_id=check_id,
        instrument_code=None,
        column=column,
        rule=rule,
        rule_version=1,
        rule_text=rule_text,
        category="plausibility",
        severity="warning",
        threshold=threshold,
        n_evaluated=n_evaluated,
        n_failed=n_failed,
        status=status,
        message=says if has_failed else None,
    )
