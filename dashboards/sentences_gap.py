"""Where a site's gap to the group comes from, part by part, and what such a gap has meant. PURE.

A sum that adds up, read aloud: it describes, and names no cause.
"""

from dashboards import labels
from dashboards.release import Gap, Instrument
from dashboards.sentences import meaning
from dashboards.sentences_reasons import why_nothing_adjusted

NO_CAUSE = "This describes what goes together. It does not show a cause."

_PARTS = (
    # column, its subject, whether the subject is plural
    ("gap_case_mix", "Who comes there", False),
    ("gap_response", "Who was asked and answered", False),
    ("gap_therapists", "A few therapists", True),
    ("gap_rest", "All the rest, with chance,", False),
)
_UNKNOWN = {
    "gap_case_mix": "We do not know the part of who comes there.",
    "gap_response": "We do not know the part of who was asked and answered.",
    "gap_therapists": (
        "We do not give the part of a few therapists: "
        "it is not known, or it could point at one of them."
    ),
    "gap_rest": "We do not know what is left.",
}
_SD = "One SD is the usual spread between clients."


def gap_sentence(
    gap: Gap | None,
    instrument: Instrument,
    site_label: str | None = None,
    outcome_name: str | None = None,
) -> str:
    """The parts of one site's gap, with sign and size, and what such a gap has meant for outcome.

    `gap`: the site's row of `site_gaps`, None where the view has none; `outcome_name`: the name of
    the outcome questionnaire.
    """
    where = f"At {site_label}" if site_label else "Here"
    if gap is None:
        return f"{where}, the gap to the group is not taken apart in this view."
    if gap.gap is None:
        why = why_nothing_adjusted(gap.null_reason, None)
        return f"{where}, we cannot say what the gap to the group is made of. {why}"
    parts = (
        _distance(gap.gap, where, instrument),
        _parts(gap, instrument.decimals),
        _unknown(gap),
        _outcome(gap, instrument, outcome_name),
        NO_CAUSE,
    )
    return " ".join(part for part in parts if part)


def _size(value: float, decimals: int) -> str:
    return labels.number(abs(value), decimals)


def _is_nothing(value: float, decimals: int) -> bool:
    return round(abs(value), decimals) == 0


def _distance(gap: float, where: str, instrument: Instrument) -> str:
    if _is_nothing(gap, instrument.decimals):
        return f"{where}, the raw mean is level with the group's mean."
    side = "above" if gap > 0 else "below"
    said = f"{where}, the raw mean is {_size(gap, instrument.decimals)} points {side} the group's."
    way = f" {meaning(instrument)}" if instrument.direction == "lower_is_better" else ""
    return said + way


def _parts(gap: Gap, decimals: int) -> str:
    known = [
        (subject, is_plural, float(getattr(gap, column)))
        for column, subject, is_plural in _PARTS
        if getattr(gap, column) is not None
    ]
    if not known or gap.gap is None:
        return ""
    said = [_part(*each, decimals) for each in known]
    # What rounding takes from the parts must not look like a mistake in the sum.
    total = sum(round(value, decimals) for _, _, value in known)
    if not _is_nothing(total - round(gap.gap, decimals), decimals):
        said.append("These figures are rounded.")
    return " ".join(said)


def _part(subject: str, is_plural: bool, value: float, decimals: int) -> str:
    ending = "" if is_plural else "s"
    if _is_nothing(value, decimals):
        return f"{subject} add{ending} nothing."
    verb = f"add{ending}" if value > 0 else f"take{ending} off"
    return f"{subject} {verb} {_size(value, decimals)} points."


def _unknown(gap: Gap) -> str:
    lacking = [text for column, text in _UNKNOWN.items() if getattr(gap, column) is None]
    if not lacking:
        return ""
    stays = " That is still in the rest." if gap.gap_rest is not None else ""
    if len(lacking) > 1:
        stays = stays.replace("That is", "Both are" if len(lacking) == 2 else "All are")
    return " ".join(lacking) + stays


def _outcome(gap: Gap, instrument: Instrument, outcome_name: str | None) -> str:
    """What a score that far from others has gone along with among this group's clients."""
    value, lower, upper = gap.outcome_of_gap, gap.outcome_lower95, gap.outcome_upper95
    if gap.gap is None or _is_nothing(gap.gap, instrument.decimals):
        return ""
    if value is None:
        return "What such a gap has meant for outcome is not known in this group."
    way = "higher" if gap.gap > 0 else "lower"
    lead = f"In this group, clients with a score that much {way} have had"
    on = f" on {outcome_name}" if outcome_name else ""
    if lower is None or upper is None:
        return f"What such a gap has meant for outcome{on} is not known well enough to tell."
    if all(_is_nothing(each, 2) for each in (value, lower, upper)):
        return f"{lead} outcomes{on} that differ by less than 0.01 SD. {_SD}"
    if lower <= 0 <= upper:
        return (
            f"{lead} outcomes{on} from {_size(lower, 2)} SD worse to {_size(upper, 2)} SD better. "
            f"So we cannot tell whether such a gap has meant anything for outcome. {_SD}"
        )
    ends = " to ".join(_size(each, 2) for each in sorted((lower, upper), key=abs))
    size = "less than 0.01" if _is_nothing(value, 2) else _size(value, 2)
    # The release turns an outcome's sign: above 0 is better on every questionnaire.
    turn = "worse" if value < 0 else "better"
    return f"{lead} {turn} outcomes{on}, by {size} SD ({ends}). {_SD}"
