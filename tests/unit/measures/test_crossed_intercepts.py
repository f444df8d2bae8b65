"""The eliminated likelihood against the dense one, for every way groups can lie in each other."""

import numpy as np
import pytest

from orchestration.measures import elimination_order, joint_factor, summed_by_count
from orchestration.measures.arrays import MeasureUndefined
from orchestration.measures.crossed_intercepts import CrossedIntercepts
from tests.unit.measures.dense_mixed import Floats, Ints, dense_fit, indicators

DESIGNS = ("nested", "two_sites", "two_therapists", "random")


def drawn(kind: str, seed: int) -> tuple[Floats, Floats, list[Ints]]:
    """150 forms, 40 clients, 12 therapists, 4 sites: value, fixed part, codes from site down."""
    rng = np.random.default_rng(seed)
    client = np.concatenate([np.arange(40), rng.integers(0, 40, 110)])
    therapist = np.concatenate([np.arange(12), rng.integers(0, 12, 28)])[client]
    site = np.concatenate([np.arange(4), rng.integers(0, 4, 8)])[therapist]
    if kind == "two_sites":  # therapists 0 to 2 also at site 3, each client at one site only
        site = np.where((therapist < 3) & (client % 2 == 1), 3, site)
    if kind == "two_therapists":  # later forms of some clients with a colleague of the same site
        colleague = np.array([np.flatnonzero(site == own)[0] for own in site])
        moved = (client % 3 == 0) & (rng.random(150) < 0.5)
        therapist = np.where(moved, therapist[colleague], therapist)
    if kind == "random":
        therapist, site = rng.integers(0, 12, 150), rng.integers(0, 4, 150)
    x = np.column_stack([np.ones(150), rng.normal(5, 2, 150), client % 2])
    effects = (
        rng.normal(size=4)[site] + rng.normal(size=12)[therapist] + rng.normal(size=40)[client]
    )
    codes = [np.unique(each, return_inverse=True)[1] for each in (site, therapist, client)]
    return 1e3 + x @ [0, 0.5, 1] + effects + rng.normal(size=150), x, codes


@pytest.fixture(params=["as_it_chooses", "sparse", "no_sums"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "sparse":
        monkeypatch.setattr(joint_factor, "_SMALL", 0)
        monkeypatch.setattr(joint_factor, "_SPARSE_SHARE", 2.0)
    if request.param == "no_sums":
        monkeypatch.setattr(summed_by_count, "_MOST_SUMMED", 0)
    return str(request.param)


@pytest.mark.parametrize("kind", DESIGNS)
@pytest.mark.parametrize("theta", [(0.3, 0.7, 1.2), (0.0, 0.4, 3.0), (0.5, 0.0, 0.0)])
def test_everything_is_the_dense_model_s(kind: str, theta: tuple[float, ...], way: str) -> None:
    y, x, codes = drawn(kind, seed=DESIGNS.index(kind))
    designs = [indicators(code) for code in codes]
    relative = [one**2 * np.eye(z.shape[1]) for one, z in zip(theta, designs, strict=True)]
    expected = dense_fit(y, x, designs, relative)
    model = CrossedIntercepts(y, x, codes)
    found = model.solve(np.array(theta))
    assert model.criterion(np.array(theta)) == pytest.approx(expected.criterion, rel=1e-10)
    assert found.criterion == pytest.approx(expected.criterion, rel=1e-10)
    assert found.residual == pytest.approx(expected.residual, rel=1e-9)
    assert found.fixed == pytest.approx(expected.fixed, rel=1e-8)
    covariance = found.residual * found.fixed_spread
    assert covariance == pytest.approx(expected.fixed_covariance, rel=1e-7, abs=1e-12)
    for group in range(3):
        assert found.effects[group] == pytest.approx(expected.effects[group], abs=1e-8)
        spread = found.residual * found.spreads[group]
        assert spread == pytest.approx(expected.variances[group], abs=1e-8)


def test_groups_leave_one_by_one_as_far_as_their_labels_do_not_meet() -> None:
    alone = {}
    for kind in DESIGNS:
        codes = drawn(kind, seed=DESIGNS.index(kind))[2]
        sizes = [int(code.max()) + 1 for code in codes]
        order, alone[kind] = elimination_order.elimination_order(codes, sizes)
        assert order[0] == 2, "clients are the most"
    # Nested: all three. Therapists at two sites: clients and therapists go, the sites meet. Clients
    # of two therapists: the therapists meet, and the sites are still apart.
    assert alone == {"nested": 3, "two_sites": 2, "two_therapists": 2, "random": 1}


def test_more_crossed_labels_than_memory_holds_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elimination_order, "MOST_CROSSED", 15)
    y, x, codes = drawn("random", seed=1)
    with pytest.raises(MeasureUndefined, match="16 labels of crossed groups meet; 15 at most"):
        CrossedIntercepts(y, x, codes)
