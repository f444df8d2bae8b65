"""One feed out of one file, as far as a sample tells."""

from dataclasses import dataclass

from expectations.model import Feed
from orchestration.drafting.forms import Forms
from orchestration.drafting.matching import Match
from orchestration.drafting.rows import RowRule


@dataclass(frozen=True)
class Part:
    """One feed out of a file."""

    feed: Feed
    matches: list[Match]
    forms: Forms | None = None
    exclude: tuple[RowRule, ...] = ()
    only: tuple[RowRule, ...] = ()
    constants: tuple[tuple[str, str, str], ...] = ()
    """Canonical column, what stands for it (`{from: …}`), why."""

    @property
    def columns(self) -> set[str]:
        """Columns of the file that it reads."""
        rules = {rule.column for rule in (*self.exclude, *self.only)}
        forms = self.forms.columns if self.forms else set()
        return {match.source.header for match in self.matches} | rules | forms
