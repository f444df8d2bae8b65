"""What an instrument says of its sources must fit what it claims: a verified key was read whole."""

from collections.abc import Iterator

from expectations.instrument import Instrument
from expectations.instrument_facts import KEY_FACTS
from expectations.published_norm import norm_findings
from expectations.yaml_source import Finding


def provenance_findings(instrument: Instrument) -> Iterator[Finding]:
    """Where marks, key status and what is stated contradict each other."""
    named = [each.fact for each in instrument.sources]
    for position, fact in enumerate(named):
        if fact in named[:position] and fact in KEY_FACTS:
            yield ("sources", position, "fact"), f"{fact} has a source already; one mark holds"
    unread = list(_unread(instrument))
    if instrument.key_status == "verified" and unread:
        yield (
            ("key_status",),
            f"is verified, but {', '.join(unread)} has no source marked V; say unverified",
        )
    if instrument.key_status == "unverified" and not unread:
        yield ("key_status",), "is unverified, but all it rests on is marked V; say verified"
    if instrument.reversal_unknown and instrument.reversed_items:
        yield ("reversal_unknown",), "contradicts reversed_items; keep one of them"
    for number in instrument.excluded_items:
        if number <= instrument.n_items:
            yield ("excluded_items",), f"item {number} is an item; excluded ones come after them"
    if set(instrument.informant_words.values()) - set(instrument.informants):
        yield ("informant_words",), "must be words for its informants"
    if set(instrument.rater_for) - set(instrument.informants):
        yield ("rater_for",), "must be among its informants"
    yield from _reference_findings(instrument)
    yield from norm_findings(
        instrument.norms,
        instrument.informants,
        instrument.languages,
        (instrument.total.minimum, instrument.total.maximum),
    )


def _unread(instrument: Instrument) -> Iterator[str]:
    """What a score rests on and nobody read in a source."""
    marks = {each.fact: each.mark for each in instrument.sources}
    if not instrument.totals_only:
        yield from (fact for fact in KEY_FACTS if marks.get(fact) != "V")
    for scale in instrument.scales:
        if scale.mark != "V":
            yield f"the key of {scale.scale}"
        missing = scale.missing
        withholds = missing.rule == "complete_only" and missing.mark == "D"
        if missing.mark != "V" and not withholds:
            yield f"the missing rule of {scale.scale}"


def _reference_findings(instrument: Instrument) -> Iterator[Finding]:
    scales = {scale.scale: scale for scale in instrument.scales}
    for position, cut_off in enumerate(instrument.cut_offs):
        place = ("cut_offs", position)
        scale = scales.get(cut_off.scale)
        if scale is None:
            yield (*place, "scale"), f"{cut_off.scale} is no scale of the instrument"
        elif not scale.minimum <= cut_off.value <= scale.maximum:
            yield (*place, "value"), f"lies outside {scale.minimum:g} to {scale.maximum:g}"
        if set(cut_off.informants) - set(instrument.informants):
            yield (*place, "informants"), "must be among the instrument's"
        if set(cut_off.languages) - set(instrument.languages):
            yield (*place, "languages"), "must be among the instrument's"
    for position, change in enumerate(instrument.reliable_change):
        place = ("reliable_change", position)
        scale = scales.get(change.scale)
        if scale is None:
            yield (*place, "scale"), f"{change.scale} is no scale of the instrument"
        elif not change.points < scale.maximum - scale.minimum:
            yield place, "is as wide as the scale itself"
        if set(change.informants) - set(instrument.informants):
            yield (*place, "informants"), "must be among the instrument's"
