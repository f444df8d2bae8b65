"""docs/metrics.md out of metrics.yml, so that no definition is written twice.

python -m expectations.metric_docs > docs/metrics.md
"""

import sys
from collections.abc import Iterable

from expectations.metric import Metric, shipped_metrics

_HEAD = """\
# Metrics

Made from `expectations/metrics.yml` by `python -m expectations.metric_docs > docs/metrics.md`.
Every metric is computed within one instrument, version, language and informant; below its minimum
its value is null with a reason. `marts.rpt_site_metrics` holds them by site, stratum and closed
period, `marts.rpt_site_distributions` the percentiles. Nights build them where `group.yml` says
`with_measures: true`. Settings are variables of `dbt_project/dbt_project.yml`.
"""


def as_markdown(metrics: Iterable[Metric]) -> str:
    """The whole document: a section a metric, in the order of their declaration."""
    return _HEAD + "".join(_section(metric) for metric in metrics)


def _section(metric: Metric) -> str:
    settings = ", ".join(f"`{name}` = {value}" for name, value in metric.settings.items())
    lines = [
        ("definition", metric.definition),
        ("formula", metric.formula),
        ("unit", metric.unit),
        ("minimum", metric.minimum),
        ("settings", settings),
        ("pitfall", metric.pitfall),
        ("source", metric.citation),
    ]
    body = "".join(f"- {what}: {text}\n" for what, text in lines if text)
    return f"\n## {metric.name} (`{metric.metric}`)\n\n{body}"


if __name__ == "__main__":
    sys.stdout.write(as_markdown(shipped_metrics()))
