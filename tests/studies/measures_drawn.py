"""Sites drawn small enough that most cells of their measures are near the limits, as units, as rows
of marts.rpt_site_metrics, and as the sketches that the dbt project makes of them.
"""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import numpy as np
import pandas as pd

from expectations.metric import shipped_metrics
from expectations.model import Thresholds
from tests.unit.release.measured_warehouse import CELL

MONTHS = tuple(f"{2024 + month // 12}-{month % 12 + 1:02d}" for month in range(8, 28))
YEAR = MONTHS[4:16]
STRATA = {
    "age_band": ("18_29", "30_44", "45_59", "60_74", "75_plus"),
    "delivery_mode": ("in_person", "video"),
}
CHANGES = ("recovered", "improved", "unchanged", "deteriorated", "harmed")
SHARES = (*CHANGES, "flow_reached_3")
METRICS = ("mean_score", "early_alliance", *SHARES)
NAME = ("site_id", "metric", "stratum_kind", "stratum", "period")
"""What names a cell of these sites."""
LASTING = (*NAME[:-1], "lasting")
"""What a cell is found again by: `lasting` is its period, and "12m" of the last twelve months."""
_DBT = Path(__file__).parents[2] / "dbt_project"


def drawn_people(
    rng: np.random.Generator, site: int, months: Sequence[str] = YEAR, n: int | None = None
) -> pd.DataFrame:
    """Clients of one site: each has one episode."""
    n = int(rng.integers(25, 160)) if n is None else n
    share = rng.dirichlet(np.full(5, 0.7))
    return pd.DataFrame(
        {
            "client": np.arange(n),
            "age_band": rng.choice(STRATA["age_band"], n, p=share),
            "delivery_mode": rng.choice(STRATA["delivery_mode"], n, p=[0.85, 0.15]),
            "opened": rng.choice(list(months), n, p=rng.dirichlet(np.full(len(months), 0.8))),
            "change": rng.choice(CHANGES, n, p=rng.dirichlet([3, 2, 4, 0.7, 0.4])),
            # Many a site is near the top of the scale.
            "level": np.clip(rng.normal(rng.uniform(20, 46), 4, n), 0, 40),
            "is_reached": rng.random(n) < rng.uniform(0.1, 0.6),
            "site": site,
        }
    )


def drawn_units(
    rng: np.random.Generator, people: pd.DataFrame, months: Sequence[str] = YEAR
) -> pd.DataFrame:
    """One row a unit: metric, period's month, client, value (of a share 0 or 1)."""
    forms = people.loc[people.index.repeat(rng.integers(1, 6, len(people)))].copy()
    forms["month"] = rng.choice(list(months), len(forms))
    forms["value"] = np.clip(np.round(forms["level"] + rng.normal(0, 2, len(forms))), 0, 40)
    parts = [forms.assign(metric="mean_score")]
    episodes = people.rename(columns={"opened": "month"})
    parts.append(episodes.assign(metric="early_alliance", value=np.round(people["level"])))
    for name in CHANGES:
        is_so = (people["change"] == name).astype("float64")
        parts.append(episodes.assign(metric=name, value=is_so))
    is_so = people["is_reached"].astype("float64")
    parts.append(episodes.assign(metric="flow_reached_3", value=is_so))
    return pd.concat(parts, ignore_index=True)


def periods_of(months: Sequence[str]) -> pd.DataFrame:
    """Closed periods of consecutive months, a row a month of each: month, period."""
    rows = [(month, period) for month in months for period in (month, "all")]
    rows += [(month, f"12m-{months[-1]}") for month in months[-12:]]
    for month in months:
        year, of_year = month.split("-")
        quarter = (int(of_year) + 2) // 3
        if f"{year}-{3 * quarter:02d}" in months:
            rows.append((month, f"{year}-Q{quarter}"))
        if f"{year}-12" in months:
            rows.append((month, year))
    return pd.DataFrame(rows, columns=["month", "period"])


