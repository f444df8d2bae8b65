"""Captions of what stands behind a comparison: the group's spread, references, models. PURE.

Also what an empty place of the page says: that something is not there, and why that may be.
"""

import re
from collections.abc import Sequence
from datetime import date

from dashboards import labels
from dashboards.release import Deciles, Instrument, ReferenceBand

THIS_NETWORK = "this network"
"""The source of a reference that this network froze itself."""

NO_MEASURES = (
    "This release holds no measures of this kind. "
    "They are made only where the group has asked for them."
)
NO_CASE_MIX = (
    "Nothing is adjusted in this view: the release holds no model of who comes to a site. "
    "The raw means do not allow for it."
)
NO_GAPS = "No gap is taken apart in this view. That is done for a year or longer only."
NO_DECILES = (
    "We do not show how the sites spread from month to month. "
    "That takes at least 10 sites that can be shown."
)
NO_BANDS = (
    "There is no reference for this form yet: none was frozen here, "
    "and no published one with its source and size is on file."
)
_NO_TARGET = "A reference tells what others have scored. It is no target."


def deciles_caption(deciles: Sequence[Deciles], instrument: Instrument) -> str:
    """How the sites spread in the newest period that can be told."""
    if not deciles:
        return NO_DECILES
    newest = max(deciles, key=lambda each: each.period_on)
    low, middle, high = (
        labels.number(value, instrument.decimals) for value in (newest.p10, newest.p50, newest.p90)
    )
    return (
        f"In {labels.period(newest.period)}, half of the {newest.n_sites:,} sites had a mean of "
        f"{middle} points or more. About 8 in 10 sites lay between {low} and {high}. "
        "This shows how sites spread. It is no target."
    )


def band_caption(band: ReferenceBand, instrument: Instrument) -> str:
    """Where a reference comes from, how many people stand behind it, and where they lay."""
    n = None if band.n is None else f"{band.n:,}"
    if band.source == THIS_NETWORK:
        when = f", frozen on {labels.day(band.frozen_on)}" if band.frozen_on else ""
        people = f" It is made of about {n} people." if n else " How many people is not told."
        whose = f"Our own reference: {_with_days(band.band)}{when}.{people}"
    else:
        people = f" (N = {n})" if n else " (its number of people is not told)"
        whose = f"A published reference: {band.source}, “{band.band}”{people}."
    return " ".join(filter(None, (whose, _spread(band, instrument.decimals), _NO_TARGET)))


def _with_days(text: str) -> str:
    """Dates within it as a reader knows them."""
    return re.sub(
        r"\d{4}-\d{2}-\d{2}", lambda found: labels.day(date.fromisoformat(found[0])), text
    )


def _spread(band: ReferenceBand, decimals: int) -> str:
    said = []
    if band.mean is not None:
        spread = "" if band.sd is None else f", with an SD of {labels.number(band.sd, decimals)}"
        said.append(f"Its mean is {labels.number(band.mean, decimals)} points{spread}.")
    if band.p25 is not None and band.p75 is not None:
        low, high = labels.number(band.p25, decimals), labels.number(band.p75, decimals)
        said.append(f"The middle half scored {low} to {high}.")
    return " ".join(said)


def model_caption(
    *,
    n_clients: int | None,
    n_sites: int | None,
    r2_within: float | None,
    r2_between: float | None,
    calibration_slope: float | None,
    calibration_lower95: float | None,
    calibration_upper95: float | None,
    null_reason: str | None,
) -> str:
    """How far a case-mix model can be trusted, in words."""
    if null_reason:
        return f"{NO_CASE_MIX} {_no_model(null_reason)}"
    if n_sites is None:
        return NO_CASE_MIX
    clients = "the clients" if n_clients is None else f"about {n_clients:,} clients"
    parts = (
        f"What we allow for was learnt from {clients} of {n_sites:,} sites.",
        _explained(r2_within, r2_between),
        _calibration(calibration_slope, calibration_lower95, calibration_upper95),
        "What nobody wrote down cannot be allowed for.",
    )
    return " ".join(part for part in parts if part)


_NO_MODEL = (
    # what the release says of a network without a model, and what we say of it
    ("no covariate is known", "Nothing that we could allow for is both known and different."),
    ("measurement error", "What was measured at the start is too unsure to allow for."),
    ("too few sites", "Therapists are known at too few sites."),
    ("too few clients", "There are too few clients for all that we should allow for."),
    ("no covariate varies", "Within a site, nothing differs that we could allow for."),
)


def _no_model(reason: str) -> str:
    known = [said for part, said in _NO_MODEL if part in reason]
    return known[0] if known else f"The reason is “{labels.readable(reason)}”."


def _explained(within: float | None, between: float | None) -> str:
    said = []
    if within is not None:
        # Adding what tells nothing can leave the share a little below 0.
        share = labels.percent(max(within, 0.0))
        said.append(f"It accounts for {share} of how clients of one site differ.")
    if between is not None and between < 0:
        said.append("Adjusting moves the means of sites further apart.")
    elif between is not None:
        said.append(f"It accounts for {labels.percent(between)} of how the means of sites differ.")
    return " ".join(said)


def _calibration(slope: float | None, lower: float | None, upper: float | None) -> str:
    """1 is right: what is expected to differ by a point does differ by a point."""
    if slope is None or lower is None or upper is None:
        return "How well it does at new sites could not be tried."
    ends = f"{labels.number(slope, 2)} ({labels.number(lower, 2)} to {labels.number(upper, 2)})"
    if lower <= 1 <= upper:
        return (
            f"Tried at sites it had not seen, no fault shows: a slope of {ends}, where 1 is right."
        )
    far = "too much" if upper < 1 else "too little"
    return f"Tried at sites it had not seen, it allows {far}: a slope of {ends}, where 1 is right."
