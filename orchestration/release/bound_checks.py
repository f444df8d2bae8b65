"""Whether a release says which of its numbers are coded at an end, and of no other.

Worked out anew from the finished file: the shown counts, the scale's ends and the rules
(benchmarking/disclosure_cells.py) are all it takes, so what is said gives nothing away.
"""

from collections.abc import Iterator

import duckdb

from expectations.model import Thresholds

_BASE = 5
_CODED = """
    with shown as (
        select
            cells.*,
            cells.raw - instruments.total_minimum as mean,
            instruments.total_maximum - instruments.total_minimum as width,
            case
                when n_clients <= $base * ceil($minimum / $base) then $minimum
                else ceil(n_clients - $base / 2)
            end as least_clients,
            case
                when n_forms <= $base * ceil($minimum / $base) then $minimum
                else ceil(n_forms - $base / 2)
            end as least_forms
        from site_benchmarks as cells
        left join instruments using (instrument_code, version)
        where not cells.is_suppressed
    ),

    stepped as (
        select
            *,
            case when n_clients > 100 and width < 10 then 0.01::double else 0.1::double end as step,
            case when n_clients > 100 then 0.01::double else 0.05::double end as share_step,
            coalesce(contains(comparability, 'therapist_unknown'), false) as has_own_error
        from shown
    ),

    ended as (
        select
            *,
            ceil(width / least_clients / step - 1e-9) * step as mean_end,
            ceil(1.0::double / least_forms / share_step - 1e-9) * share_step as share_end,
            ceil(greatest(mean, width - mean) / (least_clients - 1) / 0.01::double - 1e-9)
            * 0.01::double as least_error
        from stepped
    ),

    said as (
        select
            raw_bound, ceiling_share_bound, standard_error_bound,
            mean <= mean_end + step / 100 as is_low,
            mean >= width - mean_end - step / 100 as is_high,
            ceiling_share <= share_end + share_step / 100 as is_share_low,
            ceiling_share >= 1 - share_end - share_step / 100 as is_share_high,
            has_own_error and standard_error <= least_error + 0.0001::double as is_error_coded
        from ended
    )

    select
        count(*) filter (where raw_bound is distinct from {mean}),
        count(*) filter (where ceiling_share_bound is distinct from {share}),
        count(*) filter (
            where standard_error_bound is distinct from
            case when is_error_coded then 'at_most' end
        )
    from said
"""
_NAMED = ("means", "shares at the best score", "standard errors")


def _bound(low: str, high: str) -> str:
    return (
        f"case when {low} and {high} then 'any' when {low} then 'at_most' "
        f"when {high} then 'at_least' end"
    )


def bound_problems(candidate: duckdb.DuckDBPyConnection, thresholds: Thresholds) -> Iterator[str]:
    """Sentences about numbers whose bound is not the one that follows; none when all agree."""
    sql = _CODED.format(
        mean=_bound("is_low", "is_high"), share=_bound("is_share_low", "is_share_high")
    )
    minimum = {"base": float(_BASE), "minimum": float(thresholds.minimum_clients)}
    (counts,) = candidate.execute(sql, minimum).fetchall()
    for name, n in zip(_NAMED, counts, strict=True):
        if n:
            yield f"site_benchmarks: {n} {name} do not say what they stand for, or say it wrongly"
