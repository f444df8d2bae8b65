"""`alliance benchmark`: units of an analyst's own file against a target, and how sure that is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orchestration.cli.analyst_file import FileArgument, finite, refusing, say
from orchestration.cli.benchmark_output import say_benchmark
from orchestration.cli.console import JsonOption, say_document, say_table

if TYPE_CHECKING:
    from orchestration.analyst_benchmark import Rules, Units

app = typer.Typer(
    name="benchmark",
    help="Compare units (sites, providers) in your own CSV: funnel limits and shrunken values.",
    no_args_is_help=True,
)

Overdispersion = Literal["additive", "multiplicative", "none"]
RatioScaleName = Literal["log", "sqrt", "shmi", "cqc"]

UnitOption = Annotated[str, typer.Option(help="Column that names the unit.")]
TherapistOption = Annotated[
    str | None, typer.Option(help="Column that names the therapist: clients cluster in them.")
]
WinsoriseOption = Annotated[
    float | None,
    typer.Option(
        help="Share of z-scores at each end that is pulled in; default 0.1.", callback=finite
    ),
]
TruncateOption = Annotated[
    float | None,
    typer.Option(
        help="Share at each end that is left out, by rank, for phi and tau2.", callback=finite
    ),
]
OverdispersionOption = Annotated[
    Overdispersion, typer.Option(help="How limits widen: tau2 added, s times sqrt(phi), or not.")
]
PlotOption = Annotated[
    Path | None, typer.Option(help="Write the funnel plot here: FILE.svg or FILE.png.")
]


@app.command()
def proportion(
    file: FileArgument,
    unit: UnitOption,
    numerator: Annotated[str | None, typer.Option(help="Column of those who have it.")] = None,
    denominator: Annotated[str | None, typer.Option(help="Column of all clients.")] = None,
    value: Annotated[
        str | None, typer.Option(help="Or one row a client: column of 0 and 1.")
    ] = None,
    therapist: TherapistOption = None,
    winsorise: WinsoriseOption = None,
    truncate: TruncateOption = None,
    overdispersion: OverdispersionOption = "additive",
    scale: Annotated[Literal["arcsine"], typer.Option(help="The scale of the limits.")] = "arcsine",
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Proportions around the pooled one, on the arcsine scale (FunnelPlotR's PR).

    Rows of one unit are summed.

    Example: alliance benchmark proportion recovery.csv --unit org_code --numerator recovered
    --denominator clients --plot funnel.svg
    """
    from orchestration.analyst_benchmark import counted_proportions, proportions_of_clients
    from orchestration.analyst_csv import FileRefused, read_analyst_csv
    from orchestration.analyst_units import read_units

    with refusing(file):
        rules = _rules(winsorise, truncate, "winsorise", overdispersion)
        table = read_analyst_csv(file)
        counts = _together({"--numerator": numerator, "--denominator": denominator})
        if (value is None) == (counts is None):
            raise FileRefused("needs --numerator and --denominator, or --value")
        if counts is not None:
            rows = read_units(
                *(table, unit, counts),
                above_zero=counts[1:],
                at_least_zero=counts[:1],
                at_most=(counts[0], counts[1]),
                therapist=therapist,
            )
            units = counted_proportions(rows)
        else:
            assert value is not None
            units = proportions_of_clients(
                read_units(table, unit, [value], therapist=therapist), value
            )
    _say(file, units, rules, plot, as_json)


