"""How many of the other sites a site can be told from: words in place of a rank. PURE.

A rank has no honest number: most sites cannot be told apart, and a rank moves with chance alone.
What the intervals do support is a count of those that lie clearly on one side (for intervals of
ranks from pairs: Goldstein & Spiegelhalter 1996, J R Stat Soc A 159:385).
"""

from collections.abc import Iterable, Sequence

from dashboards.readings import Readings, readings_by_name
from dashboards.release import Adjustment, SiteResult
from dashboards.sentences import count
from dashboards.sentences_reasons import is_fair


def told_apart(
    row: SiteResult, rows: Sequence[SiteResult], adjustments: Iterable[Adjustment]
) -> str:
    """How many sites that can be compared have a clearly higher or lower mean than this one.

    Clearly: the 95 % intervals of their shrunken values do not meet. That is stricter than a test
    of the two sites (Schenker & Gentleman 2001, Am Stat 55:182), which leaves room for the many
    pairs. Adjusted means are held against adjusted ones where the site has one, else raw against
    raw. Empty where nothing can be said.
    """
    found = [each for each in readings_by_name(rows, adjustments) if is_fair(each.row)]
    own = next((each for each in found if each.row == row), None)
    if own is None:
        return ""
    name = own.surer.name
    here = own.surer.interval
    others = [_interval(each, name) for each in found if each.row != row]
    known = [each for each in others if each is not None]
    if here is None or not known:
        return ""
    n_lower = sum(upper < here[0] for _, upper in known)
    n_higher = sum(lower > here[1] for lower, _ in known)
    return _said(name, n_lower, n_higher, len(known))


def _interval(found: Readings, name: str) -> tuple[float, float] | None:
    reading = found.raw if name == "raw" else found.adjusted
    return None if reading is None else reading.interval


def _said(name: str, n_lower: int, n_higher: int, n_others: int) -> str:
    n_open = n_others - n_lower - n_higher
    if n_others == 1:
        other = "the one other site we can compare"
        if n_open:
            return f"This site cannot be told apart from {other}."
        return f"At {other}, the {name} mean is clearly {'lower' if n_lower else 'higher'}."
    others = f"the {count(n_others, 'other site')} we can compare"
    if n_open == n_others:
        return f"This site cannot be told apart from any of {others}."
    sides = [(n, way) for n, way in ((n_lower, "lower"), (n_higher, "higher")) if n]
    n, way = sides[0]
    said = [f"Of {others}, {_have(n)} a clearly {way} {name} mean than this one."]
    said += [f"And {_have(n)} a clearly {way} one." for n, way in sides[1:]]
    if n_open:
        rest = "The one left" if n_open == 1 else f"The other {n_open:,}"
        said.append(f"{rest} cannot be told apart from it.")
    return " ".join(said)


def _have(number: int) -> str:
    return f"{number:,} {'has' if number == 1 else 'have'}"
