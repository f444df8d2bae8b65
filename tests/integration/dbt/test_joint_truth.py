"""What was planted in couples and groups is what the models find of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from expectations.registry import Registry
from expectations.schedule import Scope
from orchestration.simulation import SimulationSettings
from orchestration.simulation.block import Block, draw_block
from orchestration.simulation.instruments import ScoreModel, score_model
from orchestration.simulation.joint_truth import JointTruth, joint_truths
from orchestration.simulation.network import (
    BLOCKS,
    PracticeModel,
    build_network,
    day_number,
    stream,
)
from orchestration.simulation.population import COUPLE, GROUP, SERVICE_TYPES, members
from orchestration.simulation.schedules import FormIdentity
from tests.integration.dbt.raw_rows import RawWarehouse, every_session, practice, registry

SRS: FormIdentity = ("srs", "3", "client")
SITES = ["east", "west"]
SETTINGS = SimulationSettings(
    n_clients=1_500,
    n_therapists=120,
    couple_clients=0.45,
    group_clients=0.45,
    response=(1.0, 1.0),
    never_respond_share=0.0,
    permission_withheld=(0.0, 0.0),
    truth_clients=6_000,
    from_on=date(2025, 1, 1),
    through_on=date(2025, 12, 31),
)
EACH = every_session("srs", "3").model_copy(
    update={"scope": Scope(service_types=("individual", "couple", "group"))}
)
WHATS = ("couple_minimum", "couple_gap", "group_mean")


@pytest.fixture(scope="module")
def declared() -> Registry:
    return registry(practice("north", SITES, [EACH]))


def _world(declared: Registry) -> tuple[PracticeModel, ScoreModel, Block]:
    (model,) = build_network(declared, SETTINGS)
    score = score_model(declared.instruments[SRS[:2]], SETTINGS)
    days = (day_number(SETTINGS.from_on), day_number(SETTINGS.through_on))
    rng = stream(SETTINGS, BLOCKS, 1)
    block = draw_block(
        model, model.therapists, model.n_clients, days, [EACH], {SRS: score}, SETTINGS, rng
    )
    return model, score, block


@pytest.fixture(scope="module")
def truths(declared: Registry) -> list[JointTruth]:
    model, score, _ = _world(declared)
    return joint_truths(model, [EACH], {SRS: score}, SETTINGS)


def _day(days: object) -> pd.Series:
    return pd.Series(pd.to_datetime(np.asarray(days), unit="D", origin="unix")).dt.date


def _frames(block: Block, score: ScoreModel) -> dict[str, pd.DataFrame]:
    """The block's rows as a practice sends them that names each client and unit."""
    cases, courses, appointments = block.cases, block.courses, block.appointments
    course, client = members(cases, courses.case)
    service = np.array(SERVICE_TYPES)

    def placed(course: np.ndarray, client: np.ndarray) -> dict[str, object]:
        case = courses.case[course]
        is_joint = np.isin(cases.service[case], (COUPLE, GROUP))
        return {
            "client_key": [f"c{each}" for each in client],
            "episode_key": [f"e{one}_{each}" for one, each in zip(course, client, strict=True)],
            "unit_key": [
                f"u{first}" if joint else None
                for first, joint in zip(cases.first_client[case], is_joint, strict=True)
            ],
            "site_id": np.array(SITES)[cases.site[case]],
        }

    row, of = block.appointment, block.client
    forms = block.forms[SRS]
    seen = row[forms.session]
    attended = appointments.attendance[row] == 0
    return {
        "episodes": pd.DataFrame(
            {
                **placed(course, client),
                "opened_on": _day(courses.opened_day[course]),
                "service_type": service[cases.service[courses.case[course]]],
            }
        ),
        "sessions": pd.DataFrame(
            {
                **placed(appointments.course[row], of),
                "session_key": [f"s{number}" for number in range(len(row))],
                "therapist_key": [f"t{each}" for each in appointments.therapist[row]],
                "scheduled_on": _day(appointments.day[row]),
                "attendance": np.where(attended, "attended", "no_show"),
            }
        )[attended],
        "administrations": pd.DataFrame(
            {
                "client_key": [f"c{each}" for each in forms.client],
                "form_key": [f"f{number}" for number in range(len(forms.session))],
                "session_key": [f"s{number}" for number in forms.session],
                "completed_on": _day(appointments.day[seen]),
                "stated_total": np.round(score.expected(forms.eta), 1),
            }
        ),
    }


