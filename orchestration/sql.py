"""Quoting: the one way by which a declared name or word becomes part of an SQL text."""

from collections.abc import Iterable


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string literal. NUL has no place in one: ValueError."""
    if "\0" in text:
        raise ValueError("a NUL character cannot be part of an SQL literal")
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Texts as a comma-separated list of SQL string literals."""
    return ", ".join(literal(text) for text in texts)
