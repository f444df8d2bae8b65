"""Tables of reliability and careless responding: who has a row, what is null and why, the alarm."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from expectations.model import Thresholds
from orchestration.benchmarking.psychometrics import (
    CARELESS_COLUMNS,
    DESCRIBED,
    NOT_TESTED,
    RELIABILITY_COLUMNS,
    CellSums,
    careless_table,
    key_verdicts,
    scale_reliability_table,
)
from orchestration.key_alarm import outcome_of
from orchestration.measures.careless import careless_forms
from orchestration.measures.instrument_sums import InstrumentKey, InstrumentSums
from tests.unit.measures.published import Floats

N_ITEMS = 8
REVERSED = np.array([False, True, False, False, False, True, False, False])
KEY = InstrumentKey(
    instrument_code="made_up",
    version="1",
    item_nos=tuple(range(1, N_ITEMS + 1)),
    is_reversed=REVERSED,
    lowest=1000,
    width=4000,
    scales={"half": (0, 1, 2, 3), "total": tuple(range(N_ITEMS))},
)
THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class _Site:
    practice_id: str = "north"
    site_id: str = "one"
    n_forms: int = 240
    n_clients: int = 40
    n_therapists: int | None = 4
    top_share: float | None = 0.3
    language: str = "en"
    turned: int | None = None
    """Place of an item that comes turned round."""


def _answers(site: _Site, seed: int) -> Floats:
    """As printed, 1 to 5, of one factor; the reversed items fall where it rises."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(site.n_forms, 1))
    answers = np.clip(np.rint(3 + common + 0.8 * rng.normal(size=(site.n_forms, N_ITEMS))), 1, 5)
    answers[:, REVERSED] = 6 - answers[:, REVERSED]
    if site.turned is not None:
        answers[:, site.turned] = 6 - answers[:, site.turned]
    return answers


def _sums(*sites: _Site, key: InstrumentKey = KEY) -> CellSums:
    cells = pd.DataFrame(
        {
            "practice_id": [site.practice_id for site in sites],
            "site_id": [site.site_id for site in sites],
            "instrument_code": key.instrument_code,
            "version": key.version,
            "language": [site.language for site in sites],
            "informant": "client",
            "n_forms": [site.n_forms + 2 for site in sites],
            "n_forms_without_items": 2,
            "n_clients": [site.n_clients for site in sites],
            "n_therapists": pd.array([site.n_therapists for site in sites], dtype="Int64"),
            "top_therapist_form_share": [site.top_share for site in sites],
        }
    )
    of_client = np.repeat(np.arange(len(sites)), [site.n_clients for site in sites])
    sums = InstrumentSums(key, len(sites), of_client)
    for number, site in enumerate(sites):
        first = int(np.flatnonzero(of_client == number)[0])
        client = first + np.arange(site.n_forms) % site.n_clients
        cell = np.full(site.n_forms, number)
        answers = _answers(site, number)[:, : len(key.item_nos)]
        sums.add(answers * 1000 - key.lowest, cell, client)
    return CellSums(cells, sums)


def test_small_cells_have_no_row_in_either_table() -> None:
    found = _sums(
        _Site(site_id="shown"),
        _Site(site_id="few_clients", n_clients=10),
        _Site(site_id="few_therapists", n_therapists=2),
        _Site(site_id="one_therapist_rules", top_share=0.81),
        _Site(site_id="therapists_unknown", n_therapists=None, top_share=None),
    )
    for table in (
        scale_reliability_table([found], THRESHOLDS),
        careless_table([found], THRESHOLDS),
    ):
        assert table["site_id"].unique().tolist() == ["shown", "therapists_unknown"]


