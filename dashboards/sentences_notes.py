"""Sentences beside the comparison: who is missing, whose key is unchecked, who is late. PURE."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from dashboards import labels
from dashboards.release import ExpectedDelivery, Instrument, Site, SiteResult


def suppressed_sites(rows: Sequence[SiteResult]) -> str:
    """The sites whose numbers are absent from the release, with the one published reason."""
    names = [row.site_label for row in rows if row.is_suppressed]
    if not names:
        return ""
    return (
        f"Not shown: {labels.listed(names)}. "
        "Alone or set beside others, their numbers could give someone away."
    )


def absent_sites(sites: Sequence[Site], period: str) -> str:
    """The sites of the group that have no row in this view at all, and why."""
    is_short = not labels.is_whole_years(period)
    by_year = [site.site_label for site in sites if is_short and site.is_dated_by_year]
    others = [site.site_label for site in sites if not (is_short and site.is_dated_by_year)]
    said = []
    if others:
        said.append(
            f"Not in this view: {labels.listed(others)}. They have no forms that can be compared "
            "here: none of this kind, in this language, or filled in this way."
        )
    if by_year:
        said.append(
            f"Only in views of a whole year: {labels.listed(by_year)}. "
            "Of their dates we know the year and nothing else."
        )
    return " ".join(said)


def unplaced_sites(rows: Sequence[SiteResult]) -> str:
    """The sites in the table that the chart cannot place."""
    names = [
        row.site_label for row in rows if row.raw is not None and not (row.standard_error or 0) > 0
    ]
    if not names:
        return ""
    return (
        f"In the table but not on the chart: {labels.listed(names)}. "
        "No margin of error can be given there."
    )


def key_note(instrument: Instrument) -> str:
    """The caution that every number on an unverified scoring key carries; empty when verified."""
    if instrument.key_status == "verified":
        return ""
    return (
        f"The scoring key of “{instrument.name}” has not been checked against its first source. "
        "Treat its scores with care. More under “Definition and sources” below."
    )


def instrument_notes(instrument: Instrument) -> list[str]:
    """What its own declaration wants beside its numbers: risk items, and how they mislead."""
    return [note for note in (instrument.risk_notice, instrument.cautions) if note]


def late_deliveries(
    expected: Iterable[ExpectedDelivery], now: datetime, time_zone: str
) -> list[str]:
    """One sentence for each practice that owes an export whose time has passed."""
    late: dict[str, list[ExpectedDelivery]] = {}
    for delivery in expected:
        if now > delivery.expected_by_at:
            late.setdefault(delivery.practice_id, []).append(delivery)
    sentences = []
    for deliveries in late.values():
        since = min(delivery.expected_by_at for delivery in deliveries)
        feeds = labels.listed([labels.feed(delivery.feed) for delivery in deliveries])
        sentences.append(
            f"{deliveries[0].practice_name} is late. Its {feeds} were due by "
            f"{labels.moment(since, time_zone)}. The numbers of its sites may miss newer forms."
        )
    return sentences


def broken_declarations(practice_names: Iterable[str]) -> list[str]:
    """One sentence for each practice that nothing can be taken in from until its file is mended."""
    return [
        f"The declaration of {name} is broken, so nothing new from it is taken in. The numbers of "
        "its sites may miss newer forms. Run “alliance doctor” to see what to mend."
        for name in practice_names
    ]
