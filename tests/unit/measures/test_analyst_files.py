"""An analyst's CSV: what is read, and what is said, and never said, of one that cannot be."""

from pathlib import Path

import numpy as np
import pytest

from orchestration.analyst_csv import AnalystFile, FileRefused, read_analyst_csv
from orchestration.analyst_items import read_items, scale_items
from orchestration.analyst_series import long_series, wide_series

SECRET = "S3CRET"
HEADER = "id,q1,q2,q3,q4\n"


def _file(folder: Path, text: str, encoding: str = "utf-8") -> AnalystFile:
    path = folder / "own.csv"
    path.write_bytes(text.encode(encoding))
    return read_analyst_csv(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,score\na,1.5\nb,-2e1\n", [1.5, -20]),
        ("\ufeffid;score\r\na;1,5\r\n\r\nb;1.5\r\n", [1.5, 1.5]),
        ("id\tscore\na\t1,5\nb\t\n", [1.5, np.nan]),
        ('id,"score"\n"a, b",3\nc,NA\n', [3, np.nan]),
        ('"a, b, c";score\nx;1,5\n', [1.5]),
        ("id, score \nx, 7 \ny,.\n", [7, np.nan]),
    ],
)
def test_dialects_and_missing_values(text: str, expected: list[float], tmp_path: Path) -> None:
    found = _file(tmp_path, text).numbers(["score"])[:, 0]
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "cell", [SECRET, "1_000", "inf", "0x10", "--1", "1.5.2", '"1,5"', "\u0661"]
)
def test_what_is_no_number_is_refused_by_place(cell: str, tmp_path: Path) -> None:
    file = _file(tmp_path, f'id,score\na,1\n"b\nb",2\nc,{cell}\n')
    with pytest.raises(FileRefused, match=r"^line 5, column score: not a number") as refusal:
        file.numbers(["score"])
    assert cell not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "file is empty"),
        ("\n\n", "file is empty"),
        ("id,score\n", "no rows"),
        (f"id,score\na,1\n{SECRET},2,3\n", "line 3 has 3 cells where line 1 names 2"),
        (f'id,score\na,"1\n{SECRET}', "not readable as CSV"),
        (f'id,score\na,"1"{SECRET}\n', "not readable as CSV"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=says) as refusal:
        _file(tmp_path, text)
    assert SECRET not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="UTF-8"):
        _file(tmp_path, "id,ü\na,1\n", "utf-16")


def test_a_column_must_be_there_once_and_others_are_not_listed(tmp_path: Path) -> None:
    file = _file(tmp_path, f"{SECRET},x,x\n1,2,3\n")
    with pytest.raises(FileRefused, match="no column named 'y'; it names 3 columns") as refusal:
        file.numbers(["y"])
    assert SECRET not in str(refusal.value)
    with pytest.raises(FileRefused, match="2 columns named 'x'"):
        file.numbers(["x"])


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("q2, q1", ["q2", "q1"]),
        ("q1:q3", ["q1", "q2", "q3"]),
        ("q*", ["q1", "q2", "q3", "q4"]),
        ("q4,q1:q2", ["q4", "q1", "q2"]),
    ],
)
def test_columns_are_chosen_by_name_range_or_beginning(
    columns: str, expected: list[str], tmp_path: Path
) -> None:
    assert _file(tmp_path, HEADER + "a,1,2,3,4\n").chosen(columns) == expected


@pytest.mark.parametrize("columns", ["q9", "q1:q9", "q3:q1", "r*", "q1,q1", "q*,q2", "", "q1,"])
def test_columns_that_cannot_be_chosen(columns: str, tmp_path: Path) -> None:
    with pytest.raises(FileRefused):
        _file(tmp_path, HEADER + "a,1,2,3,4\n").chosen(columns)


LONG = "who,wave,score\nb,post,5\n10,pre,1\n9,pre,2\n9,mid,x\n9,post,4\nb,pre,\n"


def test_times_may_be_words_and_only_the_rows_asked_for_are_read(tmp_path: Path) -> None:
    found = long_series(_file(tmp_path, LONG), "who", "wave", "score", ["pre", "post"])
    assert found.ids == ("9", "10", "b")
    assert found.scores == pytest.approx(np.array([[2, 4], [1, np.nan], [np.nan, 5]]), nan_ok=True)


