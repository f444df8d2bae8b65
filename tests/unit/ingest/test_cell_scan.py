"""Every cell is searched; a finding names class, column and rows, and never repeats the cell."""

import random
import uuid
from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pytest

from orchestration.ingest.cell_scan import CellRules, row_number_ids, scan, stands
from orchestration.ingest.patterns import luhn, mod_97
from orchestration.ingest.readers.opened import TextRelation
from orchestration.ingest.refusal import DeliveryRefused
from tests.unit.ingest.planted import CLEAN, PLANTED

IDS = CellRules(ids=frozenset(("b",)))
YEARS = CellRules(ids=frozenset(("b",)), ages=frozenset(("a",)), year_only=True)
RANDOM = random.Random(7)


def _finding(texts: Sequence[str], rules: CellRules | None = None, column: str = "b") -> str:
    """What the gate says of a file whose one column holds `texts`; empty when it passes."""
    con = duckdb.connect()
    others = {name: ["1"] * len(texts) for name in ("a", "b", "c") if name != column}
    con.register("file", pa.table({**others, column: list(texts)}).select(["a", "b", "c"]))
    source = TextRelation(("a", "b", "c"), "(select * from file)")
    try:
        n_rows = scan(con, source, rules).n_rows
    except DeliveryRefused as refusal:
        return refusal.message
    assert n_rows == len(texts)
    return ""


@pytest.mark.parametrize("kind", PLANTED)
def test_an_identifier_among_ordinary_cells(kind: str) -> None:
    for secret in PLANTED[kind]:
        for text in (secret, f"x ({secret}) y"):
            found = _finding(["ordinary", text, "2026-09-30"])
            assert f"column b looks like a {kind} in rows 2" in found, text
            assert secret not in found


def test_ordinary_cells_pass() -> None:
    for rules in (None, IDS):
        texts = [text for text in CLEAN if rules is None or any(c.isalpha() for c in text)]
        texts = [text for text in texts if not (rules and text[:2].isdigit())]
        assert _finding(texts, rules) == ""


def test_identifiers_in_several_columns_are_all_named() -> None:
    con = duckdb.connect()
    con.execute("create table file as select 'who@example.org' a, null b, '123-45-6789' c")
    with pytest.raises(DeliveryRefused) as refusal:
        scan(con, TextRelation(("a", "b", "c"), "(select * from file)"))
    assert "column a looks like a e-mail address in rows 1" in refusal.value.message
    assert "column c looks like a social security number in rows 1" in refusal.value.message


def test_long_ids_are_no_cards_and_a_card_among_them_is_one() -> None:
    """A tenth of all numbers keep a card's check digit (ISO/IEC 7812-1)."""
    numbers = [f"4{RANDOM.randrange(10**15):015d}" for _ in range(2000)]
    assert 100 < sum(map(luhn, numbers)) < 300
    assert _finding(numbers, IDS) == ""
    cards = [number for number in numbers if luhn(number)]
    assert "payment card" in _finding(cards, IDS)
    assert "payment card in rows 3" in _finding(["h001", "h002", cards[0], "h004"], IDS)
    uuids = [str(uuid.UUID(int=RANDOM.getrandbits(128), version=4)) for _ in range(20_000)]
    assert _finding(uuids, IDS) == ""
    assert _finding([text.replace("-", "") for text in uuids], IDS) == ""


def test_check_digits() -> None:
    assert luhn("4111 1111 1111 1111")
    assert not luhn("4111 1111 1111 1112")
    assert mod_97("GB82 WEST 1234 5698 7654 32")
    assert not mod_97("GB83 WEST 1234 5698 7654 32")
    both = "4111111111111112 and 4111111111111111"
    assert "payment card in rows 1" in _finding([both])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("social security number", "123456789"),
        ("date", "1985-03-12"),
        ("date", "19850312"),
        ("date", "12.03.1985"),
        ("date", "12031985"),
        ("date", "3/12/1985"),
        ("birth date with initials", "JD850312"),
        ("birth date with initials", "jd-12031985"),
        ("birth date with initials", "ABC_031285"),
        ("birth date with initials", "850312JD"),
        ("e-mail address", "j.doe@example.org"),
    ],
)
def test_the_shape_of_an_id(kind: str, text: str) -> None:
    assert f"column b looks like a {kind} in rows 3" in _finding(["h00001", "h00002", text], IDS)
    assert text not in _finding([text], IDS)
    if kind != "e-mail address":
        assert _finding(["h00001", text], CellRules(), "c") == ""


def test_ids_of_letters_and_digits_by_chance_a_date() -> None:
    ids = [f"AB{RANDOM.randrange(10**6):06d}" for _ in range(3000)]
    assert _finding(ids, IDS) == ""
    births = [f"AB{d:02d}{m:02d}{y}" for d in range(1, 29) for m in range(1, 13) for y in (61, 85)]
    assert "birth date with initials" in _finding(births, IDS)


def test_what_chance_explains() -> None:
    assert not stands(0, 0, 100, 0.1)
    assert stands(1, 1, 100, 0.1), "one that stands out among others"
    assert stands(3, 3, 3, 0.1), "all of them fit"
    assert not stands(110, 1000, 1000, 0.1)
    assert stands(140, 1000, 1000, 0.1)
    assert stands(1, 1000, 1000, 0), "where nothing fits by chance"


def test_long_numbers_where_a_word_is_expected() -> None:
    words = CellRules(words=frozenset(("b",)))
    assert "social security number in rows 2" in _finding(["open", "123456789"], words)
    assert "telephone number in rows 2" in _finding(["open", "2125550142"], words)
    assert _finding(["open", "20260930", "1712345678"], words) == ""


@pytest.mark.parametrize(
    "text",
    [
        *("2026-09-30", "30.09.2026", "9/30/2026", "20260930", "30-Sep-2026", "Sep 30, 2026"),
        *("3 mars 2026", "2026/9/3", "30.9.26", "2026-09-30T10:00:00", "seen 30.09.2026"),
    ],
)
def test_no_day_where_the_class_allows_years_only(text: str) -> None:
    for column in ("a", "b", "c"):
        found = _finding(["2026", text], YEARS, column)
        assert f"column {column} looks like a full date in rows 2" in found
    assert _finding(["2026", text], None) == ""


def test_ages_and_postcodes_where_the_class_allows_years_only() -> None:
    assert "age over 89 in rows 3" in _finding(["89", "90+", "90"], YEARS, "a")
    assert _finding(["7", "89", "90+", "", "2026"], YEARS, "a") == ""
    assert _finding(["90"], YEARS, "c") == ""
    assert "postcode in rows 1" in _finding(["10027-1234"], YEARS, "c")
    assert "postcode in rows 1" in _finding(["New York, NY 10027"], YEARS, "c")


def test_ids_that_count_rows() -> None:
    con = duckdb.connect()
    con.execute("create table file as select (i + 2)::varchar a, 'h' || i b from range(3000) t(i)")
    source = TextRelation(("a", "b"), "(select * from file)")
    assert row_number_ids(con, source, ["a", "b"], 3000) == {"a": (1000, 1000), "b": (1000, 0)}
    assert row_number_ids(con, source, ["c"], 3000) == {}
