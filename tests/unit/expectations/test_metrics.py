"""Metrics are declared once, and their settings are the ones the models are built with."""

from pathlib import Path

import pytest
import yaml

from expectations import metric as declared
from expectations.metric import shipped_metrics
from expectations.metric_docs import as_markdown
from expectations.yaml_source import DeclarationError

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