def test_a_row_for_each_scale_and_each_of_its_items() -> None:
    table = scale_reliability_table([_sums(_Site())], THRESHOLDS)
    assert tuple(table.columns) == RELIABILITY_COLUMNS
    assert not table.duplicated(["site_id", "scale", "item_no"]).any()
    assert table.groupby("scale").size().to_dict() == {"half": 1 + 4, "total": 1 + 8}
    scales, items = table[table["item_no"].isna()], table[table["item_no"].notna()]
    assert scales[["alpha_complete", "omega", "omega_lower95"]].notna().all(axis=None)
    assert items[["item_rest", "item_rest_lower95", "loading"]].notna().all(axis=None)
    assert (items["item_rest"] > 0.4).all()
    assert not items["is_pointing_away"].any()
    assert (table["n_forms_complete"] == 240).all()
    assert (table["n_clients_complete"] == 40).all()
    assert (table["n_forms_without_items"] == 2).all()
    assert table["null_reason"].isna().all()


@pytest.mark.parametrize(("n_forms", "has_figures"), [(99, False), (100, True)])
def test_below_a_hundred_complete_forms_there_is_a_reason_and_no_figure(
    n_forms: int, has_figures: bool
) -> None:
    table = scale_reliability_table([_sums(_Site(n_forms=n_forms))], THRESHOLDS)
    figures = table[["alpha_pairwise", "alpha_complete", "omega", "item_rest"]]
    assert figures.notna().any(axis=None) == has_figures
    assert (table["null_reason"] == "too_few_forms").all() != has_figures
    fewer = THRESHOLDS.model_copy(update={"reliability_minimum_forms": 99})
    assert scale_reliability_table([_sums(_Site(n_forms=99))], fewer)["omega"].notna().any()


def test_complete_forms_of_too_few_clients_are_not_even_counted() -> None:
    """Forty clients are in the cell; those who answered everything are ten."""
    found = _sums(_Site(n_forms=1))
    answers = np.tile(_answers(_Site(n_forms=300), 5) * 1000 - KEY.lowest, (2, 1))
    answers[300:, 0] = np.nan
    client = np.r_[np.arange(300) % 10, np.arange(300) % 40]
    found = CellSums(found.cells, InstrumentSums(KEY, 1, np.zeros(40, np.int64)))
    found.sums.add(answers, np.zeros(600, np.int64), client)
    table = scale_reliability_table([found], THRESHOLDS)
    assert (table["null_reason"] == "too_few_clients").all()
    counts = ["n_forms_complete", "n_clients_complete", "alpha_pairwise", "item_rest"]
    assert table[counts].isna().all(axis=None)


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ([_Site(site_id="a"), _Site(site_id="b")], [True, True]),
        ([_Site(site_id="a")], [False]),
        ([_Site(site_id="a"), _Site(site_id="b", n_forms=199)], [False, False]),
        ([_Site(site_id="a"), _Site(site_id="b", language="fr")], [False, False]),
        # A hidden site is nobody's network.
        ([_Site(site_id="a"), _Site(site_id="b", n_clients=10)], [False]),
    ],
)
def test_loadings_are_described_and_invariance_never_tested(
    sites: list[_Site], expected: list[bool]
) -> None:
    table = scale_reliability_table([_sums(*sites)], THRESHOLDS)
    scales = table[table["item_no"].isna() & (table["scale"] == "total")]
    words = [DESCRIBED if is_described else NOT_TESTED for is_described in expected]
    assert scales["invariance"].tolist() == words
    assert all("not tested" in word for word in words)
    assert scales["loading_congruence"].notna().tolist() == expected
    assert (scales["loading_congruence"].dropna() > 0.98).all()


def test_careless_shares_are_those_of_the_forms_one_by_one() -> None:
    site = _Site()
    answers = _answers(site, 0)
    answers[:9] = 5
    answers[9:12] = 2
    answers[12, 1:] = np.nan
    found = CellSums(_sums(site).cells, InstrumentSums(KEY, 1, np.zeros(40, np.int64)))
    client = np.arange(site.n_forms) % 40
    found.sums.add(answers * 1000 - KEY.lowest, np.zeros(site.n_forms, np.int64), client)
    (row,) = careless_table([found], THRESHOLDS).to_dict("records")
    forms, _ = careless_forms(answers, is_reversed=REVERSED, minimum=1, maximum=5)
    flags = [form.is_flagged for form in forms if form.is_flagged is not None]
    assert (row["n_forms"], row["n_flagged"]) == (len(flags), sum(flags)) == (239, 12)
    assert row["flagged_share"] == pytest.approx(12 / 239)
    assert row["n_same_answer"] == 12


