"""Metrics are declared once, and their settings are the ones the models are built with."""

from pathlib import Path

import pytest
import yaml

from expectations import metric as declared
from expectations.metric import shipped_metrics
from expectations.metric_docs import as_markdown
from expectations.yaml_source import DeclarationError
from orchestration.benchmarking import trajectories
from orchestration.benchmarking.process_chart import FEWEST_POINTS
from orchestration.benchmarking.site_trends import FEWEST_SITES
from orchestration.benchmarking.variance_components import LEVELS, SESSION
from orchestration.release.tables import tables_of

PROJECT = Path(__file__).parents[3] / "dbt_project" / "dbt_project.yml"


def test_settings_are_the_projects_variables() -> None:
    variables = yaml.safe_load(PROJECT.read_text(encoding="utf-8"))["vars"]
    settings = {
        name: list(value) if isinstance(value, tuple) else value
        for metric in shipped_metrics()
        for name, value in metric.settings.items()
    }
    assert settings == {name: variables[name] for name in settings}
    assert variables.keys() == settings.keys()


def test_a_metric_is_declared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (declared.METRICS / "pairs.yml").read_text(encoding="utf-8")
    for name in ("one.yml", "other.yml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(declared, "METRICS", tmp_path)
    declared.families.cache_clear()
    try:
        with pytest.raises(DeclarationError, match="declared twice: pair_gap"):
            shipped_metrics.__wrapped__()
    finally:
        declared.families.cache_clear()


def test_the_documents_are_what_is_declared() -> None:
    folder = PROJECT.parents[1] / "docs" / "metrics"
    written = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    made = {name: as_markdown(name, family) for name, family in declared.families().items()}
    assert written == made, "run python -m expectations.metric_docs docs/metrics"


REFERENCE = {
    "score": {"mean_score"},
    "cohort flow": {
        "flow_reached_3",
        "flow_any_form",
        "flow_forms_3_to_5",
        "flow_planned_ending",
        "last_alliance_before_exit",
    },
    "unit kinds": {
        *(
            f"flow_kind_{kind}"
            for kind in ("individual", "couple", "family", "group", "crisis", "assessment")
        ),
        "flow_kind_not_recorded",
        "couple_minimum",
        "couple_gap",
        "group_mean",
    },
    "early alliance": {"early_alliance", "early_alliance_single_form"},
    "trajectory": {"trajectory_level", "trajectory_slope", "trajectory_curvature"},
    "marked drop": {f"marked_drop_{rule}" for rule in ("fixed", "sd1", "sd2", "chart", "expected")},
    "unrepaired share": {f"unrepaired_{rule}" for rule in ("fixed", "sd1", "sd2", "chart")},
    "reported rupture": {"reported_rupture"},
    "sudden gain / loss": {"sudden_gain", "sudden_loss"},
    "congruence": {"congruence_bias", "congruence_tracking", "pair_gap"},
    "triad gap": {
        "triad_gap_child_therapist",
        "triad_gap_caregiver_therapist",
        "triad_gap_child_caregiver",
    },
    "response rate": {
        "response_rate",
        "responded_first_and_last",
        "responded_first_only",
        "responded_last_only",
        "responded_none",
        "therapist_response",
    },
    "schedule compliance": {"within_window", "lag_days"},
    "frame adherence": {
        "attended",
        "no_show",
        "cancelled_client_late",
        "cancelled_therapist",
        "minutes_kept",
        "gap_kept",
        "gap_days",
    },
    "ceiling": {"ceiling_share", "all_items_at_best"},
    "low-alliance flag": {"low_alliance"},
    "dropout after low alliance": {
        "dropout_hazard",
        "dropout_odds_ratio",
        *(f"unplanned_ending_after_{state}" for state in ("low", "middle", "maximum", "no_form")),
    },
    "reliable and clinically significant change": {
        "recovered",
        "improved",
        "unchanged",
        "deteriorated",
        "harmed",
        "change",
    },
    "alliance-outcome": {"alliance_outcome"},
    "within / between": {"alliance_within_clients", "alliance_between_clients"},
    "case mix": {
        "adjusted_score",
        "gap_case_mix",
        "gap_response",
        "gap_therapists",
        "gap_rest",
        "outcome_of_gap",
    },
    "variance shares": {
        f"variance_share_{level}" for level in ("site", "therapist", "client", "session")
    },
    "careless": {"careless_flagged_share", "same_answer_share"},
    "reliability": {"alpha_pairwise", "alpha_complete", "omega", "item_rest", "alpha_if_dropped"},
    "invariance": {"loading", "loading_congruence"},
    "comparison through time": {"site_trend", "network_decile"},
}
"""Rows of the metrics reference, its first paragraph, and what the comparison asks for besides;
stage and equity are strata of all of them."""


def test_every_metric_of_the_reference_is_declared_once() -> None:
    names = [metric for of_row in REFERENCE.values() for metric in of_row]
    assert sorted(names) == sorted(metric.metric for metric in shipped_metrics())


def test_what_the_release_names_is_declared() -> None:
    columns = {name for table in tables_of("release") for name in table.names}
    modelled = {metric.metric for metric in shipped_metrics() if metric.aggregation == "modelled"}
    # The scales' figures stand in columns of their names.
    of_scales = REFERENCE["reliability"] | REFERENCE["invariance"]
    assert of_scales <= columns
    courses = {f"trajectory_{figure}" for figure in trajectories.FIGURES}
    shares = {f"variance_share_{level}" for level in (*LEVELS, SESSION)}
    assert courses | shares | of_scales <= modelled


def test_minimums_through_time_are_those_worked_with() -> None:
    declared_minimum = {metric.metric: metric.minimum_units for metric in shipped_metrics()}
    assert declared_minimum["site_trend"] == FEWEST_POINTS
    assert declared_minimum["network_decile"] == FEWEST_SITES
