"""Reference bands of a release: which are there, what each says, and files that are refused."""

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from expectations.frozen_reference import FrozenReference, Norm
from expectations.published_norm import PublishedNorm
from expectations.registry import Registry, load_registry
from orchestration.release.band_checks import band_problems
from orchestration.release.bands import reference_bands
from orchestration.release.contents import ReleaseMeta, declared_rows
from orchestration.release.tables import tables_of

DAY = date(2026, 11, 28)
SRS: dict[str, Any] = {
    "instrument_code": "srs",
    "version": "3",
    "language": "en",
    "informant": "client",
}
PERCENTILES: dict[str, Any] = {"p10": 28.0, "p25": 32.5, "median": 36.0, "p75": 38.5, "p90": 40.0}


def _norm(stage: str = "all", n_clients: int = 120, **changed: Any) -> Norm:
    content = SRS | PERCENTILES | {"stage": stage, "n_forms": 900, "n_clients": n_clients}
    return Norm.model_validate(content | changed)


def _frozen(on: date, *norms: Norm) -> FrozenReference:
    return FrozenReference(
        frozen_on=on, data_through_on=on, registry_version="x", norms=norms
    ).sealed()


def _published(**changed: Any) -> PublishedNorm:
    content: dict[str, Any] = {
        "population": "adult outpatients, made up",
        "language": "en",
        "informant": "client",
    }
    content |= {"n": 420, "mean": 34.2, "sd": 6.1, "mark": "V", "source": "Made up 2020"}
    return PublishedNorm.model_validate(content | changed)


def _registry(*references: FrozenReference, norms: tuple[PublishedNorm, ...] = ()) -> Registry:
    shipped = load_registry()
    srs = shipped.instruments["srs", "3"].model_copy(update={"norms": norms})
    return Registry(
        **{
            **{name: getattr(shipped, name) for name in shipped.__dataclass_fields__},
            "references": references,
            "instruments": {**shipped.instruments, ("srs", "3"): srs},
        }
    )


def test_a_frozen_reference_is_a_band_a_stage() -> None:
    norms = (_norm(mean=35.1, sd=4.4), _norm("opening", 100))
    rows = reference_bands(_registry(_frozen(date(2026, 7, 1), *norms)), DAY)
    network = SRS | {
        "collection_mode": None,
        "source": "this network",
        "band": "this network's forms through 2026-07-01",
        "frozen_on": date(2026, 7, 1),
    }
    places = {"p10": 28.0, "p25": 32.5, "p50": 36.0, "p75": 38.5, "p90": 40.0}
    assert rows == [
        network | places | {"stage": "all", "n": 120, "mean": 35.1, "sd": 4.4},
        # Frozen before mean and SD were kept.
        network | places | {"stage": "opening", "n": 100, "mean": None, "sd": None},
    ]


def test_fewer_than_a_hundred_clients_are_no_band() -> None:
    frozen = _frozen(date(2026, 7, 1), _norm("opening", 95), _norm("ending", 100))
    assert [row["stage"] for row in reference_bands(_registry(frozen), DAY)] == ["ending"]


def test_the_reference_in_force_on_the_day_is_shown_alone() -> None:
    days = (date(2026, 1, 1), DAY, date(2026, 11, 29))
    registry = _registry(*(_frozen(day, _norm()) for day in days))
    (row,) = reference_bands(registry, DAY)
    assert row["frozen_on"] == DAY
    assert reference_bands(registry, date(2025, 12, 31)) == []


def test_the_day_is_the_group_s_own() -> None:
    """The 28th begins in New York, where the group is, at 05:00 UTC."""
    registry = _registry(_frozen(DAY, _norm()))
    assert registry.group.time_zone == "America/New_York"
    for hour, n_rows in ((4, 0), (5, 1)):
        now = datetime(2026, 11, 28, hour, 30, tzinfo=UTC)
        meta = ReleaseMeta.of(registry, created_at=now, data_through_on=None, code_version="1")
        rows = declared_rows("reference_bands", duckdb.connect(), registry, meta)
        assert len(rows) == n_rows


def test_a_published_norm_names_its_source_its_people_and_no_day() -> None:
    (row,) = reference_bands(_registry(norms=(_published(),)), DAY)
    assert row == SRS | {
        "stage": "all",
        "source": "Made up 2020",
        "band": "adult outpatients, made up",
        "n": 420,
        "mean": 34.2,
        "sd": 6.1,
        **dict.fromkeys(("p10", "p25", "p50", "p75", "p90")),
    }


def test_every_norm_that_is_declared_is_shown() -> None:
    """None is declared as shipped: no alliance norm with a source and its N could be read. The
    first one that is added has to be added here."""
    registry = load_registry()
    declared = sum(len(one.norms) for one in registry.instruments.values())
    assert declared == len(reference_bands(registry, DAY)) == 0
    both = (_published(), _published(population="students, made up"))
    assert len(reference_bands(_registry(norms=both), DAY)) == 2


def _table(rows: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    (table,) = (each for each in tables_of("release") if each.table == "reference_bands")
    con.execute(table.create_statement)
    for row in rows:
        marks = ", ".join("?" for _ in table.names)
        values = [row.get(name) for name in table.names]
        con.execute(f"insert into reference_bands values ({marks})", values)
    return con


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n": 95}, "fewer than 100 people"),
        ({"n": None}, "fewer than 100 people"),
        ({"n": 121}, "an exact count"),
        ({"frozen_on": None}, "no day"),
        ({"source": "Made up 2020"}, "a day of freezing"),
        ({"source": " "}, "who says so"),
        ({"band": None}, "whom they describe"),
        ({"p90": 39.95}, "finer than a tenth"),
        (dict.fromkeys(("mean", "p10", "p25", "p50", "p75", "p90")), "neither a mean"),
    ],
)
def test_a_wrong_band_is_refused(changed: dict[str, Any], said: str) -> None:
    frozen = _frozen(date(2026, 7, 1), _norm(mean=35.1, sd=4.4))
    rows = [dict(row) for row in reference_bands(_registry(frozen, norms=(_published(),)), DAY)]
    assert list(band_problems(_table(rows))) == []
    problems = list(band_problems(_table([rows[0] | changed, rows[1]])))
    assert any(said in problem for problem in problems), problems


def test_a_reference_frozen_before_the_mean_was_kept_is_still_whole() -> None:
    """Its digest was taken of a file that had no such field."""
    reference = _frozen(date(2026, 7, 1), _norm())
    content = reference.model_dump(mode="json", exclude={"sha256"})
    for norm in content["norms"]:
        del norm["mean"], norm["sd"]
    sealed_then = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    assert reference.sha256 == sealed_then
    assert _frozen(date(2026, 7, 1), _norm(mean=35.0)).sha256 != reference.sha256
