"""What the assets share in one run: the night's work, held together with the writer's lock."""

from collections.abc import Iterator

import dagster as dg

from expectations.registry import Registry
from orchestration.ingest.reading import ReadingWorker
from orchestration.instance import alive
from orchestration.night import Night
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse


def night_resource(
    settings: Settings, registry: Registry, worker: ReadingWorker | None = None
) -> dg.ResourceDefinition:
    """A `Night` for the length of a run: one writer, one reading worker, a lock that shows life.

    `worker` may be one that the caller started early.
    """

    @dg.resource(description="The night's work, with the writer's lock held.")
    def night(context: dg.InitResourceContext) -> Iterator[Night]:
        log = context.log
        run_id = context.run.run_id if context.run else "no_run"

        def waiting(text: str) -> None:
            if log is not None:
                log.info(text)

        with alive(settings, run_id), Warehouse(settings).writer(waiting=waiting):
            work = Night(settings, registry)
            if worker is not None:
                work.worker = worker
            work.prepare()
            try:
                yield work
            finally:
                work.close()

    return night