def test_the_same_top_answer_is_no_sign_where_nothing_is_reversed() -> None:
    straight = InstrumentKey(
        **{**KEY.__dict__, "is_reversed": np.zeros(N_ITEMS, np.bool_)},
    )
    answers = np.full((60, N_ITEMS), 4000.0)
    answers[:15] = 2000
    found = CellSums(_sums(_Site()).cells, InstrumentSums(straight, 1, np.zeros(40, np.int64)))
    found.sums.add(answers, np.zeros(60, np.int64), np.arange(60) % 40)
    (row,) = careless_table([found], THRESHOLDS).to_dict("records")
    assert (row["flagged_share"], row["same_answer_share"]) == (0.25, 1)


def test_careless_shares_that_cannot_be_given_say_why() -> None:
    short = InstrumentKey("short", "1", (1, 2), REVERSED[:2], 1000, 4000, {"total": (0, 1)})
    table = careless_table([_sums(_Site(), key=short)], THRESHOLDS)
    assert tuple(table.columns) == CARELESS_COLUMNS
    assert table["null_reason"].tolist() == ["too_few_items"]
    assert table[["n_forms", "flagged_share"]].isna().all(axis=None)
    few = CellSums(_sums(_Site()).cells, InstrumentSums(KEY, 1, np.zeros(40, np.int64)))
    assert careless_table([few], THRESHOLDS)["null_reason"].tolist() == ["too_few_forms"]
    few.sums.add(np.full((30, 8), 0.0), np.zeros(30, np.int64), np.arange(30) % 10)
    assert careless_table([few], THRESHOLDS)["null_reason"].tolist() == ["too_few_clients"]


def test_no_cell_gives_empty_tables_with_their_columns() -> None:
    assert tuple(scale_reliability_table([], THRESHOLDS).columns) == RELIABILITY_COLUMNS
    assert tuple(careless_table([], THRESHOLDS).columns) == CARELESS_COLUMNS


def test_the_alarm_judges_the_practice_and_each_of_its_sites() -> None:
    found = _sums(
        _Site(site_id="a"),
        _Site(site_id="b", turned=2, n_forms=120),
        _Site(site_id="c", n_forms=60),
        _Site(practice_id="south", turned=2),
        _Site(practice_id="west", n_forms=99),
    )
    north, south, west = key_verdicts([found], THRESHOLDS)
    # North together and a and b, eight items each; c has too few forms by itself. The wrong item is
    # outweighed in the practice as a whole, and seen at its site.
    assert north.n_evaluated == 3 * N_ITEMS
    assert north.turned == ("item 3 (version 1, en, client, site b)",)
    assert south.n_evaluated == N_ITEMS
    assert south.turned == ("item 3 (version 1, en, client)",)
    assert (west.n_evaluated, west.turned) == (0, ())


def test_the_verdict_warns_and_too_few_forms_is_no_pass() -> None:
    south, west = key_verdicts(
        [
            _sums(
                _Site(practice_id="south", turned=2),
                _Site(practice_id="west", n_forms=99),
            )
        ],
        THRESHOLDS,
    )
    found = outcome_of(south)
    assert (found.status, found.severity, found.n_failed) == ("failed", "warning", 1)
    assert found.failed_share == 1 / N_ITEMS
    assert found.message is not None
    assert found.message.startswith("item 3 (version 1, en, client): falls")
    assert outcome_of(west).status == "not_applicable"
    assert outcome_of(west).failed_share is None
