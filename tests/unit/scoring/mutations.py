"""Every single change to an instrument's key: what a slip in its YAML would be.

Left out are changes that leave every possible form's scores as they are (the mean of one item for
its sum, prorating a scale of one item, rounding sums of whole numbers): no example could tell.
"""

from collections.abc import Iterator
from typing import Any

from expectations.instrument import Instrument, MissingRule, Scale

Mutation = tuple[str, Instrument]


def mutations(instrument: Instrument) -> Iterator[Mutation]:
    """Changed instruments, each with what was changed."""
    for number in range(1, instrument.n_items + 1):
        yield (
            f"reversal of item {number}",
            _with(instrument, reversed_items=_toggled(instrument.reversed_items, number)),
        )
    yield from _ranges(instrument)
    for scale in instrument.scales:
        for number in range(1, instrument.n_items + 1):
            yield (
                f"{scale.scale}: item {number}",
                _with_scale(instrument, scale, items=_toggled(scale.items, number)),
            )
        for bound in ("minimum", "maximum"):
            for step in (-1, 1):
                yield (
                    f"{scale.scale}: {bound} {step:+d}",
                    _with_scale(instrument, scale, **{bound: getattr(scale, bound) + step}),
                )
        if len(scale.items) > 1:
            method = "mean" if scale.method == "sum" else "sum"
            yield f"{scale.scale}: {method}", _with_scale(instrument, scale, method=method)
            for rule in _other_rules(scale):
                yield (
                    f"{scale.scale}: {rule.rule} {rule.max_missing}",
                    _with_scale(instrument, scale, missing=rule),
                )
        if _has_fractions(instrument, scale):
            yield f"{scale.scale}: rounded", _with_scale(instrument, scale, decimals=0)


def _ranges(instrument: Instrument) -> Iterator[Mutation]:
    assert instrument.item_minimum is not None
    assert instrument.item_maximum is not None
    step = instrument.item_step or 0.01
    for change in (-step, step):
        yield (
            f"item_minimum {change:+g}",
            _with(instrument, item_minimum=instrument.item_minimum + change),
        )
        yield (
            f"item_maximum {change:+g}",
            _with(instrument, item_maximum=instrument.item_maximum + change),
        )
    for other in {None, 0.5, 1.0} - {instrument.item_step}:
        yield f"item_step {other}", _with(instrument, item_step=other)


def _other_rules(scale: Scale) -> Iterator[MissingRule]:
    def prorate(max_missing: int) -> MissingRule:
        return MissingRule(rule="prorate", max_missing=max_missing, source="changed")

    now = scale.missing.max_missing
    yield prorate(now + 1)
    if scale.missing.rule == "prorate":
        yield MissingRule(rule="complete_only", source="changed")
        if now > 1:
            yield prorate(now - 1)


def _has_fractions(instrument: Instrument, scale: Scale) -> bool:
    return instrument.item_step is None or scale.missing.rule == "prorate" or scale.method == "mean"


def _toggled(numbers: tuple[int, ...], number: int) -> tuple[int, ...]:
    if number in numbers:
        return tuple(one for one in numbers if one != number)
    return (*numbers, number)


def _with(instrument: Instrument, **changed: Any) -> Instrument:
    return instrument.model_copy(update=changed)


def _with_scale(instrument: Instrument, scale: Scale, **changed: Any) -> Instrument:
    scales = tuple(
        one.model_copy(update=changed) if one is scale else one for one in instrument.scales
    )
    return instrument.model_copy(update={"scales": scales})
