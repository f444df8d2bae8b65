"""Case mix by hand, against the mixed model with sites as dummies, and on planted confounding."""

from dataclasses import replace

import numpy as np
import pytest

from orchestration.benchmarking.case_mix import adjust, fit_case_mix
from orchestration.benchmarking.case_mix_covariates import (
    NOT_RECORDED,
    ONE_VALUE,
    OTHER,
    Clients,
    code_covariates,
    columns_of,
)
from orchestration.benchmarking.case_mix_quality import model_quality
from orchestration.measures.arrays import MeasureUndefined
from orchestration.measures.fixed_design import FixedDesign, Words, fixed_design
from orchestration.measures.mixed_model import fit_mixed_model
from tests.studies import case_mix as study

PROMISE = 0.1
"""Of the raw confounding, what may be left of it."""


def by_hand() -> Clients:
    """Three sites of five clients, each with a therapist of their own.

    x is -2..2 about the site's 0, 3 and 6; the rest (1, -2, 2, -2, 1) adds up to 0, and so does its
    product with x. Value = own part (10, 10, 13) + x / 2 + rest.
    """
    x = np.add.outer([0.0, 3.0, 6.0], np.arange(-2.0, 3.0)).ravel()
    rest = np.tile([1.0, -2.0, 2.0, -2.0, 1.0], 3)
    site = np.repeat(np.arange(3), 5)
    value = np.array([10.0, 10.0, 13.0])[site] + x / 2 + rest
    return Clients(site, 3, np.arange(15), value, {"x": x}, {})


def test_by_hand() -> None:
    clients = by_hand()
    model = fit_case_mix(clients)
    (slope,) = model.estimates()
    assert slope.value == pytest.approx(0.5)
    # Residual: 3 sites x (1 + 4 + 4 + 4 + 1) = 42 over 15 - 3 - 1 = 11; x varies by 3 x 10 = 30.
    assert slope.standard_error == pytest.approx(np.sqrt(42 / 11 / 30))
    found = adjust(model, clients)
    # Raw: 10, 11.5 and 16, mean 12.5. Expected: 12.5 + (-3, 0, 3) / 2.
    assert found.raw == pytest.approx([10, 11.5, 16])
    assert found.network_mean == pytest.approx(12.5)
    assert found.expected == pytest.approx([11, 12.5, 14])
    assert found.adjusted == pytest.approx([11.5, 11.5, 14.5])
    # Clients of 15 therapists: variance 42 / (15 - 3) over 5, and what 42 / 330 makes of 3 x.
    own, slope_at_3 = 42 / 12 / 5, 9 * 42 / 330
    assert found.adjusted_standard_error**2 == pytest.approx(
        [own + slope_at_3, own, own + slope_at_3]
    )
    assert found.client_values.reshape(3, 5).mean(axis=1) == pytest.approx(found.adjusted)


def test_quality_by_hand() -> None:
    clients = by_hand()
    quality = model_quality(fit_case_mix(clients), clients)
    # Within: x explains 30 / 4 of 30 / 4 + 42. Between: raw (10, 11.5, 16) less expected (-1.5, 0,
    # 1.5) is (11.5, 11.5, 14.5): squares about the mean 19.5 before, 6 after.
    assert quality.r2_within == pytest.approx(7.5 / 49.5)
    assert quality.r2_between == pytest.approx(1 - 6 / 19.5)
    assert quality.slope is None  # half of three sites carry no model
    assert sum(each.n_clients for each in quality.deciles) == 15
    assert [each.expected for each in quality.deciles[::9]] == pytest.approx([-1, 1])


def drawn(seed: int = 1, world: study.Worlds | None = None) -> study.Drawn:
    return study.draw(np.random.default_rng(seed), world or study.Worlds())


