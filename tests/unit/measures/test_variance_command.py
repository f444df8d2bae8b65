"""`alliance variance`: published crossed data through the command, and what it says of a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from orchestration.cli.main import app
from tests.unit.measures.published_mixed import DYESTUFF_2, PENICILLIN, SLEEP

SECRET = "S3CRET"
run = CliRunner()


def written(folder: Path, header: str, rows: list[str]) -> str:
    path = folder / "data.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return str(path)


def penicillin(folder: Path, changed: dict[int, str] | None = None) -> str:
    rows = [
        f"{value:g},{'abcdefghijklmnopqrstuvwx'[place // 6]},{'ABCDEF'[place % 6]}"
        for place, value in enumerate(PENICILLIN.ravel())
    ]
    for place, row in (changed or {}).items():
        rows[place] = row
    return written(folder, "diameter,plate,sample", rows)


def invoked(*arguments: str) -> Result:
    return run.invoke(app, ["variance", *arguments])


def document(*arguments: str) -> Any:
    result = invoked(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


CROSSED = ("--value", "diameter", "--groups", "plate,sample")


def test_the_published_figures_under_the_names_that_stay(tmp_path: Path) -> None:
    found = document(penicillin(tmp_path), *CROSSED)
    assert {"components", "residual", "icc", "effects", "singular"} <= found.keys()
    assert [each["group"] for each in found["components"]] == ["plate", "sample"]
    # lme4: .7169, 3.7309 (also printed 3.7311) and .3024; see test_mixed_model.py.
    figures = [each["variance"] for each in found["components"]]
    assert figures == pytest.approx([0.7169, 3.7309], abs=5e-5)
    assert found["residual"] == pytest.approx(0.3024, abs=5e-5)
    whole = 0.7169 + 3.7309 + 0.3024
    assert found["icc"] == pytest.approx(
        {"plate": 0.7169 / whole, "sample": 3.7309 / whole}, abs=1e-4
    )
    assert [len(found["effects"][group]) for group in ("plate", "sample")] == [24, 6]
    first = found["effects"]["sample"][0]
    assert list(first) == ["level", "effect", "lower95", "upper95"]
    assert first["level"] == "A"
    assert first["lower95"] < first["effect"] < first["upper95"]
    assert found["singular"] is False
    assert (found["n_used"], found["n_excluded"], found["excluded"]) == (144, 0, [])
    assert found["relations"] == [
        {"inner": "plate", "outer": "sample", "kind": "crossed", "n_labels": 24, "n_in_several": 24}
    ]


def test_covariates_are_numbers_or_categories(tmp_path: Path) -> None:
    rows = [
        f"{SLEEP[s, d]:g};{d};{'late' if d > 4 else 'early'};{s}"
        for s in range(18)
        for d in range(10)
    ]
    path = written(tmp_path, "reaction;day;half;subject", rows)
    plain = ("--value", "reaction", "--groups", "subject")
    found = document(path, *plain, "--covariates", "day")
    assert found["components"][0]["variance"] == pytest.approx(1378.2, abs=0.05)
    assert found["residual"] == pytest.approx(960.5, abs=0.05)
    assert [each["name"] for each in found["fixed_effects"]] == ["intercept", "day"]
    assert found["fixed_effects"][1]["estimate"] == pytest.approx(10.4673, abs=5e-5)
    both = document(path, *plain, "--covariates", "day,half", "--categorical", "day")
    names = [each["name"] for each in both["fixed_effects"]]
    assert names == ["intercept", *(f"day: {d}" for d in range(1, 10))]
    # Which half it is, the days already say.
    assert both["dropped_covariates"] == ["half: late"]


def test_a_singular_fit_is_said_and_has_no_false_intervals(tmp_path: Path) -> None:
    rows = [f"{value:g},{place // 5}" for place, value in enumerate(DYESTUFF_2.ravel())]
    path = written(tmp_path, "yield,batch", rows)
    found = document(path, "--value", "yield", "--groups", "batch")
    assert found["singular"] is True
    assert found["components"][0]["variance"] == 0
    assert "No variation between the labels of batch was found" in found["sentence"]
    assert found["effects"]["batch"][0] == {
        "level": "0",
        "effect": 0,
        "lower95": None,
        "upper95": None,
    }
    spoken = invoked(path, "--value", "yield", "--groups", "batch")
    assert spoken.exit_code == 0
    assert "which does not show that there is none" in spoken.stderr
    assert "residual" in spoken.stdout


def test_unusable_rows_are_counted_and_named_and_no_cell_is_shown(tmp_path: Path) -> None:
    path = penicillin(tmp_path, {0: f"{SECRET},a,A", 3: "NA,a,D", 5: "21,,F"})
    result = invoked(path, *CROSSED)
    assert result.exit_code == 0
    assert "1 rows left out, column diameter empty: line 5" in result.stderr
    assert "1 rows left out, column diameter not a number: line 2" in result.stderr
    assert "1 rows left out, column plate empty: line 7" in result.stderr
    assert SECRET not in result.stdout + result.stderr
    found = document(path, *CROSSED)
    assert (found["n_used"], found["n_excluded"]) == (141, 3)
    assert [each["lines"] for each in found["excluded"]] == [[5], [2], [7]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--value", "width", "--groups", "plate"), "no column named 'width'"),
        (("--value", "diameter", "--groups", "plate,plate"), "chosen twice: plate"),
        (("--value", "diameter", "--groups", "diameter"), "chosen twice: diameter"),
        (("--value", "plate", "--groups", "sample"), "column plate: no cell is a number"),
        ((*CROSSED, "--categorical", "plate"), "plate is none of --covariates"),
    ],
)
def test_what_cannot_be_used_ends_in_one_line(
    options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    result = invoked(penicillin(tmp_path), *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_covariate_of_many_words_is_a_group(tmp_path: Path) -> None:
    rows = [f"{value:g},{n % 9},w{n}" for n, value in enumerate(np.arange(60.0) ** 0.5)]
    path = written(tmp_path, "y,g,words", rows)
    result = invoked(path, "--value", "y", "--groups", "g", "--covariates", "words")
    assert result.exit_code == 2
    assert "60 categories, and a covariate has at most 50" in result.stderr
