"""What one kind of file must keep: its rules on rows can hold, and its format's own rows are met.

A rule on rows that can never be met would count rows as something they are not, in silence.
"""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from expectations.feed_checks import SITE_ID
from expectations.mapping import Exclusion, Only
from expectations.model import Feed, FeedName
from expectations.practice import FileSpec, has_offset, has_time
from expectations.yaml_source import Finding

Path = tuple[str | int, ...]

QUALTRICS_STATUS = "Status"
"""Qualtrics' own column that tells a preview from an answer."""


def file_problems(at: Path, spec: FileSpec, feeds: Mapping[FeedName, Feed]) -> Iterator[Finding]:
    """What is wrong with one kind of file, each with its place in the practice's file."""
    yield from _time_problems(at, spec)
    yield from _namespace_problems(at, spec, feeds)
    for number, mapping in enumerate(spec.mappings):
        place = (*at, "mappings", number)
        rules: list[tuple[Path, Exclusion | Only]] = [
            *(((*place, "exclude", i), rule) for i, rule in enumerate(mapping.exclude)),
            *(((*place, "only", i), rule) for i, rule in enumerate(mapping.only)),
            *(
                ((*place, "forms", form, "only", i), rule)
                for form, block in enumerate(mapping.forms)
                for i, rule in enumerate(block.only)
            ),
        ]
        for where, rule in rules:
            for word in rule.words:
                if word and word in spec.missing:
                    yield (
                        (*where, "words"),
                        f"`{word}` is one of the file's `missing` words, which read as blank; "
                        'write "" for blank',
                    )
                elif word != word.strip():
                    yield (
                        (*where, "words"),
                        f"`{word}` begins or ends with a space; cells are trimmed first",
                    )
    if spec.format == "qualtrics" and QUALTRICS_STATUS in spec.discard:
        yield (
            (*at, "discard", spec.discard.index(QUALTRICS_STATUS)),
            "`Status` tells a survey's previews from its answers; "
            'use it: `exclude: [{column: Status, words: ["1", "Survey Preview"], '
            "reason: preview_row}]`",
        )


def _time_problems(at: Path, spec: FileSpec) -> Iterator[Finding]:
    patterns = [
        pattern
        for mapping in spec.mappings
        for pattern in (
            mapping.date_format,
            *(source.date_format for source in mapping.columns.values()),
            *(own.date_format for block in mapping.forms for own in block.columns.values()),
        )
        if pattern is not None
    ]
    if spec.times is None:
        if any(map(has_offset, patterns)):
            yield (
                (*at, "mappings"),
                "a date format with %z needs `times: {days_in: …}`, or the day of a late form "
                "would be chance",
            )
        return
    for key in ("written_in", "days_in"):
        try:
            ZoneInfo(getattr(spec.times, key))
        except (KeyError, OSError, ValueError):
            yield (*at, "times", key), "must be a zone like Europe/Berlin"
    if not any(map(has_time, patterns)):
        yield (*at, "times"), "goes with a date format that reads a time (%H)"


def _namespace_problems(
    at: Path, spec: FileSpec, feeds: Mapping[FeedName, Feed]
) -> Iterator[Finding]:
    ids = {
        source.column
        for mapping in spec.mappings
        for columns in (mapping.columns, *(block.columns for block in mapping.forms))
        for name, source in columns.items()
        for column in feeds[mapping.feed].columns
        if column.name == name and column.type == "id" and name != SITE_ID
    }
    for header in spec.id_namespaces:
        if header not in ids:
            yield (*at, "id_namespaces", header), "is no column that holds ids"
