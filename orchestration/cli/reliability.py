"""`alliance reliability`: alpha, omega and the items of a scale, in an analyst's own file."""

from typing import TYPE_CHECKING

from orchestration.cli.analyst_file import (
    FileArgument,
    ItemsOption,
    MaximumOption,
    MinimumOption,
    ReversedOption,
    refusing,
    say,
    say_figures,
)
from orchestration.cli.console import JsonOption, say_table

if TYPE_CHECKING:
    from orchestration.measures.reliability import Reliability

DEPENDABLE_N = 100
"""Below this many persons the warehouse publishes no reliability; here it only says so."""


def reliability(
    file: FileArgument,
    items: ItemsOption,
    reverse: ReversedOption = None,
    minimum: MinimumOption = None,
    maximum: MaximumOption = None,
    as_json: JsonOption = False,
) -> None:
    """Internal consistency of a scale: alpha, its 95 % interval (Feldt), omega, every item.

    One row per person. A figure that the answers do not carry is null, and a reason stands with it.

    Example: alliance reliability wai.csv --items wai_1:wai_12 --reversed wai_4,wai_10 --min 1
    --max 7
    """
    from orchestration.analyst_csv import read_analyst_csv
    from orchestration.analyst_items import read_items
    from orchestration.measures.arrays import reversed_items
    from orchestration.measures.reliability import scale_reliability

    with refusing(file):
        sheet = read_items(
            *(read_analyst_csv(file), ",".join(items), ",".join(reverse or ())), minimum, maximum
        )
        answers = reversed_items(sheet.answers, sheet.is_reversed, sheet.minimum, sheet.maximum)
        found = scale_reliability(answers)
    reasons = [
        {
            "figure": reason.figure,
            "item": None if reason.place is None else sheet.names[reason.place],
            "reason": reason.text,
        }
        for reason in found.reasons
    ]
    if as_json:
        interval = found.alpha_interval
        say_figures(
            file,
            {
                "alpha_pairwise": found.alpha_pairwise,
                "alpha_complete": found.alpha_complete,
                "alpha_interval": None if interval is None else list(interval),
                "omega": found.omega,
                "items": [
                    {
                        "item": name,
                        "item_rest": item.item_rest,
                        "alpha_if_dropped": item.alpha_if_dropped,
                    }
                    for name, item in zip(sheet.names, found.items, strict=True)
                ],
                "n": found.n,
                "n_complete": found.n_complete,
                "reasons": reasons,
            },
        )
    else:
        say_table(
            _title(found),
            ["item", "item_rest", "alpha_if_dropped"],
            [
                [name, _short(item.item_rest), _short(item.alpha_if_dropped)]
                for name, item in zip(sheet.names, found.items, strict=True)
            ],
        )
    for reason in reasons:
        item = "" if reason["item"] is None else f", item {reason['item']}"
        say(file, f"{reason['figure']}{item}: {reason['reason']}")
    if found.n_complete < DEPENDABLE_N:
        say(file, f"{found.n_complete} complete forms; below {DEPENDABLE_N} read with care")


def _title(found: "Reliability") -> str:
    interval = "none"
    if found.alpha_interval is not None:
        interval = "{:.3f} to {:.3f}".format(*found.alpha_interval)
    return (
        f"alpha {_short(found.alpha_pairwise)} pairwise, {_short(found.alpha_complete)} complete "
        f"(95 % {interval}), omega {_short(found.omega)}, n {found.n}, complete {found.n_complete}"
    )


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
