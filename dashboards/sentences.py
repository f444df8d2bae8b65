"""Sentences that read the comparison aloud. PURE: rows in, plain English out, grade 9 or lower.

They say what the numbers support and no more: no ranking, no cause, and in every state of a row a
sentence of its own, a missing flag included. Raw and adjusted stand together, always.
"""

from collections.abc import Iterable, Sequence

from dashboards import labels
from dashboards.readings import Reading, adjusted_reading, raw_reading
from dashboards.release import Adjustment, Instrument, SiteResult
from dashboards.sentences_adjusted import certainty, position, positions, value
from dashboards.sentences_reasons import NOT_IDENTIFIABLE, is_short, no_adjusted, reasons

MEANS_NOTE = (
    "A raw mean takes clients as they come. An adjusted mean allows for who comes to a site, as "
    "far as it was written down. A difference is a reason to look closer, and no verdict on a site "
    "or on a therapist."
)
_MOST_NAMES = 8
"""Sites named in one breath; beyond it a count, and the table names them."""
_HALF = 0.5


def _count(number: int, noun: str) -> str:
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
    raw = raw_reading(row)
    if raw is None:
        return f"There is no mean score for {row.site_label} in this view."
    adjusted = adjusted_reading(row, adjustment)
    decimals = instrument.decimals
    surer = raw if adjusted is None or adjusted.shrunken is None else adjusted
    parts = (
        _values(row, raw, adjusted, decimals),
        ""
        if adjusted
        else f"It does not allow for who comes there: {no_adjusted(row, adjustment, period)}.",
        _judgement(row, raw, adjusted, decimals),
        _which_way(raw, adjusted, instrument),
        _caution(row, raw, adjusted),
        certainty(surer, adjusted is None, decimals),
        _beside(row, adjustment),
    )
    return " ".join(part for part in parts if part)


def _values(row: SiteResult, raw: Reading, adjusted: Reading | None, decimals: int) -> str:
    clients = f" for {_count(row.n_clients, 'client')}" if row.n_clients is not None else ""
    said = f"At {row.site_label}, the raw mean score{clients} is {value(raw, decimals)}."
    if adjusted is None:
        return said
    return f"{said} Adjusted for who comes there, it is {value(adjusted, decimals)}."


def _why(row: SiteResult, adjusted: Reading | None) -> str:
    """Reasons against a comparison; what keeps the mean from being adjusted is said before."""
    return reasons(row, left_out=None if adjusted else NOT_IDENTIFIABLE)


def _judgement(row: SiteResult, raw: Reading, adjusted: Reading | None, decimals: int) -> str:
    if raw.flag is None:
        if why := _why(row, adjusted):
            return f"We do not flag it, because {why}."
        if adjusted is None or adjusted.flag is None:
            return "It has no flag: there is no range to hold it against."
        alone = position(adjusted, decimals).removeprefix("This is")
        return f"The raw mean has no range to be held against. The adjusted mean is{alone}"
    if adjusted is None:
        return position(raw, decimals)
    if adjusted.flag is None:
        alone = position(raw, decimals).removeprefix("This is")
        return f"The raw mean is{alone} The adjusted mean has no range to be held against."
    return positions(raw, adjusted, decimals)


def _which_way(raw: Reading, adjusted: Reading | None, instrument: Instrument) -> str:
    """Above is not good everywhere: said where a reading lies outside and lower is better."""
    is_outside = raw.side is not None or (
        adjusted is not None and adjusted.side is not None and raw.flag is not None
    )
    return meaning(instrument) if is_outside and instrument.direction == "lower_is_better" else ""


def _caution(row: SiteResult, raw: Reading, adjusted: Reading | None) -> str:
    why = _why(row, adjusted)
    return f"Read this with care, because {why}." if why and raw.flag is not None else ""


