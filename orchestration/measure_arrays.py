"""Units out of the intermediate models as arrays, for the measures that SQL is the wrong tool for.

Keys become numbers here, so that nothing behind this module sees a pseudonym. Units are those of
closed periods, as in every mart; each measure is of the period `all`.
"""

from collections.abc import Sequence

import duckdb

from orchestration.benchmarking.associations import OUTCOME
from orchestration.benchmarking.congruences import DYAD
from orchestration.benchmarking.units import FORM, SITE, Units
from orchestration.measures.dropout_hazard import STATES
from orchestration.sql import identifier, literal

_CLOSED = """
    inner join (
        select month_on from intermediate.int_periods_closed where period = 'all'
    ) as closed on {month} is not distinct from closed.month_on
    """
_SERIES = """
    select
        forms.practice_id, forms.site_id, forms.instrument_code, forms.version, forms.language,
        forms.informant, forms.direction = 'higher_is_better' as is_better_higher,
        forms.total_minimum, forms.total_maximum, forms.reliable_change, spreads.within_sd,
        spreads.{network_sd} as network_sd, forms.client_key, forms.therapist_key, forms.n_forms,
        forms.series_mean
    from intermediate.int_forms_ordered as forms
    {closed}
    left join intermediate.int_spreads_pooled as spreads
        on forms.instrument_code = spreads.instrument_code and forms.version = spreads.version
        and forms.language = spreads.language and forms.informant = spreads.informant
    where forms.administration_row = forms.series_row and forms.kind = 'alliance'
    """
_AT_RISK = """
    select
        practice_id, site_id, instrument_code, version, language, informant, client_key,
        therapist_key, session_no, list_position({states}, alliance_state) - 1 as state_no,
        is_ended_unplanned as is_ended
    from intermediate.int_sessions_at_risk as sessions
    {closed}
    where null_reason is null and instrument_code is not null
    """
_EPISODES = """
    select
        practice_id, site_id, instrument_code, version, language, informant,
        outcome_instrument_code, outcome_version, outcome_language, outcome_informant, client_key,
        therapist_key, outcome_direction = 'lower_is_better' as is_outcome_lower_better,
        early_total, outcome_at_form, outcome_last
    from intermediate.int_outcomes_followed as episodes
    {closed}
    """
_FORMS = """
    select
        practice_id, site_id, instrument_code, version, language, informant,
        outcome_instrument_code, outcome_version, outcome_language, outcome_informant, client_key,
        therapist_key, total, next_outcome_upwards
    from intermediate.int_next_outcomes_matched as forms
    {closed}
    """
_PAIRS = """
    select
        practice_id, site_id, instrument_code, version, language, informant, dyad,
        second_instrument_code, second_version, client_key, therapist_key,
        dense_rank() over (order by client_key, episode_key, therapist_key) as dyad_no,
        first_pomp, second_pomp
    from intermediate.int_pairs_matched as pairs
    {closed}
    where is_of_dyad
    """
_COURSES = """
    select
        practice_id, site_id, instrument_code, version, language, informant, client_key,
        therapist_key, dense_rank() over (order by client_key, episode_key) as treatment_no,
        session_no, total
    from intermediate.int_forms_ordered as forms
    {closed}
    where kind = 'alliance' and informant in ('client', 'child') and session_no is not null
    """
_OF_CELLS = ("is_better_higher", "total_minimum", "total_maximum", "reliable_change")


def drop_series(con: duckdb.DuckDBPyConnection, network_sd: str) -> Units:
    """Series of alliance forms; `network_sd` is which of the network's SDs the SD rule takes."""
    closed = _CLOSED.format(month="forms.month_on")
    sql = _SERIES.format(closed=closed, network_sd=identifier(f"{network_sd}_sd"))
    return _units(con, sql, (*SITE, *FORM, *_OF_CELLS, "within_sd", "network_sd"))


def sessions_at_risk(con: duckdb.DuckDBPyConnection) -> Units:
    """Sessions of which it is known whether the treatment ended unplanned before the next one."""
    states = "[" + ", ".join(literal(state) for state in STATES) + "]"
    closed = _CLOSED.format(month="sessions.month_on")
    return _units(con, _AT_RISK.format(closed=closed, states=states), (*SITE, *FORM))


def episodes_with_outcome(con: duckdb.DuckDBPyConnection) -> Units:
    """Closed episodes with an early alliance and an outcome instrument."""
    closed = _CLOSED.format(month="episodes.month_on")
    return _units(con, _EPISODES.format(closed=closed), (*SITE, *FORM, *OUTCOME))


def forms_with_next_outcome(con: duckdb.DuckDBPyConnection) -> Units:
    """Alliance forms with the outcome of the next session."""
    closed = _CLOSED.format(month="forms.month_on")
    return _units(con, _FORMS.format(closed=closed), (*SITE, *FORM, *OUTCOME))


def pairs_of_dyads(con: duckdb.DuckDBPyConnection) -> Units:
    """Two informants' forms that belong together."""
    closed = _CLOSED.format(month="pairs.month_on")
    return _units(con, _PAIRS.format(closed=closed), (*SITE, *FORM, *DYAD))


def forms_of_sessions(con: duckdb.DuckDBPyConnection) -> Units:
    """Alliance forms of clients and children with the number of their session."""
    return _units(
        con, _COURSES.format(closed=_CLOSED.format(month="forms.month_on")), (*SITE, *FORM)
    )


def _units(con: duckdb.DuckDBPyConnection, sql: str, names: Sequence[str]) -> Units:
    """What `sql` gives, its cells by `names`. Rows in an order of their own numbers: what is
    simulated or added up in it is the same however the engine delivers them."""
    listed = ", ".join(names)
    con.execute(f"create or replace temp table units_read as {sql}")
    con.execute(
        "create or replace temp table cells_read as select cast(row_number() over "
        f"(order by {listed}) - 1 as integer) as cell_no, * "
        f"from (select distinct {listed} from units_read)"
    )
    same = " and ".join(f"units.{name} is not distinct from cells.{name}" for name in names)
    rows = con.execute(
        f"select cells.cell_no, units.* exclude ({listed}, client_key, therapist_key), "
        "cast(dense_rank() over (order by client_key) as integer) as client_no, "
        "cast(case when therapist_key is null then -1 "
        "else dense_rank() over (order by therapist_key) end as integer) as therapist_no "
        f"from units_read as units inner join cells_read as cells on {same} order by all"
    ).df()
    cells = con.execute(f"select {listed} from cells_read order by cell_no").df()
    con.execute("drop table units_read")
    con.execute("drop table cells_read")
    return Units(cells, rows)
