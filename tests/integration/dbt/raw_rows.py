"""A warehouse filled by hand: rows straight into raw.*, as loading would leave them.

Keys are short words instead of pseudonyms, so that an expected table can be read: a key's sixteen
bytes are the letters of its word, and `rows` and `tables` give the words back.
"""

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd

from expectations.instrument import Instrument, MissingRule, Scale
from expectations.model import FeedName
from expectations.practice import Contract, Practice, Site
from expectations.registry import Registry, load_registry
from expectations.schedule import Schedule, Scope
from orchestration import dbt_runner
from orchestration.assets.dbt import standing_views
from orchestration.dbt_runner import ModelResult, build
from orchestration.reference import write_reference
from orchestration.warehouse import schema_sql
from tests.recorded_builds import BUILDS

Row = Mapping[str, Any]
RECEIVED = datetime(2026, 7, 2, 8)
ROWS_A_DELIVERY = 10**10

TOTALS_ONLY = Instrument(
    instrument_code="made_up_total",
    version="1",
    name="Made up, totals only",
    kind="outcome",
    informants=("observer",),
    languages=("de",),
    n_items=0,
    item_coding="printed_value",
    direction="lower_is_better",
    scales=(
        Scale(
            scale="total",
            minimum=0,
            maximum=52,
            missing=MissingRule(rule="complete_only", source="made up"),
            source="made up",
        ),
    ),
    totals_only=True,
    key_status="unverified",
    key_note="made up",
    licence="none",
    citations=(),
    examples=(),
)


def practice(
    practice_id: str, sites: Sequence[str], schedules: Sequence[Schedule] = ()
) -> Practice:
    """A practice with these sites and one contract."""
    return Practice(
        practice_id=practice_id,
        name=practice_id.title(),
        sites=tuple(
            Site(
                site_id=site,
                name=site.title(),
                service_setting="community_clinic",
                open_from=date(2020, 1, 1),
            )
            for site in sites
        ),
        contracts=(
            Contract(
                valid_from=date(2024, 1, 1),
                privacy_class="limited_data_set",
                agreements=(),
                owners=(),
                schedules=tuple(schedules),
                files=(),
            ),
        ),
    )


def every_session(instrument_code: str, version: str) -> Schedule:
    """The client's form is due at each session of individual treatment."""
    return Schedule(
        schedule_id=f"{instrument_code}_each",
        instrument_code=instrument_code,
        version=version,
        informant="client",
        rule="every_session",
        window_days=3,
        valid_from=date(2024, 1, 1),
        scope=Scope(service_types=("individual",)),
    )


def registry(*practices: Practice) -> Registry:
    """The given practices, the shipped instruments and one of totals only; quarters and years."""
    shipped = load_registry()
    group = shipped.group.model_copy(update={"periods": ("quarter", "year", "all")})
    made_up = {(TOTALS_ONLY.instrument_code, TOTALS_ONLY.version): TOTALS_ONLY}
    known = {one.practice_id: one for one in practices}
    return Registry(group, known, shipped.feeds, shipped.instruments | made_up, {})


