"""What a contract sends of a date is stored beside it: the day, or the year alone."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration import small_group as group
from tests.unit.ingest import declarations

HEADER = "episode,client,place,start,day_no,state,age"


@pytest.mark.parametrize(
    ("opened_on", "start", "precision"),
    [
        ({"from": "start"}, "2025-03-01", "day"),
        ({"from": "start", "date_format": "%Y", "day_offset": "day_no"}, "2025", "year"),
        ({"from": "start", "date_format": "%Y"}, "2025", "year"),
    ],
)
def test_how_much_of_a_date_is_known_is_stored(
    tmp_path: Path, opened_on: dict[str, Any], start: str, precision: str
) -> None:
    file: dict[str, Any] = declarations.EPISODES_FILE
    mapping = file["mappings"][0]
    columns = {**mapping["columns"], "opened_on": opened_on}
    discard = [] if "day_offset" in opened_on else ["day_no"]
    spec = {**file, "mappings": [{**mapping, "columns": columns}], "discard": discard}
    practice = declarations.practice(spec).model_copy(update={"practice_id": "brook"})
    night = group.night_in(tmp_path / "home", group.registry(practice))
    row = f"E1,P1,N,{start},59,open,17"
    group.send(night, "brook", "episodes_1.csv", "\n".join([HEADER, row, ""]))
    (outcomes,) = group.run(night).values()
    assert [(o.state, o.reason) for o in outcomes] == [("loaded", None)]
    with night.warehouse.connect() as con:
        stored = con.execute("select date_precision from raw.episodes").fetchall()
    night.close()
    assert stored == [(precision,)]
