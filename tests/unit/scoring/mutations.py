"""Every single change to an instrument's key: what a slip in its YAML would be.

Left out are changes that leave every possible form's scores as they are (the mean of one item for
its sum, prorating a scale of one item, rounding sums of whole numbers, any key of an instrument
whose answers are not scored): no example could tell.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from expectations.instrument import Instrument, MissingRule, Scale

Mutation = tuple[str, Instrument]
T = TypeVar("T")


def mutations(instrument: Instrument) -> Iterator[Mutation]:
    """Changed instruments, each with what was changed.

    A changed instrument has the changed scale alone, and the scales that one adds up: where the
    others show the change too, this is the harder test, and thousands stay cheap to score.
    """
    if instrument.n_items:
        yield from _ranges(instrument)
        flipped = "reversal_unknown" if instrument.item_coding != "unknown" else "item_coding"
        now = {"reversal_unknown": not instrument.reversal_unknown, "item_coding": "printed_value"}
        yield f"{flipped} changed", _with(instrument, **{flipped: now[flipped]})
    if instrument.is_scored:
        for number in range(1, instrument.n_items + 1):
            reversed_items = _toggled(instrument.reversed_items, number)
            scales = tuple(s for s in instrument.scales if number in s.items and not s.parts)
            yield (
                f"reversal of item {number}",
                _with(instrument, reversed_items=reversed_items, scales=scales),
            )
    for scale in instrument.scales:
        for bound in ("minimum", "maximum"):
            for step in (-1, 1):
                yield (
                    f"{scale.scale}: {bound} {step:+d}",
                    _with_scale(instrument, scale, **{bound: getattr(scale, bound) + step}),
                )
        if instrument.is_scored:
            yield from _key_changes(instrument, scale)


def _key_changes(instrument: Instrument, scale: Scale) -> Iterator[Mutation]:
    if scale.parts:
        for other in instrument.scales:
            if other is not scale:
                parts = _toggled(scale.parts, other.scale)
                yield f"{scale.scale}: part {other.scale}", _with_parts(instrument, scale, parts)
        return
    for number in range(1, instrument.n_items + 1):
        yield (
            f"{scale.scale}: item {number}",
            _with_scale(instrument, scale, items=_toggled(scale.items, number)),
        )
    if len(scale.items) > 1:
        method = "mean" if scale.method == "sum" else "sum"
        yield f"{scale.scale}: {method}", _with_scale(instrument, scale, method=method)
        if scale.method == "mean":
            factor = scale.factor * 2
            yield f"{scale.scale}: factor {factor:g}", _with_scale(instrument, scale, factor=factor)
        for rule in _other_rules(scale):
            yield (
                f"{scale.scale}: {rule.rule} {rule.admitted(len(scale.items))}",
                _with_scale(instrument, scale, missing=rule),
            )
    if scale.decimals is not None:
        yield f"{scale.scale}: not rounded", _with_scale(instrument, scale, decimals=None)
    elif _has_fractions(instrument, scale):
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
    def rule(name: str, max_missing: int = 0) -> MissingRule:
        content = {"rule": name, "max_missing": max_missing, "source": "changed"}
        return MissingRule.model_validate(content)

    name, now, most = scale.missing.rule, scale.max_missing, len(scale.items) - 1
    prorating = "prorate" if name == "complete_only" else name
    if now < most:
        yield rule(prorating, now + 1)
    if now > 1:
        yield rule(prorating, now - 1)
    if name != "complete_only":
        yield rule("complete_only")
        yield rule("prorate" if name != "prorate" else "fill_with_rounded_mean", now)


def _has_fractions(instrument: Instrument, scale: Scale) -> bool:
    return instrument.item_step is None or scale.missing.rule == "prorate" or scale.method == "mean"


def _toggled(members: tuple[T, ...], one: T) -> tuple[T, ...]:
    if one in members:
        return tuple(other for other in members if other != one)
    return (*members, one)


def _with(instrument: Instrument, **changed: Any) -> Instrument:
    return instrument.model_copy(update=changed)


def _with_scale(instrument: Instrument, scale: Scale, **changed: Any) -> Instrument:
    parts = tuple(one for one in instrument.scales if one.scale in scale.parts)
    return _with(instrument, scales=(scale.model_copy(update=changed), *parts))


def _with_parts(instrument: Instrument, scale: Scale, names: tuple[str, ...]) -> Instrument:
    parts = tuple(one for one in instrument.scales if one.scale in names)
    items = tuple(number for part in parts for number in part.items)
    changed = scale.model_copy(update={"parts": names, "items": items})
    return _with(instrument, scales=(changed, *parts))