def test_times_that_are_the_same_number_are_the_same_time(tmp_path: Path) -> None:
    file = _file(tmp_path, "id,t,v\na,1,10\na,10,30\na,02.0,20\nb,1.0,40\n")
    found = long_series(file, "id", "t", "v")
    assert found.times == (1, 2, 10)
    assert found.scores[0].tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("a,1,5\nb,2,6\na,1.0,5\n", "lines 2 and 4 have the same id and t; keep"),
        ("a,1,5\nb,2,6\na,01,\nb,2,6\n", r"lines 2 and 4 \(and 1 more pair\)"),
        (f"{SECRET},1,5\n,1,6\n", "line 3, column id: empty"),
        (f"{SECRET},1,5\nb,NA,6\n", "line 3, column t: empty"),
        (f"a,1,5\na,2,{SECRET}\n", "line 3, column v: not a number"),
        ("a,1,5\n", "column t: no row has the time '2'"),
    ],
)
def test_a_table_that_cannot_be_made_names_lines_not_values(
    rows: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(FileRefused, match=says) as refusal:
        long_series(_file(tmp_path, f"id,t,v\n{rows}"), "id", "t", "v", ["1", "2"])
    assert SECRET not in str(refusal.value)


def test_wide_rows_become_the_same_table_as_long_ones(tmp_path: Path) -> None:
    wide = wide_series(
        _file(tmp_path, "id,s1,s2,s3\nb,1,2,3\na,4,NA,6\n"), "id", ["s1", "s2", "s3"]
    )
    text = "id,t,v\na,3,6\na,1,4\nb,2,2\nb,1,1\nb,3,3\n"
    long = long_series(_file(tmp_path, text), "id", "t", "v")
    assert (wide.ids, wide.times) == (long.ids, long.times)
    assert wide.scores == pytest.approx(long.scores, nan_ok=True)
    with pytest.raises(FileRefused, match="lines 2 and 3 have the same id"):
        wide_series(_file(tmp_path, "id,s1\na,1\na,2\n"), "id", ["s1"])


def test_the_range_of_answers_is_the_one_said_or_the_one_found(tmp_path: Path) -> None:
    file = _file(tmp_path, HEADER + "a,1,2,3,4\nb,2,,5,1\n")
    found = read_items(file, "q*", "q2,4", None, None)
    assert (found.minimum, found.maximum) == (1, 5)
    assert found.is_reversed.tolist() == [False, True, False, True]
    assert read_items(file, "q*", "", 0, 6).maximum == 6
    with pytest.raises(FileRefused, match="line 3, column q3: the answer is not between"):
        read_items(file, "q*", "", 1, 4)
    with pytest.raises(FileRefused, match="'id' is none of --items"):
        read_items(file, "q*", "id", None, None)
    with pytest.raises(FileRefused, match="no place among 4"):
        read_items(file, "q*", "5", None, None)
    with pytest.raises(FileRefused, match="has an answer"):
        read_items(_file(tmp_path, "x,y\n,\n"), "x,y", "", None, None)


@pytest.mark.parametrize(
    ("scales", "expected"),
    [
        ("2,2", [[0, 1], [2, 3]]),
        ("2;2", [[0, 1], [2, 3]]),
        ("3", [[0, 1, 2]]),
        ("1-2;3-4", [[0, 1], [2, 3]]),
        ("q1,q4;q2:q3", [[0, 3], [1, 2]]),
        ("a=1-2;b=3-4", [[0, 1], [2, 3]]),
        ("a=1-2,b=3,4", [[0, 1], [2, 3]]),
        ("a=q4+q1; b=2 3", [[3, 0], [1, 2]]),
        ("a=1,4;b=q2:q3", [[0, 3], [1, 2]]),
    ],
)
def test_scales_are_lengths_or_named_items(
    scales: str, expected: list[list[int]], tmp_path: Path
) -> None:
    file = _file(tmp_path, HEADER + "a,1,2,3,4\n")
    assert scale_items(file, ["q1", "q2", "q3", "q4"], scales) == expected


@pytest.mark.parametrize(
    "scales",
    ["", "3,3", "0,4", "a,b", "a=1-2;b=9", "a=1-2;b=2-3", "1,3", "a=id,q1", "a=;b=", "1-2;x=q1*"],
)
def test_scales_that_cannot_be(scales: str, tmp_path: Path) -> None:
    file = _file(tmp_path, HEADER + "a,1,2,3,4\n")
    with pytest.raises(FileRefused):
        scale_items(file, ["q1", "q2", "q3", "q4"], scales)
