"""Lines over time by site: lme4's sleepstudy, dense models, therapists, planted courses, minima."""

import numpy as np
import pytest

from orchestration.measures.arrays import MeasureUndefined
from orchestration.measures.growth_model import fit_growth, main_therapists
from orchestration.measures.trajectories import (
    ALONE,
    SiteTrajectory,
    site_courses,
    site_trajectories,
)
from tests.unit.measures.dense_mixed import Dense, Floats, Ints, dense_fit, indicators
from tests.unit.measures.published_mixed import SLEEP

SUBJECT, DAY = np.divmod(np.arange(180), 10)


def test_sleepstudy_with_a_slope_of_each_subject() -> None:
    # lmer(Reaction ~ Days + (Days | Subject), sleepstudy): 612.09, 35.07, corr .066, residual
    # 654.94; 251.405 (6.825) and 10.467 (1.546); criterion 1743.628. Bates et al. 2015, 2.
    found = fit_growth(SUBJECT * 0, SUBJECT, DAY.astype(float), SLEEP.ravel(), degree=1, origin=0.0)
    assert found.between[0, 0] == pytest.approx(612.09, rel=1e-4)
    assert found.between[1, 1] == pytest.approx(35.07, rel=1e-3)
    correlation = found.between[0, 1] / np.sqrt(found.between[0, 0] * found.between[1, 1])
    assert correlation == pytest.approx(0.066, abs=1e-3)
    assert found.residual == pytest.approx(654.94, abs=0.01)
    assert found.fixed[0] == pytest.approx([251.405, 10.467], abs=5e-4)
    errors = np.sqrt(np.diag(found.fixed_covariance[0]))
    assert errors == pytest.approx([6.825, 1.546], abs=5e-4)
    assert found.criterion == pytest.approx(1743.628, abs=5e-4)
    assert not found.is_singular


def drawn(seed: int) -> tuple[Ints, Ints, Floats, Floats]:
    """Forms of 24 clients of 3 sites, 2 to 9 each, at some of the sessions 1 to 15."""
    rng = np.random.default_rng(seed)
    n = rng.integers(2, 10, 24)
    client = np.repeat(np.arange(24), n)
    time = np.concatenate([np.sort(rng.choice(15, k, replace=False)) + 1.0 for k in n])
    effects = rng.normal(size=(24, 2)) * (6, 0.8)
    y = 70 + 4 * (client % 3) + effects[client, 0] + (0.5 + effects[client, 1]) * time
    return client % 3, client, time, y + rng.normal(0, 3, time.size)


@pytest.mark.parametrize("degree", [1, 2])
def test_sites_and_clients_are_the_dense_model_s(degree: int) -> None:
    site, client, time, y = drawn(degree)
    found = fit_growth(site, client, time, y, degree=degree, origin=3.0)
    width = degree + 1
    powers = np.vander(time - 3.0, width, increasing=True)
    x = np.hstack([indicators(site)[:, [s]] * powers for s in range(3)])
    z = np.hstack([indicators(client)[:, [c]] * powers for c in range(24)])
    relative: Floats = np.asarray(
        np.kron(np.eye(24), found.between / found.residual), dtype=np.float64
    )
    expected = dense_fit(y, x, [z], [relative])
    assert found.criterion == pytest.approx(expected.criterion, abs=1e-6)
    assert found.residual == pytest.approx(expected.residual, rel=1e-6)
    assert found.fixed.ravel() == pytest.approx(expected.fixed, rel=1e-6)
    for row in range(3):
        part = slice(width * row, width * (row + 1))
        covariance = expected.fixed_covariance[part, part]
        assert found.fixed_covariance[row] == pytest.approx(covariance, rel=1e-5, abs=1e-9)
    # And it is the lowest: any other covariance is worse.
    rng = np.random.default_rng(9)
    for _ in range(20):
        root = np.linalg.cholesky(relative[:width, :width] + 1e-9 * np.eye(width))
        root = root * np.exp(0.05 * rng.normal(size=root.shape))
        moved: Floats = np.asarray(np.kron(np.eye(24), root @ root.T), dtype=np.float64)
        other = dense_fit(y, x, [z], [moved])
        assert other.criterion > found.criterion - 1e-6


