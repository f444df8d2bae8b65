"""What a feed's own declaration must keep, beyond its shape: rules that fit their column.

A rule that cannot fail is worse than none, because everyone believes it runs.
"""

from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from expectations.model import NOT_RECORDED, Column, Feed, Group, Rule, Severity
from expectations.yaml_source import Finding, Location, YamlSource

STATED_TOTAL = "stated_total"
"""Its bounds are those of the instrument's total, so its `between` names none."""
SITE_ID = "site_id"
"""Its values are the practice's sites, so its `one_of` is given none here."""

_READABLE = {"one_of", "valid", "between"}
"""Rules that a cell which could not be read as its type fails."""


def group_problems(source: YamlSource, group: Group) -> list[str]:
    """What is wrong with the group's declaration."""
    try:
        ZoneInfo(group.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = "is no time zone; write one such as Europe/Zurich"
        return [source.problem(("time_zone",), message)]
    return []


def feed_problems(source: YamlSource, feed: Feed) -> list[str]:
    """What is wrong with a feed: its name, and each column's rules."""
    found: list[str] = []
    if source.path.stem != feed.feed:
        found.append(source.problem(("feed",), f"must equal the file's name, {source.path.stem}"))
    for position, rule in enumerate(feed.rules):
        if rule.rule != "unique":
            message = "belongs to a column; only `unique` is a rule of the whole unit"
            found.append(source.problem(("rules", position, "rule"), message))
    for position, column in enumerate(feed.columns):
        at: Location = ("columns", position)
        found += [source.problem((*at, *key), text) for key, text in _column_problems(feed, column)]
    return found


def _column_problems(feed: Feed, column: Column) -> list[Finding]:
    found: list[Finding] = []
    kinds = [rule.rule for rule in column.rules]
    if len(set(kinds)) != len(kinds):
        found.append((("rules",), "has a rule twice; its check would have the same name"))
    if len(set(column.allowed)) != len(column.allowed):
        found.append(
            (
                ("values",),
                f"are distinct words, and `{NOT_RECORDED}` is always among them",
            )
        )
    if not _READABLE & set(kinds):
        found.append(
            (
                ("rules",),
                "needs one of one_of, valid, between: what fails unreadable cells",
            )
        )
    is_demanded = any(
        rule.rule == "required" and rule.severity is Severity.CRITICAL for rule in column.rules
    )
    if is_demanded != column.required:
        found.append((("required",), "goes with a critical rule `required`, and only with it"))
    for position, rule in enumerate(column.rules):
        found += [
            (("rules", position, key), text) for key, text in _rule_problems(feed, column, rule)
        ]
    return found


def _rule_problems(feed: Feed, column: Column, rule: Rule) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    is_number = column.type in ("integer", "number")
    is_date = column.type == "date"
    bounds = {"minimum": rule.minimum, "maximum": rule.maximum}
    fits = {
        "required": True,
        "required_when": True,
        "valid": True,
        "one_of": column.type == "enumeration" or column.name == SITE_ID,
        "between": is_number or is_date,
        "not_future": is_date,
        "ordered": is_date,
        "unique": False,
    }
    if not fits[rule.rule]:
        found.append(("rule", f"`{rule.rule}` does not fit a column of type {column.type}"))
    if rule.rule == "ordered":
        other = {found.name: found.type for found in feed.columns}.get(rule.after_column or "")
        if other != "date":
            found.append(("after_column", "must name a date column of this feed"))
    elif rule.after_column is not None:
        found.append(("after_column", "goes with the rule `ordered`"))
    if rule.rule == "required_when":
        words = {each.name: each.allowed for each in feed.columns}.get(rule.when_column or "", ())
        if rule.when_word not in words:
            found.append(
                ("when_word", "must be a word of `when_column`, an enumeration of this feed")
            )
    elif rule.when_column is not None or rule.when_word is not None:
        found.append(("when_column", "goes with the rule `required_when`"))
    if rule.rule != "between":
        found += [
            (key, "goes with the rule `between`") for key, to in bounds.items() if to is not None
        ]
        return found
    if set(bounds.values()) == {None} and column.name != STATED_TOTAL:
        found.append(("rule", "`between` needs a minimum, a maximum or both"))
    for key, bound in bounds.items():
        if bound is not None and is_date and not _is_day(bound):
            found.append((key, 'must be a day as quoted ISO text, e.g. "1990-01-01"'))
        if bound is not None and is_number and isinstance(bound, str):
            found.append((key, "must be a number"))
    return found


def _is_day(bound: float | str) -> bool:
    try:
        date.fromisoformat(str(bound))
    except ValueError:
        return False
    return True
