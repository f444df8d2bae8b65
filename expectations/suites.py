"""Turns declared rules into Great Expectations suites, one rule one expectation.

Great Expectations takes seconds to import, so it is asked for only when a suite is built.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from expectations.check import CONTRADICTIONS, INVALID, SAME_KEY, STRAY_ITEMS, Check
from expectations.instrument import Instrument
from expectations.judging import UNREADABLE, between, judged, range_text
from expectations.model import Category, Column, Feed, Rule, Severity

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

CHECKS, CHECK_ID = "checks", "check_id"
"""Keys of a suite's and of an expectation's `meta`."""

AGREE = "agree"


class PlannedCheck(NamedTuple):
    """A check with the expectation that judges it: the class's name and its arguments."""

    check: Check
    kind: str
    arguments: dict[str, Any]


def feed_suite(
    feed: Feed, sites: Sequence[str], received_on: date, sent: Collection[str] | None = None
) -> "ExpectationSuite":
    """The suite of a feed of units: episodes, sessions or process ratings.

    `sites` are the ids the practice declares; `received_on` is the day the delivery came; `sent`
    the columns the contract delivers (default all): a rule on another has nothing to judge.
    """
    return _suite(feed.feed, tuple(_feed_checks(feed, sites, received_on, sent)))


def form_suite(
    feed: Feed,
    instrument: Instrument,
    sites: Sequence[str],
    received_on: date,
    sent: Collection[str] | None = None,
) -> "ExpectationSuite":
    """The suite of one instrument's forms: the feed's rules and one for each item.

    Items are the columns `item_01`, `item_02`, ... of numbers; a stated total has to lie in the
    range of the instrument's total. `sent` is as in `feed_suite` and leaves the items alone.
    """
    planned = (
        *_feed_checks(feed, sites, received_on, sent, instrument),
        *(_item_check(feed, instrument, item_no) for item_no in range(1, instrument.n_items + 1)),
        _stray_check(feed, instrument),
        *([_agreement_check(feed, instrument)] if CONTRADICTIONS in (sent or ()) else []),
    )
    return _suite(f"{feed.feed}.{instrument.instrument_code}", planned)


def is_judged(feed: Feed, check: Check, sent: Collection[str]) -> bool:
    """Whether a check has something to judge where only the columns `sent` are delivered."""
    if check.rule == AGREE:
        return CONTRADICTIONS in sent
    for column in feed.columns:
        if column.name == check.column:
            rule = next(rule for rule in column.rules if rule.rule == check.rule)
            return _needs(column, rule) <= set(sent)
    return True


def _needs(column: Column, rule: Rule) -> set[str]:
    return {column.name, rule.after_column or rule.when_column or column.name}


def unknown_instrument_suite(feed: Feed) -> "ExpectationSuite":
    """The suite of forms whose instrument no contract names: column `instrument_code`, INVALID."""
    check = Check(
        check_id=f"{feed.feed}.instrument_code.known",
        feed=feed.feed,
        instrument_code=None,
        column="instrument_code",
        rule="known",
        rule_version=1,
        rule_text="The file's word for the questionnaire is one the contract names.",
        category=Category.CONFORMANCE,
        severity=Severity.CRITICAL,
        threshold=0.0,
    )
    arguments = {"column": "instrument_code", "value_set": [INVALID]}
    plan = PlannedCheck(check, "ExpectColumnValuesToNotBeInSet", arguments)
    return _suite(f"{feed.feed}.unknown", (plan,))


