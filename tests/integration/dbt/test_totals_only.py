"""A published trial: totals without items, occasions without dates, no sessions, no therapists."""

from collections.abc import Callable

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, practice, registry

HAMD = {"instrument_code": "made_up_total", "version": "1", "language": "de"}
TOTALS: dict[str, list[float | None]] = {
    "ada": [25, 17, 13, 13],
    "ben": [15, 16, None, None],
    "cleo": [28, 17, 20, 0],
}
SITES = {"ada": "usual_care", "ben": "usual_care", "cleo": "activation"}


@pytest.fixture(scope="module")
def trial(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    warehouse = open_warehouse(registry(practice("trial", ["activation", "usual_care"])))
    undated = {"date_precision": "none"}
    episodes: list[Row] = [
        {"client_key": client, "episode_key": f"e_{client}", "site_id": site, **undated}
        for client, site in SITES.items()
    ]
    warehouse.deliver("episodes", "trial", episodes)
    forms: list[Row] = [
        {
            "form_key": f"f_{client}_{occasion}",
            "client_key": client,
            "occasion": occasion,
            "informant": "observer",
            "stated_total": total,
            "collection_mode": None,
            **HAMD,
            **undated,
        }
        for client, totals in TOTALS.items()
        for occasion, total in enumerate(totals, start=1)
    ]
    warehouse.deliver("administrations", "trial", forms)
    warehouse.build()
    return warehouse


def test_sites_are_compared_over_the_period_all(trial: RawWarehouse) -> None:
    # Ben's two totals average to 15.5, Ada's four to 17; lower is better, and Cleo's 0 is the best.
    assert trial.rows(
        "select site_id, stage, period, collection_mode, n_clients, n_therapists, n_forms, "
        "mean_of_client_means, ceiling_share, top_therapist_form_share, "
        "n_clients_therapist_unknown, period_end_on, is_data_complete "
        "from marts.rpt_site_statistics order by site_id"
    ) == [
        ("activation", "all", "all", "not_recorded", 1, None, 4, 16.25, 0.25, None, 1, None, None),
        ("usual_care", "all", "all", "not_recorded", 2, None, 6, 16.25, 0.0, None, 2, None, None),
    ]


def test_the_unknown_therapist_is_a_state_of_its_own(trial: RawWarehouse) -> None:
    assert trial.rows(
        "select site_id, therapist_key, n_clients from marts.rpt_therapist_statistics order by all"
    ) == [("activation", None, 1), ("usual_care", None, 2)]


def test_totals_are_marked_as_stated_and_missing_ones_have_none(trial: RawWarehouse) -> None:
    assert trial.rows(
        "select score_source, null_reason, is_contradicted, count(*) "
        "from marts.fct_scores group by all order by all"
    ) == [("stated", None, False, 10), (None, "no_answers", False, 2)]


def test_a_practice_without_sessions_has_no_response_rate(trial: RawWarehouse) -> None:
    assert trial.rows("select * from marts.rpt_response_rates") == []
    assert trial.rows("select is_sending_sessions, data_through_on from marts.dim_practices") == [
        (False, None)
    ]


def test_totals_that_were_sent_are_counted_apart(trial: RawWarehouse) -> None:
    assert trial.rows(
        "select site_id, scale, n_forms, n_computed, n_stated, n_complete, n_lost, lost_share "
        "from marts.rpt_scale_completeness order by all"
    ) == [
        ("activation", "total", 4, 0, 4, 0, 0, None),
        ("usual_care", "total", 6, 0, 6, 0, 0, None),
    ]
