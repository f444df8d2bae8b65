"""Mixed models against lme4's published figures, the nightly closed form, and planted variances."""

import numpy as np
import pytest

from orchestration.benchmarking.variance import estimate_variances
from orchestration.measures.arrays import MeasureUndefined
from orchestration.measures.fixed_design import FixedDesign, Words, fixed_design
from orchestration.measures.mixed_model import MixedModel, fit_mixed_model
from tests.unit.measures.published_mixed import (
    DYESTUFF,
    DYESTUFF_2,
    PASTES,
    PENICILLIN,
    SLEEP,
    SLEEP_EFFECTS,
)

CASK = np.repeat(np.arange(30), 2)
BATCH = np.repeat(np.arange(10), 6)
PLATE, SAMPLE = np.divmod(np.arange(144), 6)


def variances(model: MixedModel) -> list[float]:
    return [each.variance for each in model.components]


def test_sleepstudy() -> None:
    # lmer(Reaction ~ Days + (1 | Subject), sleepstudy): Subject 1378.2, residual 960.5, REML
    # criterion 1786.465; fixed 251.4051 (9.7467) and 10.4673 (.8042); Bates et al. 2015.
    subject, day = np.divmod(np.arange(180), 10)
    fixed = fixed_design(180, {"day": day.astype(float)})
    found = fit_mixed_model(SLEEP.ravel(), {"subject": subject}, fixed)
    assert variances(found) == pytest.approx([1378.2], abs=0.05)
    assert found.residual == pytest.approx(960.5, abs=0.05)
    assert found.criterion == pytest.approx(1786.465, abs=5e-4)
    assert [each.name for each in found.fixed] == ["intercept", "day"]
    level, slope = (each.estimate for each in found.fixed)
    assert (level.value, level.standard_error) == pytest.approx((251.4051, 9.7467), abs=5e-5)
    assert (slope.value, slope.standard_error) == pytest.approx((10.4673, 0.8042), abs=5e-5)
    assert slope.lower95 == pytest.approx(10.4673 - 1.959964 * 0.8042, abs=1e-3)
    effects = found.effects["subject"]
    # Within 1e-4 of the total SD (48.4) by far: to the digits R prints.
    assert effects.effect == pytest.approx(SLEEP_EFFECTS, abs=2e-5)
    # Ten forms each: conditional variance 1/(10/960.4566 + 1/1378.179) = 89.7883, its root 9.47567.
    assert effects.upper95 - effects.effect == pytest.approx(1.959964 * 9.475668, abs=1e-4)
    assert not found.is_singular


def test_dyestuff() -> None:
    # Bates, lme4: Mixed-effects modeling with R, 2010, section 1.3: 1764.05 and 2451.25, 319.6543.
    found = fit_mixed_model(DYESTUFF.ravel(), {"batch": np.repeat(np.arange(6), 5)})
    assert variances(found) == pytest.approx([1764.05], rel=1e-6)
    assert found.residual == pytest.approx(2451.25, rel=1e-6)
    assert found.criterion == pytest.approx(319.6543, abs=5e-5)
    assert found.components[0].share.value == pytest.approx(1764.05 / (1764.05 + 2451.25))
    assert found.fixed[0].estimate.standard_error == pytest.approx(19.3834, abs=5e-5)


def test_dyestuff_2_is_singular_and_says_so_in_plain_words() -> None:
    # Bates 2010, section 1.3: batch 0, residual 13.806, REML criterion 161.8283.
    found = fit_mixed_model(DYESTUFF_2.ravel(), {"batch": np.repeat(np.arange(6), 5)})
    assert variances(found) == [0.0]
    assert found.is_singular
    assert found.residual == pytest.approx(13.806, abs=5e-4)
    assert found.criterion == pytest.approx(161.8283, abs=5e-5)
    assert "No variation between the labels of batch was found" in found.sentences[1]
    assert "does not show that there is none" in found.sentences[1]
    share = found.components[0].share
    assert (share.value, share.lower95, share.upper95) == (0, None, None)
    assert found.reasons[0].figure == "batch"
    # No label can be told from another: no interval of width 0 is made of that.
    assert (found.effects["batch"].effect == 0).all()
    assert np.isnan(found.effects["batch"].lower95).all()


def test_pastes_nested() -> None:
    # lmer(strength ~ 1 + (1 | batch/cask), Pastes): SD 2.90408, 1.28737 and .82341; intercept
    # 60.05333 (.6768701); -2 times -123.4954 (lme4 2.0.1).
    found = fit_mixed_model(PASTES.ravel(), {"batch": BATCH, "cask": CASK})
    assert np.sqrt(variances(found)) == pytest.approx([1.28737, 2.90408], abs=1e-5)
    assert np.sqrt(found.residual) == pytest.approx(0.8234075, abs=5e-6)
    assert found.criterion == pytest.approx(246.9908, abs=2e-4)
    assert found.fixed[0].estimate.standard_error == pytest.approx(0.6768701, abs=1e-6)
    (relation,) = found.relations
    assert (relation.inner, relation.outer, relation.kind) == ("cask", "batch", "nested")