def _suite(name: str, planned: Sequence[PlannedCheck]) -> "ExpectationSuite":
    """The checks stand once, in the suite's `meta`: an expectation's is copied 100 times a run."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    return gx.ExpectationSuite(
        name=name,
        expectations=[
            getattr(gxe, plan.kind)(
                **plan.arguments,
                severity=str(plan.check.severity),
                meta={CHECK_ID: plan.check.check_id},
            )
            for plan in planned
        ],
        meta={CHECKS: [asdict(plan.check) for plan in planned]},
    )


def _feed_checks(
    feed: Feed,
    sites: Sequence[str],
    received_on: date,
    sent: Collection[str] | None = None,
    instrument: Instrument | None = None,
) -> Iterator[PlannedCheck]:
    for column in feed.columns:
        for rule in column.rules:
            if sent is not None and not _needs(column, rule) <= set(sent):
                continue
            text, kind, arguments = judged(column, rule, sites, received_on, instrument)
            yield PlannedCheck(_check(feed, instrument, column.name, rule, text), kind, arguments)
    for rule in feed.rules:
        key = ", ".join(feed.key)
        if feed.feed == "administrations":
            key = f"instrument, version, language, informant, {key}"
        text = f"The unit's key ({key}) occurs once in the delivery; exact copies count once."
        arguments = {"column": SAME_KEY, "min_value": 1.0, "max_value": 1.0}
        check = _check(feed, instrument, None, rule, text)
        yield PlannedCheck(check, "ExpectColumnValuesToBeBetween", arguments)


def _check(
    feed: Feed, instrument: Instrument | None, column: str | None, rule: Rule, text: str
) -> Check:
    return Check(
        check_id=f"{feed.feed}.{column or 'key'}.{rule.rule}",
        feed=feed.feed,
        instrument_code=instrument.instrument_code if instrument else None,
        column=column,
        rule=rule.rule,
        rule_version=rule.version,
        rule_text=text,
        category=rule.category,
        severity=rule.severity,
        threshold=rule.tolerated_share,
    )


def _item_check(feed: Feed, instrument: Instrument, item_no: int) -> PlannedCheck:
    column = f"item_{item_no:02d}"
    points = instrument.response_values
    if points is None:
        low, high = instrument.item_minimum, instrument.item_maximum
        said = range_text(low, high)
        kind, arguments = between(column, low, high)
    else:
        # The set covers range and whole numbers in one rule; a separate one for each costs twice.
        said = f"is one of {', '.join(f'{point:g}' for point in points)}"
        kind = "ExpectColumnValuesToBeInSet"
        arguments = {"column": column, "value_set": list(points)}
    check = Check(
        check_id=f"{feed.feed}.{column}.in_range",
        feed=feed.feed,
        instrument_code=instrument.instrument_code,
        column=column,
        rule="in_range",
        rule_version=1,
        rule_text=f"Item {item_no} {said}, or is unanswered. {UNREADABLE}",
        category=Category.CONFORMANCE,
        severity=Severity.CRITICAL,
        threshold=0.0,
    )
    return PlannedCheck(check, kind, arguments)


def _stray_check(feed: Feed, instrument: Instrument) -> PlannedCheck:
    check = Check(
        check_id=f"{feed.feed}.items.belong",
        feed=feed.feed,
        instrument_code=instrument.instrument_code,
        column=None,
        rule="belong",
        rule_version=1,
        rule_text=(
            "Every answer belongs to a known item, comes once, and the rows of one form agree on "
            "client, session and date."
        ),
        category=Category.CONFORMANCE,
        severity=Severity.CRITICAL,
        threshold=0.0,
    )
    arguments = {"column": STRAY_ITEMS, "min_value": 0.0, "max_value": 0.0}
    return PlannedCheck(check, "ExpectColumnValuesToBeBetween", arguments)


def _agreement_check(feed: Feed, instrument: Instrument) -> PlannedCheck:
    check = Check(
        check_id=f"{feed.feed}.answers.{AGREE}",
        feed=feed.feed,
        instrument_code=instrument.instrument_code,
        column=None,
        rule=AGREE,
        rule_version=1,
        rule_text=(
            "An answer's code, as the contract recodes it, and the weight sent beside it are the "
            "same number."
        ),
        category=Category.CONFORMANCE,
        severity=Severity.CRITICAL,
        threshold=0.0,
    )
    arguments = {"column": CONTRADICTIONS, "min_value": 0.0, "max_value": 0.0}
    return PlannedCheck(check, "ExpectColumnValuesToBeBetween", arguments)