def _beside(row: SiteResult, adjustment: Adjustment | None) -> str:
    parts = []
    rate, ceiling = row.response_rate, row.ceiling_share
    if rate is not None:
        came = f"{labels.percent(rate)} of the forms due came back"
        others = "; we do not know what the others would say" if rate < _HALF else ""
        parts.append(f"{came}{others}.")
    if ceiling is not None:
        at_end = f"{labels.percent(ceiling)} of its forms have the best score there is"
        room = ", which leaves the mean little room to differ" if ceiling >= _HALF else ""
        parts.append(f"{at_end}{room}.")
    missing = adjustment.largest_share_missing if adjustment is not None else None
    if missing is not None and missing >= 0.2 and adjustment and adjustment.adjusted is not None:
        parts.append(
            f"For up to {labels.percent(missing)} of its clients, what we adjust for is not known."
        )
    return " ".join(parts)


def headline(
    rows: Sequence[SiteResult],
    adjustments: Iterable[Adjustment],
    instrument: Instrument,
    period: str | None = None,
) -> str:
    """What the numbers say of the whole group: names in alphabetical order, never a ranking."""
    if not rows:
        return "This view holds no site."
    found = _readings(rows, adjustments)
    if not found:
        return "No site can be shown in this view: its numbers could give someone away."
    fair = [each for each in found if each[1].flag is not None and not each[0].reasons]
    outside = _outside_with_reasons(found)
    if not fair:
        said = (
            f"We show {_count(len(found), 'site')} but can compare none of them fairly. "
            f"The table gives the reasons. {outside}"
        )
        return said.strip()
    raw = [(row.site_label, raw) for row, raw, _ in fair]
    both = [(row, raw, adj) for row, raw, adj in fair if adj is not None and adj.flag is not None]
    adjusted = [(row.site_label, adj) for row, _, adj in both if adj is not None]
    target = labels.number(raw[0][1].target, instrument.decimals)
    is_out = any(reading.side for _, reading in [*raw, *adjusted])
    parts = (
        *_standings(raw, adjusted, period),
        _disagreeing(both),
        f"The group's raw mean is {target} points.",
        _spread([row for row, _, _ in fair]),
        outside,
        meaning(instrument) if is_out and instrument.direction == "lower_is_better" else "",
    )
    return " ".join(filter(None, parts))


_Found = tuple[SiteResult, Reading, Reading | None]


def _readings(rows: Sequence[SiteResult], adjustments: Iterable[Adjustment]) -> list[_Found]:
    """Shown sites by name, with their readings."""
    of_site = {(each.practice_id, each.site_id): each for each in adjustments}
    found = []
    for row in sorted(rows, key=lambda row: row.site_label.casefold()):
        if (raw := raw_reading(row)) is not None:
            adjustment = of_site.get((row.practice_id, row.site_id))
            found.append((row, raw, adjusted_reading(row, adjustment)))
    return found


_PLACES = {
    "above_998": "far above",
    "above_95": "just above",
    "below_95": "just below",
    "below_998": "far below",
}
_Named = Sequence[tuple[str, Reading]]


def _standings(raw: _Named, adjusted: _Named, period: str | None) -> tuple[str, ...]:
    """Where the sites lie, by the raw and by the adjusted means; once where the two are alike."""
    if not adjusted:
        why = "We adjust means in views of a year or longer only. " if is_short(period) else ""
        return (
            _standing(raw, "On raw means", "we can compare"),
            f"{why}Raw means do not allow for who comes to a site.",
            _not_alike(raw),
        )
    flags = {label: reading.flag for label, reading in adjusted}
    if len(adjusted) == len(raw) and all(flags[label] == each.flag for label, each in raw):
        said = (_standing(raw, "On raw and adjusted means alike", "we can compare"),)
    else:
        said = (
            _standing(raw, "On raw means", "we can compare"),
            _standing(adjusted, "Adjusted for who comes there", "we can adjust"),
        )
    return (*said, _not_alike([*raw, *adjusted]))