def test_penicillin_crossed() -> None:
    # lmer(diameter ~ 1 + (1 | plate) + (1 | sample), Penicillin): .7169, 3.7309, .3024; intercept
    # 22.9722 (.8086); 330.9. Printed with 3.7311 too: the optimiser's, within 1e-4.
    found = fit_mixed_model(PENICILLIN.ravel(), {"plate": PLATE, "sample": SAMPLE})
    assert variances(found) == pytest.approx([0.7169, 3.7309], abs=5e-5)
    assert found.residual == pytest.approx(0.3024, abs=5e-5)
    assert found.criterion == pytest.approx(330.8606, abs=5e-5)
    (relation,) = found.relations
    assert (relation.kind, relation.n_labels, relation.n_in_several) == ("crossed", 24, 24)
    assert "24 of 24 labels of plate stand with more than one of sample" in found.sentences[1]


@pytest.mark.parametrize("seed", range(5))
def test_the_nightly_closed_form_gives_the_same_variances(seed: int) -> None:
    # estimate_variances: sites fixed, therapists random, a client a row.
    rng = np.random.default_rng(seed)
    site_of_therapist = np.repeat(np.arange(5), rng.integers(2, 7, 5))
    therapist = np.repeat(
        np.arange(site_of_therapist.size), rng.integers(1, 30, site_of_therapist.size)
    )
    site = site_of_therapist[therapist]
    y = 3.0 * site + rng.normal(0, 0.5, site_of_therapist.size)[therapist]
    y += rng.normal(size=y.size)
    n = np.bincount(therapist).astype(float)
    means = np.bincount(therapist, y) / n
    closed = estimate_variances(
        site_of_therapist.astype(np.intp),
        n,
        means,
        np.bincount(therapist, weights=(y - means[therapist]) ** 2).astype(np.float64),
    )
    found = fit_mixed_model(
        y, {"therapist": therapist}, fixed_design(y.size, {"site": Words(site, list("abcde"))})
    )
    assert variances(found) == pytest.approx([closed.variance_therapist], rel=1e-4, abs=1e-9)
    assert found.residual == pytest.approx(closed.variance_client, rel=1e-5)
    # The closed form has a column for every site, this one a mean and differences from the first:
    # the determinant of that change of columns is 1.
    assert found.criterion == pytest.approx(closed.reml_criterion, abs=1e-6)


def planted(seed: int) -> MixedModel:
    """40 sites, 200 therapists, 1,500 clients, 6,000 forms: .05, .10, .35 of the variance."""
    rng = np.random.default_rng(seed)
    client = rng.integers(0, 1500, 6000)
    therapist = rng.integers(0, 200, 1500)[client]
    site = rng.integers(0, 40, 200)[therapist]
    y = np.sqrt(0.5) * rng.normal(size=6000)
    for code, share in ((site, 0.05), (therapist, 0.10), (client, 0.35)):
        y += np.sqrt(share) * rng.normal(size=int(code.max()) + 1)[code]
    return fit_mixed_model(y, {"site": site, "therapist": therapist, "client": client})


def test_planted_shares_are_found_within_their_intervals() -> None:
    models = [planted(seed) for seed in range(20)]
    for place, truth in enumerate((0.05, 0.10, 0.35)):
        shares = [model.components[place].share for model in models]
        assert np.mean([share.value for share in shares]) == pytest.approx(truth, abs=0.012)
        # 95 % of 20: fewer than 16 has a probability below 1 in 300.
        covered = [
            share.lower95 is not None
            and share.upper95 is not None
            and share.lower95 <= truth <= share.upper95
            for share in shares
        ]
        assert sum(covered) >= 16, f"share {truth}: {sum(covered)} of 20"
    assert np.mean([model.residual for model in models]) == pytest.approx(0.5, abs=0.005)


def test_a_label_at_two_places_is_one_label_and_is_reported() -> None:
    rng = np.random.default_rng(4)
    therapist = np.repeat(np.arange(20), 30)
    site = therapist // 4
    site = np.where((therapist == 7) & (np.arange(600) % 2 == 0), 4, site)
    y = rng.normal(size=5)[site] + rng.normal(size=20)[therapist] + rng.normal(size=600)
    found = fit_mixed_model(y, {"site": site, "therapist": therapist})
    (relation,) = found.relations
    assert (relation.inner, relation.n_in_several, relation.kind) == ("therapist", 1, "crossed")
    assert found.effects["therapist"].labels.tolist() == list(range(20))
    assert "1 of 20 labels of therapist stand with more than one of site" in found.sentences[1]
    # Made two therapists of, the same rows give another variance: nothing was relabelled above.
    other = fit_mixed_model(y, {"site": site, "therapist": site * 20 + therapist})
    assert len(other.effects["therapist"].labels) == 21
    assert abs(variances(other)[1] / variances(found)[1] - 1) > 1e-4
    assert abs(other.criterion - found.criterion) > 0.1


