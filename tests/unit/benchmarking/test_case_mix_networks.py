"""Tables of case mix: what a cell says, what is left out of it, and one model for all periods."""

import numpy as np
import pandas as pd
import pytest

from orchestration.benchmarking import case_mix_networks as networks
from orchestration.benchmarking.asked_networks import NetworksAsked
from orchestration.benchmarking.case_mix import adjust, fit_case_mix
from orchestration.benchmarking.case_mix_networks import CaseMixTables, case_mix_tables, clients_of
from orchestration.benchmarking.cells import CELL_COLUMNS
from orchestration.benchmarking.units import Units
from tests.studies import case_mix as study
from tests.unit.benchmarking.measured_units import one_of, units

NAMES = {
    "age_band": study.BANDS,
    "service_type": ("individual",),
    "delivery_mode": study.MODES,
}
SITES = [f"site_{number:02d}" for number in range(study.N_SITES)]
HIDDEN = SITES[9]


def described() -> Units:
    """A drawn network over all time, and every second client of it in the year 2025."""
    clients = study.draw(np.random.default_rng(11), study.Worlds()).clients
    modes = clients.words["delivery_mode"].codes
    n = clients.value.size
    rows = pd.DataFrame(
        {
            "cell_no": clients.site,
            "value": clients.value,
            "baseline_severity": clients.numbers["baseline_severity"],
            "mean_session_no": np.exp(np.random.default_rng(1).uniform(0, 2, n)),
            "age_band": clients.words["age_band"].codes,
            "service_type": 0,
            # One site has one mode, another has one for a year.
            "delivery_mode": np.where(clients.site == 4, 1, modes),
            "client_no": np.arange(n),
            "therapist_no": clients.therapist,
        }
    )
    half = rows[::2].assign(cell_no=rows["cell_no"] + study.N_SITES)
    half.loc[half["cell_no"] == study.N_SITES + 5, "delivery_mode"] = 1
    both = pd.concat([rows, half], ignore_index=True)
    periods = ["all"] * study.N_SITES + ["2025"] * study.N_SITES
    return units(
        SITES * 2, {str(name): both[name] for name in both}, collection_mode="paper", stage="all",
        period=periods, baseline_error_sd=study.ERROR_SD,
    )  # fmt: skip


def published(of: Units) -> pd.DataFrame:
    """All cells but one site's."""
    cells = of.cells.assign(metric="mean_score")
    return cells.loc[cells["site_id"] != HIDDEN, list(CELL_COLUMNS)]


@pytest.fixture(scope="module")
def found() -> CaseMixTables:
    of = described()
    return case_mix_tables(of, NAMES, published(of))


def test_a_hidden_cell_is_nowhere_and_moves_nothing(found: CaseMixTables) -> None:
    assert HIDDEN not in set(found.cells["site_id"])
    assert len(found.cells) == 2 * (study.N_SITES - 1)
    of = described()
    far = of.rows["value"] + 100 * (of.cells["site_id"] == HIDDEN).to_numpy()[of.cell_of_row]
    moved = case_mix_tables(Units(of.cells, of.rows.assign(value=far)), NAMES, published(of))
    pd.testing.assert_frame_equal(moved.cells, found.cells)


def test_cells_are_the_model_s(found: CaseMixTables) -> None:
    of = described()
    shown = of.where((of.cells["site_id"] != HIDDEN)[of.cell_of_row].set_axis(of.rows.index))
    periods = {name["period"]: part for name, part in shown.by_network(("period",))}
    model = fit_case_mix(clients_of(periods["all"], NAMES))
    for period, part in periods.items():
        clients = clients_of(part, NAMES)
        lacking = np.zeros((study.N_SITES - 1, len(model.coding.covariates)), dtype=np.bool_)
        lacking[4, model.coding.covariates.index("delivery_mode")] = True
        adjusted = adjust(model, clients, lacking)
        rows = found.cells.loc[found.cells["period"] == period]
        assert rows["raw"].to_numpy() == pytest.approx(adjusted.raw)
        assert rows["adjusted"].to_numpy() == pytest.approx(adjusted.adjusted, nan_ok=True)
        assert rows["adjusted_standard_error"].to_numpy() == pytest.approx(
            adjusted.adjusted_standard_error, nan_ok=True
        )
        whole = rows["raw"] - rows["expected"] + rows["network_mean"]
        assert rows["adjusted"].to_numpy() == pytest.approx(whole.to_numpy(), nan_ok=True)


