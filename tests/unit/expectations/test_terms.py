"""What a contract may say beside its columns is checked before the first night."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import duckdb
import pytest

from expectations.file_checks import file_problems
from expectations.mapping_checks import mapping_problems
from expectations.practice import FileSpec
from expectations.registry import Registry, load_registry
from expectations.schedule import Exemption, Schedule
from expectations.tolerance_checks import tolerance_problems
from expectations.yaml_source import Finding
from orchestration.reference import write_reference
from tests.unit.ingest import declarations


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


def _spec(**more: Any) -> FileSpec:
    return FileSpec.model_validate({**declarations.WIDE_FILE, **more})


def _said(findings: Iterable[Finding]) -> str:
    return " | ".join(f"{'.'.join(map(str, place))}: {text}" for place, text in findings)


def _tolerance(**more: Any) -> dict[str, Any]:
    return {"check": "quarantine", "share": 0.1, "note": "n", "noted_on": "2026-01-05", **more}


@pytest.mark.parametrize(
    ("tolerated", "message"),
    [
        ([_tolerance()], ""),
        ([_tolerance(check="administrations.client_id.required")], ""),
        ([_tolerance(check="administrations.item_02.in_range")], ""),
        ([_tolerance(check="episodes.state.one_of")], "is no check of this file's feeds"),
        ([_tolerance(check="administrations.state.misspelt")], "is no check of this file's feeds"),
        ([_tolerance(), _tolerance()], "is tolerated twice"),
        ([_tolerance(until="2025-12-31")], "is before noted_on"),
    ],
)
def test_tolerances(registry: Registry, tolerated: list[dict[str, Any]], message: str) -> None:
    said = _said(tolerance_problems((), _spec(tolerated=tolerated), registry.feeds))
    assert (message in said) if message else not said


def test_a_tolerance_ends(registry: Registry) -> None:
    spec = _spec(tolerated=[_tolerance(share=0.3, until="2026-03-31")])
    assert spec.tolerated_shares(date(2026, 3, 31)) == {"quarantine": 0.3}
    assert spec.tolerated_shares(date(2026, 4, 1)) == {}


def _dated(pattern: str) -> dict[str, Any]:
    (mapping,) = declarations.WIDE_FILE["mappings"]
    return {"mappings": [{**mapping, "date_format": pattern}]}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({**_dated("%d.%m.%Y %H:%M"), "times": {"days_in": "Europe/Berlin"}}, ""),
        ({**_dated("%d.%m.%Y %H:%M"), "times": {"days_in": "Berlin"}}, "times.days_in: must be"),
        ({"times": {"days_in": "Europe/Berlin"}}, "goes with a date format that reads a time"),
        (_dated("%d.%m.%YT%H:%M%z"), "needs `times"),
        ({"id_namespaces": {"client": "survey"}}, ""),
        ({"id_namespaces": {"day": "survey"}}, "id_namespaces.day: is no column that holds ids"),
    ],
)
def test_times_and_namespaces(registry: Registry, more: dict[str, Any], message: str) -> None:
    said = _said(file_problems((), _spec(**more), registry.feeds))
    assert (message in said) if message else not said


@pytest.mark.parametrize(
    ("block", "instrument", "message"),
    [
        ({"already_reversed": True}, {}, ""),
        ({"already_reversed": True}, {"reversed_items": ()}, "has no reversed items"),
        ({"item_coding": "position"}, {}, ""),
        ({"item_coding": "position"}, {"item_step": None}, "no response points"),
    ],
)
def test_codings(
    registry: Registry, block: dict[str, Any], instrument: dict[str, Any], message: str
) -> None:
    (mapping,) = declarations.WIDE_FILE["mappings"]
    spec = _spec(mappings=[{**mapping, "forms": [{**mapping["forms"][0], **block}]}])
    known = {("short_form", "1"): declarations.INSTRUMENT.model_copy(update=instrument)}
    feed = registry.feeds["administrations"]
    said = _said(mapping_problems((), spec.mappings[0], feed, ("north",), known))
    assert (message in said) if message else not said


def test_an_exemption_says_whom_it_lets_off() -> None:
    with pytest.raises(ValueError, match="say which sessions"):
        Exemption(reason="nothing")


def test_exemptions_and_scopes_by_age_become_rows(registry: Registry) -> None:
    schedule = Schedule.model_validate(
        {
            "schedule_id": "each",
            "instrument_code": "srs",
            "version": "3",
            "informant": "client",
            "rule": "every_session",
            "valid_from": "2024-01-01",
            "scope": {"age_bands": ["18_29", "30_39"]},
            "exemptions": [
                {"reason": "by_phone", "delivery_modes": ["phone", "text"]},
                {"reason": "tablets_broken", "valid_from": "2026-02-01", "valid_to": "2026-02-14"},
            ],
        }
    )
    declared = declarations.practice(declarations.WIDE_FILE, schedules=[schedule])
    con = duckdb.connect()
    con.execute("create schema reference")
    write_reference(
        con, Registry(registry.group, {"brook": declared}, registry.feeds, registry.instruments, {})
    )
    rows = con.execute(
        "select reason, count(*), count(age_band), count(delivery_mode), min(valid_to)::varchar "
        "from reference.schedule_exemptions group by reason order by reason"
    ).fetchall()
    # Twelve bands and the unrecorded, without the two in scope.
    assert rows == [
        ("by_phone", 2, 0, 2, None),
        ("out_of_scope", 11, 11, 0, None),
        ("tablets_broken", 1, 0, 0, "2026-02-14"),
    ]