def courses(seed: int) -> tuple[Ints, Ints, Floats, Floats]:
    """4 sites of 40 clients with 6 to 14 sessions: level 70 + site, slope .2 site, curve -.01."""
    rng = np.random.default_rng(seed)
    n = rng.integers(6, 15, 160)
    client = np.repeat(np.arange(160), n)
    time = np.concatenate([np.arange(1.0, k + 1) for k in n])
    site = client % 4
    own = rng.normal(size=(160, 2)) * (8, 0.6)
    since = time - 1
    y = 70 + site + own[client, 0] + (0.2 * site + own[client, 1]) * since - 0.01 * since**2
    return site, client, time, y + rng.normal(0, 5, time.size)


def test_planted_courses_are_covered_by_the_intervals() -> None:
    covered = {"level": 0, "slope": 0, "curvature": 0}
    n = 10
    for seed in range(n):
        site, client, time, y = courses(seed)
        straight = y + 0.01 * (time - 1) ** 2
        lines = site_trajectories(site, client, time, straight).sites
        curves = site_trajectories(site, client, time, y).sites
        for line, curve in zip(lines, curves, strict=True):
            assert line.level is not None
            assert line.slope is not None
            assert curve.curvature is not None
            covered["level"] += line.level.lower95 <= 70 + line.site <= line.level.upper95
            covered["slope"] += line.slope.lower95 <= 0.2 * line.site <= line.slope.upper95
            covered["curvature"] += curve.curvature.lower95 <= -0.01 <= curve.curvature.upper95
    # 95 % of 40: fewer than 34 has a probability below 1 in 100.
    assert all(each >= 34 for each in covered.values()), covered


def clients(n: int, n_forms: int, site: int, first: int, rng: np.random.Generator) -> list[Floats]:
    """Site, client, session, value: `n` clients with a form at each of `n_forms` sessions."""
    client = np.repeat(np.arange(first, first + n), n_forms)
    time = np.tile(np.arange(1.0, n_forms + 1), n)
    y = 60 + rng.normal(0, 5, n).repeat(n_forms) + rng.normal(0, 2, client.size)
    return [np.full(client.size, site), client, time, y]


def found_for(*parts: list[Floats]) -> tuple[SiteTrajectory, ...]:
    site, client, time, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    return site_trajectories(site.astype(int), client.astype(int), time, y).sites


def test_minima_are_four_forms_for_a_line_and_six_for_a_curve() -> None:
    rng = np.random.default_rng(3)
    long = clients(12, 8, 0, 0, rng)
    sites = found_for(
        long,
        *(clients(12, 4, 1, 100, rng), clients(5, 3, 1, 150, rng)),
        clients(12, 3, 2, 200, rng),
        clients(9, 8, 3, 300, rng),
    )
    first, four, three, nine = sites
    assert (first.n_clients, first.n_forms, first.n_clients_curved) == (12, 96, 12)
    assert first.reasons == ()
    assert (four.n_clients, four.n_forms, four.n_clients_short) == (12, 48, 5)
    assert four.slope is not None
    assert four.curvature is None
    assert [(each.figure, each.text) for each in four.reasons] == [
        ("curvature", "needs 10 clients with forms at 6 sessions, found 0")
    ]
    assert (three.level, three.slope, three.n_clients, three.n_clients_short) == (None, None, 0, 12)
    assert [each.figure for each in three.reasons] == ["level", "slope", "curvature"]
    assert nine.level is None
    assert nine.reasons[0].text == "needs 10 clients with forms at 4 sessions, found 9"


def test_two_forms_at_one_session_are_one_session() -> None:
    rng = np.random.default_rng(5)
    three = clients(12, 3, 0, 0, rng)
    again = [each[three[2] == 3] for each in three]
    (site,) = found_for(three, again)
    assert (site.n_clients, site.n_clients_short) == (0, 12)


def test_a_client_at_two_sites_is_a_client_at_each() -> None:
    rng = np.random.default_rng(6)
    here = clients(12, 8, 0, 0, rng)
    there = [here[0] + 1, *here[1:]]
    both = found_for(here, there)
    assert [site.n_clients for site in both] == [12, 12]
    assert both[0].slope == pytest.approx(both[1].slope) or both[0].slope == both[1].slope


