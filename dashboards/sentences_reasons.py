"""Reason codes of a release in words: why a site is not comparable, why nothing is adjusted. PURE.

A code that nobody has given words to is shown as itself, readable: a reason is never left out.
"""

from collections.abc import Sequence

from dashboards import labels
from dashboards.release import Adjustment, SiteResult

NOT_IDENTIFIABLE = "covariate_not_identifiable"
NO_MODEL = "no_case_mix_model"

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
        "we do not know, or cannot show, how many of the forms due came back",
        "return rate not known",
    ),
    "therapists_taking_part_low": (
        "too few of its therapists use the form",
        "few therapists take part",
    ),
    "dates_by_year": ("of its dates we know the year alone", "dates are years"),
    "language_unknown": (
        "we do not know the language of the forms, here or elsewhere",
        "language not known",
    ),
    "collection_mode_unknown": (
        "we do not know how forms were filled in, here or elsewhere",
        "way of filling in not known",
    ),
    "too_few_sites": ("there are too few sites to compare", "too few sites"),
    "therapists_not_separable": (
        "we cannot tell its therapists apart from their clients",
        "therapists cannot be told apart",
    ),
    "no_variation": ("the scores do not vary", "scores do not vary"),
    NOT_IDENTIFIABLE: (
        "all its clients are alike in something we allow for",
        "cannot be adjusted",
    ),
}
_OF_ALL = {
    "language_unknown": "We do not know the language of these forms.",
    "collection_mode_unknown": "We do not know how these forms were filled in.",
}
"""Reasons that hold for every site of a view alike: they single none out."""
_COVARIATES = {
    "baseline_severity": "how hard things were at the start",
    "log_session_no": "how far they are into treatment",
    "age_band": "age group",
    "service_type": "kind of treatment",
    "delivery_mode": "way of meeting",
    "collection_mode": "way of filling in the form",
}


def _words(code: str) -> tuple[str, str]:
    return _REASONS.get(
        code, (f"the release names “{labels.readable(code)}”", labels.readable(code))
    )


def reasons(row: SiteResult, left_out: str | None = None) -> tuple[str, ...]:
    """Why a site is not comparable, a clause a reason; empty when it is.

    `left_out`: a code that the sentence has given in words of its own.
    """
    return tuple(_words(code)[0] for code in row.reasons if code != left_out)


def is_fair(row: SiteResult) -> bool:
    """Whether a site may be held against the others as far as its own reasons go."""
    return all(code in _OF_ALL for code in row.reasons)


def of_all_sites(rows: Sequence[SiteResult]) -> str:
    """What is not known of any site, and so stands against every comparison in the view."""
    found = [words for code, words in _OF_ALL.items() if any(code in row.reasons for row in rows)]
    return f"{' '.join(found)} Sites may differ in that." if found else ""


def because(lead: str, clauses: Sequence[str]) -> str:
    """One reason within the sentence; more of them one by one, for an ear loses a long list."""
    if len(clauses) == 1:
        return f"{lead}, because {clauses[0]}."
    each = " ".join(f"{clause[0].upper()}{clause[1:]}." for clause in clauses)
    return f"{lead}, for {len(clauses)} reasons. {each}"


def short_reasons(row: SiteResult) -> str:
    """The same in a few words, for a cell of the table."""
    return ", ".join(_words(code)[1] for code in row.reasons)


def covariates(codes: str | None) -> str:
    """What is allowed for, from comma-separated codes, as a sentence lists it; may be empty."""
    named = [code.strip() for code in (codes or "").split(",") if code.strip()]
    return labels.listed([_COVARIATES.get(code, f"“{labels.readable(code)}”") for code in named])


def is_short(period: str | None) -> bool:
    """Whether a view is known to be of less than a year, for which nothing is adjusted."""
    if period is None:
        return False
    return not (labels.is_whole_years(period) or period.startswith("12m-"))


def why_nothing_adjusted(
    null_reason: str | None, not_identifiable: str | None, period: str | None = None
) -> str:
    """Why there is no adjusted value, as a sentence of its own."""
    if null_reason == NOT_IDENTIFIABLE:
        named = covariates(not_identifiable)
        alike = f"something we allow for ({named})" if named else "something we allow for"
        return f"As far as we know, all its clients are alike in {alike}."
    if null_reason == NO_MODEL:
        return "The data of the group do not tell us how much to allow for."
    if null_reason:
        return f"The reason is “{labels.readable(null_reason)}”."
    if is_short(period):
        return "We work that out for a year or longer only."
    return "This release holds no adjusted mean for this view."


def no_adjusted(row: SiteResult, adjustment: Adjustment | None, period: str | None = None) -> str:
    """The same of one site, from whichever of its rows names the reason."""
    named = adjustment.null_reason if adjustment is not None else None
    if named is None and NOT_IDENTIFIABLE in row.reasons:
        named = NOT_IDENTIFIABLE
    alike = adjustment.not_identifiable if adjustment is not None else None
    return why_nothing_adjusted(named, alike, period)
