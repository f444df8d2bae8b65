"""Clients with their covariates out of SQL, as numbers: what case mix is computed from.

Keys and words become numbers here, so that nothing behind this module sees a pseudonym, and a
million rows carry no text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from orchestration.benchmarking.asked_networks import IDENTITY
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


@dataclass(frozen=True)
class CaseMixClients:
    """Clients of every cell that may be adjusted, all who were asked, and the names of the codes of
    their covariates. A client and a therapist have one number in both."""

    described: Units
    asked: Units
    names: dict[str, list[str]]


def case_mix_clients(con: duckdb.DuckDBPyConnection) -> CaseMixClients:
    """Reads both views.

    Cells of `described` carry `baseline_error_sd`: the standard error of measurement of the outcome
    instrument that severity is by, percent of its scale; NaN where no reliable change is declared.
    A reliable change is 1.96 sqrt(2) of it (Jacobson & Truax 1991, J Consult Clin Psychol 59:12).
    """
    for table, view in (("clients_read", "described"), ("asked_read", "asked")):
        con.execute(
            f"create or replace temp table {table} as select * from intermediate.int_clients_{view}"
        )
    for key in ("client", "therapist"):
        con.execute(
            f"create or replace temp table {key}s_numbered as select {key}_key, "
            f"cast(row_number() over (order by {key}_key) as integer) as {key}_no "
            f"from (select {key}_key from clients_read union select {key}_key from asked_read) "
            f"where {key}_key is not null"
        )
    names = {
        word: [
            str(name)
            for (name,) in con.execute(
                f"select {word} from clients_read where {word} is not null union "
                f"select {word} from asked_read where {word} is not null order by 1"
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
    asked_cells = (*SITE, *IDENTITY)
    listed = ", ".join(asked_cells)
    con.execute(
        f"create or replace temp table asked_cells_read as select row_number() over "
        f"(order by {listed}) - 1 as cell_no, * from (select distinct {listed} from asked_read)"
    )
    found = CaseMixClients(
        Units(
            con.execute(
                f"select {_NAMED}, baseline_error_sd from cells_read order by cell_no"
            ).df(),
            _rows(con, "clients_read", _CELLS, "value, baseline_severity, mean_session_no", names),
        ),
        Units(
            con.execute(f"select {listed} from asked_cells_read order by cell_no").df(),
            _rows(
                con, "asked_read", asked_cells, "n_completed > 0 as is_answered, n_sessions", names
            ),
        ),
        names,
    )
    for table in ("clients", "asked", "cells", "asked_cells"):
        con.execute(f"drop table {table}_read")
    con.execute("drop table clients_numbered")
    con.execute("drop table therapists_numbered")
    return found


def _rows(
    con: duckdb.DuckDBPyConnection,
    table: str,
    cell: Sequence[str],
    columns: str,
    names: dict[str, list[str]],
) -> pd.DataFrame:
    """In an order of their own numbers: the same however the engine delivers them."""
    codes = ", ".join(
        f"cast(coalesce(list_position(${word}, {word}), 0) - 1 as tinyint) as {word}"
        for word in WORDS
    )
    cells = "cells_read" if table == "clients_read" else "asked_cells_read"
    return con.execute(
        f"select cast(cells.cell_no as integer) as cell_no, {columns}, {codes}, client_no, "
        f"coalesce(therapist_no, -1) as therapist_no from {table} as units "
        f"inner join {cells} as cells using ({', '.join(cell)}) "
        "inner join clients_numbered using (client_key) "
        "left join therapists_numbered using (therapist_key) order by all",
        names,
    ).df()
