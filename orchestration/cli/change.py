"""`alliance change`: who changed reliably, in an analyst's own file."""

from typing import Annotated, Any, Literal

import typer

from orchestration.cli.analyst_file import FileArgument, finite, refusing, say, say_figures
from orchestration.cli.console import JsonOption, say_table

Better = Literal["lower", "higher"]
CutOff = Literal["a", "b", "c"]
BetterOption = Annotated[Better, typer.Option(help="Which scores are the better ones.")]


def change(
    file: FileArgument,
    person: Annotated[str, typer.Option("--id", help="Column that names the person.")],
    time: Annotated[str, typer.Option(help="Column of the measurement: numbers or words.")],
    value: Annotated[str, typer.Option(help="Column of the score.")],
    pre: Annotated[str, typer.Option(help="The time before treatment, as --time holds it.")],
    post: Annotated[str, typer.Option(help="The time after treatment.")],
    reliability: Annotated[
        float, typer.Option(help="Of the instrument, from 0 to below 1.", callback=finite)
    ],
    functional_mean: Annotated[
        float | None,
        typer.Option(help="Mean of the functional population; b and c.", callback=finite),
    ] = None,
    functional_sd: Annotated[
        float | None, typer.Option(help="Its SD; b and c.", callback=finite)
    ] = None,
    cutoff: Annotated[
        CutOff,
        typer.Option(
            help="a: 2 SD from this sample's mean; b: 2 SD from the functional; c: between both."
        ),
    ] = "a",
    better: BetterOption = "lower",
    as_json: JsonOption = False,
) -> None:
    """Reliable and clinically significant change of every person (Jacobson & Truax 1991).

    One row per person and time. Persons without both scores are counted and left out; the SD is
    that of the persons used, before treatment.

    Example: alliance change phq.csv --id client --time wave --value total --pre 1 --post 4
    --reliability 0.84 --functional-mean 3.3 --functional-sd 3.8 --cutoff c
    """
    import numpy as np

    from orchestration.analyst_csv import FileRefused, read_analyst_csv
    from orchestration.analyst_series import long_series
    from orchestration.measures.clinical_change import CATEGORIES, clinical_change

    with refusing(file):
        functional = _functional(cutoff, functional_mean, functional_sd)
        table = read_analyst_csv(file)
        both = [pre, post]
        series = long_series(table, person, time, value, both)
        if len(set(series.times)) < len(both):
            raise FileRefused("--pre and --post are the same time")
        used = np.asarray(~np.isnan(series.scores).any(axis=1))
        scores = series.scores[used]
        found = clinical_change(
            scores[:, 0],
            scores[:, 1],
            reliability=reliability,
            kind=cutoff,
            better=better,
            functional=functional,
        )
    ids = [series.ids[place] for place in np.flatnonzero(used).tolist()]
    columns = ("id", "pre", "post", "change", "rci", "category")
    rows = zip(
        *(ids, scores[:, 0].tolist(), scores[:, 1].tolist()),
        *(found.change.tolist(), found.rci.tolist(), found.category),
        strict=True,
    )
    persons: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in rows]
    document = {
        "cutoff": found.cutoff,
        "n_original": len(series.ids),
        "n_used": len(persons),
        "counts": found.counts,
        "persons": persons,
    }
    if as_json:
        say_figures(file, document)
    else:
        title = f"Cut-off {cutoff} {found.cutoff:.3f}, {better} is better, r {reliability}"
        shares = [
            [name, found.counts[name], f"{found.counts[name] / len(persons):.1%}"]
            for name in CATEGORIES
        ]
        say_table(title, ["category", "n", "share"], shares)
    n_left_out = len(series.ids) - len(persons)
    if n_left_out:
        say(file, f"{n_left_out} of {len(series.ids)} persons lack a score and were left out")


def _functional(kind: CutOff, mean: float | None, sd: float | None) -> tuple[float, float] | None:
    """The functional population, where the cut-off needs one."""
    from orchestration.analyst_csv import FileRefused

    if kind == "a":
        return None
    options = {"--functional-mean": mean, "--functional-sd": sd}
    lacking = [name for name, given in options.items() if given is None]
    if mean is None or sd is None:
        raise FileRefused(f"cut-off {kind} needs {' and '.join(lacking)}; a needs neither")
    if sd <= 0:
        raise FileRefused("--functional-sd must be above 0")
    return mean, sd
