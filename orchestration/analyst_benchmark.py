"""The funnel and the shrunken values of an analyst's units, with what has to be said beside them.

A release withholds what is small or not clustered; an analyst looks at data of their own, often
published counts, so here nothing is withheld for that: it is said in a note. A flag is null only
where there is nothing to be compared with.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orchestration.analyst_csv import FileRefused
from orchestration.analyst_units import Codes, LeftOut, UnitRows
from orchestration.benchmarking.dispersion import Overdispersion, Trim
from orchestration.benchmarking.funnel import Funnel, funnel, poisson_limits
from orchestration.benchmarking.network import MINIMUM_SITES
from orchestration.benchmarking.scales import (
    Floats,
    RatioScale,
    Scaled,
    scaled_means,
    scaled_proportions,
    scaled_ratios,
)
from orchestration.benchmarking.shrinkage import MINIMUM_UNITS, Shrunken, shrink
from orchestration.benchmarking.variance import (
    VarianceComponents,
    clustered_standard_error,
    design_effects,
    effective_therapists,
    estimate_variances,
    independent_standard_error,
)

Kind = Literal["proportion", "mean", "ratio"]

FEW_CLIENTS = 30
"""Below it a release gives no flag (metrics reference); here the unit is named."""
INDEPENDENT = (
    "Clients are taken for independent (no therapists given): where therapists differ the limits "
    "are too narrow and too many units are flagged."
)


@dataclass(frozen=True)
class Rules:
    """How extremes are held back and how over-dispersion widens the limits."""

    share: float
    trim: Trim
    overdispersion: Overdispersion


@dataclass(frozen=True)
class Units:
    """Units on their analysis scale. `n` is clients, or the expected count of a ratio."""

    kind: Kind
    scale: str
    names: tuple[str, ...]
    n: Floats
    scaled: Scaled
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()
    components: VarianceComponents | None = None


@dataclass(frozen=True)
class Benchmark:
    """`shrunken` is None for too few units; `has_flags` False where there is no honest target."""

    units: Units
    funnel: Funnel
    shrunken: Shrunken | None
    has_flags: bool
    notes: tuple[str, ...] = field(default=())


def benchmark(units: Units, rules: Rules) -> Benchmark:
    """Funnel and shrunken values of the units, and the notes. Raises FileRefused for rules that
    leave nothing."""
    plain = poisson_limits(units.scaled.raw, units.n) if units.kind == "ratio" else None
    try:
        found = funnel(units.scaled, rules.share, rules.trim, rules.overdispersion, plain)
    except ValueError as error:
        raise FileRefused(str(error)) from error
    n_finite = int(np.isfinite(units.scaled.values).sum())
    shrunken = shrink(units.scaled) if n_finite >= MINIMUM_UNITS else None
    # A ratio is held against 1, which no unit moves.
    has_flags = units.kind == "ratio" or len(units.names) >= MINIMUM_SITES
    notes = list(units.notes)
    if not has_flags:
        notes.append(
            f"Fewer than {MINIMUM_SITES} units: each would be compared with itself; no flags."
        )
    if shrunken is None:
        notes.append(f"Fewer than {MINIMUM_UNITS} units: no shrunken values.")
    if n_finite < len(units.names):
        notes.append(
            f"{len(units.names) - n_finite} units observed none: on the log scale they lie below "
            "every limit, whatever was expected, and have no shrunken value; --scale sqrt has both."
        )
    few = sorted(
        name for name, n in zip(units.names, units.n.tolist(), strict=True) if n < FEW_CLIENTS
    )
    if few and units.kind != "ratio":
        notes.append(
            f"{len(few)} units have fewer than {FEW_CLIENTS} clients, and a release would give "
            f"them no flag: {', '.join(few)}"
        )
    return Benchmark(units, found, shrunken, has_flags, tuple(notes))


def counted_proportions(rows: UnitRows) -> Units:
    """Columns numerator and denominator, summed over each unit's rows, a therapist a row or not.

    With therapists s grows by the design effect; p (1 - p) n is each one's sum of squares.
    """
    numerators, denominators = rows.summed(0), rows.summed(1)
    effects, components = None, None
    notes: tuple[str, ...] = (INDEPENDENT,)
    if rows.group is not None:
        therapists = _Therapists.of(rows, rows.numbers[:, 1], rows.numbers[:, 0])
        components = therapists.fit()
        effects = design_effects(components, therapists.unit, therapists.n_clients, len(rows.names))
        notes = _clustering(components, therapists)
    scaled = scaled_proportions(numerators, denominators, effects)
    return Units(
        *("proportion", "arcsine", rows.names, denominators, scaled, rows.left_out, notes),
        components,
    )


def proportions_of_clients(rows: UnitRows, column: str) -> Units:
    """One row a client, 1 or 0. Raises FileRefused, naming the line, for any other number."""
    values = rows.numbers[:, 0]
    other = np.flatnonzero((values != 0.0) & (values != 1.0))
    if other.size:
        raise FileRefused(
            f"line {rows.lines[int(other[0])]}, column {column}: a proportion needs 0 or 1 "
            f"({other.size} such rows)"
        )
    counted = np.column_stack([values, np.ones_like(values)])
    return counted_proportions(replace(rows, numbers=counted))


def means_of_clients(rows: UnitRows, column: str) -> Units:
    """One row a client. s from therapists and clients by REML, else SD/sqrt(n), and labelled.

    Without therapists a unit whose clients do not vary has no standard error and is left out.
    Raises FileRefused when no unit has one.
    """
    values = rows.numbers[:, 0]
    n_clients = np.bincount(rows.unit, minlength=len(rows.names)).astype(np.float64)
    means = rows.summed(0) / n_clients
    if rows.group is not None:
        therapists = _Therapists.of(rows, np.ones_like(values), values)
        components = therapists.fit()
        effective = effective_therapists(therapists.unit, therapists.n_clients, means.size)
        errors = clustered_standard_error(components, effective, n_clients)
        if not bool(np.all(errors > 0)):
            raise FileRefused(f"column {column}: nothing varies, so nothing can be compared")
        scaled = scaled_means(means, errors)
        notes = _clustering(components, therapists)
        return Units(
            "mean", "identity", rows.names, n_clients, scaled, rows.left_out, notes, components
        )
    squares = np.asarray(np.bincount(rows.unit, (values - means[rows.unit]) ** 2), dtype=np.float64)
    errors = independent_standard_error(n_clients, squares)
    # Not against 0: sums of squares carry rounding errors.
    usable = errors > 1e-12 * max(float(np.abs(values).max()), 1e-300)
    out = tuple(
        LeftOut(rows.lines[row], rows.names[rows.unit[row]], column, "its unit does not vary")
        for row in np.flatnonzero(~usable[rows.unit]).tolist()
    )
    return _independent_means(
        *(rows.names, means, errors, n_clients, usable, (*rows.left_out, *out), column)
    )


def means_of_statistics(rows: UnitRows) -> Units:
    """Columns mean, SD and n, one row a unit. Raises FileRefused, by line, for a unit twice."""
    if len(rows.names) < rows.unit.size:
        first = np.unique(rows.unit, return_index=True)[1]
        again = int(np.setdiff1d(np.arange(rows.unit.size), first)[0])
        raise FileRefused(
            f"lines {rows.lines[int(first[rows.unit[again]])]} and {rows.lines[again]} are of one "
            "unit; give one row a unit"
        )
    mean, sd, n = rows.numbers.T
    usable = np.ones(mean.size, dtype=bool)
    return _independent_means(rows.names, mean, sd / np.sqrt(n), n, usable, rows.left_out, "")


def ratios(rows: UnitRows, scale: RatioScale) -> Units:
    """Columns observed and expected, summed over each unit's rows."""
    observed, expected = rows.summed(0), rows.summed(1)
    scaled = scaled_ratios(observed, expected, scale)
    return Units("ratio", scale, rows.names, expected, scaled, rows.left_out)