def members_of(units: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """NAME, `lasting`, client, and what the client gives the cell: mean, count, sum, max, min."""
    units = units.merge(periods, on="month")
    kinds = [units.assign(stratum_kind="all", stratum="all")]
    kinds += [units.assign(stratum_kind=kind, stratum=units[kind]) for kind in STRATA]
    rows = pd.concat(kinds, ignore_index=True)
    rows["site_id"] = "drawn_" + rows["site"].astype("str")
    rows["lasting"] = rows["period"].where(~rows["period"].str.startswith("12m-"), "12m")
    return (
        rows.groupby([*NAME, "lasting", "client"])["value"]
        .agg(["mean", "count", "sum", "max", "min"])
        .reset_index()
    )


def cells_of(members: pd.DataFrame) -> pd.DataFrame:
    """Rows of marts.rpt_site_metrics."""
    found = members.groupby(list(NAME)).agg(
        n_clients=("mean", "size"), mean=("mean", "mean"), n_units=("count", "sum"),
        n_clients_counted=("max", "sum"), n_not=("min", "sum"),
    ).reset_index()  # fmt: skip
    is_share = found["metric"].isin(SHARES)
    return pd.DataFrame(
        {
            **CELL,
            **{name: found[name] for name in NAME},
            **dict.fromkeys(("n_units", "n_valued"), found["n_units"]),
            "n_clients": found["n_clients"],
            "n_clients_counted": found["n_clients_counted"].where(is_share),
            "n_clients_not_counted": (found["n_clients"] - found["n_not"]).where(is_share),
            "numerator": found["n_clients_counted"].where(is_share),
            "denominator": found["n_units"],
            "value": found["mean"],
        }
    )


def fill_cells(con: duckdb.DuckDBPyConnection, cells: pd.DataFrame) -> None:
    """Rows of marts.rpt_site_metrics, in the place of those that are there."""
    con.execute("delete from marts.rpt_site_metrics")
    con.register("frame", cells)
    con.execute("insert into marts.rpt_site_metrics by name select * from frame")
    con.unregister("frame")


def fill_sketches(
    con: duckdb.DuckDBPyConnection, units: pd.DataFrame, periods: pd.DataFrame
) -> None:
    """intermediate.int_cells_sketched by the dbt project's own model, of units whose cells are in
    marts.rpt_site_metrics."""
    con.register("drawn_units", units)
    con.register("drawn_periods", periods)
    con.register("drawn_metrics", pd.DataFrame([
        {"metric": each.metric, "aggregation": each.aggregation} for each in shipped_metrics()
    ]))  # fmt: skip
    name = ", ".join(f"'{CELL[each]}' as {each}" for each in ("practice_id", *list(CELL)[2:6]))
    con.execute(
        f"""
        create or replace temp table int_metrics_listed as from drawn_metrics;

        create or replace temp table int_units_measured as
        select
            {name},
            'drawn_' || site as site_id,
            metric,
            null::varchar as stage,
            delivery_mode,
            age_band,
            null::boolean as has_interpreter,
            cast(month || '-01' as date) as month_on,
            site || '.' || client as client_key,
            null::varchar as therapist_key,
            value as numerator,
            1.0 as denominator
        from drawn_units;

        create or replace temp table int_periods_closed as
        select period, cast(month || '-01' as date) as month_on, period = 'all' as has_strata
        from drawn_periods;

        create or replace temp table int_sites_counted as
        select *, n_clients as n_clients_valued from marts.rpt_site_metrics;

        create or replace temp table int_therapists_weighed as
        from marts.rpt_site_metrics where false;

        create or replace temp table stg_settings as
        select {Thresholds().minimum_clients} as minimum_clients;

        delete from intermediate.int_cells_sketched;
        insert into intermediate.int_cells_sketched by name {sketching_model()}
        """
    )


def sketching_model() -> str:
    """The SQL of int_cells_sketched, its macros put in: names of other models are tables."""
    macros = "".join(
        (_DBT / "macros" / f"{name}.sql").read_text(encoding="utf-8")
        for name in ("strata", "are_same", "engine/buckets", "engine/exact")
    )
    known: dict[str, Any] = {}
    adapter = SimpleNamespace(dispatch=lambda name: known[f"default__{name}"])
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.globals |= {
        "adapter": adapter,
        "return": lambda value: value,
        "ref": lambda name: name,
        "config": lambda **_: "",
    }
    known |= vars(environment.from_string(macros).module)
    model = _DBT / "models" / "intermediate" / "int_cells_sketched.sql"
    text = model.read_text(encoding="utf-8")
    return environment.from_string(text, globals=known).render()
