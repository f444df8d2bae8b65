"""Reference bands: what a site's numbers may be seen beside, as rows of a release.

Two kinds, never mixed: this network as a person froze it, and what publications say of other
populations. A band is no target and no limit; nothing is flagged against it.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from expectations.frozen_reference import FrozenReference, Norm
from expectations.instrument import Instrument
from expectations.published_norm import MINIMUM_PEOPLE, PublishedNorm
from expectations.registry import Registry

THIS_NETWORK = "this network"

Row = Mapping[str, object]


def reference_bands(registry: Registry, on: date) -> list[Row]:
    """Rows of the table: the frozen reference in force on a day, and all published norms.

    A frozen norm of fewer than 100 clients judges forms (it has 100 of those) and is no band.
    """
    return [
        *_frozen(registry, on),
        *(
            _published(instrument, norm)
            for instrument in registry.instruments.values()
            for norm in instrument.norms
        ),
    ]


def _frozen(registry: Registry, on: date) -> Iterator[Row]:
    in_force = [each for each in registry.references if each.frozen_on <= on]
    # References come oldest first; an earlier one is over on the day of the next.
    for reference in in_force[-1:]:
        for norm in reference.norms:
            if norm.n_clients >= MINIMUM_PEOPLE:
                yield _of_network(reference, norm)


def _of_network(reference: FrozenReference, norm: Norm) -> Row:
    return {
        "instrument_code": norm.instrument_code,
        "version": norm.version,
        "language": norm.language,
        "informant": norm.informant,
        # It is of all forms, however they were collected.
        "collection_mode": None,
        "stage": norm.stage,
        "source": THIS_NETWORK,
        "band": f"this network's forms through {reference.data_through_on}",
        "frozen_on": reference.frozen_on,
        "n": norm.n_clients,
        "mean": norm.mean,
        "sd": norm.sd,
        "p10": norm.p10,
        "p25": norm.p25,
        "p50": norm.median,
        "p75": norm.p75,
        "p90": norm.p90,
    }


def _published(instrument: Instrument, norm: PublishedNorm) -> Row:
    return {
        "instrument_code": instrument.instrument_code,
        "version": instrument.version,
        "band": norm.population,
        **norm.model_dump(exclude={"population", "mark"}),
    }
