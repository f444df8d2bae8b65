"""What a night has to do, found out before anything heavy is imported."""

from dataclasses import dataclass

from expectations.model import FeedName
from expectations.registry import Registry
from orchestration.ingest.ledger import Sorted
from orchestration.ingest.quarantine_closings import closed_since_release
from orchestration.night import Night, selection
from orchestration.settings import Settings
from orchestration.state import State, last_build, last_published, ledger_end, publishing_digest


@dataclass(frozen=True)
class Plan:
    """New files by practice and feed, and whether marts or release are behind."""

    landing: Sorted
    raw: tuple[tuple[str, FeedName], ...]
    is_behind: bool
    published_through: int
    """Number of the ledger up to which the release in force knows it."""
    list_problems: tuple[str, ...] = ()
    """What is wrong with the lists of files that practices send."""
    removed: tuple[str, ...] = ()
    """What went because its term was over, in words."""

    @property
    def has_work(self) -> bool:
        """Whether anything would change."""
        return bool(self.raw) or self.is_behind


class NightFailed(Exception):
    """The job itself failed; what was loaded stays loaded and the last release stays served."""

    def __init__(self, run_id: str, reason: str) -> None:
        super().__init__(
            f"the night did not come to its end ({reason}); the last release stays in force; look "
            f"at run {run_id} in the orchestrator, and start the night again when it is mended"
        )


def plan(settings: Settings, registry: Registry) -> Plan:
    """Look at landing and ledger, and tidy up even when that is all there is to do.

    The caller holds the writer's lock.
    """
    night = Night(settings, registry)
    night.begin()
    with night.warehouse.connect() as con:
        landing = night.landing()
        end = ledger_end(con)
        wanted = State(end, registry.digest, publishing_digest(), settings.code_version)
        published = last_published(con)
        has_marts = last_build(con) is not None
        is_closed = closed_since_release(con)
        problems = tuple(night.lists())
    is_behind = end > 0 and (published != wanted or not has_marts or is_closed)
    through = published.processed_through if published else 0
    return Plan(
        landing, tuple(selection(landing)), is_behind, through, problems, removed=night.removed
    )
