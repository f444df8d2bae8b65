"""Which of the formats a column of dates can be read with is meant. Pure."""

from collections.abc import Iterable, Sequence

from orchestration.drafting.columns import Profile


def day_first(profiles: Iterable[Profile]) -> bool | None:
    """Whether the practice writes days before months; None where no date of any file tells."""
    orders = {_is_day_first(found.date_formats[0]) for found in profiles if _is_plain(found)}
    return orders.pop() if len(orders) == 1 else None


def _is_plain(found: Profile) -> bool:
    """Whether a column's dates can be read one way only, and day and month could be confused."""
    named = [f for f in found.date_formats if not f.startswith("%Y")]
    return bool(named) and len({_is_day_first(f) for f in named}) == 1


def _is_day_first(pattern: str) -> bool:
    month = max(pattern.find("%m"), pattern.find("%b"))
    return pattern.index("%d") < month


def chosen(found: Profile, is_day_first: bool | None) -> tuple[str, bool]:
    """The format a column's dates are read with, and whether another would do as well."""
    fitting = [
        pattern
        for pattern in found.date_formats
        if is_day_first is None
        or pattern.startswith("%Y")
        or _is_day_first(pattern) == is_day_first
    ]
    formats = fitting or list(found.date_formats)
    return formats[0], len({_is_day_first(pattern) for pattern in formats}) > 1


def most_common(patterns: Sequence[str]) -> str | None:
    """The format most columns share: the mapping's, which needs saying once."""
    return max(dict.fromkeys(patterns), key=patterns.count, default=None)
