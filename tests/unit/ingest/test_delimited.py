"""Delimited text whose lines ran together: no cell of it is taken for a column's name."""

from pathlib import Path

import duckdb
import pytest

from expectations.practice import FileSpec
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from tests.integration import small_group as group
from tests.unit.ingest import declarations, survey_exports

SPEC = FileSpec.model_validate(declarations.WIDE_FILE)


def _opened(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "forms_20260930.csv"
    path.write_text(text)
    return open_file(duckdb.connect(), path, SPEC, Limits()).relation.columns


@pytest.mark.parametrize("n_lines", [3, 6])
def test_a_header_whose_line_end_was_lost_shows_no_cell(tmp_path: Path, n_lines: int) -> None:
    lines = group.FORMS.splitlines()[:n_lines]
    text = lines[0] + "\n".join([*lines[1:], ""])
    with pytest.raises(DeliveryRefused) as refusal:
        _opened(tmp_path, text)
    assert refusal.value.reason == "unreadable_row"
    assert "line 1 names 15 columns" in refusal.value.message
    assert "P1" not in refusal.value.message


def test_a_column_without_a_name_is_refused_before_anything_asks_for_it(tmp_path: Path) -> None:
    """A reader that looks at the cells itself would hand the engine a name of no letters."""
    path = tmp_path / "survey_1.csv"
    path.write_bytes(survey_exports.qualtrics().replace(b",Q1_1,", b",,", 1))
    spec = FileSpec.model_validate(survey_exports.QUALTRICS)
    with pytest.raises(DeliveryRefused) as refusal:
        open_file(duckdb.connect(), path, spec, Limits())
    assert (refusal.value.reason, "at positions 6" in refusal.value.message) == ("no_header", True)


@pytest.mark.parametrize(
    "text",
    [
        group.FORMS,
        group.FORMS.replace("\n", "\n\n", 1),
        group.FORMS.replace("x\n", '"x\ny"\n', 1),
        group.HEADER + "\n",
    ],
)
def test_a_whole_header_passes(tmp_path: Path, text: str) -> None:
    assert _opened(tmp_path, text) == tuple(group.HEADER.split(";"))
