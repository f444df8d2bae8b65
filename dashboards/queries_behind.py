"""SQL of what stands behind a comparison: lines through time, and the model of the case mix."""

import duckdb

from dashboards import queries
from dashboards.queries_comparison import NETWORK, network
from dashboards.release import (
    MEAN_SCORE,
    CalibrationTenth,
    CaseMixModel,
    Choice,
    Coefficient,
    Deciles,
    Intervention,
    SiteResult,
    TrendPoint,
)


def trend(cursor: duckdb.DuckDBPyConnection, choice: Choice, site: SiteResult) -> list[TrendPoint]:
    """One site's own line for the forms and the stage of a view, in the order of time."""
    sql = f"""
        with coded as (
            select practice_id, site_id, period, raw_bound as value_bound
            from site_benchmarks
            where {NETWORK} and metric = $metric and raw_bound is not null
        )
        select
            practice_id, site_id, period, period_on, value, phase,
            mean, lower_limit, upper_limit, signals, null_reason, value_bound
        from site_trends
        left join coded using (practice_id, site_id, period)
        where
            {NETWORK} and metric = $metric
            and practice_id = $practice_id and site_id = $site_id
        order by period_on
    """
    named = {"practice_id": site.practice_id, "site_id": site.site_id, "metric": MEAN_SCORE}
    return [TrendPoint(**row) for row in queries.rows(cursor, sql, network(choice) | named)]


def deciles(cursor: duckdb.DuckDBPyConnection, choice: Choice) -> list[Deciles]:
    """How the sites' values spread in each period, in the order of time."""
    sql = f"""
        select
            period, period_on, n_sites, p10, p20, p30, p40, p50, p60, p70, p80, p90
        from network_deciles
        where {NETWORK} and metric = $metric
        order by period_on
    """
    found = queries.rows(cursor, sql, network(choice) | {"metric": MEAN_SCORE})
    return [Deciles(**row) for row in found]


def interventions(cursor: duckdb.DuckDBPyConnection, site: SiteResult) -> list[Intervention]:
    """What was changed at a site, its practice or the whole group, in the order of time."""
    sql = """
        select starts_on, practice_id, site_id, name
        from interventions
        where
            (practice_id is null or practice_id = $practice_id)
            and (site_id is null or site_id = $site_id)
        order by starts_on, name
    """
    named = {"practice_id": site.practice_id, "site_id": site.site_id}
    return [Intervention(**row) for row in queries.rows(cursor, sql, named)]


def case_mix_model(cursor: duckdb.DuckDBPyConnection, choice: Choice) -> CaseMixModel | None:
    """The model of the forms and the stage of a view; None where the release has no row."""
    sql = f"""
        select
            period, n_clients, n_sites, r2_within, r2_between,
            calibration_slope, calibration_lower95, calibration_upper95, null_reason
        from case_mix_models
        where {NETWORK}
    """
    found = queries.rows(cursor, sql, network(choice))
    return CaseMixModel(**found[0]) if found else None


def case_mix_coefficients(cursor: duckdb.DuckDBPyConnection, choice: Choice) -> list[Coefficient]:
    """Its coefficients, those left out last."""
    sql = f"""
        select
            covariate, category, estimate, lower95, upper95, share_missing, reliability,
            null_reason
        from case_mix_coefficients
        where {NETWORK}
        order by estimate is null, covariate, category nulls first
    """
    return [Coefficient(**row) for row in queries.rows(cursor, sql, network(choice))]


def case_mix_calibration(
    cursor: duckdb.DuckDBPyConnection, choice: Choice
) -> list[CalibrationTenth]:
    """What it expects of each tenth of the clients, and what came."""
    sql = f"""
        select tenth, expected, observed
        from case_mix_calibration
        where {NETWORK}
        order by tenth
    """
    return [CalibrationTenth(**row) for row in queries.rows(cursor, sql, network(choice))]