def test_the_fit_is_the_mixed_model_with_sites_as_dummies() -> None:
    clients = drawn(world=study.Worlds(error_sd=0.0, missing_age=0.0)).clients
    clients = replace(clients, error_sd={})
    model = fit_case_mix(clients)
    x = columns_of(model.coding, clients)
    sites = fixed_design(
        clients.value.size, {"site": Words(clients.site, [str(n) for n in range(14)])}
    )
    design = FixedDesign(np.column_stack([sites.matrix, x]), (*sites.names, *model.coding.columns))
    known = fit_mixed_model(clients.value, {"therapist": clients.therapist}, design)
    wanted = known.fixed[-x.shape[1] :]
    assert [each.name for each in wanted] == list(model.coding.columns)
    for found, each in zip(model.estimates(), wanted, strict=True):
        assert found.value == pytest.approx(each.estimate.value, abs=1e-5)
        assert found.standard_error == pytest.approx(each.estimate.standard_error, rel=1e-4)
    assert model.variance_therapist == pytest.approx(known.components[0].variance, rel=1e-3)
    assert model.variance_client == pytest.approx(known.residual, rel=1e-4)


@pytest.mark.parametrize(
    ("world", "others"),
    [
        ("severity noisy, age 20 % missing", ("noise ignored",)),
        ("severity 20 % missing", ("gaps a category", "gaps the network's mean")),
    ],
)
def test_planted_confounding_goes_and_only_as_built(world: str, others: tuple[str, ...]) -> None:
    """A seeded sample; whole in make studies."""
    found = study.study(study.WORLDS[world], 10, 3, others)
    assert found.bias_left() <= PROMISE
    assert all(found.bias_left(name) > PROMISE for name in others)
    assert 0.9 <= found.covered <= 0.99


def test_a_covariate_that_is_one_at_a_site_takes_its_adjusted_value_away() -> None:
    clients = drawn().clients
    modes = clients.words["delivery_mode"]
    codes = np.where(clients.site == 2, 1, modes.codes)
    unknown = np.where(clients.site == 5, np.nan, clients.numbers["baseline_severity"])
    changed = replace(
        clients,
        words=dict(clients.words) | {"delivery_mode": Words(codes, modes.names)},
        numbers={"baseline_severity": unknown},
    )
    model = fit_case_mix(changed)
    found = adjust(model, changed)
    where = np.isnan(found.adjusted)
    assert np.flatnonzero(where).tolist() == [2, 5]
    assert np.isnan(found.adjusted_standard_error[where]).all()
    assert np.isfinite(found.raw).all()
    at = [model.coding.covariates[place] for place in found.not_identifiable.nonzero()[1]]
    assert at == ["delivery_mode", "baseline_severity"]
    assert found.share_missing[5, model.coding.covariates.index("baseline_severity")] == 1
    # The network's mean is that of the others' clients.
    others = ~np.isin(changed.site, [2, 5])
    assert found.network_mean == pytest.approx(changed.value[others].mean())
    weight = np.where(where, 0, found.n_clients)
    assert np.nansum(weight * found.adjusted) / weight.sum() == pytest.approx(found.network_mean)


def test_a_covariate_that_varies_between_sites_alone_adjusts_nobody() -> None:
    clients = drawn().clients
    words = dict(clients.words) | {"service_type": Words(clients.site % 2, ["a", "b"])}
    changed = replace(clients, words=words)
    model = fit_case_mix(changed)
    assert model.is_dropped.tolist()[-1]
    assert np.isnan(adjust(model, changed).adjusted).all()


def test_covariates_nobody_knows_or_nobody_differs_in_are_left_out_by_name() -> None:
    clients = drawn().clients
    n = clients.value.size
    known = np.where(np.arange(n) < 0.4 * n, 1.0, np.nan)
    words = dict(clients.words) | {"service_type": Words(np.zeros(n, dtype=np.int64), ["one"])}
    coding = code_covariates(
        replace(clients, numbers=dict(clients.numbers) | {"session": known}, words=words)
    )
    assert coding.left_out == {"session": NOT_RECORDED, "service_type": ONE_VALUE}


