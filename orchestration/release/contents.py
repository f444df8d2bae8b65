"""What goes into a release: queries on the warehouse, and rows from the declarations."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from expectations.base import Declaration
from expectations.model import Thresholds
from expectations.registry import Registry
from expectations.yaml_source import read_yaml
from orchestration import benchmarking
from orchestration.release.cadence import first_expected_by, next_expected_by

QUERIES = Path(__file__).with_name("queries")
METRICS = Path(benchmarking.__file__).with_name("metrics.yml")

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
    is_internal_only: bool = True

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
            },
            group_name=group.name,
            time_zone=group.time_zone,
            thresholds=group.thresholds,
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
            "is_internal_only": self.is_internal_only,
            "group_name": self.group_name,
            "time_zone": self.time_zone,
        }


class Metric(Declaration):
    """What one metric means; a row of the table `metrics`."""

    metric: str
    name: str
    definition: str
    unit: str
    minimum: str
    pitfall: str
    citation: str


class _Metrics(Declaration):
    metrics: tuple[Metric, ...]


def query(table: str) -> str | None:
    """SQL on the warehouse that yields a table's rows; None when it is made from declarations."""
    path = QUERIES / f"{table}.sql"
    return path.read_text(encoding="utf-8") if path.exists() else None


def declared_rows(
    table: str, source: duckdb.DuckDBPyConnection, registry: Registry, meta: ReleaseMeta
) -> list[Row]:
    """Rows of a table that come from declarations; none for a table that is only queried."""
    if table == "metrics":
        return [dict(metric) for metric in read_yaml(METRICS).parse(_Metrics).metrics]
    if table == "instruments":
        return _instruments(registry)
    if table == "deliveries":
        expected = expected_deliveries(registry, _last_received(source), meta.created_at)
        return [*expected, *broken_declarations(registry)]
    return []


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
            "key_status": instrument.key_status,
            "key_note": instrument.key_note,
            "licence": instrument.licence,
            "citations": "; ".join(instrument.citations),
        }
        for instrument in registry.instruments.values()
    ]


def _last_received(source: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], datetime]:
    """UTC time of the last loaded delivery by practice and feed; a refused one is still owed."""
    rows = source.execute(
        "select practice_id, feed, max(received_at) from raw.deliveries "
        "where state in ('loaded', 'duplicate') group by practice_id, feed"
    ).fetchall()
    return {(str(practice_id), str(feed)): last for practice_id, feed, last in rows}


def expected_deliveries(
    registry: Registry,
    last_received_at: Mapping[tuple[str, str], datetime],
    created_at: datetime,
) -> list[Row]:
    """One row in state `expected` for each practice x feed of the contract valid today.

    `last_received_at` is naive UTC, as in the ledger. A practice without a contract owes nothing.
    """
    time_zone = registry.group.time_zone
    zone = ZoneInfo(time_zone)
    rows: list[Row] = []
    for practice_id, practice in registry.practices.items():
        contract = practice.contract_on(created_at.astimezone(zone).date())
        for feed in contract.feeds if contract else ():
            assert contract is not None
            last = last_received_at.get((practice_id, feed))
            if last is None:
                due = first_expected_by(contract.valid_from, contract.cadence, time_zone)
            else:
                last_on = last.replace(tzinfo=UTC).astimezone(zone).date()
                due = next_expected_by(last_on, contract.cadence, time_zone)
            rows.append(
                {
                    "practice_id": practice_id,
                    "feed": feed,
                    "state": "expected",
                    "expected_by_at": due.replace(tzinfo=None),
                }
            )
    return rows


def broken_declarations(registry: Registry) -> list[Row]:
    """One row in state `declaration_broken` for each practice whose declaration cannot be used.

    What it owes cannot be told; without this row its numbers would grow old in silence. What is
    wrong stands in no release: it names files of the machine that made it.
    """
    return [
        {"practice_id": practice_id, "state": "declaration_broken", "message": _BROKEN}
        for practice_id in registry.broken
    ]
