"""Forms about their client's mean, and that beside the therapist's and the site's."""

from collections.abc import Callable
from datetime import date, timedelta

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, practice, registry

MONDAY = date(2026, 4, 6)
# Each answer of the four; totals are four times as much.
ANSWERS: dict[tuple[str, str | None], tuple[float, ...]] = {
    ("ann", "t1"): (5, 6, 7),  # totals 20, 24, 28: mean 24
    ("bob", "t1"): (9, 9, 9, 10),  # 36, 36, 36, 40: mean 37
    ("cid", "t2"): (5, 5, 5),  # mean 20
    ("dot", "t2"): (1, 1),  # too few: in nobody's mean
    ("eve", None): (10, 10, 7),  # 40, 40, 28: mean 36, therapist not known
}


def test_means_are_of_clients_with_enough_forms(
    open_warehouse: Callable[[Registry], RawWarehouse],
) -> None:
    warehouse = open_warehouse(registry(practice("north", ["east", "west"])))
    site = {"cid": "west"}
    episodes, forms = [], []
    for (client, therapist), answers in ANSWERS.items():
        opened = {"client_key": client, "episode_key": f"e_{client}", "opened_on": MONDAY}
        where = {"site_id": site.get(client, "east"), "therapist_key": therapist}
        episodes.append({**opened, **where})
        for number, answer in enumerate(answers):
            named = {"form_key": f"{client}{number}", "client_key": client}
            on = {"completed_on": MONDAY + timedelta(weeks=number), "episode_key": f"e_{client}"}
            form = {**named, **on, "answers": (answer,) * 4}
            # An outcome form is no alliance form, whatever it says.
            outcome = {"instrument_code": "ors", "version": "1", "form_key": f"{client}{number}o"}
            forms += [form, {**form, **outcome}]
    warehouse.deliver("episodes", "north", episodes)
    warehouse.deliver("administrations", "north", forms)
    warehouse.build_with_measures()
    rows = warehouse.rows(
        "select client_key, total, client_mean, deviation, therapist_mean, n_therapist_clients, "
        "site_mean, n_site_clients, n_client_forms, null_reason, administration_row "
        "from intermediate.int_forms_centred order by client_key, counted_on"
    )
    assert len({row[-1] for row in rows}) == len(rows) == 15
    # East: (24 + 37 + 36) / 3 of Ann, Bob and Eve; Dot is not in it.
    east = (24 + 37 + 36) / 3
    assert [row[:-1] for row in rows if row[0] in ("ann", "cid", "dot")] == [
        ("ann", 20, 24, -4, 30.5, 2, east, 3, 3, None),
        ("ann", 24, 24, 0, 30.5, 2, east, 3, 3, None),
        ("ann", 28, 24, 4, 30.5, 2, east, 3, 3, None),
        *[("cid", 20, 20, 0, 20, 1, 20, 1, 3, None)] * 3,
        *[("dot", 4, None, None, None, None, None, None, 2, "too_few_forms")] * 2,
    ]
    assert [row[1:8] for row in rows if row[0] == "eve"] == [
        *[(40, 36, 4, None, None, east, 3)] * 2,
        (28, 36, -8, None, None, east, 3),
    ]
    deviations = [row[3] for row in rows if row[3] is not None]
    assert sum(deviations) == 0
