"""A small whole night with one item turned round in one practice's export, and the alarm of it."""

import csv
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from expectations.registry import load_registry
from orchestration.assets.psychometrics import write_psychometrics
from orchestration.item_slices import summed_answers
from orchestration.key_alarm import standing_alarms
from orchestration.measures.item_moments import ItemMoments
from orchestration.measures.reliability import scale_reliability
from orchestration.night import Night
from orchestration.nightly import NightReport
from orchestration.release.publish import write_release
from orchestration.settings import Settings
from tests.integration import sample_nights as nights

TURNED, STRAIGHT = "harbor_counseling", "cabinet_erable"
WORLD = replace(nights.FEW_FIRST, n_clients=240)
LATER = replace(WORLD, window=(date(2026, 7, 8), date(2026, 7, 31)), n_clients=60)
ALARM = "administrations.items.reverse_key"


def _turn_round(folder: Path, column: str, top: float) -> None:
    """Every answer in a column becomes `top` minus the answer."""
    (path,) = folder.glob("client_forms_*.csv")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    for row in rows:
        if row[column]:
            row[column] = f"{round(top - float(row[column]), 1):g}"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(reader.fieldnames or ()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> tuple[Settings, NightReport]:
    settings = nights.home(tmp_path_factory.mktemp("planted") / "home", parsed, with_measures=True)
    nights.send_few(settings, WORLD, (TURNED, STRAIGHT))
    _turn_round(settings.landing / TURNED, "srs_3", 10)
    return settings, nights.night(settings)


def test_the_alarm_names_the_item_and_blocks_nothing(
    planted: tuple[Settings, NightReport],
) -> None:
    settings, report = planted
    assert report.is_new_release
    assert not report.needs_a_person
    found = nights.query(
        settings.warehouse,
        "select practice_id, status, severity, n_failed > 0, n_evaluated > 0, message "
        f"from quality.check_results where check_id = '{ALARM}' and instrument_code = 'srs' "
        "order by practice_id",
    )
    straight, turned = found
    assert straight == (STRAIGHT, "passed", "warning", False, True, None)
    assert turned[:5] == (TURNED, "failed", "warning", True, True)
    assert "item 3 (version 3, en, client)" in turned[5]
    assert "item 1" not in turned[5]
    warned = {line.practice_id: line.n_checks_warned for line in report.practices}
    assert warned[TURNED] > 0
    assert nights.broken_links(settings.warehouse) == []
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        assert standing_alarms(con) == 1


def test_the_alarm_is_a_check_like_the_others(planted: tuple[Settings, NightReport]) -> None:
    settings, report = planted
    quality = settings.releases / f"{report.release_id}.quality.duckdb"
    assert (
        nights.query(quality, f"select count(*) from check_results where check_id = '{ALARM}'")[0]
        == (
            nights.query(
                settings.warehouse,
                f"select count(distinct practice_id || instrument_code) from quality.check_results "
                f"where check_id = '{ALARM}'",
            )[0]
        )
    )
    # On the newest delivery with forms of the instrument, and of its file.
    assert nights.query(
        settings.warehouse,
        "select count(*) from quality.check_results as given left join raw.deliveries as ledger "
        "on given.load_seq = ledger.load_seq and given.delivery_id = ledger.delivery_id "
        "and given.file_sha256 = ledger.file_sha256 and ledger.feed = 'administrations' "
        f"where given.check_id = '{ALARM}' and ledger.load_seq is null",
    ) == [(0,)]


def test_sites_have_rows_where_the_disclosure_rule_lets_them(
    planted: tuple[Settings, NightReport],
) -> None:
    settings, _ = planted
    small = (
        "n_clients < 11 or coalesce(n_therapists < 3, false) or "
        "coalesce(top_therapist_form_share > 0.8, false)"
    )
    cells = "practice_id, site_id, instrument_code, version, language, informant"
    for table in ("scale_reliability", "careless_shares"):
        shown = nights.query(
            settings.warehouse,
            f"select distinct {cells} from benchmark.{table} order by all",
        )
        assert shown
        assert shown == nights.query(
            settings.warehouse,
            f"select {cells} from intermediate.int_item_cells_counted where not ({small}) "
            "order by all",
        )
    n_small = nights.query(
        settings.warehouse,
        f"select count(*) from intermediate.int_item_cells_counted where {small}",
    )
    assert n_small[0][0] > 0


def test_what_is_null_has_a_reason(planted: tuple[Settings, NightReport]) -> None:
    settings, _ = planted
    found = nights.query(
        settings.warehouse,
        "select count(*), count(alpha_complete), count(*) filter ("
        "  (alpha_complete is null or omega is null) and null_reason is null) "
        "from benchmark.scale_reliability where item_no is null",
    )
    n_rows, n_alphas, n_silent = found[0]
    assert n_rows > n_alphas > 0
    assert n_silent == 0
    assert nights.query(
        settings.warehouse,
        "select count(*) from benchmark.careless_shares "
        "where (flagged_share is null) <> (null_reason is not null)",
    ) == [(0,)]


def test_the_figures_are_those_of_the_answers_themselves(
    planted: tuple[Settings, NightReport],
) -> None:
    settings, _ = planted
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        site, alpha, n_complete = con.execute(
            "select site_id, alpha_complete, n_forms_complete from benchmark.scale_reliability "
            "where instrument_code = 'srs' and item_no is null and alpha_complete is not null "
            f"and practice_id = '{TURNED}' order by site_id limit 1"
        ).fetchall()[0]
        answers = con.execute(
            "pivot (select administration_row, item_no, value::double as value "
            "from staging.stg_answers inner join intermediate.int_forms_answered "
            f"using (administration_row) where practice_id = '{TURNED}' and site_id = '{site}' "
            "and instrument_code = 'srs' and informant = 'client') on item_no using first(value)"
        ).df()
    plain = scale_reliability(answers[["1", "2", "3", "4"]].to_numpy(dtype=np.float64))
    assert plain.n_complete == n_complete
    assert plain.alpha_complete == pytest.approx(alpha)


def test_slices_add_up_to_the_whole(planted: tuple[Settings, NightReport]) -> None:
    settings, _ = planted
    with duckdb.connect(str(settings.warehouse)) as con:
        whole, sliced = summed_answers(con), summed_answers(con, forms_a_slice=37)
    assert len(whole) == len(sliced) > 1
    for one, other in zip(whole, sliced, strict=True):
        for scale, moments in one.sums.moments.items():
            for name in ItemMoments.__dataclass_fields__:
                parts = getattr(other.sums.moments[scale], name)
                assert np.array_equal(getattr(moments, name), parts)
            assert np.array_equal(
                one.sums.n_clients_complete(scale), other.sums.n_clients_complete(scale)
            )
        for name in ("n_judged", "n_flagged", "n_same_answer", "n_clients_judged"):
            assert np.array_equal(getattr(one.sums, name), getattr(other.sums, name))


def test_it_is_done_once_for_a_build_and_said_once_for_a_delivery(
    planted: tuple[Settings, NightReport], tmp_path: Path
) -> None:
    settings = nights.copy(planted[0], tmp_path / "home")
    registry = load_registry([settings.home])
    said = f"select check_seq from quality.check_results where check_id = '{ALARM}' order by all"
    before = nights.query(settings.warehouse, said)
    with duckdb.connect(str(settings.warehouse)) as con:
        night = Night(settings, registry)
        assert not write_psychometrics(con, night)
        con.execute("delete from benchmark.psychometrics_made")
        assert write_psychometrics(con, night)
    assert nights.query(settings.warehouse, said) == before
    # A later delivery of one practice gives that one new verdicts.
    nights.send_few(settings, LATER, (STRAIGHT,))
    assert nights.night(settings).did_anything
    later = nights.query(
        settings.warehouse,
        f"select distinct practice_id from quality.check_results where check_id = '{ALARM}' "
        f"and check_seq > {before[-1][0]}",
    )
    assert later == [(STRAIGHT,)]
    assert nights.broken_links(settings.warehouse) == []


def test_a_group_too_small_for_any_row_gets_its_release(
    parsed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = nights.home(tmp_path / "home", parsed, with_measures=True)
    nights.send_few(settings, replace(WORLD, n_clients=20), (TURNED,))
    withheld = "measures of north/main withheld"
    monkeypatch.setattr(
        "orchestration.assets.release.write_release",
        lambda *given, **named: replace(write_release(*given, **named), withheld=(withheld,)),
    )
    report = nights.night(settings)
    assert report.is_new_release
    # What is withheld lets the rest go out, and is said.
    assert report.withheld == (withheld,)
    assert not report.needs_a_person
    for table in ("scale_reliability", "careless_shares"):
        assert nights.query(settings.warehouse, f"select count(*) from benchmark.{table}") == [(0,)]
    verdicts = f"select distinct status from quality.check_results where check_id = '{ALARM}'"
    assert nights.query(settings.warehouse, verdicts) == [("not_applicable",)]
