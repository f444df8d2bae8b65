"""What a night that failed says of it: our own words whole, of a library's error its kind alone."""

import dagster as dg
import duckdb
import pytest

from orchestration.definitions import _why
from orchestration.release.publish import MeasuresLeak, ReleaseRefused
from orchestration.warehouse import DiskFull


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ReleaseRefused(["deliveries: no rows"]), "deliveries: no rows"),
        (MeasuresLeak(["cohort_flow: a hidden count can be worked out: north/main"]), "north/main"),
        (DiskFull(), "make room"),
    ],
)
def test_our_own_errors_are_said_whole(error: Exception, said: str) -> None:
    assert said in _told(error)


def test_of_a_librarys_error_the_kind_alone_is_said() -> None:
    told = _told(duckdb.ConversionException("Could not convert string 'K.4711' to INT32"))
    assert told == "publishing: failed (ConversionException)"


def _told(error: Exception) -> str:
    @dg.op
    def publishing() -> None:
        raise error

    @dg.job
    def nightly() -> None:
        publishing()

    return _why(nightly.execute_in_process(raise_on_error=False, run_config=_QUIET))


_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
