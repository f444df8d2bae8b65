"""`alliance variance`: how much of a value lies between sites, therapists, clients."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.analyst_file import FileArgument, refusing, say, say_figures
from orchestration.cli.console import JsonOption, say_table

if TYPE_CHECKING:
    from orchestration.analyst_groups import GroupedRows
    from orchestration.measures.mixed_model import Effects, MixedModel

MOST_SHOWN = 40
"""Labels of a group that a table on the screen shows; the document has all."""
_LINES_NAMED = 10


def variance(
    file: FileArgument,
    value: Annotated[str, typer.Option(help="Column of the value, one row per form.")],
    groups: Annotated[
        list[str],
        typer.Option(help="Columns of the groups, with commas: SITE,THERAPIST or more."),
    ],
    covariates: Annotated[
        list[str] | None,
        typer.Option(help="Columns the value is adjusted for: numbers, or words as categories."),
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(help="Those of --covariates whose numbers are names of categories."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Shares of a value's variance between groups, and each label's effect (mixed model, REML).

    A label is the same wherever it stands: a therapist seen at two sites is crossed with site, and
    said so. Rows with an empty cell, or a value that is no number, are left out and named.

    Example: alliance variance srs.csv --value total --groups site,therapist,client --covariates
    session,mode
    """
    from orchestration.analyst_csv import read_analyst_csv
    from orchestration.analyst_groups import read_groups
    from orchestration.measures.mixed_model import fit_mixed_model

    with refusing(file):
        table = read_analyst_csv(file)
        rows = read_groups(
            *(table, value, table.chosen(",".join(groups))),
            table.chosen(",".join(covariates)) if covariates else (),
            table.chosen(",".join(categorical)) if categorical else (),
        )
        found = fit_mixed_model(rows.value, rows.groups, rows.design)
    if as_json:
        say_figures(file, _document(found, rows))
    else:
        _say_tables(found, rows)
    for sentence in found.sentences:
        say(file, sentence)
    for name in found.dropped:
        say(file, f"covariate {name} was left out: the others already say what it says")
    for reason in found.reasons:
        say(file, f"{reason.figure}: {reason.text}")
    for each in rows.excluded:
        named = ", ".join(map(str, each.lines[:_LINES_NAMED]))
        more = ", ..." if len(each.lines) > _LINES_NAMED else ""
        say(
            file,
            f"{len(each.lines)} rows left out, column {each.column} {each.reason}: "
            f"line {named}{more}",
        )


def _document(found: "MixedModel", rows: "GroupedRows") -> dict[str, Any]:
    return {
        "components": [
            {
                "group": each.group,
                "variance": each.variance,
                "share": each.share.value,
                "share_lower95": each.share.lower95,
                "share_upper95": each.share.upper95,
                "n_labels": each.n_labels,
            }
            for each in found.components
        ],
        "residual": found.residual,
        "icc": {each.group: each.share.value for each in found.components},
        "effects": {
            name: _levels(effects, rows.labels[name]) for name, effects in found.effects.items()
        },
        "singular": found.is_singular,
        "sentence": " ".join(found.sentences),
        "fixed_effects": [
            {
                "name": each.name,
                "estimate": each.estimate.value,
                "standard_error": each.estimate.standard_error,
                "lower95": each.estimate.lower95,
                "upper95": each.estimate.upper95,
            }
            for each in found.fixed
        ],
        "dropped_covariates": list(found.dropped),
        "relations": [
            {
                "inner": each.inner,
                "outer": each.outer,
                "kind": each.kind,
                "n_labels": each.n_labels,
                "n_in_several": each.n_in_several,
            }
            for each in found.relations
        ],
        "reml_criterion": found.criterion,
        "n_used": found.n_used,
        "n_excluded": found.n_excluded,
        "excluded": [
            {"column": each.column, "reason": each.reason, "lines": list(each.lines)}
            for each in rows.excluded
        ],
        "reasons": [{"figure": each.figure, "reason": each.text} for each in found.reasons],
    }


def _levels(effects: "Effects", labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every label with its effect; limits are null where the group has no variance."""
    return [
        {
            "level": labels[code],
            "effect": effect,
            "lower95": None if lower != lower else lower,
            "upper95": None if upper != upper else upper,
        }
        for code, effect, lower, upper in zip(
            effects.labels.tolist(),
            effects.effect.tolist(),
            effects.lower95.tolist(),
            effects.upper95.tolist(),
            strict=True,
        )
    ]


def _say_tables(found: "MixedModel", rows: "GroupedRows") -> None:
    shares = [
        *((each.group, each.n_labels, each.variance, each.share) for each in found.components),
        ("residual", found.n_used, found.residual, found.residual_share),
    ]
    say_table(
        f"Variance by REML, {found.n_used} rows, {found.n_excluded} left out",
        ["group", "labels", "variance", "share", "lower95", "upper95"],
        [
            [name, n, float(f"{size:.6g}"), *_short(share.value, share.lower95, share.upper95)]
            for name, n, size, share in shares
        ],
    )
    say_table(
        "Coefficients",
        ["name", "estimate", "standard error", "lower95", "upper95"],
        [
            [each.name, *(float(f"{figure:.6g}") for figure in vars(each.estimate).values())]
            for each in found.fixed
        ],
    )
    for name, effects in found.effects.items():
        levels = _levels(effects, rows.labels[name])
        more = f"; the first {MOST_SHOWN}, all with --json" if len(levels) > MOST_SHOWN else ""
        say_table(
            f"Effects of {name}, {len(levels)} labels{more}",
            ["level", "effect", "lower95", "upper95"],
            [
                [level["level"], *_short(level["effect"], level["lower95"], level["upper95"])]
                for level in levels[:MOST_SHOWN]
            ],
        )


def _short(*figures: float | None) -> list[float | None]:
    return [None if figure is None else round(figure, 4) for figure in figures]
