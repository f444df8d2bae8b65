"""`alliance benchmark` on an analyst's own CSV: the document, exit statuses, what is left out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from tests.unit.benchmarking.test_funnel import BEYOND, MEDPAR_EXPECTED, MEDPAR_OBSERVED

SECRET = "S3CRET"
KEYS = ["target", "phi", "tau2", "n_units", "n_excluded", "units"]
UNIT_KEYS = [
    *("unit", "n", "value", "z", "lower95", "upper95", "lower998", "upper998"),
    *("lower95_od", "upper95_od", "lower998_od", "upper998_od", "flag", "flag_od"),
    *("shrunken", "shrunken_lower95", "shrunken_upper95"),
]
COUNTS = ["--unit", "site", "--numerator", "yes", "--denominator", "all"]
run = CliRunner()


def _file(folder: Path, header: str, rows: Sequence[str]) -> str:
    path = folder / "own.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return str(path)


def _document(*arguments: str) -> Any:
    result = run.invoke(app, ["benchmark", *arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def _refusal(*arguments: str) -> str:
    result = run.invoke(app, ["benchmark", *arguments])
    assert result.exit_code == 2
    assert not result.stdout
    assert SECRET not in result.stderr
    return result.stderr


def _beyond(document: Any, flag: str) -> int:
    return sum(unit[flag] in BEYOND for unit in document["units"])


def test_talking_therapies_as_funnelplotr(shared: Path) -> None:
    found = _document(
        "proportion",
        str(shared / "real" / "nhs_talking_therapies_recovery_2024_25.csv"),
        *("--unit", "org_code", "--numerator", "recovery_count"),
        *("--denominator", "at_caseness_count", "--winsorise", "0.1"),
    )
    assert (found["n_units"], found["n_excluded"]) == (145, 2)
    assert found["target"] == pytest.approx(0.50620038, abs=5e-9)
    assert found["phi"] == pytest.approx(10.1209931, abs=5e-8)
    assert found["tau2"] == pytest.approx(0.000528768293, abs=5e-13)
    assert (_beyond(found, "flag"), _beyond(found, "flag_od")) == (58, 14)
    unit = next(unit for unit in found["units"] if unit["unit"] == "8HX13")
    assert unit["lower998_od"] == pytest.approx(0.34224957, abs=5e-9)
    assert unit["upper998_od"] == pytest.approx(0.66946841, abs=5e-9)


def test_the_document_s_keys_and_its_order(tmp_path: Path) -> None:
    rows = ["zoo,10,40", "art,30,60", "mid,20,50", "zoo,10,40", "law,5,9"]
    found = _document("proportion", _file(tmp_path, "site,yes,all", rows), *COUNTS)
    assert list(found)[: len(KEYS)] == KEYS
    assert list(found["units"][0])[: len(UNIT_KEYS)] == UNIT_KEYS
    assert [unit["unit"] for unit in found["units"]] == ["art", "law", "mid", "zoo"]
    zoo = found["units"][3]
    assert (zoo["n"], zoo["value"]) == (80, 0.25)  # rows of one unit are summed
    assert found["target"] == pytest.approx(75 / 199)
    assert zoo["lower998"] < zoo["lower95"] < found["target"] < zoo["upper95"] < zoo["upper998"]
    assert zoo["shrunken_lower95"] < zoo["shrunken"] < zoo["shrunken_upper95"]
    assert any("law" in note for note in found["notes"])  # fewer than 30 clients


def test_rows_that_cannot_be_used_are_counted_and_named_not_shown(tmp_path: Path) -> None:
    rows = [
        *("a,10,40", "b,*,60", "c,20,", "d,0,0", "e,9,8", ",1,2", f"f,{SECRET},9", "g,-1,9"),
        *("h,12,40", "i,3,10", "k,11,30"),
    ]
    path = _file(tmp_path, "site,yes,all", rows)
    found = _document("proportion", path, *COUNTS)
    assert (found["n_units"], found["n_excluded"]) == (4, 7)
    assert [(row["line"], row["unit"], row["column"]) for row in found["excluded"]] == [
        *((3, "b", "yes"), (4, "c", "all"), (5, "d", "all"), (6, "e", "yes")),
        *((7, None, "site"), (8, "f", "yes"), (9, "g", "yes")),
    ]
    assert [row["reason"] for row in found["excluded"]] == [
        *("no number, perhaps suppressed", "blank", "not above 0", "more than all"),
        *("no unit", "no number, perhaps suppressed", "below 0"),
    ]
    told = run.invoke(app, ["benchmark", "proportion", path, *COUNTS])
    assert told.exit_code == 0
    assert "line 3, unit b, column yes" in told.stderr
    assert "7 rows left out; 4 units compared" in told.stderr
    assert SECRET not in told.stderr + told.stdout + json.dumps(found)


def test_length_of_stay_ratios_as_published(tmp_path: Path) -> None:
    rows = [
        f"h{place:02d},{observed:g},{expected:.4f}"
        for place, (observed, expected) in enumerate(
            zip(MEDPAR_OBSERVED, MEDPAR_EXPECTED, strict=True)
        )
    ]
    path = _file(tmp_path, "hospital,los,expected", rows)
    columns = ["--unit", "hospital", "--observed", "los", "--expected", "expected"]
    found = _document("ratio", path, *columns)
    assert (_beyond(found, "flag"), _beyond(found, "flag_od")) == (25, 9)
    assert found["target"] == 1.0
    assert found == _document("ratio", path, *columns, "--scale", "log", "--truncate", "0.1")
    roots = _document("ratio", path, *columns, "--scale", "sqrt")
    assert roots == _document("ratio", path, *columns, "--scale", "cqc", "--winsorise", "0.1")
    assert roots["tau2"] != found["tau2"]
    multiplied = _document("ratio", path, *columns, "--overdispersion", "multiplicative")
    unit = multiplied["units"][0]
    spread = np.sqrt(multiplied["phi"] / unit["n"])
    assert unit["upper998_od"] == pytest.approx(np.exp(3.090232 * spread))
    none = _document("ratio", path, *columns, "--overdispersion", "none")
    assert none["tau2"] == 0.0
    assert _beyond(none, "flag_od") == 25


def test_a_ratio_of_none_observed_says_what_is_missing(tmp_path: Path) -> None:
    rows = [f"u{place:02d},{place},6" for place in range(12)]
    path = _file(tmp_path, "u,o,e", rows)
    columns = ["--unit", "u", "--observed", "o", "--expected", "e"]
    found = _document("ratio", path, *columns)
    first = found["units"][0]
    assert (first["z"], first["shrunken"]) == (None, None)
    assert any("observed none" in note for note in found["notes"])
    assert _document("ratio", path, *columns, "--scale", "sqrt")["units"][0]["z"] is not None
    assert "no logarithm" in _refusal("ratio", path, *columns, "--winsorise", "0.1")


@pytest.mark.parametrize(("name", "scale"), [("SHMI", "log"), ("CQC", "sqrt"), ("Log", "log")])
def test_a_scale_may_be_named_in_capitals_as_it_is_published(
    name: str, scale: str, tmp_path: Path
) -> None:
    path = _file(tmp_path, "u,o,e", [f"u{place:02d},{place + 1},6" for place in range(12)])
    columns = ["--unit", "u", "--observed", "o", "--expected", "e"]
    assert _document("ratio", path, *columns, "--scale", name)["scale"] == scale


def test_means_of_statistics_as_by_hand(tmp_path: Path) -> None:
    # s = SD/sqrt(n) = 1 1 2: the hand-worked table of test_funnel.py.
    path = _file(tmp_path, "s,m,sd,n", ["a,10,10,100", "b,14,10,100", "c,18,20,100", "d,1,0,9"])
    columns = ["--unit", "s", "--mean", "m", "--sd", "sd", "--n", "n", "--winsorise", "0"]
    found = _document("mean", path, *columns)
    assert found["n_excluded"] == 1
    assert found["target"] == pytest.approx(38 / 3)
    assert found["phi"] == pytest.approx(16 / 3)
    assert found["tau2"] == pytest.approx(10.5)
    assert [unit["flag"] for unit in found["units"]] == ["below_95", "within", "above_95"]
    assert found["units"][0]["shrunken"] is None  # three units
    assert any("independent" in note for note in found["notes"])
    twice = _file(tmp_path, "s,m,sd,n", ["a,1,1,9", "b,2,1,9", "a,3,1,9"])
    assert "lines 2 and 4" in _refusal("mean", twice, *columns)


@pytest.fixture
def clients(tmp_path: Path) -> str:
    """Five sites of four therapists with ten clients, who differ between therapists a lot."""
    rng = np.random.default_rng(11)
    rows = [
        f"s{site},t{therapist},{20 + site / 10 + effect + rng.normal():.4f}"
        for site in range(5)
        for therapist, effect in enumerate(2 * rng.normal(size=4))
        for _ in range(10)
    ]
    return _file(tmp_path, "site,therapist,score", [*rows, "s0,,20", "s0,,21", "s5,t0,20"])


def test_means_of_clients_with_and_without_therapists(clients: str) -> None:
    columns = ["--unit", "site", "--value", "score"]
    plain = _document("mean", clients, *columns)
    # A lone client has no SD: the unit is left out and named.
    assert [row["unit"] for row in plain["excluded"]] == ["s5"]
    assert plain["variance"] is None
    assert any("SD/sqrt(n)" in note for note in plain["notes"])
    clustered = _document("mean", clients, *columns, "--therapist", "therapist")
    assert (clustered["n_units"], clustered["n_excluded"]) == (6, 0)
    assert clustered["units"][0]["n"] == 42
    # t0 of two sites is two therapists, and each client without one is a therapist alone.
    assert clustered["variance"]["n_therapists"] == 5 * 4 + 3
    errors = [unit["standard_error"] for unit in clustered["units"][:5]]
    # 4/4 + 1/40 is about 1; SD/sqrt(n) of such a site is about sqrt(5/40) = .35.
    assert min(errors) > 1.2 * max(unit["standard_error"] for unit in plain["units"])


def test_proportions_of_clients_cluster_as_their_counts_do(tmp_path: Path) -> None:
    counts = {("a", "x"): (9, 10), ("a", "y"): (2, 10), ("b", "x"): (5, 8), ("b", "z"): (1, 9)}
    counts |= {("c", "v"): (7, 9), ("c", "w"): (3, 12), ("d", "v"): (4, 9), ("d", "w"): (8, 9)}
    single = [
        f"{site},{name},{int(place < yes)}"
        for (site, name), (yes, n) in counts.items()
        for place in range(n)
    ]
    summed = [f"{site},{name},{yes},{n}" for (site, name), (yes, n) in counts.items()]
    therapist = ["--therapist", "who"]
    path = _file(tmp_path, "site,who,got", single)
    clients = _document("proportion", path, "--unit", "site", "--value", "got", *therapist)
    plain = _document("proportion", path, "--unit", "site", "--value", "got")
    counted = _document(
        "proportion", _file(tmp_path, "site,who,yes,all", summed), *COUNTS, *therapist
    )
    assert counted["variance"]["therapist"] == pytest.approx(clients["variance"]["therapist"])
    for one, other, independent in zip(
        counted["units"], clients["units"], plain["units"], strict=True
    ):
        assert one["lower95_od"] == pytest.approx(other["lower95_od"])
        assert one["value"] == independent["value"]
        assert abs(one["z"]) < abs(independent["z"])
    wrong = _file(tmp_path, "site,got", ["a,1", "a,0", "b,2"])
    assert "line 4" in _refusal("proportion", wrong, "--unit", "site", "--value", "got")


@pytest.mark.parametrize(("suffix", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG\r\n\x1a\n")])
def test_the_funnel_plot_is_written(clients: str, suffix: str, begins: bytes) -> None:
    target = Path(clients).with_name(f"plot.{suffix}")
    found = run.invoke(
        app,
        [
            *("benchmark", "mean", clients, "--unit", "site", "--value", "score"),
            *("--plot", str(target)),
        ],
    )
    assert found.exit_code == 0, found.stderr
    drawn = target.read_bytes()
    assert drawn.startswith(begins)
    if suffix == "svg":
        text = drawn.decode()
        assert "5 units around" in text
        assert "Precision of the mean" in text
    else:
        width, height = (int.from_bytes(drawn[at : at + 4]) for at in (16, 20))
        assert width > 1000
        assert height > 500


def test_what_cannot_be_done_is_said_in_one_line(tmp_path: Path) -> None:
    path = _file(tmp_path, "site,yes,all", ["a,1,4", "b,2,5", "c,3,9"])
    assert "exclude each other" in _refusal(
        "proportion", path, *COUNTS, "--winsorise", "0.1", "--truncate", "0.1"
    )
    assert "below 0.5" in _refusal("proportion", path, *COUNTS, "--winsorise", "0.5")
    assert "one is missing" in _refusal("proportion", path, *COUNTS[:4])
    assert "or --value" in _refusal("proportion", path, "--unit", "site")
    assert "no column named 'nope'" in _refusal("proportion", path, *COUNTS[:5], "nope")
    assert ".svg or .png" in _refusal("proportion", path, *COUNTS, "--plot", "plot.jpeg")
    nothing = _file(tmp_path, "site,yes,all", [f"a,{SECRET},4"])
    assert "none of 1 rows can be used" in _refusal("proportion", nothing, *COUNTS)


def test_one_column_cannot_be_two_things(tmp_path: Path) -> None:
    path = _file(tmp_path, "u,a,b", ["x,3,4", "y,5,6"])
    twice = "one is given twice"
    assert twice in _refusal(
        *("mean", path, "--unit", "u", "--mean", "a", "--sd", "b", "--n", "a"),
    )
    counts = ["--numerator", "a", "--denominator", "a"]
    assert twice in _refusal("proportion", path, "--unit", "u", *counts)
    assert twice in _refusal("ratio", path, "--unit", "u", "--observed", "b", "--expected", "b")


def test_two_units_have_no_flag(tmp_path: Path) -> None:
    path = _file(tmp_path, "site,yes,all", ["a,1,40", "b,39,40"])
    found = _document("proportion", path, *COUNTS)
    assert [unit["flag"] for unit in found["units"]] == [None, None]
    assert any("no flags" in note for note in found["notes"])


def test_the_plan_for_a_dependable_site() -> None:
    found = _document("plan", "--reliability", "0.8")
    needed = {row["n_therapists"]: row["n_clients_each"] for row in found["plan"]}
    assert (needed[15], needed[20], needed[30]) == (None, 95, 28)
    assert run.invoke(app, ["benchmark", "plan", "--reliability", "1"]).exit_code == 2
