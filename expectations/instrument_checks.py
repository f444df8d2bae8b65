"""What an instrument must keep beside its shape: ranges that follow from its items, and examples.

A key is only as good as the example that would notice a slip in it. What the examples say about
scores is proved by the real SQL; what they say about ranges is proved here, on every load.
"""

from collections.abc import Iterator

from expectations.instrument import Instrument, Scale, WorkedExample
from expectations.provenance_checks import provenance_findings
from expectations.yaml_source import Finding, YamlSource

MINIMUM_EXAMPLES = 3
_TOLERANCE = 1e-6
"""POMP is written out with six decimals."""


def instrument_problems(source: YamlSource, instrument: Instrument) -> list[str]:
    """What is wrong with one instrument, each as `file:line: key: message`."""
    return [source.problem(at, text) for at, text in instrument_findings(instrument)]


def instrument_findings(instrument: Instrument) -> Iterator[Finding]:
    """What is wrong with one instrument, each with its place in the file."""
    scored = {number for scale in instrument.scales for number in scale.items}
    unused = [number for number in range(1, instrument.n_items + 1) if number not in scored]
    if unused:
        yield ("n_items",), f"items {', '.join(map(str, unused))} belong to no scale"
    if instrument.item_step is not None and instrument.item_step <= 0:
        yield ("item_step",), "must be above 0, or null for a line"
        return
    for position, scale in enumerate(instrument.scales):
        for key, text in _scale_findings(instrument, scale):
            yield ("scales", position, *key), text
    yield from provenance_findings(instrument)
    needed = 1 if instrument.totals_only else MINIMUM_EXAMPLES
    if len(instrument.examples) < needed:
        yield ("examples",), f"at least {needed} worked examples are needed"
    for position, example in enumerate(instrument.examples):
        for key, text in _example_findings(instrument, example):
            yield ("examples", position, *key), text
    pinned = {name for example in instrument.examples for name in example.pomp}
    for scale in instrument.scales:
        if scale.scale not in pinned:
            yield ("examples",), f"no example gives `pomp` of {scale.scale}: its range is unproved"


def _scale_findings(instrument: Instrument, scale: Scale) -> Iterator[Finding]:
    missing = scale.missing
    if scale.minimum >= scale.maximum:
        yield ("minimum",), "must be below maximum"
    if scale.parts:
        yield from _part_findings(instrument, scale)
        return
    if missing.rule != "complete_only" and not 0 < scale.max_missing < len(scale.items):
        yield (
            ("missing", "min_answered" if missing.min_answered else "max_missing"),
            "prorating admits at least one missing item and needs at least one answer",
        )
    if instrument.item_minimum is None or instrument.item_maximum is None or not scale.items:
        return
    times = len(scale.items) if scale.method == "sum" else scale.factor
    lowest, highest = times * instrument.item_minimum, times * instrument.item_maximum
    if (scale.minimum, scale.maximum) != (lowest, highest):
        yield (
            ("minimum",),
            f"the {scale.method} of {len(scale.items)} items lies in {lowest:g} to {highest:g}",
        )


def _part_findings(instrument: Instrument, scale: Scale) -> Iterator[Finding]:
    scales = {one.scale: one for one in instrument.scales}
    for position, name in enumerate(scale.parts):
        if name not in scales or scales[name].parts:
            yield ("parts", position), f"{name} is no scale made of items"
            return
    parts = [scales[name] for name in scale.parts]
    if len(set(scale.parts)) < len(parts):
        yield ("parts",), "names a scale twice"
    if sorted(scale.items) != sorted(number for part in parts for number in part.items):
        yield ("items",), "must be the items of the parts, each once"
    lowest, highest = sum(part.minimum for part in parts), sum(part.maximum for part in parts)
    if (scale.minimum, scale.maximum) != (lowest, highest):
        yield ("minimum",), f"the sum of its parts lies in {lowest:g} to {highest:g}"


def _example_findings(instrument: Instrument, example: WorkedExample) -> Iterator[Finding]:
    scales = {scale.scale: scale for scale in instrument.scales}
    for number, answer in example.items.items():
        admissible = answer is None or instrument.is_admissible(answer)
        if admissible == (number in example.refused_items):
            said = "is admissible, yet refused" if admissible else "is inadmissible, yet accepted"
            yield ("items", number), f"{said} by {example.name!r}"
    for number in example.refused_items:
        if number not in example.items:
            yield ("refused_items",), f"item {number} has no answer in {example.name!r}"
    for name, stated in example.pomp.items():
        score = example.scores.get(name)
        if score is None:
            yield ("pomp", name), f"{example.name!r} gives no score of that name"
            continue
        scale = scales[name]
        span = scale.maximum - scale.minimum
        if not span or abs(100 * (score - scale.minimum) / span - stated) > _TOLERANCE:
            yield (
                ("pomp", name),
                f"is not {score:g} in percent of {scale.minimum:g} to {scale.maximum:g}",
            )
