"""Plain words for what stands behind a comparison: parts of a gap, rules, covariates. PURE.

For axes, legends and cells: a few words, where sentences_*.py has the same in whole sentences. An
unknown code is shown as itself, readable.
"""

from dashboards import labels, sentences_reasons
from dashboards.release import Adjustment, ReferenceBand
from dashboards.sentences_captions import THIS_NETWORK

_PARTS = {
    "gap_case_mix": "Case mix",
    "gap_response": "Who answered",
    "gap_therapists": "A few therapists",
    "gap_rest": "The rest",
    "gap": "Whole gap",
}
_RULES = {
    "outside": "Outside its limits",
    "shift": "Seven or more in a row on one side of the mean",
    "trend": "Seven or more in a row that go one way",
    "two_in_three": "Two of three close to a limit",
}
_COVARIATES = {
    "baseline_severity": "Severity at the start",
    "log_session_no": "Session number (log)",
    "age_band": "Age group",
    "service_type": "Kind of treatment",
    "delivery_mode": "Way of meeting",
    "collection_mode": "Way of filling in",
}
_LEFT_OUT = {
    "not_recorded": "not known for most clients",
    "one_value": "the same for all clients",
    "determined_by_others": "already told by the others",
}


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def signed(value: float | None, decimals: int) -> str:
    """A difference with its sign; one that rounds to 0 has none."""
    text = labels.number(value, decimals)
    if value is None or round(value, decimals) == 0:
        return text.removeprefix("−")
    return f"+{text}" if value > 0 else text


def gap_part(name: str) -> str:
    """A part of a site's distance from the group, by its column's name."""
    return _PARTS.get(name, _begun(labels.readable(name)))


def trend_rule(code: str) -> str:
    """What marks a point of a line through time."""
    return _RULES.get(code, _begun(labels.readable(code)))


def coefficient(code: str, category: str | None) -> str:
    """A covariate, with its category where it has some."""
    name = _COVARIATES.get(code, _begun(labels.readable(code)))
    return name if category is None else f"{name}: {labels.readable(category)}"


def reference(band: ReferenceBand) -> str:
    """Whose reference it is."""
    return "Our own reference" if band.source == THIS_NETWORK else band.source


def left_out(code: str | None) -> str:
    """Why a covariate is not in the model; empty where it is."""
    return _LEFT_OUT.get(code, labels.readable(code)) if code else ""


def not_adjusted(adjustment: Adjustment | None) -> str:
    """Why a site has no adjusted value, in a few words; empty where the view has none at all."""
    if adjustment is None or adjustment.adjusted is not None:
        return ""
    if adjustment.null_reason == sentences_reasons.NOT_IDENTIFIABLE:
        alike = sentences_reasons.covariates(adjustment.not_identifiable)
        return f"Not adjusted: clients all alike in {alike or 'something allowed for'}"
    if adjustment.null_reason == sentences_reasons.NO_MODEL:
        return "Not adjusted: the group's data carry no model"
    return f"Not adjusted: {labels.readable(adjustment.null_reason or 'no reason given')}"
