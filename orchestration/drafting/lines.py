"""YAML as a person would write it: a value a line, its reason beside it."""

import re
from collections.abc import Mapping

import yaml

from orchestration.ingest.privacy import shown_header

_SAFE = re.compile(r"[^\x20-\x7e\xa0-￿]")


def scalar(text: str) -> str:
    """One text as a YAML scalar, quoted where YAML would read it as something else."""
    dumped: str = yaml.safe_dump(text, default_flow_style=True, width=10**6, allow_unicode=True)
    plain = dumped.removesuffix("\n").removesuffix("...").rstrip("\n")
    # A bare word with these ends a flow mapping or begins a comment.
    return f'"{plain}"' if re.search(r"[,\[\]{}#:]", plain) and plain == text else plain


def flow(pairs: Mapping[str, str]) -> str:
    """A flow mapping of texts."""
    return "{" + ", ".join(f"{scalar(k)}: {scalar(v)}" for k, v in pairs.items()) + "}"


def sequence(texts: tuple[str, ...] | list[str]) -> str:
    """A flow sequence of texts."""
    return "[" + ", ".join(map(scalar, texts)) + "]"


def remark(text: str) -> str:
    """A text fit for a comment: one line, nothing that could end it."""
    return _SAFE.sub(" ", text)


def header(name: str) -> str:
    """A column's name for a comment, unless it may be data."""
    return remark(shown_header(name))
