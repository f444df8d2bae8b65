"""A published trial of real patients through the whole night, by YAML alone.

Totals only, no dates, no therapists: period `all`, the client rule, no flags.
"""

import math
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from expectations.registry import load_registry
from orchestration.ingest.pseudonyms import create_key
from orchestration.nightly import run_nightly
from orchestration.settings import from_environment
from tests.parsed_project import give

DECLARATIONS = Path(__file__).parents[1] / "fixtures" / "published_trial"


@pytest.fixture(scope="module")
def export(shared: Path) -> Path:
    return shared / "real" / "claus_2020.csv"


def test_two_groups_compared(
    export: Path, tmp_path: Path, parsed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shutil.copytree(DECLARATIONS, home)
    monkeypatch.setenv("ALLIANCE_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    settings = from_environment(home)
    registry = load_registry([home])
    create_key(settings.keys, "trial")
    give(parsed, settings.dbt_target)
    (settings.landing / "trial").mkdir(parents=True)
    shutil.copy(export, settings.landing / "trial")
    report = run_nightly(settings, registry)
    (line,) = report.practices
    assert not report.problems
    assert line.n_rows_read == line.n_accepted + line.n_excluded

    patients = pd.read_csv(export)
    with duckdb.connect(str(settings.releases / f"{report.release_id}.duckdb")) as con:
        rows = con.execute(
            "select * from site_benchmarks where stage = 'all' order by instrument_code, site_id"
        ).df()
    assert rows["period"].unique().tolist() == ["all"]
    assert rows[["instrument_code", "site_id"]].to_numpy().tolist() == [
        ["bdi", "pa"],
        ["bdi", "tau"],
        ["ham_d", "pa"],
        ["ham_d", "tau"],
    ]
    for row in rows.itertuples():
        column = {"bdi": "bdi", "ham_d": "hamd"}[str(row.instrument_code)]
        group = patients[patients["treatment"] == str(row.site_id).upper()]
        means = group.groupby("id")[column].mean().dropna()
        # Counts to 5 and means to a tenth; the error is of the rounded count, to a hundredth, and
        # never one that would keep a client from the far end of the scale: of n - 2 clients at
        # least one may be there.
        n = 5 * round(len(means) / 5)
        assert row.n_clients == n
        assert row.raw == pytest.approx(round(means.mean(), 1))
        mean, top = round(means.mean(), 1), {"bdi": 63, "ham_d": 52}[str(row.instrument_code)]
        least = math.ceil(100 * max(mean, top - mean) / (n - 3)) / 100
        assert row.standard_error == max(round(means.std() / n**0.5, 2), least)
        assert "therapist_unknown" in str(row.comparability)
    assert rows["n_therapists"].isna().all()
    assert rows["flag"].isna().all()