@pytest.mark.parametrize(("n_others", "left_out"), [(29, {"session": ONE_VALUE}), (30, {})])
def test_a_number_that_few_clients_differ_in_is_one_value(
    n_others: int, left_out: dict[str, str]
) -> None:
    clients = drawn().clients
    nearly = np.where(np.arange(clients.value.size) < n_others, 2.0, 1.0)
    coding = code_covariates(replace(clients, numbers={"session": nearly}))
    assert coding.left_out == left_out


def test_rare_categories_stand_together_and_new_ones_with_them() -> None:
    codes = np.repeat([0, 1, 2, 3], [100, 40, 20, 15])
    n = codes.size
    zeros = np.zeros(n, dtype=np.int64)
    words = {"band": Words(codes, ["a", "b", "c", "d"])}
    coding = code_covariates(Clients(zeros, 1, zeros, np.zeros(n), {}, words))
    assert coding.columns == ("band: b", f"band: {OTHER}")
    later = {"band": Words(np.array([0, 1, 2, -1]), ["a", "d", "new"])}
    four = np.zeros(4, dtype=np.int64)
    found = columns_of(coding, Clients(four, 1, four, np.zeros(4), {}, later))
    assert found[:3].tolist() == [[0, 0], [0, 1], [0, 1]]
    assert np.isnan(found[3]).all()


def test_another_period_is_adjusted_by_the_same_coefficients() -> None:
    clients = by_hand()
    model = fit_case_mix(clients)
    part = clients.site < 2
    other = Clients(
        clients.site[part], 2, clients.therapist[part], clients.value[part] + 1,
        {"x": clients.numbers["x"][part]}, {},
    )  # fmt: skip
    found = adjust(model, other)
    # Raw 11 and 12.5, their x 1.5 below and above the mean of both: half a point of x each way.
    assert found.adjusted == pytest.approx([11 + 0.75, 12.5 - 0.75])


def test_the_order_of_clients_and_the_names_of_codes_do_not_matter() -> None:
    clients = drawn().clients
    order = np.random.default_rng(2).permutation(clients.value.size)
    other = replace(
        clients,
        site=clients.site[order],
        therapist=900 - clients.therapist[order],
        value=clients.value[order],
        numbers={name: values[order] for name, values in clients.numbers.items()},
        words={name: Words(w.codes[order], w.names) for name, w in clients.words.items()},
    )
    one, two = (adjust(fit_case_mix(each), each) for each in (clients, other))
    assert two.adjusted == pytest.approx(one.adjusted, abs=1e-6)
    assert two.adjusted_standard_error == pytest.approx(one.adjusted_standard_error, rel=1e-5)


def test_what_has_no_model_says_why() -> None:
    clients = by_hand()
    with pytest.raises(MeasureUndefined, match="no covariate is known and varies"):
        fit_case_mix(replace(clients, numbers={}))
    with pytest.raises(MeasureUndefined, match="too few"):
        fit_case_mix(replace(clients, therapist=np.full(15, -1)))
    many = {f"x{n}": clients.numbers["x"] * n for n in (1, 2)}
    with pytest.raises(MeasureUndefined, match="too few clients for the number of coefficients"):
        fit_case_mix(replace(clients, numbers=many))
    with pytest.raises(MeasureUndefined, match="x: its measurement error"):
        fit_case_mix(replace(clients, error_sd={"x": 1.4}))
    flat = replace(clients, numbers={"x": clients.site.astype(np.float64)})
    with pytest.raises(MeasureUndefined, match="no covariate varies within a site"):
        fit_case_mix(flat)


def test_the_slope_where_halves_carry_a_model() -> None:
    clients = drawn(world=study.WORLDS["covariates good"]).clients
    slope = model_quality(fit_case_mix(clients), clients).slope
    assert slope is not None
    assert slope.lower95 < 1 < slope.upper95
    assert slope.upper95 - slope.lower95 < 1
