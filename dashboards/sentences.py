"""Sentences that read the chart aloud. PURE: rows in, plain English out, reading grade 9 or lower.

They say what the numbers support and no more: no ranking, no cause, and in every state of a row a
sentence of its own, a missing flag included.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from dashboards import labels
from dashboards.release import ExpectedDelivery, Instrument, Site, SiteResult

_REASONS = {
    # code: (a clause after "because", a few words for a cell of the table)
    "too_few_clients": ("it has too few clients for a fair reading", "too few clients"),
    "therapist_unknown": (
        "we do not know which therapist saw which client, and so its margin is too small",
        "therapists not known",
    ),
    "data_incomplete": ("its data for this period are not complete", "data not complete"),
    "response_rate_low": ("too few of the forms due came back", "few forms came back"),
    "response_rates_differ": (
        "its share of forms that came back is far from that of other sites",
        "return rate differs from other sites",
    ),
    "response_rate_unknown": (
        "we do not know how many forms should have come back",
        "return rate not known",
    ),
    "therapists_taking_part_low": (
        "too few of its therapists use the form",
        "few therapists take part",
    ),
    "dates_by_year": (
        "of its dates we know the year alone",
        "dates are years",
    ),
    "too_few_sites": ("there are too few sites to compare", "too few sites"),
    "therapists_not_separable": (
        "we cannot tell its therapists apart from their clients",
        "therapists cannot be told apart",
    ),
    "no_variation": ("the scores do not vary", "scores do not vary"),
    "covariate_not_identifiable": (
        "one trait of its clients cannot be told from the site itself",
        "clients cannot be compared with other sites",
    ),
}

INTERNAL_ONLY = (
    "For use inside the group only. Please do not pass these numbers on: "
    "the full check against naming a person by mistake is still to come."
)
RAW_MEANS = (
    "These are raw means: they do not allow for who comes to a site. A difference is a reason to "
    "look closer, and no verdict on a site or on a therapist."
)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _words(code: str) -> tuple[str, str]:
    return _REASONS.get(code, (f"of “{labels.readable(code)}”", labels.readable(code)))


def reasons(row: SiteResult) -> str:
    """Why a site is not comparable, in one clause a reason; empty when it is."""
    return labels.listed([_words(code)[0] for code in row.reasons])


def short_reasons(row: SiteResult) -> str:
    """The same in a few words, for a cell of the table."""
    return ", ".join(_words(code)[1] for code in row.reasons)


def meaning(instrument: Instrument) -> str:
    """Which way is good on this questionnaire."""
    if instrument.direction == "lower_is_better":
        return "On this form, a lower score is better."
    if instrument.kind == "alliance":
        return "On this form, a higher score means that the two work together better."
    return "On this form, a higher score is better."


def _value(row: SiteResult, instrument: Instrument) -> str:
    raw = labels.number(row.raw, instrument.decimals)
    clients = f" for {_count(row.n_clients, 'client')}" if row.n_clients is not None else ""
    margin = (
        f", give or take {labels.number(row.margin, instrument.decimals)}"
        if row.margin is not None
        else ""
    )
    return f"At {row.site_label}, the mean score{clients} is {raw} points{margin}."


def _between(lower: float | None, upper: float | None, decimals: int) -> str:
    return f" ({labels.number(lower, decimals)} to {labels.number(upper, decimals)})"


def _position(row: SiteResult, decimals: int) -> str:
    """Where a flagged site lies; with a flag come a target and limits, for only a funnel flags."""
    inner = _between(row.lower95, row.upper95, decimals)
    outer = _between(row.lower998, row.upper998, decimals)
    target = labels.number(row.target, decimals)
    side = "above" if row.flag in ("above_95", "above_998") else "below"
    if row.flag == "within":
        return (
            f"This is within the range we expect for a site like this one{inner}. "
            f"We cannot tell it apart from the group's mean of {target}."
        )
    if row.flag in ("above_95", "below_95"):
        return (
            f"This is {side} the range we expect for a site like this one{inner}. "
            "Chance alone puts about 1 site in 20 outside it, so take this as a hint only."
        )
    return (
        f"This is {side} even the wide range for a site like this one{outer}. "
        "Chance alone puts about 2 sites in 1,000 outside it, so it is worth asking why."
    )


def _judgement(row: SiteResult, decimals: int) -> str:
    why = reasons(row)
    if row.flag is None:
        if not why:
            return "It has no flag: there is no range to hold it against."
        return f"We do not flag it, because {why}."
    caution = f" Read this with care, because {why}." if why else ""
    return _position(row, decimals) + caution


def _beside(row: SiteResult) -> str:
    parts = []
    if row.response_rate is not None:
        parts.append(f"{labels.percent(row.response_rate)} of the forms due came back.")
    if row.ceiling_share is not None:
        parts.append(
            f"{labels.percent(row.ceiling_share)} of its forms have the best score there is."
        )
    return " ".join(parts)


def site_sentence(row: SiteResult, instrument: Instrument) -> str:
    """What the numbers say of one site, right in every state of its row."""
    if row.is_suppressed:
        return (
            f"We show no numbers for {row.site_label}. "
            "Too few people stand behind them, and they could give someone away."
        )
    if row.raw is None:
        return f"There is no mean score for {row.site_label} in this view."
    parts = (_value(row, instrument), _judgement(row, instrument.decimals), _beside(row))
    return " ".join(part for part in parts if part)


def headline(rows: Sequence[SiteResult], instrument: Instrument) -> str:
    """What the numbers say of the whole group: names in the order of `rows`, never a ranking."""
    shown = [row for row in rows if not row.is_suppressed and row.raw is not None]
    if not shown:
        return "No site can be shown in this view: too few people stand behind each number."
    flagged = [row for row in shown if row.flag is not None and not row.reasons]
    if not flagged:
        return (
            f"We show {_count(len(shown), 'site')} but can compare none of them fairly. "
            f"The table gives the reasons. {_outside_with_reasons(shown)}"
        ).strip()
    target = labels.number(flagged[0].target, instrument.decimals)
    parts = (
        _standing(flagged),
        f"The group's mean is {target} points.",
        _spread(flagged),
        _outside_with_reasons(shown),
    )
    return " ".join(filter(None, parts))


def _outside_with_reasons(rows: Sequence[SiteResult]) -> str:
    """Sites beyond their range for which something else than the alliance may be the reason."""
    names = [row.site_label for row in rows if row.reasons and row.flag not in (None, "within")]
    if not names:
        return ""
    lies = "lies" if len(names) == 1 else "lie"
    return (
        f"{labels.listed(names)} "
        f"{lies} outside the range too, but other things differ there, such as how "
        "many forms came back. The table says which."
    )


_PLACES = {
    "above_998": "far above",
    "above_95": "just above",
    "within": "within",
    "below_95": "just below",
    "below_998": "far below",
}


def _standing(rows: Sequence[SiteResult]) -> str:
    n_within, n_rows = sum(row.flag == "within" for row in rows), len(rows)
    if n_rows == 1:
        place = _PLACES.get(rows[0].flag or "", "outside")
        return (
            f"We can compare one site only: {rows[0].site_label} lies {place} the range we expect."
        )
    if n_within == n_rows:
        every, one = ("Both", "either") if n_rows == 2 else (f"All {n_rows}", "any")
        # To find no difference is not to find that there is none.
        return (
            f"{every} sites we can compare lie within the range we expect. These numbers cannot "
            f"tell {one} of them apart from the group's mean. That does not mean they are alike."
        )
    count = f"{n_within} {'lies' if n_within == 1 else 'lie'}" if n_within else "none lies"
    parts = [f"Of the {n_rows} sites we can compare, {count} within the range we expect."]
    for flag, place in _PLACES.items():
        names = [row.site_label for row in rows if row.flag == flag]
        if names and flag != "within":
            parts.append(
                f"{labels.listed(names)} {'lies' if len(names) == 1 else 'lie'} {place} it."
            )
    return " ".join(parts)


def _spread(rows: Sequence[SiteResult]) -> str:
    if all(row.tau2 == 0 for row in rows):
        return (
            "Taken together, chance alone could spread the sites this far. "
            "Real differences may be there that these numbers cannot show."
        )
    return "The range allows for how much sites differ as a rule."


def suppressed_sites(rows: Sequence[SiteResult]) -> str:
    """The sites whose numbers are absent from the release, with the one published reason."""
    names = [row.site_label for row in rows if row.is_suppressed]
    if not names:
        return ""
    return (
        f"Not shown: {labels.listed(names)}. Too few people stand behind their numbers, "
        "and they could give someone away."
    )


def absent_sites(sites: Sequence[Site], period: str) -> str:
    """The sites of the group that have no row in this view at all, and why."""
    is_short = not labels.is_whole_years(period)
    by_year = [site.site_label for site in sites if is_short and site.is_dated_by_year]
    others = [site.site_label for site in sites if not (is_short and site.is_dated_by_year)]
    said = []
    if others:
        said.append(
            f"Not in this view: {labels.listed(others)}. They have no forms that can be compared "
            "here: none of this kind, in this language, or filled in this way."
        )
    if by_year:
        said.append(
            f"Only in views of a whole year: {labels.listed(by_year)}. "
            "Of their dates we know the year and nothing else."
        )
    return " ".join(said)


def unplaced_sites(rows: Sequence[SiteResult]) -> str:
    """The sites in the table that the chart cannot place."""
    names = [
        row.site_label for row in rows if row.raw is not None and not (row.standard_error or 0) > 0
    ]
    if not names:
        return ""
    return (
        f"In the table but not on the chart: {labels.listed(names)}. "
        "No margin of error can be given there."
    )


def key_note(instrument: Instrument) -> str:
    """The caution that every number on an unverified scoring key carries; empty when verified."""
    if instrument.key_status == "verified":
        return ""
    return (
        f"The scoring key of “{instrument.name}” has not been checked against its first source. "
        "Treat its scores with care. More under “Definition and sources” below."
    )


def instrument_notes(instrument: Instrument) -> list[str]:
    """What its own declaration wants beside its numbers: risk items, and how they mislead."""
    return [note for note in (instrument.risk_notice, instrument.cautions) if note]


def late_deliveries(
    expected: Iterable[ExpectedDelivery], now: datetime, time_zone: str
) -> list[str]:
    """One sentence for each practice that owes an export whose time has passed."""
    late: dict[str, list[ExpectedDelivery]] = {}
    for delivery in expected:
        if now > delivery.expected_by_at:
            late.setdefault(delivery.practice_id, []).append(delivery)
    sentences = []
    for deliveries in late.values():
        since = min(delivery.expected_by_at for delivery in deliveries)
        feeds = labels.listed([labels.feed(delivery.feed) for delivery in deliveries])
        sentences.append(
            f"{deliveries[0].practice_name} is late: its {feeds} were due by "
            f"{labels.moment(since, time_zone)}. The numbers of its sites may miss newer forms."
        )
    return sentences


def broken_declarations(practice_names: Iterable[str]) -> list[str]:
    """One sentence for each practice that nothing can be taken in from until its file is mended."""
    return [
        f"The declaration of {name} is broken, so nothing new from it is taken in. The numbers of "
        "its sites may miss newer forms. Run “alliance doctor” to see what to mend."
        for name in practice_names
    ]
