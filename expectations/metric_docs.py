"""docs/metrics/*.md out of expectations/metrics/*.yml, so that no definition is written twice.

python -m expectations.metric_docs docs/metrics
"""

import sys
from pathlib import Path

from expectations.metric import Family, Metric, families

_HEAD = """\
# {title}

Made from `expectations/metrics/{name}.yml` by `python -m expectations.metric_docs docs/metrics`.
Every metric is computed within one instrument, version, language and informant; below its minimum
its value is null with a reason. {held}
"""
_IN_MARTS = """\
`marts.rpt_site_metrics` holds them by site, stratum and closed
period, `marts.rpt_site_distributions` the percentiles. Nights build them where `group.yml` says
`with_measures: true`. Settings are variables of `dbt_project/dbt_project.yml`."""
_MODELLED = """\
They are worked out of arrays into
`benchmark.*`, over all closed periods together where a metric says no other. Nights build them
where `group.yml` says `with_measures: true`. Settings are variables of
`dbt_project/dbt_project.yml`."""

_OF_EVERY_NIGHT = """\
They are worked out of the cells that
`benchmark.site_benchmarks` shows into `benchmark.*`, every night."""


def as_markdown(name: str, family: Family) -> str:
    """One family's document: a section a metric, in the order of their declaration."""
    is_modelled = all(metric.aggregation == "modelled" for metric in family.metrics)
    held = _MODELLED if is_modelled else _IN_MARTS
    if family.is_of_every_night:
        held = _OF_EVERY_NIGHT
    head = _HEAD.format(title=family.title, name=name, held=held)
    return head + "".join(map(_section, family.metrics))


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
    for each, family in families().items():
        (Path(sys.argv[1]) / f"{each}.md").write_text(as_markdown(each, family), encoding="utf-8")
