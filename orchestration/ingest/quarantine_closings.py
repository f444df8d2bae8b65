"""A person's word that rows in quarantine are settled, where no later file can say so itself.

A row whose ids could be read names the form, session or episode it was to become, and the corrected
one closes it. A row whose ids could not be read names nothing: in a feed that only adds it would
stay open for good. So a person may close those of a delivery. Why is one of a few words, because a
text of their own could name a client; the rows stay, and so does who closed them and when.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import duckdb

from orchestration.sql import literals

Because = Literal["sent_again", "cannot_be_mended", "not_ours"]
REASONS: tuple[str, ...] = get_args(Because)
"""sent_again: the practice says that a later file has them. cannot_be_mended: they are lost to the
comparison. not_ours: they were no rows of ours, such as a footer."""


@dataclass(frozen=True)
class Closing:
    """One delivery's rows that name no unit, closed. `at` is UTC without its zone."""

    delivery_id: str
    because: str
    by: str
    at: datetime


_NAMES_A_UNIT = (
    *("client_id", "session_id", "episode_id", "administration_id"),
    *("respondent", "occasion", "completed_on"),
    *("informant", "rating_kind", "segment_start_seconds"),
)
"""Columns that name a unit: a row in which one of them failed may not be known again."""

_CLOSABLE = f"""
    select distinct failed.delivery_id, failed.load_seq, failed.row_no
    from quality.quarantine as failed
    left join raw.deliveries_ordered as ordered on failed.load_seq = ordered.load_seq
    left join quality.quarantine_closings as closed
        on failed.load_seq = closed.load_seq and failed.row_no = closed.row_no
    where
        (failed.unit_key is null or failed.column_name in ({literals(_NAMES_A_UNIT)}))
        and coalesce(ordered.is_standing, true)
        and closed.load_seq is null
"""


def closable(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Delivery -> its rows in quarantine that only a person can close."""
    return dict(
        con.execute(
            f"select delivery_id, count(*) from ({_CLOSABLE}) group by 1 order by 1"
        ).fetchall()
    )


def close(con: duckdb.DuckDBPyConnection, closing: Closing) -> None:
    """Write a closing of all there are now: rows of a later load are looked at anew."""
    con.execute(
        "insert into quality.quarantine_closings "
        f"select *, ?, ?, ? from ({_CLOSABLE}) where delivery_id = ? order by all",
        [closing.because, closing.by, closing.at, closing.delivery_id],
    )


def closed_since_release(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a closing is newer than what was published last: the release does not tell of it."""
    ((found,),) = con.execute(
        "select exists (select 1 from quality.quarantine_closings where closed_at > "
        "(select max(published_at) from benchmark.published))"
    ).fetchall()
    return bool(found)
