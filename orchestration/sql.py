"""Quoting: the one way by which a declared name or word becomes part of an SQL text."""

import re
from collections.abc import Iterable
from pathlib import Path

_GLOB = re.compile(r"([*?\[])")


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string literal. NUL has no place in one: ValueError."""
    if "\0" in text:
        raise ValueError("a NUL character cannot be part of an SQL literal")
    return "'" + text.replace("'", "''") + "'"


def path_literal(path: Path) -> str:
    """A file's path for the engine's readers, which would take `*`, `?` and `[` for a pattern."""
    return literal(_GLOB.sub(r"[\1]", str(path)))


def literals(texts: Iterable[str]) -> str:
    """Texts as a comma-separated list of SQL string literals."""
    return ", ".join(literal(text) for text in texts)
