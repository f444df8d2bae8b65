"""Any mutation of a delivery ends in equal rows or a typed outcome: no fault, no hang, no leak."""

from collections.abc import Iterator

import pytest

from tests.faults.deliveries import deliveries
from tests.faults.fuzzing import Findings, Fuzzed
from tests.faults.mutations import HARMFUL, HARMLESS, Mutated, mutated

SAMPLE, CAMPAIGN = 3, 350
"""Mutations of each of the fifteen shapes in `make test`, and with --campaign full (5,250)."""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with Fuzzed(tmp_path_factory.mktemp("fuzzed"), list(deliveries().values())) as made:
        yield made


@pytest.mark.slow
def test_every_mutation_ends_in_an_outcome(fuzzed: Fuzzed, is_full_campaign: bool) -> None:
    found = fuzzed.run(_mutations(CAMPAIGN if is_full_campaign else SAMPLE))
    print(_told(found))
    assert not found.bugs, "\n".join(found.bugs)
    # Neither outcome would be an outcome if the other never came.
    assert set(found.states) == {"loaded", "refused"}


def _mutations(n_each: int) -> Iterator[Mutated]:
    """Kinds take turns by seed; a step that has no factor in common with their number spreads a
    sample over them."""
    step = 1 if n_each == CAMPAIGN else 11
    for seed in range(0, n_each * step, step):
        for place, delivery in enumerate(deliveries().values()):
            yield mutated(delivery, seed + (0 if step == 1 else place))


def _told(found: Findings) -> str:
    return (
        f"\n{found.n_files} mutated deliveries: {dict(found.states)}; "
        f"at most {found.longest_seconds:.1f} s and {found.most_bytes / 1e6:.0f} MB; "
        f"{found.seconds:.0f} s, {found.n_files / found.seconds:.1f} a second; "
        f"reasons: {dict(found.reasons.most_common())}"
    )


def test_the_campaign_reaches_every_kind_of_mutation() -> None:
    most = max(len(HARMFUL[kind]) + len(HARMLESS[kind]) for kind in HARMFUL)
    assert most < CAMPAIGN / 10
