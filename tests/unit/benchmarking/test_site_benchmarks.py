"""Cells from statistics: what is shown, what is hidden, what is flagged, and why not."""

import numpy as np
import pandas as pd
import pytest

from expectations.model import Thresholds
from orchestration.benchmarking.cells import CELL_COLUMNS
from orchestration.benchmarking.comparability import WITHHOLDS_FLAG
from orchestration.benchmarking.scales import scaled_means
from orchestration.benchmarking.shrinkage import shrink
from orchestration.benchmarking.site_benchmarks import COLUMNS, NUMBER_COLUMNS, benchmark_sites
from orchestration.benchmarking.variance import estimate_variances
from tests.studies.networks import DrawnNetwork, NetworkModel, draw_network

MODEL = NetworkModel(n_sites=8, n_clients=1200)


@pytest.fixture
def network() -> DrawnNetwork:
    return draw_network(np.random.default_rng(5), MODEL)


def _cells(network: DrawnNetwork, thresholds: Thresholds | None = None) -> pd.DataFrame:
    found = benchmark_sites(
        network.therapists,
        network.sites,
        network.response_rates,
        thresholds or Thresholds(),
    )
    return found.cells.set_index("site_id")


def _set(frame: pd.DataFrame, site: str, **values: float | bool) -> None:
    for column, value in values.items():
        frame.loc[frame["site_id"] == site, column] = value


def _without(network: DrawnNetwork, site: str) -> DrawnNetwork:
    frames = (network.therapists, network.sites, network.response_rates)
    kept = [frame[frame["site_id"] != site].reset_index(drop=True) for frame in frames]
    return DrawnNetwork(kept[0], kept[1], kept[2], network.truth)


def test_columns_are_the_releases_and_the_later_one_is_empty(network: DrawnNetwork) -> None:
    found = benchmark_sites(
        network.therapists, network.sites, network.response_rates, Thresholds()
    ).cells
    assert tuple(found.columns) == COLUMNS
    assert found["n_clients"].dtype == "Int64"
    assert found["adjusted"].isna().all()
    assert found["comparability"].isna().all()
    assert found["comparability"].dtype == "str"
    assert found["flag"].notna().all()


def test_standard_error_is_the_clustered_one_of_the_networks_variances(
    network: DrawnNetwork,
) -> None:
    therapists = network.therapists
    site = therapists["site_id"].astype("category").cat.codes.to_numpy().astype(np.intp)
    n = therapists["n_clients"].to_numpy(dtype=np.float64)
    fit = estimate_variances(
        site,
        n,
        therapists["mean_of_client_means"].to_numpy(dtype=np.float64),
        therapists["sum_of_squares"].to_numpy(dtype=np.float64),
    )
    mine = n[site == 3]
    effective = mine.sum() ** 2 / (mine**2).sum()
    expected = fit.variance_therapist / effective + fit.variance_client / mine.sum()
    row = _cells(network).loc["site_03"]
    assert row["standard_error"] == pytest.approx(expected**0.5, rel=1e-12)
    assert row["z"] == pytest.approx((row["raw"] - row["target"]) / row["standard_error"])
    spread = (row["standard_error"] ** 2 + row["tau2"]) ** 0.5
    assert row["upper998"] == pytest.approx(row["target"] + 3.090232 * spread)


def test_shrunken_values_are_those_of_the_network_and_stand_between_site_and_target(
    network: DrawnNetwork,
) -> None:
    found = _cells(network)
    errors = found["standard_error"].to_numpy(dtype=np.float64)
    alone = shrink(scaled_means(found["raw"].to_numpy(dtype=np.float64), errors))
    np.testing.assert_allclose(found["shrunken"], alone.values)
    np.testing.assert_allclose(found["reliability"], alone.reliability)
    pulled = (found["raw"] - found["shrunken"]) * (found["shrunken"] - alone.target)
    assert (pulled > 0).all()
    assert (found["shrunken_lower95"] < found["shrunken"]).all()
    assert (found["shrunken"] < found["shrunken_upper95"]).all()


def test_three_sites_have_limits_and_no_shrunken_values(network: DrawnNetwork) -> None:
    for site in ("site_03", "site_04", "site_05", "site_06", "site_07"):
        network = _without(network, site)
    found = _cells(network)
    assert len(found) == 3
    assert found["target"].notna().all()
    assert found[["shrunken", "shrunken_lower95", "reliability"]].isna().all(axis=None)


@pytest.mark.parametrize(
    "small",
    [{"n_clients": 10}, {"n_therapists": 2}, {"top_therapist_form_share": 0.81}],
    ids=["clients", "therapists", "dominance"],
)
def test_a_small_cell_is_listed_without_a_single_number(
    network: DrawnNetwork, small: dict[str, float]
) -> None:
    _set(network.sites, "site_02", **small)
    row = _cells(network).loc["site_02"]
    assert row["is_suppressed"]
    assert row["suppression_reason"] == "too_few"
    assert row[list(NUMBER_COLUMNS)].isna().all()
    assert row[["flag", "comparability"]].isna().all()


