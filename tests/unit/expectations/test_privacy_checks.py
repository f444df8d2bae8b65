"""What each privacy class demands of a contract, told with file and line when it is read."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from expectations.registry import load_registry
from tests.unit.expectations.homes import PRACTICE, home, line_of
from tests.unit.ingest import declarations

AGREEMENT = PRACTICE[PRACTICE.index("agreements:") : PRACTICE.index("\n    owners")]
CLASS = "privacy_class: limited_data_set"


def _problems(tmp_path: Path, *changes: tuple[str, str]) -> tuple[str, str]:
    text = PRACTICE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    registry = load_registry([home(tmp_path, lakeside=text)])
    return text, "\n".join(registry.broken.get("lakeside", ()))


@pytest.mark.parametrize(
    ("changes", "line", "message"),
    [
        (
            [(AGREEMENT, "agreements: []")],
            "agreements:",
            "limited_data_set needs an agreement on file",
        ),
        (
            [(CLASS, "privacy_class: phi_under_baa")],
            "agreements:",
            "needs an agreement of kind business_associate_agreement",
        ),
        ([(CLASS, "privacy_class: expert_determination")], "contracts:", "needs `document`"),
        ([(CLASS, "privacy_class: gdpr_pseudonymised")], "contracts:", "needs `legal_basis`"),
        (
            [(CLASS, "privacy_class: gdpr_pseudonymised\n    privacy_terms: {legal_basis: x}")],
            "privacy_terms",
            "needs `role`",
        ),
        (
            [(CLASS, CLASS + "\n    privacy_terms: {role: processor}")],
            "privacy_terms",
            "says nothing under limited_data_set",
        ),
        ([("discard: [room]", "discard: [PatientName]")], "discard", "names a direct identifier"),
        ([("from: Day", "from: birth_date")], "file: sessions", "names a direct identifier"),
    ],
)
def test_what_is_missing_is_named_by_line(
    tmp_path: Path, changes: list[tuple[str, str]], line: str, message: str
) -> None:
    text, problems = _problems(tmp_path, *changes)
    assert message in problems
    numbers = {
        int(problem.split(":")[1]) for problem in problems.splitlines() if message in problem
    }
    assert numbers <= {line_of(text, line), line_of(text, line) + 1}


def test_classes_with_what_they_need_load(tmp_path: Path) -> None:
    for terms in (
        "privacy_class: expert_determination\n    privacy_terms: {document: Report of 2026-01-31}",
        "privacy_class: gdpr_pseudonymised\n"
        "    privacy_terms: {legal_basis: 6(1)(e) and 9(2)(j), role: processor}",
    ):
        assert _problems(tmp_path, (CLASS, terms))[1] == ""
    baa = (CLASS, "privacy_class: phi_under_baa")
    assert (
        _problems(tmp_path, baa, ("kind: data_use", "kind: Business Associate Agreement"))[1] == ""
    )


def test_safe_harbor_has_years_no_places_and_comes_once_a_year(tmp_path: Path) -> None:
    harbor = (CLASS, "privacy_class: safe_harbor")
    yearly = ("    owners:", "    cadence: {every: year}\n    owners:")
    year = ("{from: Day}", '{from: Year, date_format: "%Y", day_offset: DayNo}')
    assert _problems(tmp_path, harbor, yearly, year)[1] == ""
    assert "`every: year` under safe_harbor" in _problems(tmp_path, harbor, year)[1]
    # A kind of file has a cadence of its own; safe_harbor binds that one, too.
    often = ("file: sessions", "file: sessions\n        cadence: {every: month}")
    assert "`every: year` under safe_harbor" in _problems(tmp_path, harbor, yearly, year, often)[1]
    assert "scheduled_on: must be a year" in _problems(tmp_path, harbor, yearly)[1]
    city = ("discard: [room]", "discard: [home_city]")
    assert "`home_city` names a direct" in _problems(tmp_path, harbor, yearly, year, city)[1]
    assert _problems(tmp_path, city)[1] == ""


def test_an_offset_needs_a_year(tmp_path: Path) -> None:
    days = ("{from: Day}", "{from: Day, day_offset: DayNo}")
    assert "goes with dates that are years" in _problems(tmp_path, days)[1]


def test_a_paper_of_another_kind_lets_nothing_in() -> None:
    paper = {"signed_on": "2020-01-01", "expires_on": "2030-01-01", "purpose": "x"}
    terms: dict[str, Any] = {
        "privacy_class": "phi_under_baa",
        "agreements": [{"kind": "letter", **paper}],
    }
    contract = declarations.practice(declarations.WIDE_FILE, **terms).contracts[0]
    assert not contract.has_agreement_on(date(2026, 1, 1))
    terms["agreements"] = [{"kind": "Business associate agreement", **paper}]
    contract = declarations.practice(declarations.WIDE_FILE, **terms).contracts[0]
    assert contract.has_agreement_on(date(2026, 1, 1))
    assert not contract.has_agreement_on(date(2031, 1, 1))
