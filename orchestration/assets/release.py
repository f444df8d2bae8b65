"""The release: what readers open, written when everything before it holds."""

from datetime import UTC, date

import dagster as dg
import duckdb

from orchestration.assets.benchmarks import KEY as BENCHMARKS
from orchestration.assets.case_mix import KEYS as CASE_MIX
from orchestration.assets.measures import KEYS as MEASURES
from orchestration.assets.psychometrics import RELIABILITY
from orchestration.assets.trends import KEYS as TRENDS
from orchestration.case_mix_shown import note_shown
from orchestration.disclosure_ledger import put_out, take_back
from orchestration.instance import POOL
from orchestration.night import Night
from orchestration.release.contents import ReleaseMeta
from orchestration.release.publish import Published, write_release
from orchestration.state import State, last_published, ledger_end, publishing_digest
from orchestration.warehouse import transaction

KEY = dg.AssetKey(["release", "current"])
PRACTICES = dg.AssetKey(["marts", "dim_practices"])


def release_assets(*, with_measures: bool) -> list[dg.AssetsDefinition]:
    """The one release asset."""

    @dg.asset(
        key=KEY,
        # The reverse-keying alarm's verdicts go out with the other checks.
        deps=[
            BENCHMARKS,
            *TRENDS,
            PRACTICES,
            *((RELIABILITY, *MEASURES, *CASE_MIX) if with_measures else ()),
        ],
        group_name="release",
        pool=POOL,
        kinds={"duckdb"},
        description="The files that dashboards and quality teams open, and the pointer to them.",
    )
    def current(night: dg.ResourceParam[Night]) -> dg.MaterializeResult:  # type: ignore[type-arg]
        published = publish(night)
        night.withheld = published.withheld
        return dg.MaterializeResult(
            metadata={
                "release_id": published.release_id,
                "is_new": published.is_new,
                "withheld": list(published.withheld),
            }
        )

    return [current]


def publish(night: Night) -> Published:
    """Write a release when its content is new, and note what it was made from.

    Raises ReleaseRefused when the candidate must not go out; the last release stays in force.
    """
    with night.warehouse.connect() as con:
        meta = ReleaseMeta.of(
            night.registry,
            created_at=night.now,
            data_through_on=_data_through_on(con),
            code_version=night.settings.code_version,
        )
        digest, before = publishing_digest(), last_published(con)
        published = write_release(
            con,
            night.settings.releases,
            meta,
            night.registry,
            is_other_code=before is None or before.models_digest != digest,
        )
        state = State(
            ledger_end(con),
            night.registry.digest,
            digest,
            night.settings.code_version,
        )
        with transaction(con):
            if published.is_new:
                put_out(con)
            else:
                take_back(con)
            if meta.with_measures:
                note_shown(con)
            con.execute(
                "insert into benchmark.published values (?, ?, ?, ?, ?, ?)",
                [
                    published.release_id,
                    state.processed_through,
                    state.registry_digest,
                    state.models_digest,
                    state.code_version,
                    night.now.astimezone(UTC).replace(tzinfo=None),
                ],
            )
    return published


def _data_through_on(con: duckdb.DuckDBPyConnection) -> date | None:
    """The day that closed the release's periods: of all practices, those without a cell included.

    A practice may send sessions alone; its days close a month for the others all the same.
    """
    last: date | None
    ((last,),) = con.execute(
        "select max(group_data_through_on) from marts.dim_practices"
    ).fetchall()
    return last
