"""Sentences that read the comparison aloud. PURE: rows in, plain English out, grade 9 or lower.

They say what the numbers support and no more: no ranking, no cause, and in every state of a row a
sentence of its own, a missing flag included. Raw and adjusted stand together, always.
"""

from collections.abc import Iterable, Sequence

from dashboards import bounds, labels
from dashboards.readings import Reading, Readings, readings, readings_by_name
from dashboards.release import Adjustment, Instrument, SiteResult
from dashboards.sentences_adjusted import certainty, position, positions, value
from dashboards.sentences_reasons import (
    NO_MODEL,
    NOT_IDENTIFIABLE,
    because,
    is_fair,
    no_adjusted,
    of_all_sites,
    reasons,
    why_nothing_adjusted,
)

MEANS_NOTE = (
    "A raw mean takes clients as they come. An adjusted mean allows for who comes to a site, as "
    "far as it was written down. A difference is a reason to look closer, and no verdict on a site "
    "or on a therapist."
)
_MOST_NAMES = 8
"""Sites named in one breath; beyond it a count, and the table names them."""
_HALF = 0.5
_MUCH_MISSING = 0.2
"""Share of clients with a gap in what is adjusted for, from which on a reader is told."""


def count(number: int, noun: str) -> str:
    """`1 client`, `212 clients`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def meaning(instrument: Instrument) -> str:
    """Which way is good on this questionnaire."""
    if instrument.direction == "lower_is_better":
        return "On this form, a lower score is better."
    if instrument.kind == "alliance":
        return "On this form, a higher score means that the two work together better."
    return "On this form, a higher score is better."


def site_sentence(
    row: SiteResult,
    instrument: Instrument,
    adjustment: Adjustment | None = None,
    period: str | None = None,
) -> str:
    """What the numbers say of one site, right in every state of its row.

    `adjustment`: the site's row of `site_adjustments`, where the view has one; `period`: the view's
    code, which tells why a month has none.
    """
    if row.is_suppressed:
        return (
            f"We show no numbers for {row.site_label}. "
            "Alone or set beside others, they could give someone away."
        )
    found = readings(row, adjustment)
    if found is None:
        return f"There is no mean score for {row.site_label} in this view."
    decimals, is_alone = instrument.decimals, found.adjusted is None
    unadjusted = no_adjusted(row, adjustment, period)
    parts = (
        _values(found, decimals),
        _judgement(found, decimals),
        _which_way(found, instrument),
        _caution(found),
        f"The raw mean does not allow for who comes there. {unadjusted}" if is_alone else "",
        certainty(found.surer, is_alone, decimals),
        _beside(row),
        _missing(found, adjustment),
    )
    return " ".join(part for part in parts if part)


def _values(found: Readings, decimals: int) -> str:
    n = found.row.n_clients
    clients = "" if n is None else f" for {count(n, 'client')}"
    raw = value(found.raw, decimals)
    said = f"At {found.row.site_label}, the raw mean score{clients} is {raw}."
    if found.adjusted is None:
        return said
    return f"{said} Adjusted for who comes there, it is {value(found.adjusted, decimals)}."


def _why(found: Readings) -> tuple[str, ...]:
    """Reasons against a comparison, but for the one that a sentence of its own is given to."""
    return reasons(found.row, left_out=NOT_IDENTIFIABLE if found.adjusted is None else None)


def _judgement(found: Readings, decimals: int) -> str:
    raw, adjusted = found.raw, found.adjusted
    if raw.flag is None:
        if why := _why(found):
            return because("We do not flag it", why)
        if adjusted is None or adjusted.flag is None:
            return "It has no flag: there is no range to hold it against."
        there = position("The adjusted mean", adjusted, decimals)
        return f"The raw mean has no range to be held against. {there}"
    if adjusted is None:
        return position("This", raw, decimals)
    if adjusted.flag is None:
        there = position("The raw mean", raw, decimals)
        return f"{there} The adjusted mean has no range to be held against."
    return positions(raw, adjusted, decimals)


def _which_way(found: Readings, instrument: Instrument) -> str:
    """Above is not good everywhere: said where a reading lies outside and lower is better."""
    if instrument.direction != "lower_is_better" or (found.raw.flag is None and _why(found)):
        return ""
    is_outside = found.raw.side or (found.adjusted and found.adjusted.side)
    return meaning(instrument) if is_outside else ""


def _caution(found: Readings) -> str:
    why = _why(found)
    return because("Read this with care", why) if why and found.raw.flag is not None else ""


def _beside(row: SiteResult) -> str:
    parts = []
    rate, ceiling = row.response_rate, row.ceiling_share
    if rate is not None:
        others = "; we do not know what the others would say" if rate < _HALF else ""
        # A rate is rounded, and its lowest and highest stand for what lies beyond as well.
        parts.append(f"About {labels.percent(rate)} of the forms due came back{others}.")
    if ceiling is not None:
        room = ", which leaves the mean little room to differ" if ceiling >= _HALF else ""
        share = bounds.worded(labels.percent(ceiling), row.ceiling_share_bound)
        parts.append(f"{share} of its forms have the best score there is{room}.")
    return " ".join(parts)


def _missing(found: Readings, adjustment: Adjustment | None) -> str:
    share = adjustment.largest_share_missing if adjustment is not None else None
    if found.adjusted is None or share is None or share < _MUCH_MISSING:
        return ""
    return f"For up to {labels.percent(share)} of its clients, what we adjust for is not all known."


def headline(
    rows: Sequence[SiteResult],
    adjustments: Iterable[Adjustment],
    instrument: Instrument,
    period: str | None = None,
) -> str:
    """What the numbers say of the whole group: names in alphabetical order, never a ranking."""
    if not rows:
        return "This view holds no site."
    adjusting = list(adjustments)
    found = readings_by_name(rows, adjusting)
    if not found:
        is_hidden = any(row.is_suppressed for row in rows)
        why = "its numbers could give someone away" if is_hidden else "none has a mean score"
        return f"No site can be shown in this view: {why}."
    fair = [each for each in found if each.raw.flag is not None and is_fair(each.row)]
    if not fair:
        n = len(found)
        none = "cannot compare it fairly" if n == 1 else "can compare none of them fairly"
        said = f"We show {count(n, 'site')} but {none}. The table gives the reasons."
        return f"{said} {_outside_with_reasons(found)}".strip()
    both = [each for each in fair if each.adjusted is not None and each.adjusted.flag is not None]
    target = fair[0].raw.target
    mean = "" if target is None else labels.number(target, instrument.decimals)
    is_outside = any(each.raw.side or (each.adjusted and each.adjusted.side) for each in fair)
    parts = (
        _standings(fair, both),
        _unadjusted(fair, both, adjusting, period),
        _disagreeing(both),
        f"The group's raw mean is {mean} points." if mean else "",
        _spread([each.row for each in fair]),
        of_all_sites([each.row for each in fair]),
        _outside_with_reasons(found),
        meaning(instrument) if is_outside and instrument.direction == "lower_is_better" else "",
    )
    return " ".join(filter(None, parts))


_PLACES = {
    "above_998": "far above",
    "above_95": "just above",
    "below_95": "just below",
    "below_998": "far below",
}


def _standings(fair: Sequence[Readings], both: Sequence[Readings]) -> str:
    """Where the sites lie, by the raw and by the adjusted means; once where the two are alike."""
    raw = [(each.row.site_label, each.raw) for each in fair]
    adjusted = [(each.row.site_label, each.adjusted) for each in both if each.adjusted]
    one_by = "by its raw mean" if len(raw) == 1 else "by their raw means"
    if not adjusted:
        said = [_standing(raw, "compare", one_by)]
    elif [(label, reading.flag) for label, reading in raw] == [
        (label, reading.flag) for label, reading in adjusted
    ]:
        said = [_standing(raw, "compare", "raw and adjusted alike")]
    else:
        allowing = "once we allow for who comes there"
        said = [_standing(raw, "compare", one_by), _standing(adjusted, "adjust", allowing)]
    if not any(each.side for _, each in [*raw, *adjusted]):
        said.append(_not_alike(len(raw)))
    return " ".join(said)


def _standing(named: Sequence[tuple[str, Reading]], verb: str, by: str) -> str:
    n_rows, n_within = len(named), sum(reading.side is None for _, reading in named)
    if n_rows == 1:
        label, reading = named[0]
        place = _PLACES.get(reading.flag or "", "within")
        return f"We can {verb} one site only: {label} lies {place} the range we expect, {by}."
    if n_within == n_rows:
        every = "Both" if n_rows == 2 else f"All {n_rows:,}"
        return f"{every} sites we can {verb} lie within the range we expect, {by}."
    some = f"{n_within:,}" if n_within else "none"
    lies = "lie" if n_within > 1 else "lies"
    parts = [
        f"Of the {n_rows:,} sites we can {verb}, {some} {lies} within the range we expect, {by}."
    ]
    for flag, place in _PLACES.items():
        names = [label for label, reading in named if reading.flag == flag]
        if names:
            parts.append(f"{_names(names)} {'lies' if len(names) == 1 else 'lie'} {place} it.")
    return " ".join(parts)


def _names(names: Sequence[str]) -> str:
    return labels.listed(names) if len(names) <= _MOST_NAMES else f"{len(names):,} sites"


def _not_alike(n_sites: int) -> str:
    """To find no difference is not to find that there is none."""
    if n_sites == 1:
        return "These numbers cannot tell it apart from the group."
    one = "either" if n_sites == 2 else "any"
    return (
        f"These numbers cannot tell {one} of them apart from the group. "
        "That does not mean they are alike."
    )


def _unadjusted(
    fair: Sequence[Readings],
    both: Sequence[Readings],
    adjustments: Sequence[Adjustment],
    period: str | None,
) -> str:
    """Which of the sites have a raw mean alone, and why where one reason holds for all."""
    if both:
        names = [each.row.site_label for each in fair if each not in both]
        return f"We cannot adjust the mean of {_names(names)}." if names else ""
    if adjustments and not all(each.null_reason == NO_MODEL for each in adjustments):
        return (
            "Raw means do not allow for who comes to a site. The table says why none is adjusted."
        )
    why = why_nothing_adjusted(NO_MODEL if adjustments else None, None, period)
    return f"Raw means do not allow for who comes to a site. {why}"


def _disagreeing(both: Sequence[Readings]) -> str:
    """Sites whose raw and adjusted means do not lie on the same side."""
    names = [
        each.row.site_label
        for each in both
        if each.adjusted is not None and each.raw.side != each.adjusted.side
    ]
    if not names:
        return ""
    return f"Raw and adjusted do not agree for {_names(names)}: who comes there may matter."


def _outside_with_reasons(found: Sequence[Readings]) -> str:
    """Sites beyond their range for which something else than the alliance may be the reason."""
    names = [each.row.site_label for each in found if not is_fair(each.row) and each.raw.side]
    if not names:
        return ""
    lies, them = ("lies", "it") if len(names) == 1 else ("lie", "them")
    return (
        f"{_names(names)} {lies} outside the range too, but we cannot compare {them} fairly. "
        "The table says why."
    )


def _spread(rows: Sequence[SiteResult]) -> str:
    if all(row.tau2 == 0 for row in rows):
        return (
            "Taken together, chance alone could spread the raw means this far. "
            "Real differences may be there that these numbers cannot show."
        )
    return "The range allows for how much sites differ as a rule."
