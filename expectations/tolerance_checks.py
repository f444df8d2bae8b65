"""What tolerated thresholds must keep: they name checks that run, once each, dated in order."""

import re
from collections.abc import Iterator, Mapping

from expectations.model import Feed, FeedName
from expectations.practice import FileSpec
from expectations.tolerance import QUARANTINE
from expectations.yaml_source import Finding

Path = tuple[str | int, ...]
_OF_FORMS = re.compile(
    r"administrations\.(item_\d{2}\.in_range|items\.belong|answers\.agree|instrument_code\.known)"
)


def tolerance_problems(
    at: Path, spec: FileSpec, feeds: Mapping[FeedName, Feed]
) -> Iterator[Finding]:
    """What is wrong with a file's tolerated thresholds, each with its place."""
    known = {name for mapping in spec.mappings for name in _checks(feeds[mapping.feed])}
    sends_forms = any(mapping.feed == "administrations" for mapping in spec.mappings)
    seen: set[str] = set()
    for number, each in enumerate(spec.tolerated):
        place = (*at, "tolerated", number)
        is_of_forms = sends_forms and _OF_FORMS.fullmatch(each.check) is not None
        if each.check != QUARANTINE and each.check not in known and not is_of_forms:
            yield (
                (*place, "check"),
                "is no check of this file's feeds; `alliance contract check` lists them, and "
                f"`{QUARANTINE}` stands for all together",
            )
        if each.check in seen:
            yield (*place, "check"), "is tolerated twice; keep one"
        seen.add(each.check)
        if each.until is not None and each.until < each.noted_on:
            yield (*place, "until"), "is before noted_on"


def _checks(feed: Feed) -> Iterator[str]:
    for column in feed.columns:
        for rule in column.rules:
            yield f"{feed.feed}.{column.name}.{rule.rule}"
    for rule in feed.rules:
        yield f"{feed.feed}.key.{rule.rule}"
