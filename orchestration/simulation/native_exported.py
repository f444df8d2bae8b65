"""What one block of clients has to tell in a window: rows of the three feeds, made when asked."""

from dataclasses import dataclass, field

from expectations.mapping import Mapping
from expectations.practice import FileSpec
from orchestration.simulation.block import Block
from orchestration.simulation.frames import Frame
from orchestration.simulation.native_rows import FormTable
from orchestration.simulation.network import PracticeModel
from orchestration.simulation.records import Numbering, Window, episodes, sessions


@dataclass(frozen=True)
class Exported:
    """A block in the state of the window's last day."""

    model: PracticeModel
    block: Block
    numbering: Numbering
    window: Window
    forms: FormTable
    _frames: dict[tuple[str, bool], Frame] = field(default_factory=dict)

    def frame(self, spec: FileSpec, mapping: Mapping) -> Frame:
        """Rows of the episodes or sessions that a file carries."""
        is_snapshot = spec.delivery_scope == "snapshot"
        key = mapping.feed, is_snapshot
        if key not in self._frames:
            parts = self.block, self.model, self.numbering, self.window
            self._frames[key] = (
                episodes(*parts, is_snapshot=is_snapshot)
                if mapping.feed == "episodes"
                else sessions(*parts)
            )
        return self._frames[key]
