"""What a declared parallel form must keep: a gap is only as good as the two totals are alike."""

from collections.abc import Iterator, Mapping

from expectations.instrument import Instrument
from expectations.yaml_source import Finding


def parallel_findings(
    instrument: Instrument, instruments: Mapping[tuple[str, str], Instrument]
) -> Iterator[Finding]:
    """Where `parallel_to` names an instrument whose total is no counterpart of this one's."""
    for position, parallel in enumerate(instrument.parallel_to):
        place = ("parallel_to", position)
        key = (parallel.instrument_code, parallel.version)
        other = instruments.get(key)
        if other is None:
            text = f"{parallel.instrument_code} version {parallel.version} is not declared"
            yield (*place, "instrument_code"), text
            continue
        if key == (instrument.instrument_code, instrument.version):
            yield (*place, "instrument_code"), "is the instrument itself, which needs no mention"
            continue
        here, there = instrument.total, other.total
        if set(parallel.items) != set(here.items) or sorted(parallel.items.values()) != sorted(
            there.items
        ):
            yield (*place, "items"), "must name every item of both totals, each once"
        ranges = [
            (one.item_minimum, one.item_maximum, one.total.method) for one in (instrument, other)
        ]
        if ranges[0] != ranges[1]:
            yield (*place, "items"), "have another range, or another kind of total, than there"
        if (instrument.kind, instrument.direction) != (other.kind, other.direction):
            yield place, "is of another kind or direction"
