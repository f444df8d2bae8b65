"""Suites say the same whether an expectation's configuration is built once or each time."""

from typing import Any
from unittest.mock import patch

import pytest

from expectations.configured_once import configure_once
from tests.unit.expectations.frames import dirty_forms, found, judged


@pytest.fixture
def expectation() -> Any:
    from great_expectations.expectations.expectation import Expectation

    configure_once()
    return Expectation


def test_verdicts_are_those_of_the_library_as_it_is(
    suites: dict[str, Any], expectation: Any
) -> None:
    frame = dirty_forms(40)
    once = found(judged(frame, suites["administrations"]))
    with (
        patch.object(
            expectation, "_get_runtime_kwargs", expectation._get_runtime_kwargs.__wrapped__
        ),
        patch.object(
            expectation, "configuration", property(expectation.configuration.fget.__wrapped__)
        ),
    ):
        assert found(judged(frame, suites["administrations"])) == once
    assert len({n_failed for _, _, n_failed, _ in once.values()}) > 3


def test_a_configuration_is_kept_for_one_question_only(
    suites: dict[str, Any], expectation: Any
) -> None:
    configure_once()
    assert not hasattr(expectation._get_runtime_kwargs.__wrapped__, "__wrapped__")
    one = suites["srs"].expectations[0]
    one._get_runtime_kwargs()
    assert one.configuration is not one.configuration
