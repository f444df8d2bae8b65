"""What the reference bands of a candidate must satisfy before they may go out.

Looks at the finished file and shares nothing with what filled it.
"""

from collections.abc import Iterator

import duckdb

_MINIMUM_PEOPLE = 100
_RULES = (
    (
        "bands have fewer than 100 people behind them, or do not say how many",
        f"n is null or n < {_MINIMUM_PEOPLE}",
    ),
    (
        "bands do not say whom they describe, or who says so",
        "coalesce(trim(source), '') = '' or coalesce(trim(band), '') = ''",
    ),
    (
        "bands have neither a mean nor a percentile",
        "coalesce(mean, p10, p25, p50, p75, p90) is null",
    ),
    (
        "bands of this network have no day, or an exact count",
        "source = 'this network' and (frozen_on is null or n % 5 <> 0)",
    ),
    (
        "bands of a publication have a day of freezing",
        "source <> 'this network' and frozen_on is not null",
    ),
    (
        "bands of this network are finer than a tenth of a point",
        "source = 'this network' and list_bool_or(list_transform("
        "[mean, sd, p10, p25, p50, p75, p90], "
        "lambda place: abs(place * 10 - round(place * 10)) > 1e-6))",
    ),
)


def band_problems(candidate: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Sentences about what stands against publishing, none when nothing does."""
    for words, condition in _RULES:
        sql = f"select count(*) from reference_bands where {condition}"
        ((n,),) = candidate.execute(sql).fetchall()
        if n:
            yield f"reference_bands: {n} {words}"
