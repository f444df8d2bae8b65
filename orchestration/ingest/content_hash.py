"""What a file is known by: exactly once means once for each content, whatever its name.

Apart from `receive`, which needs an engine: looking at landing does not.
"""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Content hash of a file, read in chunks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