def test_the_order_of_rows_and_what_codes_are_called_change_nothing() -> None:
    order = np.random.default_rng(1).permutation(144)
    plain = fit_mixed_model(PENICILLIN.ravel(), {"plate": PLATE, "sample": SAMPLE})
    moved = fit_mixed_model(
        PENICILLIN.ravel()[order], {"sample": 100 - SAMPLE[order], "plate": 7 * PLATE[order]}
    )
    assert variances(moved)[::-1] == pytest.approx(variances(plain), rel=1e-5)
    assert moved.effects["sample"].labels.tolist() == [95, 96, 97, 98, 99, 100]
    assert moved.effects["sample"].effect[::-1] == pytest.approx(
        plain.effects["sample"].effect, abs=1e-5
    )


def test_rows_that_lack_something_are_left_out_and_counted() -> None:
    y = PENICILLIN.ravel().copy()
    plate = PLATE.copy()
    x = np.arange(144.0)
    y[0], plate[1], x[2] = np.nan, -1, np.nan
    found = fit_mixed_model(y, {"plate": plate, "sample": SAMPLE}, fixed_design(144, {"x": x}))
    assert (found.n_used, found.n_excluded) == (141, 3)
    kept = np.arange(144) > 2
    same = fit_mixed_model(
        y[kept],
        {"plate": plate[kept], "sample": SAMPLE[kept]},
        fixed_design(141, {"x": x[kept]}),
    )
    assert variances(same) == variances(found)


def test_categories_stand_against_the_first_and_a_column_said_twice_is_dropped() -> None:
    words = Words(np.array([2, 0, 1, -1, 2, 0]), ["in_person", "telephone", "video"])
    design = fixed_design(6, {"mode": words, "one": np.ones(6)})
    assert design.names == ("intercept", "mode: telephone", "mode: video", "one")
    assert design.matrix[:, 2].tolist()[:3] == [1, 0, 0]
    assert np.isnan(design.matrix[3, 1:3]).all()
    twice = FixedDesign(
        np.column_stack([np.ones(144), PLATE, 3.0 * PLATE + 1, SAMPLE]), ("m", "a", "b", "c")
    )
    found = fit_mixed_model(PENICILLIN.ravel(), {"plate": PLATE}, twice)
    assert found.dropped == ("b",)
    assert [each.name for each in found.fixed] == ["m", "a", "c"]


def test_few_labels_are_named() -> None:
    found = fit_mixed_model(PENICILLIN.ravel(), {"third": PLATE % 3, "sample": SAMPLE})
    assert [each.text for each in found.reasons if "labels" in each.text] == [
        "3 labels: a variance from so few is hardly known"
    ]


ROW = np.arange(144)


@pytest.mark.parametrize(
    ("value", "groups", "said"),
    [
        (PENICILLIN.ravel(), {"row": ROW}, "row has another label in every row"),
        (PENICILLIN.ravel(), {"one": ROW * 0}, "one has one label"),
        (PENICILLIN.ravel(), {"plate": PLATE, "same": PLATE + 5}, "divide the rows alike"),
        (np.full(144, 3.3), {"plate": PLATE}, "the value does not vary"),
        (PLATE * 1.5, {"plate": PLATE}, "do not differ within the groups"),
        (np.full(144, np.nan), {"plate": PLATE}, "0 usable rows are too few"),
        (PENICILLIN.ravel()[:140], {"plate": PLATE}, "per row"),
    ],
)
def test_what_has_no_single_best_fit_is_refused(
    value: np.ndarray, groups: dict[str, np.ndarray], said: str
) -> None:
    with pytest.raises(MeasureUndefined, match=said):
        fit_mixed_model(value, groups)


def test_the_boundary_is_found_beside_groups_that_vary() -> None:
    # Site means made exactly alike: no variance between sites can be found, whatever therapists do.
    rng = np.random.default_rng(2)
    therapist = np.repeat(np.arange(24), 20)
    site = therapist // 6
    y = rng.normal(size=24)[therapist] + rng.normal(size=480)
    y -= (np.bincount(site, y) / np.bincount(site))[site]
    found = fit_mixed_model(y, {"site": site, "therapist": therapist})
    assert variances(found)[0] == 0.0
    assert variances(found)[1] > 0.3
    assert found.is_singular
    assert found.components[1].share.lower95 is not None