def test_a_hidden_site_leaves_no_trace_in_the_others(network: DrawnNetwork) -> None:
    _set(network.sites, "site_02", n_clients=10, mean_of_client_means=5.0)
    _set(network.response_rates, "site_02", response_rate=0.01)
    hidden = _cells(network).drop("site_02")
    absent = _cells(_without(network, "site_02"))
    pd.testing.assert_frame_equal(hidden, absent, check_exact=True)


def test_the_order_of_the_rows_changes_no_bit(network: DrawnNetwork) -> None:
    shuffled = DrawnNetwork(
        network.therapists.sample(frac=1, random_state=1),
        network.sites.sample(frac=1, random_state=2),
        network.response_rates.sample(frac=1, random_state=3),
        network.truth,
    )
    pd.testing.assert_frame_equal(_cells(network), _cells(shuffled), check_exact=True)


def test_networks_do_not_touch_each_other(network: DrawnNetwork) -> None:
    other = draw_network(np.random.default_rng(6), MODEL)
    for frame in (other.therapists, other.sites, other.response_rates):
        frame["instrument_code"] = "wai_sr"
    both = DrawnNetwork(
        pd.concat([network.therapists, other.therapists]),
        pd.concat([network.sites, other.sites]),
        pd.concat([network.response_rates, other.response_rates]),
        network.truth,
    )
    cells = _cells(both)
    for code, alone in (("srs", network), ("wai_sr", other)):
        mine = cells[cells["instrument_code"] == code]
        pd.testing.assert_frame_equal(mine, _cells(alone), check_exact=True)


def _forget_therapists(network: DrawnNetwork, site: str) -> None:
    _set(network.sites, site, n_therapists=np.nan, top_therapist_form_share=np.nan)
    mine = network.therapists["site_id"] == site
    network.therapists.loc[mine, "therapist_key"] = None


def test_unknown_therapists_give_the_client_rule_and_no_comparison(network: DrawnNetwork) -> None:
    _forget_therapists(network, "site_01")
    statistics = network.sites.set_index("site_id").loc["site_01"]
    cells = _cells(network)
    row = cells.loc["site_01"]
    n = statistics["n_clients"]
    assert row["standard_error"] == pytest.approx(
        (statistics["sum_of_squares"] / (n - 1) / n) ** 0.5
    )
    assert row["comparability"] == "therapist_unknown"
    assert row[["flag", "target", "z", "phi", "tau2", "lower95", "upper998"]].isna().all()
    assert not row["is_suppressed"]
    absent = _cells(_without(network, "site_01"))
    pd.testing.assert_frame_equal(cells.drop("site_01"), absent, check_exact=True)


@pytest.mark.parametrize(("share", "is_unknown"), [(0.19, False), (0.21, True)])
def test_a_few_clients_without_therapist_count_and_many_mark_the_cell(
    network: DrawnNetwork, share: float, is_unknown: bool
) -> None:
    mine = network.therapists["site_id"] == "site_04"
    n_known = network.therapists.loc[mine, "n_clients"].sum()
    n_clients = int(np.ceil(n_known / (1 - share))) if is_unknown else int(n_known / (1 - share))
    _set(network.sites, "site_04", n_clients=n_clients)
    row = _cells(network).loc["site_04"]
    assert (row["comparability"] == "therapist_unknown") is is_unknown
    assert np.isnan(row["z"]) == is_unknown
    assert row["n_clients"] == n_clients


@pytest.mark.parametrize(
    ("site_values", "rate_values", "reasons"),
    [
        ({"n_clients": 29}, {}, "too_few_clients"),
        ({"is_data_complete": False}, {}, "data_incomplete"),
        ({}, {"response_rate": 0.499}, "response_rate_low,response_rates_differ"),
        ({}, {"response_rate": 0.5}, None),
        ({}, {"response_rate": 0.9}, None),
        ({}, {"response_rate": 0.91}, "response_rates_differ"),
        ({}, {"response_rate": np.nan}, "response_rate_unknown"),
        ({"is_dated_by_year": True}, {}, "dates_by_year"),
        ({}, {"n_therapists_taking_part": 5}, "therapists_taking_part_low"),
        ({}, {"n_therapists_taking_part": 6}, None),
    ],
)
def test_each_reason_is_named_and_some_take_the_flag(
    network: DrawnNetwork,
    site_values: dict[str, float | bool],
    rate_values: dict[str, float | bool],
    reasons: str | None,
) -> None:
    if "n_clients" in site_values:
        mine = network.therapists["site_id"] == "site_05"
        network.therapists.loc[mine, "n_clients"] = 29 // mine.sum()
    _set(network.sites, "site_05", **site_values)
    _set(network.response_rates, "site_05", **rate_values)
    # .7 elsewhere; .5 is then exactly the gap away and exactly the floor.
    row = _cells(network).loc["site_05"]
    assert row["comparability"] == reasons if reasons else pd.isna(row["comparability"])
    withheld = bool(set((reasons or "").split(",")) & set(WITHHOLDS_FLAG))
    assert pd.isna(row["flag"]) == withheld
    assert not np.isnan(row["upper95"])


