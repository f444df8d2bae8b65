"""What a site's two readings say together: where each lies, and how sure it is. PURE.

Raw and adjusted are never judged apart: a raw mean that stands out may only tell who comes to the
site, and an adjusted one rests on a model.
"""

from dashboards import bounds, labels
from dashboards.readings import Reading

_HINT = "Chance alone puts about 1 site in 20 outside it, so take this as a hint only."
_WORTH_ASKING = "Chance alone puts about 2 sites in 1,000 outside it, so it is worth asking why."


def between(lower: float | None, upper: float | None, decimals: int) -> str:
    """A range in words, empty where an end is not known."""
    if lower is None or upper is None:
        return ""
    return f"{labels.number(lower, decimals)} to {labels.number(upper, decimals)}"


def value(reading: Reading, decimals: int) -> str:
    """The value with its margin, as `35.2 points, give or take 1.0`.

    One that stands for itself or beyond: `about 39.0 points or more, give or take 1.0 or less`.
    """
    margin, bound = reading.margin, reading.bound
    reach = bounds.worded(labels.number(margin, decimals), reading.margin_bound)
    give = "" if margin is None else f", give or take {reach}"
    about = "" if bound is None else "about "
    points = bounds.worded(f"{labels.number(reading.value, decimals)} points", bound)
    return f"{about}{points}{give}"


def _range(reading: Reading, decimals: int) -> str:
    if reading.is_far:
        return between(reading.lower998, reading.upper998, decimals)
    return between(reading.lower95, reading.upper95, decimals)


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _chance(reading: Reading) -> str:
    if reading.side is None:
        return ""
    return _WORTH_ASKING if reading.is_far else _HINT


def _place(reading: Reading) -> str:
    """Where it lies, after "lies" or "lie"."""
    if reading.side is None:
        return "within the range"
    return f"{reading.side} {'even the wide range' if reading.is_far else 'the range'}"


def position(subject: str, reading: Reading, decimals: int) -> str:
    """Where one flagged reading lies that has no other to be held against."""
    said = (
        f"{subject} is {_place(reading)} we expect for a site like this one"
        f"{_in_brackets(_range(reading, decimals))}."
    )
    if reading.side is not None:
        return f"{said} {_chance(reading)}"
    mean = labels.number(reading.target, decimals)
    of_mean = "" if reading.target is None else f"'s mean of {mean}"
    return f"{said} We cannot tell it apart from the group{of_mean}."


def positions(raw: Reading, adjusted: Reading, decimals: int) -> str:
    """Where the two flagged readings of one site lie, and plainly so when they do not agree."""
    if raw.flag == adjusted.flag:
        ranges = _in_brackets(f"raw {_range(raw, decimals)}; adjusted {_range(adjusted, decimals)}")
        said = f"Both lie {_place(raw)} we expect for a site like this one{ranges}."
        if raw.side is None:
            return f"{said} We cannot tell the site apart from the group."
        return f"{said} {_chance(raw)}"
    apart = (
        f"The raw mean lies {_place(raw)} we expect for a site like this one"
        f"{_in_brackets(_range(raw, decimals))}. The adjusted mean lies {_place(adjusted)}"
        f"{_in_brackets(_range(adjusted, decimals))}."
    )
    return " ".join(filter(None, (_opening(raw, adjusted), apart, _meaning_of(raw, adjusted))))


def _opening(raw: Reading, adjusted: Reading) -> str:
    if raw.side is not None and raw.side == adjusted.side:
        return "The two agree on the side, but not on how far."
    return "The two do not agree."


def _meaning_of(raw: Reading, adjusted: Reading) -> str:
    if adjusted.side is None:
        return "Once we allow for who comes to the site, it no longer stands out."
    if raw.side is None:
        only = "It stands out only once we allow for who comes to the site."
        return f"{only} {_chance(adjusted)}"
    if raw.side == adjusted.side:
        nearer = raw if adjusted.is_far else adjusted
        return _chance(nearer).replace("outside it", "outside the narrower range")
    return "Take neither as a finding before someone has looked into it."


def certainty(reading: Reading, is_alone: bool, decimals: int) -> str:
    """Where the true mean may lie once chance is allowed for, and how much of it all is chance.

    `is_alone`: the site has no adjusted mean.
    """
    if reading.shrunken is None or reading.interval is None:
        return ""
    ends, guess = between(*reading.interval, decimals), labels.number(reading.shrunken, decimals)
    if reading.is_wide:
        mean = "mean" if is_alone else f"{reading.name} mean"
        said = (
            "These numbers cannot tell much about this site yet. With chance allowed for, "
            f"its true {mean} may lie on either side of the group's, from {ends}."
        )
    elif is_alone or reading.name == "raw":
        said = f"With chance allowed for, our best guess is a raw mean of {guess} ({ends})."
    else:
        said = f"With chance allowed for as well, our best guess is {guess} ({ends})."
    return " ".join(filter(None, (said, _reliability(reading.reliability))))


def _reliability(share: float | None) -> str:
    """The reliability in words: share of the spread of such sites' means that is no chance."""
    if share is None:
        return ""
    if share < 0.5:
        return "With data like these, more of what sets sites apart is chance than real."
    if share < 0.8:
        return "With data like these, more of what sets sites apart is real than chance."
    return "With data like these, most of what sets sites apart is real."
