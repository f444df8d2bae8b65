"""One asset for each practice and feed, and a collector for each feed.

A fault in a file is a failed check of its own practice's asset: the asset itself does not raise,
so the other practices and everything downstream go on.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

import dagster as dg

from expectations.model import FEED_NAMES, OFF_BY_DEFAULT, Category, FeedName
from expectations.practice import Practice
from expectations.registry import Registry
from orchestration.ingest.outcome import Outcome, RuleOutcome
from orchestration.instance import POOL
from orchestration.landing import Arrival
from orchestration.night import Night

TAKEN_IN = "taken_in"
_FRESH_WITHIN = {
    "day": timedelta(days=2),
    "week": timedelta(days=9),
    "month": timedelta(days=35),
    "year": timedelta(days=380),
}


def raw_assets(registry: Registry) -> list[dg.AssetsDefinition]:
    """Assets of every practice in the registry, and the collectors."""
    assets: list[dg.AssetsDefinition] = []
    keys: dict[str, list[dg.AssetKey]] = {feed: [] for feed in feeds_with_assets(registry)}
    for practice in registry.practices.values():
        for feed in _feeds(practice):
            assets.append(_practice_asset(practice, feed))
            keys[feed].append(practice_key(practice.practice_id, feed))
    tables = {**keys, "answers": keys["administrations"]}
    return [*assets, *(_collector(table, of) for table, of in tables.items())]


def feeds_with_assets(registry: Registry) -> tuple[FeedName, ...]:
    """Feeds that have assets: all but those off by default that no practice sends."""
    mapped = {feed for practice in registry.practices.values() for feed in _feeds(practice)}
    return tuple(feed for feed in FEED_NAMES if feed in mapped or feed not in OFF_BY_DEFAULT)


def practice_key(practice_id: str, feed: FeedName) -> dg.AssetKey:
    """Asset key of one practice's feed."""
    return dg.AssetKey(["raw", practice_id, feed])


def collector_key(table: str) -> dg.AssetKey:
    """Asset key of the table that collects a feed over practices: the dbt source."""
    return dg.AssetKey(["raw", table])


def keys_to_run(
    keys: Sequence[dg.AssetKey], new: Collection[tuple[str, FeedName]]
) -> list[dg.AssetKey]:
    """The job's assets without those of practices and feeds that sent nothing new."""
    wanted = {practice_key(practice_id, feed) for practice_id, feed in new}
    return [key for key in keys if not _is_practice_key(key) or key in wanted]


def _is_practice_key(key: dg.AssetKey) -> bool:
    return len(key.path) == 3 and key.path[0] == "raw"


def _feeds(practice: Practice) -> list[FeedName]:
    sent = {feed for contract in practice.contracts for feed in contract.feeds}
    return [feed for feed in FEED_NAMES if feed in sent]


def _practice_asset(practice: Practice, feed: FeedName) -> dg.AssetsDefinition:
    practice_id, key = practice.practice_id, practice_key(practice.practice_id, feed)
    contract = practice.contracts[-1]

    @dg.asset(
        key=key,
        group_name=practice_id,
        pool=POOL,
        kinds={"duckdb"},
        description=f"New {feed} of {practice.name}: read, gated, conformed, checked and loaded.",
        metadata={"owners": ", ".join(contract.owners), "privacy_class": contract.privacy_class},
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=_FRESH_WITHIN[contract.cadence.every]
        ),
        check_specs=[
            dg.AssetCheckSpec(TAKEN_IN, asset=key, description="Every new file could be taken in."),
            *(
                dg.AssetCheckSpec(
                    category.value,
                    asset=key,
                    description=f"Great Expectations rules on {category.value}.",
                )
                for category in Category
            ),
        ],
    )
    def take_in(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        results = night.take_in(practice_id, feed)
        for arrival, outcome in results:
            _tell(context, arrival, outcome)
        return dg.MaterializeResult(
            metadata=_counts([outcome for _, outcome in results]),
            check_results=_checks([outcome for _, outcome in results]),
        )

    return take_in


def _collector(table: str, sources: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        key=collector_key(table),
        deps=list(sources),
        group_name="raw",
        kinds={"duckdb"},
        description=f"The table raw.{table}, every practice's rows with all their versions.",
    )
    def collect(night: dg.ResourceParam[Night]) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with night.warehouse.connect() as con:
            ((rows,),) = con.execute(f"select count(*) from raw.{table}").fetchall()
        return dg.MaterializeResult(metadata={"dagster/row_count": int(rows)})

    return collect


def _tell(context: dg.AssetExecutionContext, arrival: Arrival, outcome: Outcome) -> None:
    name = arrival.shown_name
    if outcome.is_loadable:
        context.log.info(
            f"{name}: {outcome.n_file_rows} rows, {outcome.n_rows_read} readings (a row once for "
            f"each questionnaire), {outcome.n_accepted} accepted, "
            f"{outcome.n_quarantined} quarantined, {outcome.n_excluded} excluded"
        )
    else:
        context.log.warning(f"{name}: {outcome.state}, {outcome.reason}: {outcome.message}")


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {
        "n_files": len(outcomes),
        "n_file_rows": sum(outcome.n_file_rows or 0 for outcome in outcomes),
        "n_rows_read": sum(outcome.n_rows_read for outcome in outcomes),
        "n_accepted": sum(outcome.n_accepted for outcome in outcomes),
        "n_quarantined": sum(outcome.n_quarantined for outcome in outcomes),
        "n_excluded": sum(outcome.n_excluded for outcome in outcomes),
    }


def _checks(outcomes: Sequence[Outcome]) -> list[dg.AssetCheckResult]:
    turned_away = [outcome for outcome in outcomes if not outcome.is_loadable]
    results = [
        dg.AssetCheckResult(
            check_name=TAKEN_IN,
            passed=not turned_away,
            metadata={"reasons": ", ".join(str(outcome.reason) for outcome in turned_away)},
        )
    ]
    verdicts = [v for outcome in outcomes if outcome.is_loadable for v in outcome.verdicts]
    for category in Category:
        mine = [verdict for verdict in verdicts if verdict.category == category]
        results.append(_category_check(category, mine))
    return results


def _category_check(category: Category, verdicts: Sequence[RuleOutcome]) -> dg.AssetCheckResult:
    bad = [v for v in verdicts if v.status in ("failed", "error")]
    critical = any(v.severity == "critical" for v in bad)
    rows = [
        dg.TableRecord(
            {
                "check": verdict.check_id,
                "instrument": verdict.instrument_code or "",
                "severity": verdict.severity,
                "status": verdict.status,
                "evaluated": verdict.n_evaluated,
                "failed": verdict.n_failed,
            }
        )
        for verdict in verdicts
    ]
    return dg.AssetCheckResult(
        check_name=category.value,
        passed=not bad,
        severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
        metadata={"n_rules": len(rows), "rules": dg.MetadataValue.table(rows, schema=_RULES)}
        if rows
        else {"n_rules": 0},
    )


_RULES = dg.TableSchema(
    columns=[
        dg.TableColumn("check"),
        dg.TableColumn("instrument"),
        dg.TableColumn("severity"),
        dg.TableColumn("status"),
        dg.TableColumn("evaluated", "int"),
        dg.TableColumn("failed", "int"),
    ]
)