@pytest.mark.parametrize("unknown", [None, "", "not_recorded"])
@pytest.mark.parametrize("name", ["language", "collection_mode"])
def test_what_no_form_of_a_network_says_is_named_and_leaves_the_flags(
    network: DrawnNetwork, name: str, unknown: str | None
) -> None:
    before = _cells(network)
    for frame in (network.therapists, network.sites):
        frame[name] = pd.Series(unknown, index=frame.index, dtype="object")
    cells = _cells(network)
    assert set(cells["comparability"]) == {f"{name}_unknown"}
    assert before["comparability"].isna().all()
    assert cells["flag"].tolist() == before["flag"].tolist()
    assert cells["flag"].notna().all()


def test_two_sites_have_no_target_and_keep_their_means(network: DrawnNetwork) -> None:
    two = network.sites["site_id"].isin(["site_00", "site_01"])
    kept = DrawnNetwork(
        network.therapists, network.sites[two], network.response_rates, network.truth
    )
    cells = _cells(kept)
    assert cells["comparability"].tolist() == ["too_few_sites"] * 2
    assert cells[["target", "z", "phi", "tau2", "lower95"]].isna().all(axis=None)
    assert cells[["raw", "standard_error"]].notna().all(axis=None)


def test_sites_without_any_known_therapist_still_show_their_means(network: DrawnNetwork) -> None:
    for site in network.sites["site_id"]:
        _forget_therapists(network, site)
    cells = _cells(network)
    assert set(cells["comparability"]) == {"therapist_unknown,too_few_sites"}
    assert cells["standard_error"].notna().all()


def test_everyone_at_the_ceiling_is_no_comparison(network: DrawnNetwork) -> None:
    for frame in (network.therapists, network.sites):
        frame["mean_of_client_means"] = 40.0
        frame["sum_of_squares"] = 0.0
    cells = _cells(network)
    assert set(cells["comparability"]) == {"no_variation"}
    assert cells["target"].isna().all()


def test_one_therapist_a_site_is_no_comparison_where_a_group_allows_such_cells(
    network: DrawnNetwork,
) -> None:
    first = ~network.therapists.duplicated("site_id")
    only = network.therapists[first].assign(n_clients=40)
    network.sites["n_clients"] = 40
    network.sites["n_therapists"] = 1
    kept = DrawnNetwork(only, network.sites, network.response_rates, network.truth)
    cells = _cells(kept, Thresholds(minimum_therapists=1))
    assert set(cells["comparability"]) == {"therapists_not_separable"}


def test_forms_without_language_or_mode_are_a_network_of_their_own(network: DrawnNetwork) -> None:
    expected = _cells(network)
    for frame in (network.therapists, network.sites):
        frame[["language", "collection_mode"]] = None
    cells = _cells(network)
    columns = ["raw", "standard_error", "target", "flag"]
    pd.testing.assert_frame_equal(cells[columns], expected[columns], check_exact=True)
    assert cells["language"].isna().all()


def test_networks_say_what_was_found(network: DrawnNetwork) -> None:
    found = benchmark_sites(
        network.therapists, network.sites, network.response_rates, Thresholds()
    ).networks
    assert len(found) == 1
    row = found.iloc[0]
    assert row["n_sites"] == row["n_sites_published"] == 8
    assert row["separation"] in ("estimated", "zero")
    assert row["sentence"].endswith(".")


def test_no_cells_give_no_benchmarks(network: DrawnNetwork) -> None:
    found = benchmark_sites(
        network.therapists.iloc[:0],
        network.sites.iloc[:0],
        network.response_rates.iloc[:0],
        Thresholds(),
    )
    assert tuple(found.cells.columns) == COLUMNS
    assert found.cells.empty
    assert found.networks.empty


def test_only_hidden_cells_give_only_hidden_rows(network: DrawnNetwork) -> None:
    network.sites["n_clients"] = 3
    assert _cells(network)["is_suppressed"].all()


def test_a_cell_twice_is_an_error(network: DrawnNetwork) -> None:
    twice = pd.concat([network.sites, network.sites.iloc[:1]])
    with pytest.raises(ValueError, match="a cell twice"):
        benchmark_sites(network.therapists, twice, network.response_rates, Thresholds())


def test_therapists_with_more_clients_than_their_site_are_an_error(network: DrawnNetwork) -> None:
    network.therapists.loc[0, "n_clients"] = 10_000
    with pytest.raises(ValueError, match=r"practice practice, site site_00.*build the marts again"):
        _cells(network)


def test_a_missing_column_is_an_error(network: DrawnNetwork) -> None:
    with pytest.raises(ValueError, match="lacks the columns period"):
        benchmark_sites(
            network.therapists,
            network.sites.drop(columns="period"),
            network.response_rates,
            Thresholds(),
        )


def test_a_cell_is_named_by_ten_columns() -> None:
    assert len(CELL_COLUMNS) == 10
