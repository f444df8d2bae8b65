"""Linear mixed model by REML: how much of a value lies between sites, therapists and clients.

Own code, and not a library, after a look at what there is (simulated: 1,000,000 sessions, 100
sites, 3,334 therapists, 100,000 clients, a covariate; two cores shared with others, so that times
compare by their size only; this module: 1.1 s, 0.4 GB, and 4.7 s where a tenth of the clients
change their therapist):

- statsmodels 0.15 MixedLM: one group 4.4 s for 100,000 rows; site, therapist and client together
  did not converge on 2,000 or 10,000 rows; crossed groups only as one group with dense parts.
- lme-python 0.2.7: nested, the same variances as here to four digits in 65 s; a tenth of the
  clients changing therapist, 624 s for 300,000 rows. First released this year by one author, brings
  a second data frame library; no conditional variances of the effects were found in what it offers.
- mixedlm-rs: one group, its documentation says (not measured). pymer4: needs R.

So the likelihood is ours (crossed_intercepts.py, variance_search.py) and held to lme4's published
figures. Two groups in one site are `benchmarking/variance.py`: there sites are fixed and clients'
means the rows, in closed form; both give the same variances for the same model (a test holds them
to it).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Estimate, Floats, Ints, MeasureUndefined, Reason
from orchestration.measures.crossed_intercepts import CrossedIntercepts
from orchestration.measures.fixed_design import FixedDesign, independent_columns
from orchestration.measures.group_relations import Relation, group_relations
from orchestration.measures.variance_search import lowest_point
from orchestration.measures.variance_shares import Share, variance_shares

FEW_LABELS = 5
"""A variance from fewer labels than this is said to be hardly known. Ours."""
_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Component:
    """Variance between the labels of `group`, in squared units of the value; its share of all."""

    group: str
    variance: float
    share: Share
    n_labels: int


@dataclass(frozen=True)
class Effects:
    """Conditional means (BLUPs) of a group's labels, in units of the value, as lme4's ranef.

    `labels` are the codes given, ascending. The 95 % limits are the mean ± 1.959964 conditional
    standard deviations (condVar: variances and coefficients taken as known); NaN for a group
    without variance, of which the data tell no label from another.
    """

    labels: Ints
    effect: Floats
    lower95: Floats
    upper95: Floats


@dataclass(frozen=True)
class FixedEffect:
    """A coefficient of the fixed part; its interval is normal (Wald), as lme4's."""

    name: str
    estimate: Estimate


@dataclass(frozen=True)
class MixedModel:
    """`criterion` is lme4's REML criterion; `is_singular` when a group's variance is exactly 0.

    `relations` names every pair of groups as nested or crossed; `dropped` are columns of the fixed
    part that others already determine; `sentences` say in plain words what was found.
    """

    components: tuple[Component, ...]
    residual: float
    residual_share: Share
    fixed: tuple[FixedEffect, ...]
    dropped: tuple[str, ...]
    effects: dict[str, Effects]
    relations: tuple[Relation, ...]
    criterion: float
    n_used: int
    n_excluded: int
    is_singular: bool
    sentences: tuple[str, ...]
    reasons: tuple[Reason, ...]


