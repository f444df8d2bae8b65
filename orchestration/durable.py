"""What must survive a power cut: directory entries, and small files replaced whole."""

import os
from pathlib import Path


def fsync_directory(directory: Path) -> None:
    """Make renames and new names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, text: str) -> None:
    """Replace a small text file in one step: a reader sees the old text or the new."""
    candidate = path.with_name(path.name + ".writing")
    with candidate.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    candidate.replace(path)
    fsync_directory(path.parent)
