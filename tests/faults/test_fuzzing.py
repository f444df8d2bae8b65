"""Any mutation of a delivery ends in equal rows or a typed outcome: no fault, no hang, no leak."""

from collections.abc import Iterator

import pytest

from tests.faults.campaigns import Campaign
from tests.faults.deliveries import deliveries
from tests.faults.fuzzing import Findings, Fuzzed
from tests.faults.mutations import HARMFUL, HARMLESS, Mutated, mutated

SAMPLE, CAMPAIGN = 3, 350
"""Mutations of each of the fifteen shapes in `make test`, and with --campaign full (5,250)."""
BLOCK = 10
"""Seeds of one part of the campaign."""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with Fuzzed(tmp_path_factory.mktemp("fuzzed"), list(deliveries().values())) as made:
        yield made


@pytest.mark.slow
def test_every_mutation_ends_in_an_outcome(fuzzed: Fuzzed, campaign: Campaign) -> None:
    blocks = {f"seeds {seeds[0]:04d} to {seeds[-1]:04d}": seeds for seeds in _blocks(campaign)}
    states: set[str] = set()
    for name in campaign.mine(list(blocks)):
        fuzzed.findings = Findings()
        found = fuzzed.run(_mutations(blocks[name], is_sample=not campaign.is_full))
        campaign.say(_told(found))
        campaign.note(name, found.bugs)
        states |= set(found.states)
    # Neither outcome would be an outcome if the other never came.
    assert states in (set(), {"loaded", "refused"})
    campaign.end("mutations")


def _blocks(campaign: Campaign) -> list[range]:
    """Seeds; kinds of mutation take turns by them. A step that has no factor in common with the
    kinds' number spreads a sample over them."""
    if not campaign.is_full:
        return [range(0, SAMPLE * 11, 11)]
    return [range(first, first + BLOCK) for first in range(0, CAMPAIGN, BLOCK)]


def _mutations(seeds: range, *, is_sample: bool) -> Iterator[Mutated]:
    for seed in seeds:
        for place, delivery in enumerate(deliveries().values()):
            yield mutated(delivery, seed + (place if is_sample else 0))


def _told(found: Findings) -> str:
    return (
        f"{found.n_files} mutated deliveries: {dict(found.states)}; "
        f"at most {found.longest_seconds:.1f} s and {found.most_bytes / 1e6:.0f} MB; "
        f"{found.seconds:.0f} s, {found.n_files / found.seconds:.1f} a second; "
        f"reasons: {dict(found.reasons.most_common())}"
    )


def test_the_campaign_reaches_every_kind_of_mutation() -> None:
    most = max(len(HARMFUL[kind]) + len(HARMLESS[kind]) for kind in HARMFUL)
    assert most < CAMPAIGN / 10
