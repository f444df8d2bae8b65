"""Which blocks are looked at again, what stands, and that benchmarks are made of what is shown."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.disclosure import CHANGES, empty_ledger
from orchestration.benchmarking.disclosure_cells import Rules
from orchestration.benchmarking.protected_sites import (
    CELL,
    LAYOUT,
    ProtectedSites,
    protected_sites,
    shown_cells,
    suppression_report,
    to_be_counted,
    tonight,
)
from orchestration.benchmarking.site_benchmarks import SiteBenchmarks, benchmark_sites
from tests.studies.networks import DrawnNetwork, NetworkModel, draw_network

RULES = Rules(11, 3)
NOTHING = pd.DataFrame(columns=[*CELL, *CHANGES])
MINIMUM = 12.0


def _cell(site: str, n: float, content: str = "as it was", **other: Any) -> dict[str, Any]:
    names = ("practice", site, "srs", "3", "en", "client", "paper", "mean_score", "all", "2026")
    numbers = {"n_forms": n, "n_therapists": 4.0, "mean": 20.04, "share": 0.31, "width": 40.0}
    return {
        **dict(zip(CELL, names, strict=True)),
        "content": content,
        "n_clients": n,
        **numbers,
        "top_therapist_form_share": 0.3,
        **other,
    }


def _night(
    cells: list[dict[str, Any]],
    ledger: pd.DataFrame,
    number: int,
    changed: dict[str, float] | None = None,
) -> tuple[ProtectedSites, pd.DataFrame]:
    found = tonight(pd.DataFrame(cells), ledger)
    asked = to_be_counted(found)
    n_changed = asked["site_id"].map(changed or {}).fillna(0.0)
    counted = asked.assign(release_no=number, n_changed=n_changed, n_entered=n_changed, n_left=0.0)
    made = protected_sites(found, counted, RULES, number)
    return made, made.ledger if ledger.empty else pd.concat([ledger, made.ledger])


def test_only_blocks_with_news_are_looked_at_again() -> None:
    cells = [_cell("a", 40.0), _cell("b", 50.0), _cell("c", 60.0)]
    first, ledger = _night(cells, empty_ledger(LAYOUT), 1)
    assert len(first.ledger) == len(first.cells) == 3
    # b is of more clients, c is gone, d is new.
    cells = [_cell("a", 40.0), _cell("b", 70.0, "other"), _cell("d", 9.0)]
    found = tonight(pd.DataFrame(cells), ledger)
    assert set(found.judged["site_id"]) == {"b", "d"}
    assert set(found.ledger["site_id"]) == {"b", "c"}
    assert list(found.standing["site_id"]) == ["a"]
    asked = to_be_counted(found)
    assert asked[["site_id", "against"]].to_numpy().tolist() == [["b", 1], ["c", 1]]
    second, ledger = _night(cells, ledger, 2, {"b": 20.0})
    shown = second.cells.set_index("site_id")["shown_n_clients"]
    # c has no clients any more, and none is known to have changed: it stands.
    assert shown.drop("d").to_dict() == {"a": 40.0, "b": 70.0, "c": 60.0}
    assert np.isnan(shown["d"])
    # The same again: nothing is news, what is gone included.
    third, _ = _night(cells, ledger, 3)
    assert third.ledger.empty
    assert len(third.cells) == 4


def test_kept_is_what_stands_with_other_clients() -> None:
    cells = [_cell("a", 40.0), _cell("b", 50.0), _cell("c", 8.0)]
    _, ledger = _night(cells, empty_ledger(LAYOUT), 1)
    cells = [_cell("a", 40.0), _cell("b", 55.0, "other"), _cell("c", 9.0, "other")]
    made, _ = _night(cells, ledger, 2, {"b": 5.0, "c": 1.0})
    shown = shown_cells(
        made.cells, _scales(), pd.DataFrame(columns=list(CELL)), pd.DataFrame(), RULES, 2
    ).cells.set_index("site_id")
    assert shown["is_kept"].to_dict() == {"a": False, "b": True, "c": False}
    assert shown["is_suppressed"].to_dict() == {"a": False, "b": False, "c": True}
    assert not shown["is_fresh"].any()
    # 20.04 above the lowest point, to a tenth since so few clients are behind it, and 12.
    assert shown["n_clients"].to_dict()["b"] == 50.0
    assert shown["mean_of_client_means"].to_dict()["b"] == 32.0
    report = suppression_report(made.cells, 2)
    assert (report.n_cells, report.n_hidden, report.n_kept) == (3, 1, 1)
    assert report.information_lost_share == 0.0


def test_what_is_hidden_for_others_is_a_share_of_all_logarithms() -> None:
    cells = pd.DataFrame(
        {
            "n_clients": [99.0, 9.0, 99.0],
            "is_suppressed": [False, True, True],
            "is_primary": [False, True, False],
            "written_release": 1,
            "content": "c",
            "written_content": "c",
        }
    )
    # log 100 of log 100 + log 10 + log 100: 2 of 5.
    assert np.isclose(suppression_report(cells, 1).information_lost_share, 0.4)


def _scales() -> pd.DataFrame:
    return pd.DataFrame({"instrument_code": ["srs"], "version": ["3"], "minimum": [MINIMUM]})


def _benchmarks(
    network: DrawnNetwork, ledger: pd.DataFrame, number: int, before: SiteBenchmarks | None = None
) -> tuple[SiteBenchmarks, pd.DataFrame]:
    sites = network.sites
    candidates = sites[list(CELL)].assign(
        content=sites["n_clients"].astype("str") + sites["mean_of_client_means"].astype("str"),
        **{name: sites[name].astype("float64") for name in ("n_clients", "n_forms")},
        n_therapists=sites["n_therapists"].astype("float64"),
        mean=sites["mean_of_client_means"],
        share=sites["ceiling_share"],
        width=40.0,
        top_therapist_form_share=sites["top_therapist_form_share"],
    )
    found = tonight(candidates, ledger)
    asked = to_be_counted(found).assign(release_no=number, n_changed=5.0, n_entered=5.0, n_left=0.0)
    made = protected_sites(found, asked, RULES, number)
    scales = pd.DataFrame(
        {"instrument_code": ["srs"], "version": sites["version"].iloc[:1], "minimum": [0.0]}
    )
    errors = pd.DataFrame(columns=list(CELL)) if before is None else before.errors
    networks = pd.DataFrame() if before is None else before.networks
    shown = shown_cells(made.cells, scales, errors, networks, RULES, number)
    benchmarks = benchmark_sites(
        network.therapists, sites, network.response_rates, Thresholds(), shown
    )
    return benchmarks, made.ledger


def test_an_error_of_a_sites_own_spread_leaves_one_client_both_ends() -> None:
    """Ten clients alike and therapists unknown: SD / sqrt(n) would say how far none of them is."""
    network = draw_network(np.random.default_rng(3), NetworkModel(n_sites=6, n_clients=900))
    sites = network.sites
    alike = {"n_clients": 50, "n_therapists": None, "sum_of_squares": 0.0}
    alike |= {"n_clients_therapist_unknown": 50, "top_therapist_form_share": None}
    for name, value in {**alike, "mean_of_client_means": 30.0}.items():
        sites.loc[0, name] = value
    network = replace(network, therapists=network.therapists.query("site_id != @sites.site_id[0]"))
    found = _benchmarks(network, empty_ledger(LAYOUT), 1)[0].cells
    cell = found[found["site_id"] == sites["site_id"][0]].iloc[0]
    assert (cell["n_clients"], cell["raw"]) == (50, 30.0)
    # 50 as shown may be 48; one of them at 0 is 30 from the mean: 30 / 47 = .638.
    assert cell["standard_error"] == 0.64
    assert cell["standard_error_bound"] == "at_most"
    assert found["standard_error_bound"].notna().sum() == 1


def test_a_mean_at_an_end_of_its_scale_says_what_it_stands_for() -> None:
    network = draw_network(np.random.default_rng(3), NetworkModel(n_sites=6, n_clients=900))
    sites = network.sites
    assert sites.loc[0, "n_clients"] == 62
    for name, value in {"mean_of_client_means": 39.9, "n_forms": 600, "ceiling_share": 1.0}.items():
        sites.loc[0, name] = value
    sites.loc[1, "mean_of_client_means"] = 0.2
    found = _benchmarks(network, empty_ledger(LAYOUT), 1)[0].cells.set_index("site_id")
    high, low, *others = sites["site_id"]
    # 60 as shown may be 58: 40 / 58 = .69, up to .7; 600 forms may be 598: up to .05.
    numbers = ["raw", "raw_bound", "ceiling_share", "ceiling_share_bound"]
    assert found.loc[high, numbers].tolist() == [39.3, "at_least", 0.95, "at_least"]
    assert found.loc[low, "raw_bound"] == "at_most"
    assert found.loc[others, "raw_bound"].isna().all()


def test_nothing_published_carries_an_exact_number() -> None:
    """Two networks that differ in what rounding takes away have the same release."""
    network = draw_network(np.random.default_rng(3), NetworkModel(n_sites=6, n_clients=900))
    network.sites["mean_of_client_means"] = network.sites["mean_of_client_means"].round(1)
    found, _ = _benchmarks(network, empty_ledger(LAYOUT), 1)
    other = DrawnNetwork(
        network.therapists.copy(), network.sites.copy(), network.response_rates, network.truth
    )
    other.sites["mean_of_client_means"] += 0.004
    other.sites["n_forms"] = 5 * (other.sites["n_forms"] / 5).round() + 2
    network.sites["n_forms"] = 5 * (network.sites["n_forms"] / 5).round()
    again, _ = _benchmarks(network, empty_ledger(LAYOUT), 1)
    changed, _ = _benchmarks(other, empty_ledger(LAYOUT), 1)
    pd.testing.assert_frame_equal(changed.cells, again.cells, check_exact=True)
    shown = found.cells
    assert (shown["n_clients"] % 5 == 0).all()
    assert shown["flag"].notna().all()
    # Standard errors of what is shown: two variances of three digits, therapists to a half.
    row = found.networks.iloc[0]
    errors = found.errors["therapists_effective"].to_numpy(dtype=np.float64)
    assert np.all(errors * 2 == np.round(errors * 2))
    assert float(f"{row['variance_client']:.3g}") == row["variance_client"]
    expected = row["variance_therapist"] / errors + row["variance_client"] / shown["n_clients"]
    assert np.allclose(shown["standard_error"].to_numpy(dtype=np.float64) ** 2, expected)


def test_no_ones_answers_move_a_network_whose_cells_stand() -> None:
    """Five clients more at one site, with other answers: all stands, the limits included."""
    network = draw_network(np.random.default_rng(4), NetworkModel(n_sites=6, n_clients=900))
    first, ledger = _benchmarks(network, empty_ledger(LAYOUT), 1)
    for frame, column, more in (
        (network.sites, "n_clients", 5),
        (network.sites, "mean_of_client_means", 0.7),
        (network.therapists, "n_clients", 5),
        (network.therapists, "sum_of_squares", 300.0),
    ):
        frame[column] = frame[column] + more * (np.arange(len(frame)) == 0)
    second, _ = _benchmarks(network, ledger, 2, first)
    assert second.cells["is_kept"].tolist() == [True, *[False] * 5]
    same = [name for name in first.cells.columns if name != "is_kept"]
    pd.testing.assert_frame_equal(second.cells[same], first.cells[same], check_exact=True)
    assert not second.networks["is_estimated"].any()
