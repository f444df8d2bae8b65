"""What the assets share in one run: the night's work, held together with the writer's lock."""

from collections.abc import Iterator
from contextlib import closing

import dagster as dg

from expectations.registry import Registry
from orchestration.assets.raw import practice_key
from orchestration.instance import alive
from orchestration.night import Night, selection
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse


def night_resource(
    settings: Settings, registry: Registry, begun: Night | None = None
) -> dg.ResourceDefinition:
    """A `Night` for the length of a run: one writer, one reading worker, a lock that shows life.

    `begun` may be a night that the caller prepared, and whose files are being read already.
    """

    @dg.resource(description="The night's work, with the writer's lock held.")
    def night(context: dg.InitResourceContext) -> Iterator[Night]:
        log = context.log
        run_id = context.run.run_id if context.run else "no_run"

        def waiting(text: str) -> None:
            if log is not None:
                log.info(text)

        with alive(settings, run_id), Warehouse(settings).writer(waiting=waiting):
            if begun is not None:
                yield begun
                return
            with closing(Night(settings, registry)) as work:
                work.prepare()
                chosen = context.run.asset_selection if context.run else None
                work.read_ahead(
                    (practice_id, feed)
                    for practice_id, feed in selection(work.landing())
                    if chosen is None or practice_key(practice_id, feed) in chosen
                )
                yield work

    return night
