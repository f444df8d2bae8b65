"""The world behind the exports: its truth is known, and sites differ only where they may."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from expectations.registry import Registry
from orchestration.simulation import SimulationSettings, simulate
from orchestration.simulation.arrays import Flags, Floats, mean_by
from orchestration.simulation.block import Block, draw_block
from orchestration.simulation.courses import ATTENDANCE
from orchestration.simulation.instruments import ScoreModel
from orchestration.simulation.network import (
    BLOCKS,
    PracticeModel,
    build_network,
    day_number,
    stream,
)
from orchestration.simulation.run import _plan
from orchestration.simulation.schedules import FormIdentity
from orchestration.simulation.truth import SiteTruth, site_truths
from tests.unit.simulation.conftest import SMALL, only

SRS: FormIdentity = ("srs", "3", "client")
WAI_SR: FormIdentity = ("wai_sr", "1", "client")
WAI_SRT: FormIdentity = ("wai_srt", "1", "therapist")
COMPLETE = replace(SMALL, response=(1.0, 1.0), never_respond_share=0.0)


def _world(
    registry: Registry, settings: SimulationSettings
) -> tuple[PracticeModel, Block, dict[FormIdentity, ScoreModel]]:
    """The first practice with one block of all its clients."""
    model = build_network(registry, settings)[0]
    plan = _plan(registry, model, settings)
    days = (day_number(settings.from_on), day_number(settings.through_on))
    block = draw_block(
        model,
        model.therapists,
        model.n_clients,
        days,
        plan.contract.schedules,
        plan.scores,
        settings,
        stream(settings, BLOCKS, 1),
    )
    return model, block, dict(plan.scores)


def _truths(registry: Registry, settings: SimulationSettings) -> list[SiteTruth]:
    found = []
    for model in build_network(registry, settings):
        plan = _plan(registry, model, settings)
        found += site_truths(model, plan.contract.schedules, plan.scores, settings)
    return found


def test_in_the_null_setting_no_site_differs(registry: Registry) -> None:
    truths = _truths(registry, replace(SMALL, null=True, missing_at_random=True))
    assert {found.planted_sd for found in truths} == {0.0}
    by_form: dict[FormIdentity, list[float]] = {}
    for found in truths:
        by_form.setdefault(found.identity, []).append(found.truth)
    assert len(by_form) == 4
    for values in by_form.values():
        assert len(values) == 14
        assert len(set(values)) == 1


def test_sites_differ_otherwise_and_two_are_planted_at_half_an_sd(registry: Registry) -> None:
    settings = replace(SMALL, n_therapists=90, truth_clients=1_500)
    truths = [found for found in _truths(registry, settings) if found.identity == SRS]
    planted = {found.planted_sd: found.truth for found in truths if found.planted_sd}
    usual = [found.truth for found in truths if not found.planted_sd]
    assert set(planted) == {0.5, -0.5}
    assert planted[0.5] - float(np.mean(usual)) == pytest.approx(2.0, abs=0.6)
    assert planted[-0.5] - float(np.mean(usual)) == pytest.approx(-2.0, abs=0.6)
    assert 0.1 < float(np.std(usual)) < 1.0


def test_truth_is_what_the_clients_who_come_have_on_average(
    registry: Registry, tmp_path: Path
) -> None:
    """Many therapists and clients: the realised mean of all due forms closes in on the truth."""
    alone = only(registry, "harbor_counseling")
    settings = replace(SMALL, n_clients=9_000, n_therapists=3_000, truth_clients=6_000)
    simulate(alone, tmp_path / "landing", settings, truth_path=tmp_path / "truth.parquet")
    rows = pq.read_table(tmp_path / "truth.parquet").to_pylist()
    assert len(rows) == 12
    for row in rows:
        sd = {"srs": 3.3, "wai_sr": 7.2, "wai_srt": 6.8, "phq_9": 5.7}[row["instrument_code"]]
        spread = np.hypot(1.1 * sd / np.sqrt(row["n_clients_all_forms"]), row["truth_se"])
        assert abs(row["realised_mean_all_forms"] - row["truth"]) < 4 * spread
    assert not list((tmp_path / "landing").rglob("*.parquet"))


def test_missing_at_random_leaves_the_mean_alone_and_otherwise_lifts_it(
    registry: Registry,
) -> None:
    alone = only(registry, "riverside_collective")
    settings = replace(SMALL, truth_clients=6_000)
    random = _truths(alone, replace(settings, missing_at_random=True))
    for found in random:
        assert abs(found.missing_bias) < 3.5 * found.missing_bias_se
    lifted = [found for found in _truths(alone, settings) if found.identity in (SRS, WAI_SR)]
    assert all(found.missing_bias > 0 for found in lifted)
    assert max(found.missing_bias / found.missing_bias_se for found in lifted) > 5


def test_every_form_comes_back_when_the_rate_is_one(registry: Registry) -> None:
    for at_random in (True, False):
        _, block, _ = _world(registry, replace(COMPLETE, missing_at_random=at_random))
        for forms in block.forms.values():
            assert len(forms.is_returned) > 0
            assert forms.is_returned.all()


def _shares(block: Block, last: int) -> Floats:
    seen: Flags = block.appointments.day[block.appointment] <= last
    attendance = block.appointments.attendance[block.appointment][seen]
    shares: Floats = np.bincount(attendance, minlength=len(ATTENDANCE)) / seen.sum()
    return shares


def test_courses_look_like_treatment(registry: Registry) -> None:
    settings = replace(COMPLETE, n_clients=8_000, n_therapists=800, planted=())
    _, block, _ = _world(only(registry, "harbor_counseling"), settings)
    started = block.courses.n_sessions > 0
    lengths = block.courses.n_sessions[started]
    assert 7.5 < lengths.mean() < 9.2
    assert 0.15 < (lengths == 1).mean() < 0.34
    assert 0.12 < block.courses.dropped_out[started].mean() < 0.35
    assert 0.03 < (block.courses.is_return.sum() / len(block.clients.case)) < 0.05
    shares = _shares(block, day_number(settings.through_on))
    assert shares[0] == pytest.approx(0.73, abs=0.05)
    assert shares[ATTENDANCE.index("no_show")] == pytest.approx(0.08, abs=0.025)
    assert shares[ATTENDANCE.index("cancelled_client_late")] == pytest.approx(0.10, abs=0.025)
    gaps = np.diff(block.appointments.day)[np.diff(block.appointments.course) == 0]
    assert (gaps > 0).all()
    assert (gaps % 7 == 0).all()


def test_scores_and_their_links(registry: Registry) -> None:
    settings = replace(COMPLETE, n_clients=8_000, n_therapists=800, planted=(), null=True)
    model, block, scores = _world(only(registry, "harbor_counseling"), settings)
    rng = np.random.default_rng(1)
    totals, sessions = {}, {}
    for identity, forms in block.forms.items():
        totals[identity] = scores[identity].totals(scores[identity].draw(forms.eta, rng))
        sessions[identity] = forms.session
    assert totals[SRS].mean() == pytest.approx(35.8, abs=0.4)
    assert totals[SRS].std() == pytest.approx(4.0, abs=0.3)
    assert (totals[SRS] == 40).mean() == pytest.approx(0.24, abs=0.04)
    assert totals[WAI_SR].mean() / 12 == pytest.approx(4.1, abs=0.07)
    assert totals[WAI_SR].std() / 12 == pytest.approx(0.65, abs=0.05)
    assert 0.07 < (totals[WAI_SR] == 60).mean() < 0.16
    both, client, therapist = np.intersect1d(
        sessions[WAI_SR], sessions[WAI_SRT], return_indices=True
    )
    assert len(both) > 3_000
    paired = np.corrcoef(totals[WAI_SR][client], totals[WAI_SRT][therapist])[0, 1]
    assert paired == pytest.approx(0.3, abs=0.08)
    lower = totals[WAI_SR][client].mean() / 12 - totals[WAI_SRT][therapist].mean() / 10
    assert 0.35 < lower / (totals[WAI_SR].std() / 12) < 0.65
    assert _therapist_share(block, totals[SRS], model) == pytest.approx(0.04, abs=0.02)


def _therapist_share(block: Block, totals: Floats, model: PracticeModel) -> float:
    """Variance between therapists of client means (one-way ANOVA), as a share of a form's."""
    means = mean_by(totals, block.forms[SRS].client, len(block.clients.case))
    has = ~np.isnan(means)
    therapist = block.cases.therapist[block.clients.case][has]
    counts = np.bincount(therapist, minlength=len(model.therapists.site))
    seen = counts > 0
    group = mean_by(means[has], therapist, len(counts))
    within = ((means[has] - group[therapist]) ** 2).sum() / (has.sum() - seen.sum())
    between = (counts[seen] * (group[seen] - means[has].mean()) ** 2).sum() / (seen.sum() - 1)
    size = (counts.sum() - (counts**2).sum() / counts.sum()) / (seen.sum() - 1)
    return float((between - within) / size / totals.var())