@app.command()
def mean(
    file: FileArgument,
    unit: UnitOption,
    value: Annotated[
        str | None, typer.Option(help="One row a client: column of the score.")
    ] = None,
    therapist: TherapistOption = None,
    mean_column: Annotated[
        str | None, typer.Option("--mean", help="Or column of the mean.")
    ] = None,
    sd: Annotated[str | None, typer.Option(help="Column of the SD.")] = None,
    n: Annotated[str | None, typer.Option("--n", help="Column of the number of clients.")] = None,
    winsorise: WinsoriseOption = None,
    truncate: TruncateOption = None,
    overdispersion: OverdispersionOption = "additive",
    scale: Annotated[
        Literal["identity"], typer.Option(help="The scale of the limits.")
    ] = "identity",
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Means around their inverse-variance weighted mean.

    With --therapist the standard errors allow for clients who resemble each other (REML);
    without, they are SD/sqrt(n), which is too small wherever therapists differ.

    Example: alliance benchmark mean srs.csv --unit site --value total --therapist therapist
    """
    from orchestration.analyst_benchmark import means_of_clients, means_of_statistics
    from orchestration.analyst_csv import FileRefused, read_analyst_csv
    from orchestration.analyst_units import read_units

    with refusing(file):
        rules = _rules(winsorise, truncate, "winsorise", overdispersion)
        table = read_analyst_csv(file)
        given = _together({"--mean": mean_column, "--sd": sd, "--n": n})
        if (value is None) == (given is None):
            raise FileRefused("needs --value, or --mean, --sd and --n")
        if given is not None:
            if therapist is not None:
                raise FileRefused("--therapist needs one row a client and --value")
            units = means_of_statistics(read_units(table, unit, given, above_zero=given[1:]))
        else:
            assert value is not None
            units = means_of_clients(read_units(table, unit, [value], therapist=therapist), value)
    _say(file, units, rules, plot, as_json)


@app.command()
def ratio(
    file: FileArgument,
    unit: UnitOption,
    observed: Annotated[str, typer.Option(help="Column of what was observed.")],
    expected: Annotated[str, typer.Option(help="Column of what was expected.")],
    winsorise: WinsoriseOption = None,
    truncate: TruncateOption = None,
    overdispersion: OverdispersionOption = "additive",
    scale: Annotated[
        RatioScaleName,
        typer.Option(
            help="log (SHMI), by default with 10 % truncated; sqrt (CQC), with 10 % winsorised.",
            case_sensitive=False,
        ),
    ] = "log",
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Observed over expected around 1 (FunnelPlotR's SR); without over-dispersion exact Poisson.

    Rows of one unit are summed.

    Example: alliance benchmark ratio deaths.csv --unit trust --observed deaths --expected expected
    --scale sqrt --winsorise 0.1
    """
    from orchestration.analyst_benchmark import ratios
    from orchestration.analyst_csv import read_analyst_csv
    from orchestration.analyst_units import read_units

    is_log = scale in ("log", "shmi")
    with refusing(file):
        rules = _rules(winsorise, truncate, "truncate" if is_log else "winsorise", overdispersion)
        _together({"--observed": observed, "--expected": expected})
        rows = read_units(
            *(read_analyst_csv(file), unit, [observed, expected]),
            above_zero=[expected],
            at_least_zero=[observed],
        )
        units = ratios(rows, "log" if is_log else "sqrt")
    _say(file, units, rules, plot, as_json)


@app.command()
def plan(
    reliability: Annotated[
        float, typer.Option(help="Wanted of a site's mean, between 0 and 1.", callback=finite)
    ] = 0.8,
    site_share: Annotated[
        float, typer.Option(help="Share of the variance between sites.", callback=finite)
    ] = 0.01,
    therapist_share: Annotated[
        float, typer.Option(help="Between therapists of a site.", callback=finite)
    ] = 0.04,
    as_json: JsonOption = False,
) -> None:
    """How many therapists with how many clients each a dependable site mean needs.

    Example: alliance benchmark plan --reliability 0.8 --therapist-share 0.05
    """
    from orchestration.benchmarking.planning import plan as planned

    numbers = [*range(5, 30, 5), *range(30, 100, 10), 100, 150, 200]
    try:
        found = planned(numbers, reliability, site_share, therapist_share)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    rows = [
        {
            "n_therapists": row.n_therapists,
            "n_clients_each": row.n_clients_each,
            "reliability": row.reliability,
        }
        for row in found
    ]
    if as_json:
        say_document({"reliability": reliability, "plan": rows})
        return
    say_table(
        f"Clients each therapist needs for a site mean of reliability {reliability:g} "
        "(empty: no number is enough)",
        ["n_therapists", "n_clients_each"],
        [[row["n_therapists"], row["n_clients_each"]] for row in rows],
    )


def _together(options: dict[str, str | None]) -> list[str] | None:
    """The columns of options that go together, each another; None where none was given."""
    from orchestration.analyst_csv import FileRefused

    given = [column for column in options.values() if column is not None]
    if given and len(given) < len(options):
        raise FileRefused(f"{', '.join(options)} go together; one is missing")
    if len(set(given)) < len(given):
        raise FileRefused(f"{', '.join(options)} need a column each; one is given twice")
    return given or None


def _rules(
    winsorise: float | None,
    truncate: float | None,
    default: Literal["winsorise", "truncate"],
    overdispersion: Overdispersion,
) -> "Rules":
    from orchestration.analyst_benchmark import Rules
    from orchestration.analyst_csv import FileRefused

    if winsorise is not None and truncate is not None:
        raise FileRefused("--winsorise and --truncate exclude each other")
    share = winsorise if winsorise is not None else truncate
    if share is not None and not 0 <= share < 0.5:
        raise FileRefused("--winsorise and --truncate take a share from 0 to below 0.5")
    if winsorise is not None:
        return Rules(winsorise, "winsorise", overdispersion)
    if truncate is not None:
        return Rules(truncate, "truncate", overdispersion)
    return Rules(0.1, default, overdispersion)


def _say(file: Path, units: "Units", rules: "Rules", plot: Path | None, as_json: bool) -> None:
    from orchestration.analyst_benchmark import benchmark
    from orchestration.analyst_csv import FileRefused

    with refusing(file):
        if plot is not None and plot.suffix.lower() not in (".svg", ".png"):
            raise FileRefused(f"--plot {plot.name}: the name has to end in .svg or .png")
        found = benchmark(units, rules)
        if plot is not None:
            from orchestration.analyst_funnel_chart import funnel_chart

            try:
                options: dict[str, Any] = {"ppi": 144} if plot.suffix.lower() == ".png" else {}
                funnel_chart(found).save(str(plot), **options)
            except OSError as error:
                raise FileRefused(f"--plot {plot.name}: {error.strerror}") from error
    say_benchmark(file, found, rules, as_json)
    if plot is not None:
        say(file, f"funnel plot written to {plot.name}")
