"""What one kind of file must keep: its rules on rows can hold, and its format's own rows are met.

A rule on rows that can never be met would count rows as something they are not, in silence.
"""

from collections.abc import Iterator

from expectations.mapping import Exclusion, Only
from expectations.practice import FileSpec
from expectations.yaml_source import Finding

Path = tuple[str | int, ...]

QUALTRICS_STATUS = "Status"
"""Qualtrics' own column that tells a preview from an answer."""


def file_problems(at: Path, spec: FileSpec) -> Iterator[Finding]:
    """What is wrong with one kind of file, each with its place in the practice's file."""
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
