"""Rules on rows, as a draft writes them: which rows belong to a feed, a form, or nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.drafting.columns import Profile
from orchestration.drafting.lines import scalar, sequence
from orchestration.drafting.words import dictionary, plain


@dataclass(frozen=True)
class RowRule:
    """Words of a column, and the reason under which rows are counted that the rule leaves out."""

    column: str
    words: tuple[str, ...]
    reason: str
    why: str


def rule_lines(key: str, rules: Sequence[RowRule], indent: int) -> list[str]:
    """The lines of an `exclude` or an `only`; none without rules."""
    if not rules:
        return []
    space = " " * indent
    return [
        f"{space}{key}:",
        *(
            f"{space}  - {{column: {scalar(rule.column)}, words: {sequence(rule.words)}, "
            f"reason: {rule.reason}}}  # why: {rule.why}"
            for rule in rules
        ),
    ]


def exclusions(column: Profile, file_format: str) -> list[RowRule]:
    """Rows that are no answers, by the words of a column that says so."""
    if file_format == "qualtrics":
        return _survey_exclusions(column)
    if column.kind != "words":
        return []
    return [
        RowRule(column.header, (word,), str(reason), "such rows are no answers")
        for word in sorted(column.distinct)
        for reason, words in dictionary()["excluded"].items()
        if plain(word) in words
    ]


def _survey_exclusions(column: Profile) -> list[RowRule]:
    """Qualtrics' own columns, in the coding the file is in."""
    name, is_raw = plain(column.header), all(word.isdigit() for word in column.distinct)
    if name == "status":
        tries = ("1", "2") if is_raw else ("Survey Preview", "Survey Test")
        return [RowRule(column.header, tries, "preview_row", "Qualtrics' words for a try")]
    if name == "finished":
        unsent = ("0",) if is_raw else ("False", "FALSE")
        return [RowRule(column.header, unsent, "unfinished_row", "Qualtrics' words for not sent")]
    return []
