"""What a release's file shows of its cells, and the ledger made from it where there is none."""

import json
from datetime import date

import duckdb
import pandas as pd

from expectations.model import Thresholds
from orchestration import disclosure_ledger as ledger
from orchestration.benchmarking.cells import RESPONSE_COLUMNS
from orchestration.benchmarking.protected_sites import CELL
from orchestration.benchmarking.shown_rates import STATEMENT
from orchestration.disclosure_members import candidates, follow_members, note_months
from orchestration.disclosure_rows import learn_rows
from orchestration.release.reader import Pointer

# Means above the lowest point of the scale, as the ledger has them.
_PUBLISHED = """
    select
        cells.practice_id,
        cells.site_id,
        cells.instrument_code,
        cells.version,
        coalesce(cells.language, '') as language,
        cells.informant,
        coalesce(cells.collection_mode, '') as collection_mode,
        cells.metric,
        cells.stage,
        cells.period,
        cells.is_suppressed,
        cells.n_clients::double as shown_n_clients,
        cells.n_forms::double as shown_n_forms,
        cells.n_therapists::double as shown_n_therapists,
        round(cells.raw - instruments.total_minimum, 9) as shown_mean,
        cells.ceiling_share as shown_share,
        instruments.total_maximum - instruments.total_minimum as width
    from site_benchmarks as cells
    left join instruments
        on
            cells.instrument_code = instruments.instrument_code
            and cells.version = instruments.version
    """


def published_cells(release: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The cells of a release's file, CELL, `is_suppressed`, what is shown, and `width`."""
    return release.execute(_PUBLISHED).df().astype(dict.fromkeys(CELL, "str"))


def learn_from(con: duckdb.DuckDBPyConnection, pointer: Pointer | None, on: date) -> bool:
    """Take into the ledger a release in force that it has never heard of; whether there was one.

    After a rebuild without the old file the ledger is empty and readers have the release still. Of
    releases before it nothing is known any more. One that was written before there was disclosure
    control is left out: it showed exact numbers. In the caller's transaction; needs tonight's
    marts.
    """
    if pointer is None:
        return False
    known = ledger.number_of(con, pointer.release_id)
    if known is not None:
        _learn_measures(con, pointer, known)
        return False
    try:
        with duckdb.connect(str(pointer.release), read_only=True) as release:
            if not release.execute("select 1 from suppression_report").fetchall():
                return False
            published = published_cells(release)
            rates = release.execute("select * from response_rates").df()
            ((settings,),) = release.execute("select settings from release").fetchall()
    except duckdb.Error:
        return False
    from orchestration.benchmarking.release_learned import learned

    thresholds = Thresholds.model_validate(json.loads(settings)["thresholds"])
    number = ledger.begin(con, thresholds, on).release_no
    note_months(con)
    follow_members(con, number)
    rows = learned(published, candidates(con), ledger.rules_of(thresholds), number)
    counts = con.execute("select * exclude (response_rate) from marts.rpt_response_rates").df()
    # With the counts of tonight: those of then are lost.
    stated = rates.rename(columns={"response_rate": "shown_rate"}).merge(
        counts, on=list(RESPONSE_COLUMNS)
    )
    stated = stated.assign(release_no=number, judged_rate=stated["shown_rate"])[list(STATEMENT)]
    ledger.add(con, number, {"ledger": rows, "rates": stated})
    _learn_measures(con, pointer, number)
    ledger.note(con, pointer.release_id)
    ledger.put_out(con)
    return True


def _learn_measures(con: duckdb.DuckDBPyConnection, pointer: Pointer, release_no: int) -> None:
    """Take in what the release in force says of measures, where nothing is known of any release's:
    the ledger is lost, or older than rows that stand. Needs tonight's measures, else waits."""
    if con.execute(
        "select 1 from benchmark.disclosure_measures where release_no <= ? limit 1", [release_no]
    ).fetchall():
        return
    if con.execute(
        "select 1 from information_schema.tables where table_name = 'int_cells_sketched'"
    ).fetchall():
        with duckdb.connect(str(pointer.release), read_only=True) as release:
            learn_rows(con, release, release_no)
