"""What the declarations put into a release by themselves."""

from datetime import UTC, datetime

import duckdb

from expectations.registry import load_registry
from orchestration.release.contents import ReleaseMeta, declared_rows


def test_a_questionnaire_takes_its_notices_along() -> None:
    registry = load_registry()
    now = datetime(2026, 11, 28, tzinfo=UTC)
    meta = ReleaseMeta.of(registry, created_at=now, data_through_on=None, code_version="1")
    rows = {
        row["instrument_code"]: row
        for row in declared_rows("instruments", duckdb.connect(), registry, meta)
    }
    at_risk = {code for code, row in rows.items() if row["risk_notice"]}
    assert at_risk == {"phq_9", "core_10", "core_om", "oq_45"}
    assert "not an alerting system" in str(rows["phq_9"]["risk_notice"])
    assert {code for code, row in rows.items() if row["cautions"]} == {"oq_45", "tasc_r", "taqr"}
    declared = {one.instrument_code: one.key_status for one in registry.instruments.values()}
    assert {code: row["key_status"] for code, row in rows.items()} == declared
