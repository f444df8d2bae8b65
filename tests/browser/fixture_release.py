"""A release file with a known content, in the schema of a real one (its allow-list).

Written by hand and not by the pipeline, so that a page's tests run in seconds and hold every state
a site can be in: within, outside either limit on either side, no flag for each reason, suppressed,
late. Numbers follow from each other as in a real release (limits from standard error and tau2).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from expectations.instrument import RISK_NOTICE
from orchestration.release.tables import tables_of
from tests.browser import fixture_comparison

Z95, Z998 = 1.959964, 3.090232
CREATED_AT = datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
DATA_THROUGH_ON = date(2026, 10, 31)
LONG_PAST = datetime(2026, 11, 3, 5, 0, tzinfo=UTC)
"""A deadline that has passed on any clock this test runs on."""
FAR_FUTURE = datetime(2999, 1, 1, tzinfo=UTC)

PRACTICES = {
    "birchwood": "Birchwood Psychology",
    "harbour": "Harbour Counselling",
    "northgate": "Northgate Practice",
}

SITES: tuple[tuple[str, str, str], ...] = (
    ("birchwood", "abbey_lane", "Abbey Lane"),
    ("birchwood", "castle_hill", "Castle Hill"),
    ("birchwood", "elm_court", "Elm Court"),
    ("birchwood", "mill_road", "Mill Road"),
    ("birchwood", "station_square", "Station Square"),
    ("harbour", "dockside", "Dockside"),
    ("harbour", "lighthouse", "Lighthouse"),
    ("harbour", "main", "Main House"),
    ("harbour", "quay_street", "Quay Street"),
    ("harbour", "riverside", "Riverside"),
    ("northgate", "garden_wing", "Garden Wing"),
    ("northgate", "main", "Main House"),
    ("northgate", "orchard", "Orchard"),
    ("northgate", "west_end", "West End"),
)


@dataclass(frozen=True)
class Cell:
    """One site in one view. `offset` is its distance from the target in units of sqrt(s² + tau2).

    `standard_error` and `target` are in scale points. A site that is no member of
    its network (therapists unknown) has no range; one that is not comparable has one, but no flag.
    """

    practice_id: str
    site_id: str
    n_clients: int = 200
    n_therapists: int | None = 8
    standard_error: float | None = 0.5
    offset: float = 0.0
    response_rate: float | None = 0.7
    ceiling_share: float | None = 0.24
    comparability: str | None = None
    is_flagged: bool = True
    is_member: bool = True
    is_suppressed: bool = False
    instrument_code: str = "srs"
    version: str = "3"
    language: str = "en"
    informant: str = "client"
    collection_mode: str | None = "tablet"
    stage: str = "all"
    period: str = "12m-2026-10"
    target: float = 35.4
    tau2: float = 0.09
    raw_bound: str | None = None
    ceiling_share_bound: str | None = None
    standard_error_bound: str | None = None


@dataclass(frozen=True)
class FixtureRelease:
    """Where the release is; its numbers are read from the file itself."""

    home: Path
    release_id: str
    path: Path


def default_cells() -> list[Cell]:
    """14 sites on the session rating scale in every state, and a few other views."""
    every_state = [
        Cell("birchwood", "abbey_lane", 262, 9, 0.47, 0.4, 0.74, 0.26),
        Cell("birchwood", "castle_hill", 141, 6, 0.62, -0.9, 0.69, 0.22),
        Cell("birchwood", "elm_court", 318, 12, 0.41, 3.6, 0.81, 0.38),
        Cell("birchwood", "mill_road", 96, 5, 0.71, 1.1, 0.66, 0.25),
        Cell("birchwood", "station_square", is_suppressed=True),
        Cell("harbour", "dockside", 205, 8, 0.52, -2.4, 0.71, 0.15),
        Cell("harbour", "lighthouse", 174, 7, 0.55, 0.2, 0.77, 0.24),
        Cell("harbour", "main", 233, 10, 0.46, -0.3, 0.72, 0.23),
        Cell("harbour", "quay_street", 118, 4, 0.78, 2.3, 0.63, 0.31),
        Cell("harbour", "riverside", 287, 11, 0.43, -3.5, 0.79, 0.12),
        replace(
            Cell("northgate", "garden_wing", 22, 3, 1.05, 0.6, 0.58, 0.2, "too_few_clients"),
            is_flagged=False,
            raw_bound="at_least",
            ceiling_share_bound="at_most",
        ),
        replace(
            Cell("northgate", "main", 152, 6, 0.6, 0.9, 0.41, 0.27, "response_rate_low"),
            is_flagged=False,
        ),
        replace(
            Cell("northgate", "orchard", 64, None, 0.66, -0.5, 0.62, 0.2, "therapist_unknown"),
            is_member=False,
            standard_error_bound="at_most",
        ),
        Cell("northgate", "west_end", is_suppressed=True),
    ]
    quarter = [
        replace(cell, period="2026-Q3", standard_error=(cell.standard_error or 0.6) * 1.4, offset=0)
        for cell in every_state[:4]
    ]
    opening = [replace(cell, stage="opening", offset=0.2) for cell in every_state[:9]]
    # Two sites are no network: no target, no limits, no flag.
    on_paper = [
        replace(
            cell,
            collection_mode="paper",
            comparability="too_few_sites",
            is_flagged=False,
            is_member=False,
        )
        for cell in every_state[:2]
    ]
    working = replace(every_state[0], instrument_code="wai_sr", target=49.2, tau2=0.0)
    inventory = [
        replace(
            working,
            practice_id=cell.practice_id,
            site_id=cell.site_id,
            standard_error=0.7 + 0.1 * place,
            offset=0.3 * place,
        )
        for place, cell in enumerate(every_state[5:9])
    ]
    symptoms = [
        Cell("birchwood", "abbey_lane", offset=2.5, target=9.8, instrument_code="phq_9"),
        Cell("harbour", "dockside", is_suppressed=True, instrument_code="phq_9"),
    ]
    symptoms = [replace(cell, version="1") for cell in symptoms]
    inventory = [replace(cell, version="1") for cell in inventory]
    return [*every_state, *quarter, *opening, *on_paper, *inventory, *symptoms]


def _flag(offset: float) -> str:
    side = "above" if offset > 0 else "below"
    if abs(offset) > Z998:
        return f"{side}_998"
    return f"{side}_95" if abs(offset) > Z95 else "within"


def _benchmark_row(cell: Cell) -> dict[str, object]:
    identity: dict[str, object] = {
        name: getattr(cell, name)
        for name in (
            "practice_id",
            "site_id",
            "instrument_code",
            "version",
            "language",
            "informant",
            "collection_mode",
            "stage",
            "period",
        )
    }
    identity |= {"metric": "mean_score", "is_suppressed": cell.is_suppressed}
    if cell.is_suppressed:
        return identity | {"suppression_reason": "too_few"}
    spread = ((cell.standard_error or 0.7) ** 2 + cell.tau2) ** 0.5
    raw = cell.target + cell.offset * spread
    identity |= {
        "n_clients": cell.n_clients,
        "n_therapists": cell.n_therapists,
        "n_forms": cell.n_clients * 6,
        "response_rate": cell.response_rate,
        "ceiling_share": cell.ceiling_share,
        "raw": raw,
        "standard_error": cell.standard_error,
        "comparability": cell.comparability,
        "raw_bound": cell.raw_bound,
        "ceiling_share_bound": cell.ceiling_share_bound,
        "standard_error_bound": cell.standard_error_bound,
        "target": cell.target,
        "tau2": cell.tau2,
        "phi": 1.3,
    }
    if cell.standard_error is None or not cell.is_member:
        return identity | dict.fromkeys(("target", "tau2", "phi"))
    identity["z"] = (raw - cell.target) / cell.standard_error
    for name, z in (("95", Z95), ("998", Z998)):
        identity[f"lower{name}"] = cell.target - z * spread
        identity[f"upper{name}"] = cell.target + z * spread
    if cell.is_flagged:
        identity["flag"] = _flag(cell.offset)
    if cell.tau2:
        identity |= fixture_comparison.shrunken(
            identity, "raw", "standard_error", cell.target, cell.tau2
        )
    return identity


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[dict[str, object]]
) -> None:
    for row in rows:
        names, marks = ", ".join(row), ", ".join("?" for _ in row)
        connection.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))


_CELL = ("practice_id", "site_id", *fixture_comparison.NETWORK, "metric", "period")


def _key(row: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(row[name] for name in _CELL)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


SRS = "Session Rating Scale, version 3"
WAI_SR = "Working Alliance Inventory, Short Revised, client form"
PHQ_9 = "Patient Health Questionnaire, nine items"
_INSTRUMENTS: tuple[tuple[object, ...], ...] = (
    ("srs", "3", SRS, "alliance", "higher_is_better", 4, 0, 40, None, None, "verified"),
    ("wai_sr", "1", WAI_SR, "alliance", "higher_is_better", 12, 12, 60, None, None, "unverified"),
    (
        *("phq_9", "1", PHQ_9, "outcome", "lower_is_better", 9, 0, 27),
        *(RISK_NOTICE, "Read it with care.", "verified"),
    ),
)


def _instrument_rows() -> list[dict[str, object]]:
    names = (
        "instrument_code",
        "version",
        "name",
        "kind",
        "direction",
        "n_items",
        "total_minimum",
        "total_maximum",
        "risk_notice",
        "cautions",
        "key_status",
    )
    return [
        dict(zip(names, row, strict=True))
        | {
            "key_note": "Subscale key from a secondary source." if row[-1] == "unverified" else "",
            "licence": "See the publisher's terms.",
            "citations": "A citation.",
        }
        for row in _INSTRUMENTS
    ]


def _delivery_rows(late: Sequence[str], broken: Sequence[str]) -> list[dict[str, object]]:
    """What a broken practice owes cannot be told: one row says that it is broken."""
    rows: list[dict[str, object]] = [
        {"practice_id": practice_id, "state": "declaration_broken"} for practice_id in broken
    ]
    for practice_id in (name for name in PRACTICES if name not in broken):
        for feed in ("sessions", "administrations"):
            deadline = LONG_PAST if practice_id in late else FAR_FUTURE
            common = {"practice_id": practice_id, "feed": feed}
            loaded = {"state": "loaded", "delivery_id": f"{practice_id}-{feed}-1"}
            received = {"received_at": _naive(CREATED_AT - timedelta(hours=2))}
            rows.append({**common, **loaded, **received, "file_name": f"{feed}.csv"})
            expected = {"state": "expected", "expected_by_at": _naive(deadline)}
            rows.append({**common, **expected})
    return rows


def build_release(
    home: Path,
    cells: Sequence[Cell] | None = None,
    *,
    release_id: str = "2026-11-02-030405",
    late: Sequence[str] = ("northgate",),
    broken: Sequence[str] = (),
    site_names: dict[tuple[str, str], str] | None = None,
    delivered: Mapping[str, Sequence[dict[str, object]]] | None = None,
    has_measures: bool = True,
    without: Sequence[str] = (),
) -> FixtureRelease:
    """Write a release under `home` and point `current.json` at it, file first, pointer last.

    `delivered`: rows of the calendar and of the ledger beside those every fixture has, by table.
    `has_measures`: whether the group asks for measures, and so whether anything is adjusted.
    `without`: tables that are left empty.
    """
    releases = home / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    path = releases / f"{release_id}.duckdb"
    names = site_names or {}
    with duckdb.connect(str(path)) as connection:
        for table in tables_of("release"):
            connection.execute(table.create_statement)
        release: dict[str, object] = {
            "release_id": release_id,
            "created_at": _naive(CREATED_AT),
            "data_through_on": DATA_THROUGH_ON,
            "code_version": "0.1.0",
            "settings": json.dumps({"with_measures": has_measures}),
            "group_name": "Three Rivers Practice Group",
            "time_zone": "Europe/Berlin",
        }
        _insert(connection, "release", [release])
        shown = default_cells() if cells is None else cells
        benchmarks = [_benchmark_row(cell) for cell in shown]
        behind = fixture_comparison.behind(benchmarks)
        adjusted = {_key(row): row.get("adjusted") for row in behind["site_adjustments"]}
        if has_measures and "site_adjustments" not in without:
            benchmarks = [row | {"adjusted": adjusted.get(_key(row))} for row in benchmarks]
        _insert(connection, "site_benchmarks", benchmarks)
        measures = {table.table for table in tables_of("release") if table.is_measure}
        for name, own in behind.items():
            if name not in without and (has_measures or name not in measures):
                _insert(connection, name, own)
        _insert(connection, "deliveries", _delivery_rows(late, broken))
        for name, rows in (delivered or {}).items():
            _insert(connection, name, rows)
        _insert(connection, "instruments", _instrument_rows())
        metric: dict[str, object] = {
            "metric": "mean_score",
            "name": "Mean score",
            "definition": "Mean of the clients' mean total scores.",
            "unit": "scale points",
            "pitfall": "Read it beside the share at the best score.",
        }
        _insert(connection, "metrics", [metric])
        _insert(
            connection,
            "sites",
            [
                {
                    "practice_id": practice_id,
                    "practice_name": PRACTICES[practice_id],
                    "site_id": site_id,
                    "site_name": names.get((practice_id, site_id), name),
                    "open_from": date(2020, 1, 1),
                }
                for practice_id, site_id, name in SITES
            ],
        )
        connection.execute("checkpoint")
    pointer = {
        "release_id": release_id,
        "release": path.name,
        "quality": f"{release_id}.quality.duckdb",
    }
    temporary = releases / "current.json.new"
    temporary.write_text(json.dumps(pointer), encoding="utf-8")
    temporary.replace(releases / "current.json")
    return FixtureRelease(home, release_id, path)
