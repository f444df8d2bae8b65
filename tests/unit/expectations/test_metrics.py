"""Metrics are declared once, and their settings are the ones the models are built with."""

from pathlib import Path

import pytest
import yaml

from expectations import metric as declared
from expectations.metric import shipped_metrics
from expectations.metric_docs import as_markdown
from expectations.yaml_source import DeclarationError, read_yaml

PROJECT = Path(__file__).parents[3] / "dbt_project" / "dbt_project.yml"


def test_settings_are_the_projects_variables() -> None:
    variables = yaml.safe_load(PROJECT.read_text(encoding="utf-8"))["vars"]
    settings = {
        name: list(value) if isinstance(value, tuple) else value
        for metric in shipped_metrics()
        for name, value in metric.settings.items()
    }
    assert settings == {name: variables[name] for name in settings}
    # Of a measure that no site has a value of yet.
    assert variables.keys() - settings.keys() == {"centring_minimum_forms"}


def test_a_metric_is_declared_once(tmp_path: Path) -> None:
    text = declared.METRICS.read_text(encoding="utf-8")
    path = tmp_path / "metrics.yml"
    path.write_text(text + text.partition("metrics:\n")[2].partition("  - metric: ceiling")[0])
    with pytest.raises(DeclarationError, match="declared twice: mean_score"):
        read_yaml(path).parse(declared._Metrics)


def test_the_document_is_what_is_declared() -> None:
    path = PROJECT.parents[1] / "docs" / "metrics.md"
    written = path.read_text(encoding="utf-8")
    assert written == as_markdown(shipped_metrics()), "run python -m expectations.metric_docs"
