"""The floor under the nightly load: the least a person could write for the same files.

By hand and for these six practices alone: read sessions and questionnaires as text, melt the
answers into narrow rows, score every complete form, average to one value a client and to one a
site. No check, no pseudonym, no ledger, no history, nothing kept but one DuckDB file. What the
warehouse does beyond this is what its time is compared with.

    python -m tests.benchmarks.floor LANDING DATABASE
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

N_ITEMS = 12


@dataclass(frozen=True)
class Export:
    """Where one practice keeps what the floor needs; every name is a column of its files.

    `items` is a pattern of the twelve item columns (wide) or the column of the item's number (long,
    then `value` holds the answer and `item` strips its prefix).
    """

    practice_id: str
    csv: str
    sessions: str
    session: str | None
    client: str
    site: str
    forms: str
    form: str
    form_client: str
    items: str
    answer: str
    value: str | None = None
    only: str = "true"


EXPORTS = (
    Export(
        practice_id="cabinet_erable",
        csv="delim=';', encoding='latin-1', nullstr='ND'",
        sessions="rendez_vous_*.csv",
        session="no_séance",
        client="no_client",
        site="lieu",
        forms="wai_client_*.csv",
        form="no_formulaire",
        form_client="no_client",
        items="w{}",
        answer="{}::utinyint",
        only="statut = 'rempli'",
    ),
    Export(
        practice_id="harbor_counseling",
        csv="delim=','",
        sessions="sessions_*.csv",
        session="visit_no",
        client="client_no",
        site="clinic",
        forms="client_forms_*.csv",
        form="form_no",
        form_client="client_no",
        items="wai_{}",
        answer="{}::utinyint",
    ),
    Export(
        practice_id="prairie_family_therapy",
        csv="delim='\t', encoding='utf-16', nullstr='NA'",
        sessions="Visits-*.txt",
        session="VisitId",
        client="PersonId",
        site="Office",
        forms="AllianceClient-*.txt",
        form="FormId",
        form_client="PersonId",
        items="A{}",
        answer="list_position(['Lowest', 'Low', 'Middle', 'High', 'Highest'], {})::utinyint",
        only="\"FormStatus\" = 'Complete'",
    ),
    Export(
        practice_id="riverside_collective",
        csv="delim=',', nullstr='NA'",
        sessions="rc_sessions_*.csv",
        session="appointment",
        client="client",
        site="branch",
        forms="rc_answers_*.csv",
        form="form",
        form_client="client",
        items="item[2:]",
        answer="{}::utinyint",
        value="answer",
        only="tool = 'WAI-C' and form_state = 'ok' and coalesce(mode, '') <> 'preview'",
    ),
    Export(
        practice_id="summit_behavioral",
        csv="delim='|', nullstr='-99'",
        sessions="session.*.psv",
        session="SES",
        client="CLI",
        site="LOC",
        forms="forms.*.psv",
        form="SES",
        form_client="CLI",
        items="WSR_{}",
        answer="{}::utinyint + 1",
        only="\"ROW_ST\" is distinct from 'DRAFT'",
    ),
    Export(
        practice_id="two_oaks",
        csv="delim=';', nullstr='.'",
        sessions="appointments_*.csv",
        session=None,
        client="person",
        site="'two_oaks_house'",
        forms="answers_*.csv",
        form="sheet",
        form_client="person",
        items="question",
        answer="{}::utinyint + 1",
        value="answer",
        only="scale = 'wai_client' and sheet_state = 'full'",
    ),
)

TABLES = """
create table sessions (practice_id varchar, session varchar, site varchar);
create table forms (form_no integer, practice_id varchar, session varchar, client varchar);
create table answers (form_no integer, item_no utinyint, value utinyint);
create sequence form_numbers;
"""

SCORES = f"""
create table scores as
select form_no, sum(value) as total
from answers
group by form_no
having count(value) = {N_ITEMS}
"""

SITE_MEANS = """
with clients as (
    select forms.practice_id, sites.site, forms.client, avg(scores.total) as mean_score
    from scores
    inner join forms using (form_no)
    inner join sessions as sites using (practice_id, session)
    group by all
)
select practice_id, site, count(*) as n_clients, avg(mean_score) as mean_of_client_means
from clients
group by all
order by all
"""


def _read(path: Path, options: str) -> str:
    return f"read_csv('{path}', header=true, all_varchar=true, {options})"


def _load(con: duckdb.DuckDBPyConnection, export: Export, folder: Path) -> None:
    # Two Oaks' forms carry no session; everybody is seen in its one site.
    session = f'"{export.session}"' if export.session else "'any'"
    sessions = _read(folder / export.sessions, export.csv)
    site = export.site if export.site.startswith("'") else f'"{export.site}"'
    distinct = "" if export.session else "distinct"
    con.execute(
        f"insert into sessions select {distinct} '{export.practice_id}', {session}, {site} "
        f"from {sessions}"
    )
    source = f"(from {_read(folder / export.forms, export.csv)} where {export.only})"
    columns = f'"{export.form}" as form, {session} as session, "{export.form_client}" as client'
    if export.value is None:
        items = [export.items.format(item_no) for item_no in range(1, N_ITEMS + 1)]
        values = ", ".join(export.answer.format(f'"{item}"') for item in items)
        con.execute(
            f"create temp table read as select nextval('form_numbers') as form_no, {columns}, "
            f'[{values}] as answers from {source} where "{items[0]}" is not null'
        )
        con.execute(
            "insert into answers select form_no, unnest(range(1, len(answers) + 1)), "
            "unnest(answers) from read"
        )
    else:
        con.execute(
            f"create temp table long as select {columns}, {export.items}::utinyint as item_no, "
            f"{export.answer.format(export.value)} as value from {source}"
        )
        con.execute(
            "create temp table read as select nextval('form_numbers') as form_no, * from "
            "(select form, any_value(session) as session, any_value(client) as client "
            "from long group by form)"
        )
        con.execute(
            "insert into answers select form_no, item_no, value from long "
            "inner join read using (form)"
        )
        con.execute("drop table long")
    con.execute(
        f"insert into forms select form_no, '{export.practice_id}', session, client from read"
    )
    con.execute("drop table read")


def run(landing: Path, database: Path) -> dict[str, int]:
    """Read every export under `landing` into `database`; counts of what was read."""
    with duckdb.connect(str(database)) as con:
        con.execute("set preserve_insertion_order = false")
        con.execute(TABLES)
        for export in EXPORTS:
            _load(con, export, landing / export.practice_id)
        con.execute(SCORES)
        n_sites = len(con.execute(SITE_MEANS).fetchall())
        counts = con.execute(
            "select (select count(*) from forms), (select count(*) from answers), "
            "(select sum(value) from answers), (select count(*) from sessions)"
        ).fetchall()[0]
    names = ("n_forms", "n_answers", "sum_of_answers", "n_sessions")
    return dict(zip(names, map(int, counts), strict=True)) | {"n_sites": n_sites}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), Path(sys.argv[2]))))
