"""What a metric means, declared once for dbt, the release's table `metrics` and the docs."""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from expectations.base import Declaration, Identifier
from expectations.yaml_source import DeclarationError, read_yaml

METRICS = Path(__file__).with_name("metrics")
"""A file a family; dbt aggregates by `aggregation` and `minimum_units` (reference.metrics), and
`settings` are the variables of dbt_project.yml with the defaults they ship with."""

UnitMeasured = (
    Literal[
        "form", "session", "joint_session", "episode", "series", "pair", "therapist", "form_due"
    ]
    | Literal["period", "site"]
)
Setting = bool | int | float | str | tuple[str, ...]


class Metric(Declaration):
    """One metric.

    `aggregation`: how units become a site's value. A `share` is the sum of numerators over the sum
    of denominators; `mean_of_clients` averages a client's units first, then the clients;
    `share_of_therapists` counts those with a numerator above 0 in the period; `modelled` is worked
    out of arrays (orchestration/benchmarking) and is in no mart.
    `has_distribution`: its units' values have percentiles and a skewness of their own.
    `minimum_units`: units with a value that a site needs; below it the value is null with a reason.
    `partition`: metrics of one name share one denominator out; each unit counts in one of them at
    most, so that a hidden one would be 1 less the others.
    `reach`: from where to where one client's value may lie, where it has ends: the instrument's
    total, its `difference` of two days either way, the `distance` of two forms, or a `percent` of
    the scale's range either way.
    `settings`: names of dbt variables and the defaults they ship with.
    """

    metric: Identifier
    name: str
    definition: str
    formula: str
    unit: str
    unit_measured: UnitMeasured
    aggregation: Literal["share", "mean_of_clients", "share_of_therapists", "modelled"]
    partition: Identifier | None = None
    reach: Literal["scale", "difference", "distance", "percent"] | None = None
    is_per_instrument: bool = True
    has_distribution: bool = False
    minimum_units: int = Field(ge=1)
    minimum: str
    settings: dict[Identifier, Setting] = {}
    pitfall: str
    citation: str

    @property
    def adds_up_over_periods(self) -> bool:
        """Whether a client has hardly ever two units: then periods add up, as their units do."""
        return self.unit_measured in ("episode", "series")


class Family(Declaration):
    """Metrics of one kind of unit.

    `is_of_every_night`: worked out of the cells that are shown, measures asked for or not.
    """

    title: str
    is_of_every_night: bool = False
    metrics: tuple[Metric, ...]


@cache
def families() -> dict[str, Family]:
    """Every family by the name of its file. Raises DeclarationError with file and line."""
    paths = sorted(METRICS.glob("*.yml"))
    return {path.stem: read_yaml(path).parse(Family) for path in paths}


@cache
def shipped_metrics() -> tuple[Metric, ...]:
    """Every metric there is, each once. Raises DeclarationError."""
    found = tuple(metric for family in families().values() for metric in family.metrics)
    names = [metric.metric for metric in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DeclarationError([f"{METRICS}: declared twice: {', '.join(twice)}"])
    return found
