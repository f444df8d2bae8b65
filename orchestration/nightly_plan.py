"""What a night has to do, found out before anything heavy is imported."""

from dataclasses import dataclass

from expectations.model import FeedName
from expectations.registry import Registry
from orchestration.dbt_runner import models_digest
from orchestration.ingest.ledger import Sorted
from orchestration.night import Night, selection
from orchestration.settings import Settings
from orchestration.state import State, last_published, ledger_end


@dataclass(frozen=True)
class Plan:
    """New files by practice and feed, and whether marts or release are behind."""

    landing: Sorted
    raw: tuple[tuple[str, FeedName], ...]
    is_behind: bool
    ledger_end: int

    @property
    def has_work(self) -> bool:
        """Whether anything would change."""
        return bool(self.raw) or self.is_behind


def plan(settings: Settings, registry: Registry) -> Plan:
    """Look at landing and ledger; the caller holds the writer's lock."""
    night = Night(settings, registry)
    night.warehouse.prepare()
    landing = night.landing()
    with night.warehouse.connect() as con:
        end = ledger_end(con)
        wanted = State(end, registry.digest, models_digest(), settings.code_version)
        is_behind = end > 0 and last_published(con) != wanted
    return Plan(landing, tuple(selection(landing)), is_behind, end)
