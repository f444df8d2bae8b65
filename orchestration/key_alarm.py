"""The reverse-keying alarm as a verdict on the data a practice has sent so far.

It needs a hundred forms, which one night's file seldom has, so it is given on what stands in the
warehouse, once the marts are built: on the newest delivery that brought forms of the instrument, as
the one that made the data what they are. A warning: nothing is held or set aside for it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb

from orchestration.ingest.outcome import RuleOutcome
from orchestration.ingest.verdict_chain import Judged, insert_verdicts

if TYPE_CHECKING:  # commands that only know the rule's name need no statistics
    from orchestration.benchmarking.psychometrics import KeyVerdict

RULE, RULE_VERSION = "reverse_key", 1
CHECK_ID = f"administrations.items.{RULE}"
RULE_TEXT = (
    "No item, reversed as the key says, correlates below zero with the sum of its scale's other "
    "items, over all forms so far that enter cells, in the practice and in each of its sites with "
    "enough complete forms."
)
_DELIVERIES = """
    with newest as (
        select practice_id, instrument_code, max(load_seq) as load_seq
        from raw.administrations
        group by practice_id, instrument_code
    )
    select
        newest.practice_id,
        newest.instrument_code,
        ledger.delivery_id,
        ledger.load_seq,
        ledger.file_sha256
    from newest
    inner join raw.deliveries as ledger on newest.load_seq = ledger.load_seq
    where not exists (
        select 1 from quality.check_results as given
        where
            given.load_seq = newest.load_seq
            and given.check_id = $check_id
            and given.rule_version = $rule_version
            and given.registry_digest = $registry_digest
            and given.instrument_code = newest.instrument_code
    )
    """


def write_key_verdicts(
    con: duckdb.DuckDBPyConnection,
    verdicts: Iterable["KeyVerdict"],
    *,
    code_version: str,
    registry_digest: str,
    checked_at: datetime,
) -> None:
    """Add a verdict for each practice and instrument with a newer delivery than the last verdict,
    or another registry; the caller has a transaction open. `checked_at` is UTC without its zone."""
    rows = con.execute(
        _DELIVERIES,
        {
            "check_id": CHECK_ID,
            "rule_version": RULE_VERSION,
            "registry_digest": registry_digest,
        },
    ).fetchall()
    of = {
        (practice, instrument): Judged(practice, delivery_id, load_seq, sha256, "administrations")
        for practice, instrument, delivery_id, load_seq, sha256 in rows
    }
    insert_verdicts(
        con,
        [
            (of[verdict.practice_id, verdict.instrument_code], outcome_of(verdict))
            for verdict in verdicts
            if (verdict.practice_id, verdict.instrument_code) in of
        ],
        code_version=code_version,
        registry_digest=registry_digest,
        checked_at=checked_at,
    )


def standing_alarms(con: duckdb.DuckDBPyConnection) -> int:
    """Practices and instruments whose newest verdict is the alarm."""
    ((n_alarms,),) = con.execute(
        "select count(*) from (select arg_max(status, check_seq) as status "
        "from quality.check_results where check_id = ? group by practice_id, instrument_code) "
        "where status = 'failed'",
        [CHECK_ID],
    ).fetchall()
    return int(n_alarms)


def outcome_of(verdict: "KeyVerdict") -> RuleOutcome:
    """The verdict as it is kept. Too few forms to judge is `not_applicable`, which is no pass."""
    status, message = "passed", None
    if not verdict.n_evaluated:
        status = "not_applicable"
    elif verdict.turned:
        status = "failed"
        message = (
            f"{'; '.join(verdict.turned)}: falls where the other items rise. Look whether the "
            "export has turned reversed items round already (`already_reversed` in the contract), "
            "or has its items in another order; nothing was held back"
        )
    return RuleOutcome(
        check_id=CHECK_ID,
        instrument_code=verdict.instrument_code,
        column=None,
        rule=RULE,
        rule_version=RULE_VERSION,
        rule_text=RULE_TEXT,
        category="plausibility",
        severity="warning",
        threshold=0.0,
        n_evaluated=verdict.n_evaluated,
        n_failed=len(verdict.turned),
        status=status,
        message=message,
    )