def test_a_site_s_line_stays_when_another_site_is_moved() -> None:
    rng = np.random.default_rng(7)
    here, there = clients(15, 8, 0, 0, rng), clients(15, 8, 1, 50, rng)
    moved = [*there[:3], there[3] + 40]
    plain, other = found_for(here, there), found_for(here, moved)
    assert plain[0].level is not None
    assert other[0].level is not None
    assert plain[1].level is not None
    assert other[1].level is not None
    assert other[0].level.value == pytest.approx(plain[0].level.value, rel=1e-5)
    assert other[1].level.value == pytest.approx(plain[1].level.value + 40, rel=1e-5)


def test_missing_values_are_counted_and_nothing_is_an_answer() -> None:
    site, client, time, y = courses(1)
    y[:3], time[5] = np.nan, np.nan
    assert site_trajectories(site, client, time, y).n_excluded == 4
    none = site_trajectories(site, client, time, y * np.nan)
    assert (none.sites, none.linear, none.curved) == ((), None, None)
    with pytest.raises(MeasureUndefined, match="per form are needed"):
        site_trajectories(site[:3], client, time, y)


def test_clients_on_parallel_lines_are_a_singular_fit() -> None:
    rng = np.random.default_rng(11)
    site, client, time, y = (np.concatenate(each) for each in zip(clients(40, 8, 0, 0, rng)))
    y = y + 0.5 * time
    # Each client's own slope is taken out: slopes then vary less than chance would have them.
    for one in range(40):
        own = client == one
        slope = np.polyfit(time[own], y[own], 1)[0]
        y[own] -= (slope - 0.5) * time[own]
    found = fit_growth(site.astype(int), client.astype(int), time, y, degree=1, origin=1.0)
    assert found.is_singular
    assert found.fixed[0, 1] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("degree", [1, 2])