def fit_mixed_model(
    value: Floats, groups: Mapping[str, Ints], fixed: FixedDesign | None = None
) -> MixedModel:
    """Random intercepts for every group, nested or crossed as the codes say.

    One entry per row. A label is the same wherever it stands: a therapist's code at two sites is
    one therapist, crossed with site. Rows with a value or covariate missing (NaN) or a code below 0
    are left out and counted. Without `fixed` there is a mean alone.

    Raises MeasureUndefined when arrays differ in length, rows are too few, the value or a group
    does not vary, a group has a label for every row, or two groups divide the rows alike.
    """
    codes = list(groups.values())
    matrix = np.ones((value.size, 1)) if fixed is None else fixed.matrix
    names = ("intercept",) if fixed is None else fixed.names
    if not codes or any(code.shape != value.shape for code in codes) or len(matrix) != value.size:
        raise MeasureUndefined(
            "a value, a code of every group and the covariates per row are needed"
        )
    used = np.isfinite(value) & np.isfinite(matrix).all(axis=1)
    for code in codes:
        used &= code >= 0
    matrix, value = matrix[used], value[used]
    labelled = [np.unique(code[used], return_inverse=True) for code in codes]
    numbered = {name: place for name, (_, place) in zip(groups, labelled, strict=True)}
    kept = independent_columns(matrix)
    matrix = matrix[:, kept]
    relations = group_relations(numbered)
    _require(value, numbered, matrix, relations)

    model = CrossedIntercepts(value, matrix, list(numbered.values()))
    best = lowest_point(model.criterion, np.ones(len(codes), dtype=np.bool_))
    found = model.solve(best.theta)
    shares, residual_share, reasons = variance_shares(model.criterion, best.theta, list(groups))
    components = tuple(
        Component(name, float(theta**2 * found.residual), share, labels.size)
        for name, theta, share, (labels, _) in zip(
            groups, best.theta, shares, labelled, strict=True
        )
    )
    errors = np.sqrt(found.residual * np.diag(found.fixed_spread))
    reach = _NORMAL_95 * errors
    coefficients = zip(
        *(found.fixed.tolist(), errors.tolist()),
        *((found.fixed - reach).tolist(), (found.fixed + reach).tolist()),
        strict=True,
    )
    kept_names = [name for name, is_kept in zip(names, kept, strict=True) if is_kept]
    return MixedModel(
        components=components,
        residual=found.residual,
        residual_share=residual_share,
        fixed=tuple(
            FixedEffect(name, Estimate(*row))
            for name, row in zip(kept_names, coefficients, strict=True)
        ),
        dropped=tuple(name for name in names if name not in kept_names),
        effects={
            name: _effects(labels, effect, spread * found.residual)
            for name, (labels, _), effect, spread in zip(
                groups, labelled, found.effects, found.spreads, strict=True
            )
        },
        relations=relations,
        criterion=found.criterion,
        n_used=int(value.size),
        n_excluded=int(used.size - value.size),
        is_singular=bool((best.theta == 0).any()),
        sentences=_sentences(components, residual_share, relations),
        reasons=(*reasons, *_few_labels(components)),
    )


def _effects(labels: Ints, effect: Floats, spread: Floats) -> Effects:
    reach = np.where(spread > 0, _NORMAL_95 * np.sqrt(np.maximum(spread, 0)), np.nan)
    effect = effect + 0.0  # no minus before a zero
    return Effects(labels, effect, effect - reach, effect + reach)


def _require(
    value: Floats, groups: dict[str, Ints], matrix: Floats, relations: tuple[Relation, ...]
) -> None:
    """Refuse what has no single best fit."""
    n, n_fixed = matrix.shape
    if n <= n_fixed + len(groups):
        raise MeasureUndefined(f"{n} usable rows are too few for this model")
    left = value - matrix @ np.linalg.lstsq(matrix, value, rcond=None)[0]
    if np.sum(left**2) <= 1e-20 * np.sum(value**2):
        raise MeasureUndefined("the value does not vary beyond what the covariates say")
    for name, code in groups.items():
        n_labels = int(code.max()) + 1
        if n_labels < 2:
            raise MeasureUndefined(f"{name} has one label in the usable rows: nothing to compare")
        if n_labels == n:
            raise MeasureUndefined(
                f"{name} has another label in every row: it cannot be told from the residual; "
                "leave it out"
            )
    for relation in relations:
        if relation.is_same:
            raise MeasureUndefined(
                f"{relation.inner} and {relation.outer} divide the rows alike: they cannot be told "
                "apart; leave one of them out"
            )


def _few_labels(components: tuple[Component, ...]) -> tuple[Reason, ...]:
    return tuple(
        Reason(each.group, f"{each.n_labels} labels: a variance from so few is hardly known")
        for each in components
        if each.n_labels < FEW_LABELS
    )


def _sentences(
    components: tuple[Component, ...], residual: Share, relations: tuple[Relation, ...]
) -> tuple[str, ...]:
    """What the fit found, for someone who reads no likelihoods."""
    found = [
        f"{each.share.value:.1%} lies between the labels of {each.group}"
        for each in components
        if each.variance > 0
    ]
    found.append(f"{residual.value:.1%} is left within the groups")
    said = [f"Of all variation, {', '.join(found)}."]
    said += [
        f"No variation between the labels of {each.group} was found beyond what the rest of the "
        "model explains; it was set to zero, which does not show that there is none (a singular "
        "fit)."
        for each in components
        if each.variance == 0
    ]
    said += [
        f"{each.n_in_several} of {each.n_labels} labels of {each.inner} stand with more than one "
        f"of {each.outer}: the two are crossed, and no label was changed."
        for each in relations
        if each.n_in_several
    ]
    return tuple(said)
