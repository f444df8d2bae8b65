"""Each rule on a candidate refuses the file it is there for."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from expectations.model import Thresholds
from orchestration.release.checks import candidate_problems, period_end
from orchestration.release.publish import write_release
from orchestration.release.reader import Releases
from orchestration.release.tables import ReleaseFile
from tests.unit.release.small_warehouse import small_meta, small_registry, small_warehouse

SHOWN = "where not is_suppressed"
HIDDEN = "where is_suppressed"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    folder = tmp_path_factory.mktemp("releases")
    registry = small_registry()
    write_release(small_warehouse(), folder, small_meta(registry), registry)
    return Releases(folder)


def _problems(good: Releases, tmp_path: Path, file: ReleaseFile, *changes: str) -> list[str]:
    pointer = good.current()
    assert pointer is not None
    copy = tmp_path / "copy.duckdb"
    original = pointer.release if file == "release" else pointer.quality
    copy.write_bytes(original.read_bytes())
    with duckdb.connect(str(copy)) as con:
        for change in changes:
            con.execute(change)
        return candidate_problems(con, file, Thresholds())


@pytest.mark.parametrize(
    ("counts", "coded", "inner"),
    [
        # 100 shown clients may be 98: 40 points / 98 = .41, up to .5. 400 shown forms may be 398:
        # 1 / 398 = .003, up to .05. One client 39.5 points off: an error of 39.5 / 97 = .41.
        ((100, 400), (39.5, 0.05, 0.41), (39.4, 0.1, 0.42)),
        # 15 may be 11: 40 / 11 = 3.64, up to 3.7, and 36.3 / 10 = 3.63; 20 may be 18: up to .1.
        ((15, 20), (36.3, 0.1, 3.63), (36.2, 0.15, 3.64)),
    ],
)
def test_what_stands_for_more_than_itself_is_said(
    good: Releases,
    tmp_path: Path,
    counts: tuple[int, int],
    coded: tuple[float, float, float],
    inner: tuple[float, float, float],
) -> None:
    said = "raw_bound = {}, ceiling_share_bound = {}, standard_error_bound = {}"
    named = said.format("'at_least'", "'at_most'", "'at_most'")
    bare = said.format("null", "null", "null")

    def numbers(found: tuple[float, float, float], bounds: str) -> str:
        values = "raw = {}, ceiling_share = {}, standard_error = {}".format(*found)
        return (
            f"update site_benchmarks set n_clients = {counts[0]}, n_forms = {counts[1]}, {values}, "
            f"flag = null, comparability = 'therapist_unknown', {bounds} {SHOWN}"
        )

    assert _problems(good, tmp_path, "release", numbers(coded, named)) == []
    assert _problems(good, tmp_path, "release", numbers(inner, bare)) == []
    assert len(_problems(good, tmp_path, "release", numbers(coded, bare))) == 3
    assert len(_problems(good, tmp_path, "release", numbers(inner, named))) == 3


@pytest.mark.parametrize("file", ["release", "quality"])
def test_a_good_candidate_has_no_problem(good: Releases, tmp_path: Path, file: ReleaseFile) -> None:
    assert _problems(good, tmp_path, file) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter table sites add column client_key varchar", "pseudonym's column"),
        ("alter table site_benchmarks add column median double", "not in the allow-list"),
        ("create table client_rows (n integer)", "not in the allow-list"),
        ("alter table site_benchmarks drop column z", "is missing"),
        ("alter table site_benchmarks alter n_clients type bigint", "not in the allow-list"),
        ("insert into site_benchmarks select * from site_benchmarks limit 1", "more than once"),
        (f"update site_benchmarks set n_clients = 10 {SHOWN}", "too small"),
        (f"update site_benchmarks set n_clients = null {SHOWN}", "too small"),
        (f"update site_benchmarks set n_therapists = 2 {SHOWN}", "too small"),
        (f"update site_benchmarks set n_clients = 9 {HIDDEN}", "still hold a value"),
        (f"update site_benchmarks set raw = 30 {HIDDEN}", "still hold a value"),
        (f"update site_benchmarks set flag = 'within' {HIDDEN}", "still hold a value"),
        (f"update site_benchmarks set comparability = 'x' {HIDDEN}", "still hold a value"),
        (f"update response_rates set response_rate = 0.4 {HIDDEN}", "still hold a value"),
        ("alter table response_rates add column n_due integer", "not in the allow-list"),
        (
            f"update response_rates set response_rate = 34 / 47 {SHOWN}",
            "response_rates: 3 response",
        ),
        (f"update site_benchmarks set response_rate = 34 / 47 {SHOWN}", "no whole percent"),
        (f"update response_rates set response_rate = 1 {SHOWN}", "what every client did"),
        (f"update site_benchmarks set response_rate = 0.75 {SHOWN}", "those of response_rates"),
        (f"update site_benchmarks set suppression_reason = null {HIDDEN}", "whether or why"),
        (f"update site_benchmarks set suppression_reason = 'too_few' {SHOWN}", "whether or why"),
        ("update response_rates set is_suppressed = false", "of forms no cell is shown of"),
        ("update site_benchmarks set raw = 'nan'", "not numbers"),
        ("update site_benchmarks set raw = 'inf'", "not numbers"),
        ("update site_benchmarks set flag = 'best'", "flags are unknown"),
        (f"update site_benchmarks set comparability = 'too_few_clients' {SHOWN}", "not comparable"),
        ("update site_benchmarks set tau2 = null", "3 flags have no target or no limits"),
        (f"update site_benchmarks set raw_bound = 'at_most' {SHOWN}", "3 means do not say"),
        (
            f"update site_benchmarks set raw = 0.1, raw_bound = 'at_least' {SHOWN}",
            "3 means do not say",
        ),
        ("update site_benchmarks set raw = 39.9", "means do not say what they stand for"),
        ("update site_benchmarks set ceiling_share = 0.99", "shares at the best score do not say"),
        (
            "update site_benchmarks set standard_error = 0.01, flag = null, "
            f"comparability = 'therapist_unknown' {SHOWN}",
            "3 standard errors do not say",
        ),
        (f"update sites set peer_group = '{'0f' * 16}'", "shape of a pseudonym"),
        (f"update site_benchmarks set n_forms = 42 {SHOWN}", "are not rounded"),
        ("update release set data_through_on = date '2026-12-30'", "2026 is not closed"),
        ("update release set data_through_on = null", "2026 is not closed"),
        ("update site_benchmarks set period = 'last week'", "not written as agreed"),
    ],
)
def test_a_bad_release_file_is_told_what_is_wrong(
    good: Releases, tmp_path: Path, change: str, said: str
) -> None:
    assert any(said in problem for problem in _problems(good, tmp_path, "release", change))


def test_a_bad_quality_file_is_told_what_is_wrong(good: Releases, tmp_path: Path) -> None:
    change = "alter table quarantine add column value varchar"
    assert _problems(good, tmp_path, "quality", change) == [
        "quarantine.value (varchar) is not in the allow-list"
    ]


def test_a_smaller_minimum_of_the_groups_own_is_honoured(good: Releases) -> None:
    pointer = good.current()
    assert pointer is not None
    with duckdb.connect(str(pointer.release), read_only=True) as con:
        strict = candidate_problems(con, "release", Thresholds(minimum_clients=10_000))
    assert strict == ["site_benchmarks: 3 cells are shown that are too small"]


@pytest.mark.parametrize(
    ("period", "end"),
    [
        ("all", None),
        ("2024-02", date(2024, 2, 29)),
        ("2026-Q2", date(2026, 6, 30)),
        ("2025", date(2025, 12, 31)),
        ("12m-2026-09", date(2026, 9, 30)),
    ],
)
def test_ends_of_periods(period: str, end: date | None) -> None:
    assert period_end(period) == end


@pytest.mark.parametrize("period", ["2026-13", "2026-Q5", "12m-2026", "12m-2026-Q1", "26", ""])
def test_what_is_no_period(period: str) -> None:
    with pytest.raises(ValueError, match="not a period"):
        period_end(period)