def test_therapists_are_the_dense_model_s(degree: int) -> None:
    site, client, time, y = drawn(degree)
    # Five therapists a site with one or two clients; what moves them is far from nothing.
    therapist = 3 * (client // 3 % 5) + site
    y = y + 9.0 * np.cos(7.0 * therapist)
    found = fit_growth(site, client, time, y, degree=degree, origin=3.0, therapist=therapist)
    assert (found.n_therapists, found.is_alone) == (15, False)
    assert found.between_therapists > 0
    width = degree + 1
    powers = np.vander(time - 3.0, width, increasing=True)
    x = np.hstack([indicators(site)[:, [s]] * powers for s in range(3)])
    z = np.hstack([indicators(client)[:, [c]] * powers for c in range(24)])
    relative: Floats = np.asarray(
        np.kron(np.eye(24), found.between / found.residual), dtype=np.float64
    )

    def dense(factor: float) -> Dense:
        of_therapist = np.eye(15) * factor * found.between_therapists / found.residual
        return dense_fit(y, x, [z, indicators(therapist)], [relative, of_therapist])

    expected = dense(1.0)
    assert found.criterion == pytest.approx(expected.criterion, abs=1e-6)
    assert found.residual == pytest.approx(expected.residual, rel=1e-5)
    assert found.fixed.ravel() == pytest.approx(expected.fixed, rel=1e-5)
    for row in range(3):
        part = slice(width * row, width * (row + 1))
        covariance = expected.fixed_covariance[part, part]
        assert found.fixed_covariance[row] == pytest.approx(covariance, rel=1e-5, abs=1e-9)
    # The therapists' variance is the best one: more or less of it is worse.
    for factor in (0.0, 0.8, 0.95, 1.05, 1.25):
        assert dense(factor).criterion > found.criterion - 1e-6


def balanced(rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Floats, Floats]:
    """2 sites of 4 therapists of 5 clients with forms at sessions 1 to 5: everyone alike."""
    client = np.repeat(np.arange(40), 5)
    therapist = client // 5
    time = np.tile(np.arange(1.0, 6.0), 40)
    y = 60 + 4.0 * rng.normal(size=8)[therapist] + 5.0 * rng.normal(size=40)[client]
    y = y + (0.4 + 0.5 * rng.normal(size=40))[client] * time + 2.0 * rng.normal(size=200)
    return therapist // 4, therapist, client, time, y


def test_a_level_s_error_by_hand() -> None:
    # All clients with the same sessions: the site's line is the mean of its clients' own lines, so
    # its covariance is (Sigma + sigma2 (X'X)^-1) / 20, and of the level sigma2_a / 4 more (J_eff of
    # four therapists of five clients is 20^2 / (4 x 25) = 4). With t = session - 1 = 0 ... 4: sum
    # of t 10, of t2 30, determinant 5 x 30 - 10^2 = 50, so (X'X)^-1 = [30, -10; -10, 5] / 50.
    site, therapist, client, time, y = balanced(np.random.default_rng(4))
    model = fit_growth(site, client, time, y, degree=1, origin=1.0, therapist=therapist)
    assert model.n_therapists == 8
    assert model.between_therapists > 1
    level = model.between_therapists / 4 + (model.between[0, 0] + 0.6 * model.residual) / 20
    slope = (model.between[1, 1] + 0.1 * model.residual) / 20
    for row in (0, 1):
        variances = np.diag(model.fixed_covariance[row])
        assert variances == pytest.approx([level, slope], rel=1e-8)
    found = site_courses(site, client, time, y, degree=1, therapist=therapist)
    for each in found.sites:
        first, second = each.terms
        assert first is not None
        assert second is not None
        # Eight therapists at two sites leave 6 degrees of freedom: t(.975, 6) = 2.446912; the
        # slope has the site's 20 clients less one: t(.975, 19) = 2.093024.
        assert first.upper95 - first.value == pytest.approx(2.446912 * np.sqrt(level), rel=1e-6)
        assert second.upper95 - second.value == pytest.approx(2.093024 * np.sqrt(slope), rel=1e-6)
    # The network is the mean of two sites of as many clients: half the variance.
    middle, _ = found.network.terms
    assert middle is not None
    assert middle.value == pytest.approx(model.fixed[:, 0].mean())
    assert middle.standard_error == pytest.approx(np.sqrt(level / 2))
    assert (found.network.site, found.network.n_clients, found.network.n_forms) == (None, 40, 200)


def test_the_network_s_line_weighs_sites_by_their_clients() -> None:
    rng = np.random.default_rng(8)
    small, large = clients(10, 8, 0, 0, rng), clients(30, 8, 1, 50, rng)
    site, client, time, y = (np.concatenate(each) for each in zip(small, large, strict=True))
    found = site_courses(site.astype(int), client.astype(int), time, y, degree=1)
    one, other = (each.terms[1] for each in found.sites)
    whole = found.network.terms[1]
    assert one is not None
    assert other is not None
    assert whole is not None
    assert whole.value == pytest.approx(0.25 * one.value + 0.75 * other.value)
    variance = (0.25 * one.standard_error) ** 2 + (0.75 * other.standard_error) ** 2
    assert whole.standard_error == pytest.approx(np.sqrt(variance))


def test_a_client_belongs_to_the_therapist_of_most_forms() -> None:
    unit = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
    therapist = np.array([7, 5, 5, -1, -1, 9, 6, 4, -1, -1, -1])
    # 5 twice of three; 9 is the only known one; 4 and 6 as often; nobody known.
    assert main_therapists(unit, therapist, 4).tolist() == [5, 9, 4, -1]


def test_clients_of_unknown_therapists_stand_alone() -> None:
    site, therapist, client, time, y = balanced(np.random.default_rng(4))
    some = np.where(client % 5 == 0, -1, therapist)
    named = np.where(client % 5 == 0, 100 + client, therapist)
    found, expected = (
        fit_growth(site, client, time, y, degree=1, origin=1.0, therapist=each)
        for each in (some, named)
    )
    assert found.n_therapists == expected.n_therapists == 16
    assert found.fixed == pytest.approx(expected.fixed)
    assert found.between_therapists == pytest.approx(expected.between_therapists)
    # Nobody known: clients are all there is, as without therapists.
    none = fit_growth(site, client, time, y, degree=1, origin=1.0, therapist=site * 0 - 1)
    plain = fit_growth(site, client, time, y, degree=1, origin=1.0)
    assert (none.n_therapists, none.is_alone, none.between_therapists) == (None, False, 0.0)
    assert none.fixed_covariance == pytest.approx(plain.fixed_covariance)


def test_where_every_site_has_one_therapist_a_level_has_no_interval() -> None:
    site, _, client, time, y = balanced(np.random.default_rng(4))
    (one, _) = site_trajectories(site, client, time, y, therapist=site + 3).sites
    assert one.level is None
    assert one.slope is not None
    assert [(each.figure, each.text) for each in one.reasons] == [
        ("level", ALONE),
        ("curvature", "needs 10 clients with forms at 6 sessions, found 0"),
    ]
    with pytest.raises(MeasureUndefined, match="a therapist per form"):
        site_trajectories(site, client, time, y, therapist=site[:3])
