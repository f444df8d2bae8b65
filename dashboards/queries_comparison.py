"""SQL of "Compare sites": which views there are, and what stands in one of them."""

from typing import Any

import duckdb

from dashboards import queries
from dashboards.release import (
    MEAN_SCORE,
    Adjustment,
    Choice,
    Form,
    Gap,
    ReferenceBand,
    SiteResult,
)

NETWORK = """
    instrument_code = $instrument_code
    and version = $version
    and language is not distinct from $language
    and informant = $informant
    and collection_mode is not distinct from $collection_mode
    and stage = $stage
"""
"""Rows of the forms and the stage of a view, whatever their period."""


def network(choice: Choice) -> dict[str, Any]:
    """Parameters of `NETWORK`."""
    form = choice.form
    return {
        "instrument_code": form.instrument_code,
        "version": form.version,
        "language": form.language,
        "informant": form.informant,
        "collection_mode": form.collection_mode,
        "stage": choice.stage,
    }


def view(choice: Choice) -> dict[str, Any]:
    """Parameters of a view of the mean score: its network and period."""
    return network(choice) | {"metric": MEAN_SCORE, "period": choice.period}


def choices(cursor: duckdb.DuckDBPyConnection) -> list[Choice]:
    """Every view the release can fill, with the number of sites shown in it."""
    sql = """
        select
            instrument_code, version, language, informant, collection_mode, stage, period,
            count(*) filter (where not is_suppressed) as n_sites_published
        from site_benchmarks
        where metric = ?
        group by all
        order by all
    """
    return [
        Choice(
            Form(
                row["instrument_code"],
                row["version"],
                row["language"],
                row["informant"],
                row["collection_mode"],
            ),
            row["stage"],
            row["period"],
            row["n_sites_published"],
        )
        for row in queries.rows(cursor, sql, [MEAN_SCORE])
    ]


def site_results(cursor: duckdb.DuckDBPyConnection, choice: Choice) -> list[SiteResult]:
    """One row a site of the view, in alphabetical order of its label."""
    sql = f"""
        with labels as ({queries.SITE_LABELS})
        select
            cells.practice_id,
            coalesce(labels.practice_name, cells.practice_id) as practice_name,
            cells.site_id,
            coalesce(labels.site_label, cells.site_id) as site_label,
            cells.n_clients, cells.n_therapists, cells.n_forms,
            cells.response_rate, cells.ceiling_share,
            cells.raw, cells.standard_error, cells.target, cells.tau2,
            cells.adjusted, cells.shrunken, cells.shrunken_lower95, cells.shrunken_upper95,
            cells.reliability,
            cells.raw_bound, cells.ceiling_share_bound, cells.standard_error_bound,
            cells.lower95, cells.upper95, cells.lower998, cells.upper998,
            cells.flag, cells.comparability, cells.is_suppressed, cells.suppression_reason
        from site_benchmarks as cells
        left join labels using (practice_id, site_id)
        where {NETWORK} and metric = $metric and period = $period
        order by lower(site_label), cells.practice_id, cells.site_id
    """
    return [SiteResult(**row) for row in queries.rows(cursor, sql, view(choice))]


def adjustments(
    cursor: duckdb.DuckDBPyConnection, choice: Choice
) -> dict[tuple[str, str], Adjustment]:
    """What is adjusted for case mix in a view, by practice and site."""
    sql = f"""
        select
            practice_id, site_id, expected, adjusted, standard_error, target,
            lower95, upper95, lower998, upper998, flag,
            shrunken, shrunken_lower95, shrunken_upper95,
            largest_share_missing, not_identifiable, null_reason
        from site_adjustments
        where {NETWORK} and metric = $metric and period = $period
    """
    found = [Adjustment(**row) for row in queries.rows(cursor, sql, view(choice))]
    return {(item.practice_id, item.site_id): item for item in found}


def gap(cursor: duckdb.DuckDBPyConnection, choice: Choice, site: SiteResult) -> Gap | None:
    """Where the distance of one site in a view comes from; None where the release has no row."""
    sql = f"""
        select
            practice_id, site_id, gap, gap_case_mix, gap_response, gap_therapists, gap_rest,
            outcome_instrument_code, outcome_of_gap, outcome_lower95, outcome_upper95, null_reason
        from site_gaps
        where
            {NETWORK} and metric = $metric and period = $period
            and practice_id = $practice_id and site_id = $site_id
    """
    named = {"practice_id": site.practice_id, "site_id": site.site_id}
    found = queries.rows(cursor, sql, view(choice) | named)
    return Gap(**found[0]) if found else None


def reference_bands(cursor: duckdb.DuckDBPyConnection, choice: Choice) -> list[ReferenceBand]:
    """References for the forms and the stage of a view; this network's own first."""
    sql = f"""
        select source, band, frozen_on, n, mean, sd, p10, p25, p50, p75, p90
        from reference_bands
        where {NETWORK}
        order by source <> 'this network', lower(source), source, lower(band), band
    """
    return [ReferenceBand(**row) for row in queries.rows(cursor, sql, network(choice))]
