"""How many people stand behind a cell, and which cells speak for a network."""

from expectations.model import Thresholds
from orchestration.benchmarking.units import counted, counted_together
from tests.unit.benchmarking.measured_units import found_in, one_of, units

FEW = Thresholds(minimum_clients=2, minimum_therapists=2)
# a: three clients, therapists 1 (three units) and 2 (one), one unit of nobody known. b: one client.
# c: two clients of one therapist. d: two clients whose therapists nobody knows. e: none.
ROWS = {
    "cell_no": [0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3],
    "client_no": [1, 1, 2, 3, 3, 4, 4, 5, 6, 7, 8],
    "therapist_no": [1, 1, 1, 2, -1, 3, 4, 5, 5, -1, -1],
}


def test_people_are_counted_once_and_the_unknown_therapist_is_nobody() -> None:
    found = [
        (row["n_clients"], row["n_therapists"], row["top_therapist_share"])
        for row in found_in(units("abcde", ROWS).sized())
    ]
    assert found == [
        (3, 2, 0.75),
        (1, 2, 0.5),
        (2, 1, 1.0),
        (2, None, None),
        (None, None, None),
    ]


def test_a_network_is_made_of_the_sites_that_may_be_shown() -> None:
    shown = units("abcde", ROWS).of_shown_sites(FEW)
    # b has one client, c one therapist; of d the client rule alone can be asked.
    assert sorted(set(shown.rows["cell_no"])) == [0, 3]
    ((names, network),) = shown.by_network(["instrument_code"])
    assert names == {"instrument_code": "srs"}
    assert counted_together(network) == {
        "n_clients": 5,
        "n_therapists": 2,
        "top_therapist_share": 0.75,
        "n_sites": 2,
    }
    dominated = units(
        "a", {"cell_no": [0] * 6, "client_no": range(6), "therapist_no": [1] * 5 + [2]}
    )
    assert dominated.of_shown_sites(FEW).rows.empty


def test_nobody_is_no_error() -> None:
    none = units("a", {"cell_no": [], "client_no": [], "therapist_no": []})
    assert counted_together(none) == {"n_clients": 0, "n_sites": 0}
    assert list(none.by_cell()) == []
    assert list(none.of_shown_sites(FEW).by_network(["instrument_code"])) == []


def test_counts_by_a_column_of_the_rows() -> None:
    found = counted(units("abcde", {**ROWS, "state": [0, 1] * 5 + [0]}), ["state"]).reset_index()
    # state 0: rows 0 2 4 6 8 10, clients 1 2 3 4 6 8, therapists 1 4 5, of sites a b c d.
    assert one_of(found, state=0) == {
        "state": 0,
        "n_clients": 6,
        "n_therapists": 3,
        "top_therapist_share": 0.5,
        "n_sites": 4,
    }
