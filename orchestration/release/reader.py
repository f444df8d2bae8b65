"""Which release is in force, and where its files are. Light: an idle night imports it."""

import json
from dataclasses import dataclass
from pathlib import Path

POINTER = "current.json"


@dataclass(frozen=True)
class Pointer:
    """The release in force. The two files belong together: read both from one pointer."""

    release_id: str
    release: Path
    quality: Path


class Releases:
    """The folder of released files and the pointer to the current one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self) -> Pointer | None:
        """The release in force, or None before the first one.

        Raises ValueError when the pointer is not one.
        """
        try:
            text = (self.folder / POINTER).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            content = json.loads(text)
            names = [content[key] for key in ("release_id", "release", "quality")]
        except (ValueError, KeyError, TypeError):
            names = [None]
        # A pointer names files of its own folder and nothing else.
        if not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise ValueError(
                f"{self.folder.name}/{POINTER} is not a pointer to a release; run the nightly "
                "load again, or write the id and the two file names of a kept release into it"
            )
        return Pointer(names[0], self.folder / names[1], self.folder / names[2])

    def current_id(self) -> str | None:
        """The id of the release in force, or None."""
        pointer = self.current()
        return pointer.release_id if pointer else None

    def path(self, release_id: str) -> Path:
        """File of a release for everyone who may see the comparison."""
        return self.folder / f"{release_id}.duckdb"

    def quality_path(self, release_id: str) -> Path:
        """File of the same release for quality teams."""
        return self.folder / f"{release_id}.quality.duckdb"