def _independent_means(
    names: tuple[str, ...],
    means: Floats,
    errors: Floats,
    n_clients: Floats,
    usable: NDArray[np.bool_],
    left_out: tuple[LeftOut, ...],
    column: str,
) -> Units:
    if not bool(usable.any()):
        raise FileRefused(f"column {column}: no unit has clients that vary; nothing to compare")
    kept = tuple(name for name, is_kept in zip(names, usable.tolist(), strict=True) if is_kept)
    scaled = scaled_means(means[usable], errors[usable])
    note = f"Standard errors are SD/sqrt(n). {INDEPENDENT}"
    return Units("mean", "identity", kept, n_clients[usable], scaled, left_out, (note,))


@dataclass(frozen=True)
class _Therapists:
    """One entry per therapist of a unit; the same name in two units is two entries."""

    unit: Codes
    n_clients: Floats
    means: Floats
    squares: Floats

    @classmethod
    def of(cls, rows: UnitRows, n_clients: Floats, sums: Floats) -> "_Therapists":
        """From rows of `n_clients` clients each whose values sum to `sums`.

        A row of several clients holds counts of 0 and 1, whose squares are their sum.
        """
        group = rows.group
        assert group is not None
        unit = np.zeros(int(group.max()) + 1, dtype=np.intp)
        unit[group] = rows.unit
        clients = np.asarray(np.bincount(group, n_clients), dtype=np.float64)
        means = np.bincount(group, sums) / clients
        own = sums / n_clients
        within = np.where(n_clients > 1.0, n_clients * own * (1.0 - own), 0.0)
        between = n_clients * (own - means[group]) ** 2
        squares = np.asarray(np.bincount(group, within + between), dtype=np.float64)
        return cls(unit, clients, means, squares)

    def fit(self) -> VarianceComponents:
        """Variances between therapists and between clients, by REML."""
        try:
            return estimate_variances(self.unit, self.n_clients, self.means, self.squares)
        except ValueError as error:
            raise FileRefused(f"clustering in therapists: {error}") from error


def _clustering(components: VarianceComponents, therapists: _Therapists) -> tuple[str, ...]:
    """What the fit found, and whether that leaves clients taken for independent."""
    confounded = components.separation == "not_separable" and bool(np.any(therapists.n_clients > 1))
    return (
        components.sentence,
        *((INDEPENDENT.replace(" (no therapists given)", ""),) * confounded),
    )
