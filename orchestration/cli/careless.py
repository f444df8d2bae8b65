"""`alliance careless`: signs of careless responding, in an analyst's own file."""

from typing import Annotated, Any

import typer

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


def careless(
    file: FileArgument,
    items: ItemsOption,
    reverse: ReversedOption = None,
    scales: Annotated[
        list[str] | None,
        typer.Option(
            help="Items of each scale: lengths (5,5,5), or places or names (bond=1-4;goal=5-8)."
        ),
    ] = None,
    minimum: MinimumOption = None,
    maximum: MaximumOption = None,
    as_json: JsonOption = False,
) -> None:
    """Signs of careless responding in every form (R package careless), answers as given.

    One row per form, items in printed order; `row` counts the rows below the first line from 1. A
    form is flagged when all its answers are equal and not the top one, or equal though some items
    are reversed.

    Example: alliance careless wai.csv --items wai_1:wai_12 --reversed wai_4,wai_10 --min 1 --max 7
    --scales "task=1,2,8,12;bond=3,5,7,9;goal=4,6,10,11"
    """
    from orchestration.analyst_csv import read_analyst_csv
    from orchestration.analyst_items import read_items, scale_items
    from orchestration.measures.careless import careless_forms

    with refusing(file):
        table = read_analyst_csv(file)
        sheet = read_items(table, ",".join(items), ",".join(reverse or ()), minimum, maximum)
        forms, reasons = careless_forms(
            sheet.answers,
            is_reversed=sheet.is_reversed,
            minimum=sheet.minimum,
            maximum=sheet.maximum,
            scales=[] if scales is None else scale_items(table, sheet.names, ";".join(scales)),
        )
    rows: list[dict[str, Any]] = [
        {
            "row": number,
            "longstring": form.longstring,
            "irv": form.irv,
            "even_odd": form.even_odd,
            "mahalanobis": form.mahalanobis,
            "flagged": form.is_flagged,
        }
        for number, form in enumerate(forms, start=1)
    ]
    if as_json:
        say_figures(
            file,
            {
                "rows": rows,
                "reasons": [
                    {
                        "row": None if reason.place is None else reason.place + 1,
                        "index": reason.figure,
                        "reason": reason.text,
                    }
                    for reason in reasons
                ],
            },
        )
    else:
        n_flagged = sum(row["flagged"] is True for row in rows)
        columns = list(rows[0])
        say_table(
            f"{n_flagged} of {len(rows)} forms flagged",
            columns,
            [[_short(row[name]) for name in columns] for row in rows],
        )
    n_rows = sum(reason.place is not None for reason in reasons)
    for reason in reasons:
        if reason.place is None:
            say(file, f"{reason.figure}: {reason.text}")
    if n_rows:
        say(file, f"{n_rows} figures of single rows are null; --json says why")
    if maximum is None:
        say(file, "the highest answer given is taken for the highest possible; better say --max")


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