def test_what_is_not_identifiable_is_named(found: CaseMixTables) -> None:
    one = one_of(found.cells, site_id=SITES[4], period="2025")
    assert one["reason"] == "covariate_not_identifiable"
    assert one["not_identifiable"] == "delivery_mode"
    assert one["adjusted"] is None
    assert one["raw"] is not None
    other = one_of(found.cells, site_id=SITES[5], period="2025")
    assert other["reason"] is None
    assert 0.05 < other["largest_share_missing"] < 0.4


def test_the_model_s_own_tables(found: CaseMixTables) -> None:
    (model,) = found.models.to_dict("records")
    assert (model["period"], model["n_sites"]) == ("all", study.N_SITES - 1)
    assert model["slope_lower95"] < 1 < model["slope_upper95"]
    assert 0 < model["r2_within"] < 0.5
    assert len(found.calibration) == 10
    assert found.calibration["n_clients"].sum() == model["n_clients"]
    severity = one_of(found.coefficients, covariate="baseline_severity")
    assert severity["lower95"] < study.EFFECTS["severity"] < severity["upper95"]
    assert severity["reliability"] == pytest.approx(1 / (1 + study.ERROR_SD**2), abs=0.05)
    video = one_of(found.coefficients, covariate="delivery_mode")
    assert (video["category"], video["share_missing"]) == ("video", 0)
    age = found.coefficients.loc[found.coefficients["covariate"] == "age_band"]
    assert age["share_missing"].to_numpy() == pytest.approx(0.22, abs=0.05)
    left_out = one_of(found.coefficients, covariate="service_type")
    assert (left_out["reason"], left_out["value"]) == ("one_value", None)


def test_without_a_model_the_raw_values_stand_with_the_reason() -> None:
    of = described()
    few = of.where(of.rows.groupby("cell_no").cumcount() < 2)
    found = case_mix_tables(few, NAMES, published(of))
    assert set(found.cells["reason"]) == {networks.NO_MODEL}
    assert found.cells["raw"].notna().all()
    assert found.cells["adjusted"].isna().all()
    (model,) = found.models.to_dict("records")
    assert "too few" in model["reason"]


def test_parts_of_the_gap_with_and_without_those_asked(found: CaseMixTables) -> None:
    of = described()
    all_time = of.where((of.cells["period"] == "all")[of.cell_of_row].set_axis(of.rows.index))
    # One client asked for each who answered, of a therapist whose number is even two.
    silent = all_time.rows.loc[all_time.rows["therapist_no"] % 2 == 0].copy()
    silent["client_no"] += 10_000
    rows = pd.concat(
        [all_time.rows.assign(is_answered=True), silent.assign(is_answered=False)],
        ignore_index=True,
    ).assign(n_sessions=5)
    asked = NetworksAsked(Units(of.cells.iloc[: study.N_SITES], rows), NAMES)
    with_asked = case_mix_tables(of, NAMES, published(of), asked).cells
    for table in (found.cells, with_asked):
        whole = table[["gap_case_mix", "gap_response", "gap_therapists", "gap_rest"]].sum(axis=1)
        has = table["gap"].notna()
        assert whole[has].to_numpy() == pytest.approx(table.loc[has, "gap"].to_numpy())
        assert has.sum() == 2 * (study.N_SITES - 2)
    assert found.cells["gap_response"].isna().all()
    assert with_asked["gap_response"].notna().sum() == 2 * (study.N_SITES - 2)
    # As by hand: what even therapists' clients, counting more, make of the site's adjusted mean.
    assert with_asked["gap_response"].abs().max() > 0.005
    weight = asked.weights(
        {**of.cells.iloc[0].to_dict(), "stage": "all"},
        all_time.where((of.cells["site_id"] == SITES[0])[all_time.cell_of_row].set_axis(
            all_time.rows.index)),
    )  # fmt: skip
    assert weight is not None
    at = all_time.rows.loc[all_time.rows["cell_no"] == 0, "therapist_no"].to_numpy()
    assert weight[at % 2 == 0].mean() / weight[at % 2 == 1].mean() == pytest.approx(2, abs=0.3)
    assert asked.weights({**of.cells.iloc[0].to_dict(), "stage": "opening"}, all_time) is None
