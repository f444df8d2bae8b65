"""Clients with their covariates out of SQL, as numbers: what case mix is computed from.

Keys and words become numbers here, so that nothing behind this module sees a pseudonym, and a
million rows carry no text.
"""

import duckdb
import pandas as pd

from orchestration.benchmarking.case_mix_networks import FAMILY, WORDS
from orchestration.benchmarking.units import SITE, Units

_CELLS = (*SITE, *FAMILY, "period")
_NAMED = ", ".join(_CELLS)
_BASELINE = "baseline_instrument_code, baseline_version, baseline_informant"
# Declared for this informant goes before declared for any; two that apply alike are none.
_ERRORS = f"""
    select {_BASELINE}, case when count(*) = 1 then max(error_sd) end as baseline_error_sd
    from (
        select
            {_BASELINE},
            100 * changes.points / (1.959964 * sqrt(2))
            / (instruments.total_maximum - instruments.total_minimum) as error_sd,
            rank() over (
                partition by {_BASELINE}
                order by case when changes.informants = '' then 1 else 0 end
            ) as choice
        from (select distinct {_BASELINE} from clients_read) as baselines
        inner join staging.stg_reliable_changes as changes
            on baseline_instrument_code = changes.instrument_code
            and baseline_version = changes.version and changes.scale = 'total'
            and (
                changes.informants = ''
                or ' ' || changes.informants || ' ' like '% ' || baseline_informant || ' %'
            )
        inner join intermediate.int_instruments_listed as instruments
            on changes.instrument_code = instruments.instrument_code
            and changes.version = instruments.version
    ) as ranked
    where choice = 1
    group by all
    """


def clients_described(con: duckdb.DuckDBPyConnection) -> tuple[Units, dict[str, list[str]]]:
    """Every client of every cell that may be adjusted, and the names of the covariates' codes.

    Cells carry `baseline_error_sd`: the standard error of measurement of the outcome instrument
    that severity is by, percent of its scale; NaN where no reliable change is declared. A reliable
    change is 1.96 sqrt(2) of it (Jacobson & Truax 1991, J Consult Clin Psychol 59:12).
    """
    con.execute(
        "create or replace temp table clients_read as select * from "
        "intermediate.int_clients_described"
    )
    names = {
        word: [
            str(name)
            for (name,) in con.execute(
                f"select distinct {word} from clients_read where {word} is not null order by 1"
            ).fetchall()
        ]
        for word in WORDS
    }
    con.execute(
        "create or replace temp table cells_read as select row_number() over "
        f"(order by {_NAMED}) - 1 as cell_no, named.*, errors.baseline_error_sd "
        f"from (select distinct {_NAMED}, {_BASELINE} from clients_read) as named "
        f"left join ({_ERRORS}) as errors using ({_BASELINE})"
    )
    same = " and ".join(f"clients.{name} = cells.{name}" for name in _CELLS)
    codes = ", ".join(
        f"cast(coalesce(list_position(${word}, {word}), 0) - 1 as tinyint) as {word}"
        for word in WORDS
    )
    rows: pd.DataFrame = con.execute(
        f"select cast(cells.cell_no as integer) as cell_no, value, baseline_severity, {codes}, "
        "mean_session_no, cast(dense_rank() over (order by client_key) as integer) as client_no, "
        "cast(case when therapist_key is null then -1 "
        "else dense_rank() over (order by therapist_key) end as integer) as therapist_no "
        f"from clients_read as clients inner join cells_read as cells on {same} order by all",
        names,
    ).df()
    cells: pd.DataFrame = con.execute(
        f"select {_NAMED}, baseline_error_sd from cells_read order by cell_no"
    ).df()
    con.execute("drop table clients_read")
    con.execute("drop table cells_read")
    return Units(cells, rows), names
