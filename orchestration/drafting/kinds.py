"""Kinds of files among samples: one name pattern each, the export's date where names hold it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from expectations.pattern_checks import globs_overlap
from orchestration.drafting.sample import Sample
from orchestration.ingest.refusal import DeliveryRefused

_DATES = ((r"(?<!\d)\d{8}(?!\d)", r"(\d{8})"), (r"\d{4}-\d{2}-\d{2}", r"(\d{4}-\d{2}-\d{2})"))


@dataclass(frozen=True)
class Kind:
    """Files that are read alike. `exported_at` is None where names hold no date."""

    file: str
    pattern: str
    exported_at: str | None
    sample: Sample


def kinds(samples: Sequence[Sample]) -> list[Kind]:
    """Samples by their names, those of one kind joined.

    Raises DeliveryRefused (different_columns) when files of one name have different headers.
    """
    found: dict[str, Kind] = {}
    for sample in samples:
        kind = _kind(sample)
        known = found.get(kind.pattern)
        if known is None:
            found[kind.pattern] = kind
            continue
        if list(known.sample.columns) != list(sample.columns):
            raise DeliveryRefused(
                "different_columns",
                f"two files of the pattern {kind.pattern} have different columns; draft from one",
            )
        if (known.sample.format, known.sample.options) != (sample.format, sample.options):
            raise DeliveryRefused(
                "different_columns",
                f"two files of the pattern {kind.pattern} are of different formats; draft from one",
            )
        for name, cells in sample.columns.items():
            known.sample.columns[name].extend(cells)
        if known.sample.fhir is not None and sample.fhir is not None:
            known.sample.fhir.add(sample.fhir)
    patterns = list(found)
    for pattern in patterns:
        if any(other != pattern and globs_overlap(pattern, other) for other in patterns):
            kind = found[pattern]
            width = 8 if kind.exported_at and r"\d{8}" in kind.exported_at else 10
            exact = pattern.replace("*", "?" * width)
            found[pattern] = Kind(kind.file, exact, kind.exported_at, kind.sample)
    return list(found.values())


def _kind(sample: Sample) -> Kind:
    name = sample.file_name
    for shape, group in _DATES:
        dates = list(re.finditer(shape, name))
        if not dates:
            continue
        start, end = dates[-1].span()
        before = name[start - 1] if start else ""
        around = (re.escape(before) if before else "^") + group + re.escape(name[end:]) + "$"
        pattern = name[:start] + "*" + name[end:]
        return Kind(_word(name[:start]), pattern, around.replace(r"\-", "-"), sample)
    return Kind(_word(name.partition(".")[0] or name), name, None, sample)


def _word(stem: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", stem).lower()).strip("_")
    return (word if word[:1].isalpha() else f"file_{word}").rstrip("_")[:60]