@dataclass
class RawWarehouse:
    """One warehouse file. Every call that reads or writes opens and closes it: dbt needs it."""

    path: Path
    target_dir: Path

    @contextmanager
    def connect(self) -> Any:
        """A connection, closed at the end of the block; its SQL knows `key('word')`."""
        con = duckdb.connect(str(self.path))
        try:
            con.execute(
                "create temp macro key(word) as "
                "(hex(encode(word)) || repeat('00', 16 - strlen(word)))::uuid"
            ).fetchall()
            yield con
        finally:
            con.close()

    def prepare(self, declared: Registry) -> None:
        """All tables, and the reference tables as declared."""
        with self.connect() as con:
            con.execute(schema_sql())
            write_reference(con, declared)

    def deliver(
        self,
        feed: FeedName,
        practice_id: str,
        rows: Sequence[Row],
        exported_on: date | None = None,
        received_at: datetime = RECEIVED,
        also_touched: Sequence[str] = (),
    ) -> int:
        """Load one delivery; its number. Rows give what differs from `_USUAL`."""
        with self.connect() as con:
            ((load_seq,),) = con.execute(
                "select coalesce(max(load_seq), 0) + 1 from raw.deliveries"
            ).fetchall()
            common = {
                "practice_id": practice_id,
                "delivery_id": f"d{load_seq}",
                "load_seq": load_seq,
                "exported_on": exported_on,
            }
            _insert(con, "deliveries", _delivery(feed, common, received_at, len(rows)))
            for row_no, row in enumerate(rows, start=1):
                full = {**_USUAL[feed], **common, "row_no": row_no, **row}
                if feed == "administrations":
                    _insert_form(con, full, load_seq * ROWS_A_DELIVERY + row_no)
                else:
                    _insert(con, feed, full)
            for client in {str(row["client_key"]) for row in rows} | set(also_touched):
                touched = {
                    "load_seq": load_seq,
                    "practice_id": practice_id,
                    "client_key": client,
                }
                _insert(con, "touched_clients", touched)
        return int(load_seq)

    def deliver_frame(self, feed: FeedName, practice_id: str, frame: pd.DataFrame) -> int:
        """Load one delivery of many rows, by columns; its number. A key is a number or short word.

        A form has a stated total and no answers; its administration_row is the delivery's number
        times ROWS_A_DELIVERY plus its place in the frame, from 1.
        """
        with self.connect() as con:
            ((load_seq,),) = con.execute(
                "select coalesce(max(load_seq), 0) + 1 from raw.deliveries"
            ).fetchall()
            common = {
                "practice_id": practice_id,
                "delivery_id": f"d{load_seq}",
                "load_seq": load_seq,
                "exported_on": None,
            }
            _insert(con, "deliveries", _delivery(feed, common, RECEIVED, len(frame)))
            usual = {**_USUAL[feed], **common}
            usual = {name: cell for name, cell in usual.items() if name not in frame.columns}
            numbered = frame.assign(row_no=np.arange(1, len(frame) + 1))
            if feed == "administrations":
                numbered["administration_row"] = numbered["row_no"] + load_seq * ROWS_A_DELIVERY
            con.register("numbered", numbered)
            cells = ", ".join(
                f"key({name}::varchar)" if name.endswith("_key") else name
                for name in map(str, numbered)
            )
            marks = ", ".join("?" for _ in usual)
            con.execute(
                f"insert into raw.{feed} ({', '.join([*map(str, numbered), *usual])}) "
                f"select {cells}, {marks} from numbered order by row_no",
                list(usual.values()),
            ).fetchall()
            con.execute(
                "insert into raw.touched_clients (load_seq, practice_id, client_key) "
                "select ?, ?, key(client_key::varchar) from numbered group by client_key",
                [load_seq, practice_id],
            ).fetchall()
        return int(load_seq)

    def build(self, *, full_refresh: bool = False, is_noted: bool = True) -> list[ModelResult]:
        """A night's build; `is_noted` moves the watermark as the nightly run does after it."""
        with self.connect() as con:
            standing = [] if full_refresh else standing_views(con)
        results = build(
            self.path,
            self.target_dir,
            full_refresh,
            with_measures=False,
            with_ratings=False,
            standing=standing,
        )
        if is_noted:
            self._note_build()
        return results

    def build_with_measures(self, *, with_ratings: bool = True) -> None:
        """The same with the measures. dbt says once a process what it sends, and sends it again."""
        with BUILDS.in_place():
            dbt_runner.build(
                self.path, self.target_dir, full_refresh=False, with_ratings=with_ratings
            )
        self._note_build()

    def _note_build(self) -> None:
        with self.connect() as con:
            con.execute(
                "insert into raw.builds select coalesce(max(load_seq), 0), 'r', 'm', "
                "now()::timestamp from raw.deliveries"
            )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.connect() as con:
            return _with_words(con.execute(sql).fetchall())

    def tables(self, *schemas: str) -> dict[str, list[tuple[Any, ...]]]:
        """Every table and view of the schemas with its rows in order."""
        with self.connect() as con:
            names = con.execute(
                "select table_schema || '.' || table_name from information_schema.tables "
                "where list_contains(?, table_schema) order by all",
                [list(schemas)],
            ).fetchall()
            return {
                name: _with_words(con.execute(f"select * from {name} order by all").fetchall())
                for (name,) in names
            }


_USUAL: dict[FeedName, Row] = {
    "episodes": {
        "date_precision": "day",
        "state": "open",
        "service_type": "individual",
        "use_permission": "all",
    },
    "sessions": {
        "date_precision": "day",
        "attendance": "attended",
        "session_type": "treatment",
    },
    "administrations": {
        "date_precision": "day",
        "instrument_code": "srs",
        "version": "3",
        "language": "en",
        "informant": "client",
        "status": "completed",
        "collection_mode": "paper",
    },
    "process_ratings": {
        "date_precision": "day",
        "informant": "client",
        "rating_kind": "rupture",
    },
}


def _insert_form(con: duckdb.DuckDBPyConnection, row: Row, administration_row: int) -> None:
    answers = row.get("answers", ())
    form = {name: cell for name, cell in row.items() if name != "answers"}
    form["administration_row"] = administration_row
    _insert(con, "administrations", form)
    for item_no, value in enumerate(answers, start=1):
        if value is not None:
            answer = {
                "administration_row": administration_row,
                "load_seq": row["load_seq"],
                "item_no": item_no,
                "value": value,
            }
            _insert(con, "answers", answer)


def _insert(con: duckdb.DuckDBPyConnection, table: str, row: Row) -> None:
    columns = ", ".join(row)
    marks = ", ".join("key(?)" if name.endswith("_key") else "?" for name in row)
    con.execute(f"insert into raw.{table} ({columns}) values ({marks})", list(row.values()))


def _with_words(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(_word(cell) if isinstance(cell, UUID) else cell for cell in row) for row in rows]


def _word(key: UUID) -> str:
    return key.bytes.rstrip(b"\0").decode()


def _delivery(feed: FeedName, common: Row, received_at: datetime, n_rows: int) -> Row:
    return {
        **common,
        "feed": feed,
        "file_sha256": str(common["delivery_id"]),
        "state": "loaded",
        "n_rows_read": n_rows,
        "n_accepted": n_rows,
        "n_quarantined": 0,
        "n_excluded": 0,
        "exclusions": "{}",
        "is_over_tolerance": False,
        "received_at": received_at,
        "received_on": received_at.date(),
        "registry_digest": "r",
        "code_version": "v",
        "n_attempts": 1,
    }