def _standing(named: _Named, lead: str, which: str) -> str:
    n_rows, n_within = len(named), sum(reading.side is None for _, reading in named)
    if n_rows == 1:
        label, reading = named[0]
        place = _PLACES.get(reading.flag or "", "within")
        return f"{lead}, the one site {which}, {label}, lies {place} the range we expect."
    if n_within == n_rows:
        every = "both" if n_rows == 2 else f"all {n_rows:,}"
        return f"{lead}, {every} sites {which} lie within the range we expect."
    count = f"{n_within:,}" if n_within else "none"
    lies = "lie" if n_within > 1 else "lies"
    parts = [f"{lead}, {count} of the {n_rows:,} sites {which} {lies} within the range we expect."]
    for flag, place in _PLACES.items():
        names = [label for label, reading in named if reading.flag == flag]
        if names:
            parts.append(f"{_names(names)} {'lies' if len(names) == 1 else 'lie'} {place} it.")
    return " ".join(parts)


def _names(names: Sequence[str]) -> str:
    return labels.listed(names) if len(names) <= _MOST_NAMES else f"{len(names):,} sites"


def _not_alike(named: _Named) -> str:
    """To find no difference is not to find that there is none."""
    if any(reading.side for _, reading in named):
        return ""
    labelled = {label for label, _ in named}
    if len(labelled) == 1:
        return "These numbers cannot tell it apart from the group."
    one = "either" if len(labelled) == 2 else "any"
    return (
        f"These numbers cannot tell {one} of them apart from the group. "
        "That does not mean they are alike."
    )


def _disagreeing(both: Sequence[_Found]) -> str:
    """Sites whose raw and adjusted flags differ."""
    names = [row.site_label for row, raw, adj in both if adj is not None and raw.flag != adj.flag]
    if not names:
        return ""
    return f"Raw and adjusted do not agree for {_names(names)}: who comes there may matter."


def _outside_with_reasons(found: Sequence[_Found]) -> str:
    """Sites beyond their range for which something else than the alliance may be the reason."""
    names = [row.site_label for row, raw, _ in found if row.reasons and raw.side is not None]
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
            "Taken together, chance alone could spread the sites this far. "
            "Real differences may be there that these numbers cannot show."
        )
    return "The range allows for how much sites differ as a rule."


def told_apart(
    row: SiteResult, rows: Sequence[SiteResult], adjustments: Iterable[Adjustment]
) -> str:
    """Which share of the other sites this one can be told from, in place of a place in a list.

    A site's true mean is taken to be higher than another's when their 95 % intervals of shrunken
    values do not meet: stricter than a test of the two, and so safe for many of them at once.
    Adjusted means are held against adjusted ones, raw against raw. Empty where nothing can be said.
    """
    found = [each for each in _readings(rows, adjustments) if not each[0].reasons]
    own = next((each for each in found if each[0] == row), None)
    if own is None:
        return ""
    place = 2 if own[2] is not None and own[2].shrunken is not None else 1
    here = _interval(own[place])
    others = [_interval(each[place]) for each in found if each[0] != row]
    known = [each for each in others if each is not None]
    if here is None or not known:
        return ""
    name, n_lower = ("raw", "adjusted")[place - 1], sum(each[1] < here[0] for each in known)
    n_higher = sum(each[0] > here[1] for each in known)
    n_open = len(known) - n_lower - n_higher
    return _told(row.site_label, name, n_lower, n_higher, n_open)


def _interval(reading: object) -> tuple[float, float] | None:
    if not isinstance(reading, Reading):
        return None
    ends = (reading.shrunken_lower95, reading.shrunken_upper95)
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


def _told(label: str, name: str, n_lower: int, n_higher: int, n_open: int) -> str:
    n_others = n_lower + n_higher + n_open
    sites = _count(n_others, "other site")
    if n_open == n_others:
        one = "the" if n_others == 1 else "any of the"
        return f"These numbers cannot tell {label} apart from {one} {sites} we can compare."
    clear = [
        f"{number:,} {'has' if number == 1 else 'have'} a clearly {way} {name} mean"
        for number, way in ((n_lower, "lower"), (n_higher, "higher"))
        if number
    ]
    rest = f" We cannot tell it apart from the other {n_open:,}." if n_open else ""
    return f"Beside {label} there are {sites} we can compare: {labels.listed(clear)}.{rest}"
