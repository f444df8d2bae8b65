"""The commands on an analyst's own CSV: one document, exit statuses, one line when refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from orchestration.cli.main import app
from tests.unit.measures.published import (
    ATTITUDE,
    GLOBAL_DISTRESS,
    SUDDEN,
    SUDDEN_GAINS,
    SUDDEN_LOSSES,
    Floats,
)

SECRET = "S3CRET"
CHANGE = [
    *("--id", "id", "--time", "time", "--value", "gds"),
    *("--pre", "before", "--post", "after", "--reliability", "0.8"),
]
GAINS = ["--id", "id", "--time", "session", "--value", "bdi", "--cutoff", "7"]
run = CliRunner()


def _cell(value: float) -> str:
    return "NA" if np.isnan(value) else f"{value:g}"


@pytest.fixture
def couples(tmp_path: Path) -> Path:
    lines = [
        f"{number};{time};{_cell(score).replace('.', ',')}"
        for number, pair in enumerate(GLOBAL_DISTRESS, start=1)
        for time, score in zip(("after", "before"), pair[::-1], strict=True)
    ]
    path = tmp_path / "couples.csv"
    path.write_text("\n".join(["id;time;gds", *lines]), encoding="utf-8")
    return path


def _long(folder: Path, scores: Floats) -> Path:
    lines = [
        f"{person},{session},{_cell(score)}"
        for person, row in enumerate(scores, start=1)
        for session, score in enumerate(row, start=1)
        if not np.isnan(score) or session == 5  # a missing session is a row or none
    ]
    path = folder / "long.csv"
    path.write_text("\n".join(["id,session,bdi", *lines[::-1]]), encoding="utf-8")
    return path


def _wide(folder: Path, table: Floats, name: str) -> Path:
    header = ",".join(["id", *(f"{name}{n}" for n in range(1, table.shape[1] + 1))])
    lines = [",".join([str(n), *map(_cell, row)]) for n, row in enumerate(table, start=1)]
    path = folder / "wide.csv"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    return path


def _document(*arguments: str) -> Any:
    result = run.invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_change_gives_the_published_counts_and_every_person(couples: Path) -> None:
    found = _document("change", str(couples), *CHANGE)
    assert list(found) == ["cutoff", "n_original", "n_used", "counts", "persons"]
    assert (found["n_original"], found["n_used"]) == (30, 26)
    assert found["counts"] == {
        "recovered": 10,
        "improved": 4,
        "unchanged": 12,
        "deteriorated": 0,
        "harmed": 0,
    }
    second = found["persons"][1]
    assert list(second) == ["id", "pre", "post", "change", "rci", "category"]
    assert (second["id"], second["pre"], second["post"], second["change"]) == ("2", 74.5, 56, -18.5)
    assert second["category"] == "recovered"
    assert [person["id"] for person in found["persons"]] == [str(n) for n in range(1, 27)]


def test_change_by_people_speaks_of_those_left_out(couples: Path) -> None:
    result = run.invoke(app, ["change", str(couples), *CHANGE, "--better", "lower"])
    assert result.exit_code == 0
    assert "recovered" in result.stdout
    assert "4 of 30 persons lack a score" in result.stderr


def test_change_the_other_way_round(couples: Path) -> None:
    found = _document("change", str(couples), *CHANGE, "--better", "higher")
    # 14 couples came down reliably; none had been beyond 2 SD above the mean before.
    assert found["counts"]["recovered"] == 0
    assert found["counts"]["deteriorated"] + found["counts"]["harmed"] == 14


def test_gains_gives_the_package_s_events_from_long_and_wide(tmp_path: Path) -> None:
    long = _document("gains", str(_long(tmp_path, SUDDEN)), *GAINS)
    wide_file = str(_wide(tmp_path, SUDDEN, "bdi_s"))
    wide = _document("gains", wide_file, *GAINS[:2], *GAINS[6:], "--wide", "bdi_s1:bdi_s12")
    assert long == wide
    counts = {name: value for name, value in long.items() if name != "events"}
    assert counts == {
        "n_gains": 24,
        "n_losses": 3,
        "n_persons_with_gain": 15,
        "n_persons_with_loss": 3,
        "n_reversals": 4,
    }
    for kind, expected in (("gain", SUDDEN_GAINS), ("loss", SUDDEN_LOSSES)):
        events = [event for event in long["events"] if event["kind"] == kind]
        assert [(int(e["id"]), e["time"], e["magnitude"], e["reversed"]) for e in events] == list(
            expected
        )


def test_gains_takes_the_percentage_either_way_and_a_fixed_value(tmp_path: Path) -> None:
    path = str(_long(tmp_path, SUDDEN))
    strict = _document("gains", path, *GAINS, "--percentage", "50")
    assert strict == _document("gains", path, *GAINS, "--percentage", "0.5")
    assert 0 < strict["n_gains"] < 24
    assert _document("gains", path, *GAINS, "--percentage", "0")["n_gains"] > 24
    assert _document("gains", path, *GAINS, "--critical", "fixed")["n_gains"] == 26
    mirrored = _document("gains", path, *GAINS, "--better", "higher")
    assert (mirrored["n_gains"], mirrored["n_losses"]) == (3, 24)
    assert run.invoke(app, ["gains", path, *GAINS]).exit_code == 0


def test_reliability_gives_psych_s_figures(tmp_path: Path) -> None:
    path = str(_wide(tmp_path, ATTITUDE, "q"))
    found = _document("reliability", path, "--items", "q1:q7")
    assert list(found)[:6] == [
        *("alpha_pairwise", "alpha_complete", "alpha_interval", "omega", "items", "n"),
    ]
    assert found["alpha_pairwise"] == pytest.approx(0.843, abs=0.0005)
    assert found["alpha_interval"] == pytest.approx([0.739, 0.916], abs=0.0005)
    assert found["items"][5] == {
        "item": "q6",
        "item_rest": pytest.approx(0.265, abs=0.0005),
        "alpha_if_dropped": pytest.approx(0.864, abs=0.0005),
    }
    assert (found["n"], found["n_complete"], found["reasons"]) == (30, 30, [])
    # An item turned round on paper, and said to be so, changes nothing.
    turned = ATTITUDE.copy()
    turned[:, 1] = 100 - turned[:, 1]
    options = ("--items", "q*", "--min", "0", "--max", "100")
    path = str(_wide(tmp_path, turned, "q"))
    again = _document("reliability", path, *options, "--reversed", "q2")
    assert again["alpha_pairwise"] == pytest.approx(found["alpha_pairwise"])
    assert again["omega"] == pytest.approx(found["omega"], abs=1e-6)
    alarm = _document("reliability", path, *options)
    assert ("item_rest", "q2") in [(r["figure"], r["item"]) for r in alarm["reasons"]]
    assert "reverse-key alarm" in run.invoke(app, ["reliability", path, *options]).stderr


def test_reliability_of_one_item_is_null_with_reasons(tmp_path: Path) -> None:
    found = _document("reliability", str(_wide(tmp_path, ATTITUDE, "q")), "--items", "q1")
    assert found["alpha_pairwise"] is None
    assert found["alpha_interval"] is None
    assert found["omega"] is None
    assert found["items"] == [{"item": "q1", "item_rest": None, "alpha_if_dropped": None}]
    assert {"alpha_pairwise", "omega", "item_rest"} <= {r["figure"] for r in found["reasons"]}


def test_careless_gives_a_row_a_form(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    answers = rng.integers(1, 8, size=(20, 9)).astype(np.float64)
    answers[0], answers[1] = 7, 4
    answers[2, 3:] = np.nan
    path = str(_wide(tmp_path, answers, "q"))
    options = ("--items", "q*", "--scales", "3,3,3", "--min", "1", "--max", "7")
    found = _document("careless", path, *options)
    columns = ["row", "longstring", "irv", "even_odd", "mahalanobis", "flagged"]
    assert all(list(row) == columns for row in found["rows"])
    assert [row["row"] for row in found["rows"]] == list(range(1, 21))
    assert [row["flagged"] for row in found["rows"][:3]] == [False, True, None]
    assert found["rows"][0]["longstring"] == 9
    assert found["rows"][0]["irv"] == 0
    assert found["rows"][0]["even_odd"] is None
    places = {(r["row"], r["index"]) for r in found["reasons"]}
    assert {(3, "all"), (1, "even_odd"), (2, "even_odd")} <= places
    contradicted = _document("careless", path, *options, "--reversed", "q2")
    assert contradicted["rows"][0]["flagged"] is True
    result = run.invoke(app, ["careless", path, "--items", "q*"])
    assert result.exit_code == 0
    assert "2 of 20" not in result.stdout
    assert "1 of 20 forms flagged" in result.stdout
    assert "--max" in result.stderr


def _said(result: Result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert SECRET not in result.stderr
    return result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["change", *CHANGE],
        ["gains", *GAINS],
        ["gains", "--id", "id", "--cutoff", "7", "--wide", "a,b,c"],
        ["reliability", "--items", "a,b,c"],
        ["careless", "--items", "a,b,c"],
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "id,time\n",
        f"{SECRET}\n{SECRET}\n",
        "id,time,session,gds,bdi,a,b,c\n1,before,1,2,3,4,5\n",
        f"id,time,session,gds,bdi,a,b,c\n1,before,1,{SECRET},{SECRET},4,{SECRET},6\n"
        "1,after,2,3,3,4,5,6\n",
        "id,time,session,gds,bdi,a,b,c\n,,,,,,,\n",
        '"',
        "\0\0",
    ],
)
def test_what_cannot_be_read_ends_in_one_line_and_status_2(
    arguments: list[str], text: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    command, *options = arguments
    assert _said(run.invoke(app, [command, str(path), *options])).startswith("bad.csv: ")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--cutoff", "c"], "--functional-mean and --functional-sd; a needs neither"),
        (["--cutoff", "b", "--functional-mean", "8"], "cut-off b needs --functional-sd"),
        (["--cutoff", "c", "--functional-mean", "8", "--functional-sd", "0"], "above 0"),
        (["--reliability", "1"], "below 1"),
        (["--post", "before"], "same time"),
        (["--post", "later"], "no row has the time 'later'"),
        (["--value", "das"], "no column named 'das'"),
    ],
)
def test_change_says_what_is_missing(more: list[str], says: str, couples: Path) -> None:
    assert says in _said(run.invoke(app, ["change", str(couples), *CHANGE, *more]))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--wide", "bdi"], "takes the place"),
        (["--cutoff", "-7"], "above 0"),
        (["--percentage", "200"], "between 0 and 100"),
        (["--time", "id", "--value", "missing"], "no column named 'missing'"),
    ],
)
def test_gains_says_what_is_wrong(more: list[str], says: str, tmp_path: Path) -> None:
    assert says in _said(run.invoke(app, ["gains", str(_long(tmp_path, SUDDEN)), *GAINS, *more]))


def test_gains_needs_sessions_in_an_order(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("id,session,bdi\na,first,20\na,second,10\n", encoding="utf-8")
    assert "number them, or use --wide" in _said(run.invoke(app, ["gains", str(path), *GAINS]))
    options = [*GAINS[:2], *GAINS[6:]]
    assert "needs --time and --value" in _said(run.invoke(app, ["gains", str(path), *options]))


@pytest.mark.parametrize("command", ["change", "gains", "reliability", "careless"])
def test_help_has_an_example(command: str) -> None:
    result = run.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: alliance {command}" in result.stdout


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (
            "id,time,gds\n1,before,1e308\n1,after,2\n2,before,-1e308\n2,after,1\n",
            ["change", *CHANGE],
        ),
        (
            "id,a,b,c,d\n1,1e308,-1e308,1e308,0\n",
            ["gains", "--id", "id", "--cutoff", "7", "--wide", "a:d"],
        ),
        ("a,b,c\n1e300,2,3\n4,5e300,6\n7,8,9e300\n", ["reliability", "--items", "a:c"]),
        (
            "a,b,c,d,e,f,g,h\n1e200,2,3,4,5,6,7,8\n2,2,3,4,5,6,7,9e200\n",
            ["careless", "--items", "a:h"],
        ),
        (
            "s,v\na,1e200\na,2\na,3\nb,4\nb,5e200\nb,3\n",
            ["variance", "--value", "v", "--groups", "s"],
        ),
        (
            "s,v\na,9e307\na,8e307\na,7e307\nb,1\nb,2\n",
            ["benchmark", "mean", "--unit", "s", "--value", "v"],
        ),
        (
            "s,m,sd,n\na,1e200,1e200,9\nb,2e200,1e200,9\nc,3e200,1e200,9\nd,4e200,1e200,9\n",
            ["benchmark", "mean", "--unit", "s", "--mean", "m", "--sd", "sd", "--n", "n"],
        ),
        (
            "s,o,e\n" + "".join(f"{n},{n},1e-300\n" for n in range(1, 13)),
            [
                "benchmark",
                "ratio",
                "--unit",
                "s",
                "--observed",
                "o",
                "--expected",
                "e",
                "--scale",
                "sqrt",
            ],
        ),
    ],
)
def test_numbers_beyond_reckoning_are_refused_in_one_line(
    text: str, arguments: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "huge.csv"
    path.write_text(text, encoding="utf-8")
    n_words = 2 if arguments[0] == "benchmark" else 1
    found = run.invoke(app, [*arguments[:n_words], str(path), *arguments[n_words:], "--json"])
    assert _said(found).startswith("huge.csv: ")