@pytest.fixture(scope="module")
def warehouse(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> RawWarehouse:
    _, score, block = _world(declared)
    opened = open_warehouse(declared)
    frames = _frames(block, score)
    for feed in ("episodes", "sessions", "administrations"):
        opened.deliver_frame(feed, "north", frames[feed])
    opened.build_with_measures()
    return opened


def test_the_truth_of_a_gap_is_that_of_two_normal_totals(declared: Registry) -> None:
    """Uncut and without ruptures, trend and mix partners differ by a normal number: the gap's mean
    is 2 s sqrt((1 - r) / pi), the minimum lies half of it below the mean.

    Client's part .47, of which one form shares .7 with the others and partners .2 of that; session
    .42: the difference's variance is 2 (.47 (1 - .7 x .2) + .42) = 1.6484 squared SDs, its mean
    size sqrt(1.6484) sqrt(2 / pi) = 1.0244.
    """
    (model,) = build_network(declared, SETTINGS)
    score = score_model(declared.instruments[SRS[:2]], SETTINGS)
    cut = replace(score.cut, location=score.cut.top / 2, scale=0.1)
    still = replace(
        SETTINGS,
        rupture_share=0.0,
        severity_on_alliance=0.0,
        other_language_on_alliance=0.0,
        outcome_reverse=0.0,
    )
    (east, _) = joint_truths(model, [EACH], {SRS: replace(score, cut=cut)}, still)
    # Four items, each scale x step points an SD.
    points = 4 * 0.1 * score.step
    gap, error = east.couple_gap
    assert error < 0.02 * points
    assert gap / points == pytest.approx(1.0244, abs=3 * error / points)
    least, _ = east.couple_minimum
    mean, _ = east.group_mean
    # Couples and groups differ by what the settings take off each: -.10 and -.15.
    assert (mean - least) / points == pytest.approx(1.0244 / 2 - 0.05, abs=0.06)


@pytest.mark.parametrize("metric", WHATS)
def test_what_was_planted_is_found(
    warehouse: RawWarehouse, truths: list[JointTruth], metric: str
) -> None:
    """Of each site, within four standard errors of its couples or groups and of the truth."""
    units = warehouse.rows(
        "select site_id, client_key, avg(value) from intermediate.int_units_measured "
        f"where metric = '{metric}' and value is not null group by all order by all"
    )
    published = dict(
        warehouse.rows(
            "select site_id, value from marts.rpt_site_metrics "
            f"where metric = '{metric}' and stratum_kind = 'all' and period = '2025'"
        )
    )
    fewest = 15 if metric == "group_mean" else 60
    for truth in truths:
        site = SITES[truth.site]
        values = np.array([mean for name, _, mean in units if name == site])
        assert len(values) > fewest
        expected, error = getattr(truth, metric)
        noise = float(np.hypot(values.std(ddof=1) / np.sqrt(len(values)), error))
        assert abs(values.mean() - expected) < 4 * noise, (site, values.mean(), expected, noise)
        # The mart's period leaves out who is seen later; it is the same quantity.
        assert abs(published[site] - expected) < 5 * noise
        if metric == "couple_minimum":
            # Not the partners' mean: that lies half a gap higher.
            assert abs(values.mean() + truth.couple_gap[0] / 2 - expected) > 4 * noise
