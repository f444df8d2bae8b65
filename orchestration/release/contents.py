"""What goes into a release: queries on the warehouse, and rows from the declarations."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from expectations.instrument import RISK_NOTICE
from expectations.metric import Metric, shipped_metrics
from expectations.model import Thresholds
from expectations.registry import Registry
from orchestration.benchmarking.cells import DOMINANT_THERAPIST_SHARE, SUPPRESSED
from orchestration.release import bands, expected

QUERIES = Path(__file__).with_name("queries")
MEASURES = tuple(
    Path(__file__).with_name(f"{name}.sql")
    for name in ("measures", "measures_judged", "measures_protected")
)
WITHOUT_MEASURES = Path(__file__).with_name("without_measures.sql")

Row = Mapping[str, object]

_BROKEN = (
    "the practice's declaration is broken: nothing new is taken in and the last good data stay; "
    "`alliance doctor` names file and line"
)


@dataclass(frozen=True)
class ReleaseMeta:
    """What the caller says of a release. `created_at` is aware; the clock is the caller's."""

    created_at: datetime
    data_through_on: date | None
    code_version: str
    registry_version: str
    settings: Mapping[str, object]
    group_name: str
    time_zone: str
    thresholds: Thresholds
    with_measures: bool = False

    @property
    def local_day(self) -> date:
        """The group's day."""
        return self.created_at.astimezone(ZoneInfo(self.time_zone)).date()

    @classmethod
    def of(
        cls,
        registry: Registry,
        *,
        created_at: datetime,
        data_through_on: date | None,
        code_version: str,
    ) -> "ReleaseMeta":
        """What follows from the group's declarations, with the rest given."""
        group = registry.group
        return cls(
            created_at=created_at,
            data_through_on=data_through_on,
            code_version=code_version,
            registry_version=registry.digest,
            settings={
                "periods": list(group.periods),
                "thresholds": group.thresholds.model_dump(mode="json"),
                "references": [
                    {"frozen_on": str(each.frozen_on), "sha256": each.sha256}
                    for each in registry.references
                ],
                "with_measures": group.with_measures,
            },
            group_name=group.name,
            time_zone=group.time_zone,
            thresholds=group.thresholds,
            with_measures=group.with_measures,
        )

    def row(self, release_id: str, source_digest: str) -> Row:
        """The one row of the table `release`."""
        return {
            "release_id": release_id,
            "created_at": self.created_at.astimezone(UTC).replace(tzinfo=None),
            "source_digest": source_digest,
            **self.content(),
        }

    def content(self) -> Row:
        """The part of that row that equal releases have in common."""
        return {
            "data_through_on": self.data_through_on,
            "code_version": self.code_version,
            "registry_version": self.registry_version,
            "settings": json.dumps(self.settings, sort_keys=True, separators=(",", ":")),
            "group_name": self.group_name,
            "time_zone": self.time_zone,
        }


@dataclass(frozen=True)
class MeasureProtections:
    """What keeps measures from giving somebody away. Each can be switched off, to see that the
    attacker needs it to be on (measures_known, tests/studies/measures_released)."""

    primary: bool = True
    """Cells of few, and shares of few or of all but few, are hidden."""
    classes: bool = True
    """Counts go out as classes."""
    kinds: bool = True
    """What is hidden of a kind of strata holds enough people."""
    ends: bool = True
    """Means near an end of their scale are coded."""
    partitions: bool = True
    """Of metrics that share out the same units never one alone is hidden."""
    periods: bool = True
    """Periods of metrics that add up are shown all or none."""
    refresh: bool = True
    """Rows stand until enough of their clients changed (standing_rows)."""
    sides: bool = True
    """Shares that add up over periods until enough changed of those counted and of the others."""
    history: bool = True
    """Since every release that wrote them, and not the last one alone."""


ALL_PROTECTIONS = MeasureProtections()


def prepare_measures(
    source: duckdb.DuckDBPyConnection,
    thresholds: Thresholds,
    protections: MeasureProtections = ALL_PROTECTIONS,
) -> None:
    """What the queries of measures share, on this connection alone: which cells are shown, and how
    they are rounded."""
    source.execute(
        "create or replace temp table metric_rules "
        "(metric varchar, aggregation varchar, partition varchar, reach varchar, adds_up boolean)"
    )
    source.executemany(
        "insert into metric_rules values (?, ?, ?, ?, ?)",
        [
            (each.metric, each.aggregation, each.partition, each.reach, each.adds_up_over_periods)
            for each in shipped_metrics()
        ],
    )
    for path in MEASURES:
        source.execute(
            path.read_text(encoding="utf-8").format(
                minimum_clients=int(thresholds.minimum_clients),
                minimum_therapists=int(thresholds.minimum_therapists),
                dominant_share=float(DOMINANT_THERAPIST_SHARE),
                suppressed=SUPPRESSED,
                primary=protections.primary,
                class_of="shown_least" if protections.classes else "exactly",
                low="low" if protections.ends else "null",
                families=protections.partitions,
                kinds=protections.kinds,
                periods=protections.periods,
            )
        )


def leave_measures_out(source: duckdb.DuckDBPyConnection) -> None:
    """The same for a release that has none: what its other queries ask of them is empty."""
    source.execute(WITHOUT_MEASURES.read_text(encoding="utf-8"))


def query(table: str) -> str | None:
    """SQL on the warehouse that yields a table's rows; None when it is made from declarations."""
    path = QUERIES / f"{table}.sql"
    return path.read_text(encoding="utf-8") if path.exists() else None


def declared_rows(
    table: str, source: duckdb.DuckDBPyConnection, registry: Registry, meta: ReleaseMeta
) -> list[Row]:
    """Rows of a table that come from declarations; none for a table that is only queried."""
    if table == "metrics":
        return [_metric(metric) for metric in registry.metrics]
    if table == "instruments":
        return _instruments(registry)
    if table == "interventions":
        return [each.model_dump() for each in registry.group.interventions]
    if table == "reference_bands":
        return bands.reference_bands(registry, meta.local_day)
    if table == "deliveries":
        return [*expected.next_deadlines(source, registry, meta.created_at), *_broken(registry)]
    if table == "expected_deliveries":
        return expected.calendar_rows(source, registry, meta.created_at)
    return []


def _metric(metric: Metric) -> Row:
    words = {"metric", "name", "definition", "formula", "unit", "minimum", "pitfall", "citation"}
    return {**metric.model_dump(include=words), "settings": json.dumps(metric.settings)}


def _instruments(registry: Registry) -> list[Row]:
    return [
        {
            "instrument_code": instrument.instrument_code,
            "version": instrument.version,
            "name": instrument.name,
            "kind": instrument.kind,
            "direction": instrument.direction,
            "n_items": instrument.n_items,
            "total_minimum": instrument.total.minimum,
            "total_maximum": instrument.total.maximum,
            "is_scored": instrument.is_scored,
            "risk_notice": RISK_NOTICE if instrument.risk_items else None,
            "cautions": " ".join(instrument.cautions) or None,
            "key_status": instrument.key_status,
            "key_note": instrument.key_note,
            "licence": instrument.licence,
            "citations": "; ".join(instrument.citations),
        }
        for instrument in registry.instruments.values()
    ]


def _broken(registry: Registry) -> list[Row]:
    """One row in state `declaration_broken` for each practice whose declaration cannot be used.

    What it owes cannot be told; without this row its numbers would grow old in silence. What is
    wrong stands in no release: it names files of the machine that made it.
    """
    return [
        {"practice_id": practice_id, "state": "declaration_broken", "message": _BROKEN}
        for practice_id in registry.broken
    ]
