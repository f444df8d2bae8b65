"""The editors' schema says what the types say: shipped files fit it, misspelt keys do not."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from expectations.json_schema import DECLARED, editor_line, json_schema, schema_file
from expectations.registry import SHIPPED

PRACTICES = sorted((SHIPPED / "practices").glob("*.yml"))
INSTRUMENTS = sorted((SHIPPED / "instruments").glob("*.yml"))


def _as_an_editor_sees_it(path: Path) -> Any:
    """A YAML file as JSON: dates are texts, keys that are numbers too."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        *(("practice", path) for path in PRACTICES),
        *(("instrument", path) for path in INSTRUMENTS),
        ("group", SHIPPED / "group.yml"),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_shipped_files_fit_their_schema(kind: str, path: Path) -> None:
    jsonschema.validate(_as_an_editor_sees_it(path), json_schema(kind))


def _changed(contract: dict[str, Any], at: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = deepcopy(contract)
    place: Any = changed
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("sitez",), []),
        (("contracts", 0, "privacy_class"), "none"),
        (("contracts", 0, "files", 0, "dialekt"), {}),
        (("contracts", 0, "files", 0, "format"), "docx"),
        (("contracts", 0, "files", 0, "mappings", 0, "feed"), "notes"),
        (("contracts", 0, "files", 0, "tolerated"), [{"check": "quarantine", "share": 0.1}]),
        (("contracts", 0, "files", 0, "times"), {"written_in": "UTC"}),
        (("contracts", 0, "schedules", 0, "exemptions"), [{"age_bands": ["0-5"], "reason": "x"}]),
    ],
)
def test_an_editor_marks_what_the_types_refuse(at: tuple[str | int, ...], value: Any) -> None:
    contract = _as_an_editor_sees_it(PRACTICES[0])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(_changed(contract, at, value), json_schema("practice"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "A change"},
        {"starts_on": "2026-03-01", "name": "x" * 81},
        {"starts_on": "2026-03-01", "name": "A change", "site": "river"},
    ],
)
def test_an_editor_marks_a_wrong_intervention(wrong: dict[str, str]) -> None:
    group = _as_an_editor_sees_it(SHIPPED / "group.yml")
    right = {"starts_on": "2026-03-01", "name": "A change", "practice_id": "north"}
    jsonschema.validate({**group, "interventions": [right]}, json_schema("group"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**group, "interventions": [wrong]}, json_schema("group"))


def test_what_a_contract_may_say_is_offered_by_the_editor() -> None:
    kinds = json_schema("practice")["$defs"]
    assert {"times", "tolerated", "id_namespaces", "exported_at"} <= set(
        kinds["FileSpec"]["properties"]
    )
    assert {"item_coding", "already_reversed", "shift", "recode"} <= set(
        kinds["FormBlock"]["properties"]
    )
    assert "exemptions" in kinds["Schedule"]["properties"]


def test_every_kind_of_file_has_a_closed_schema() -> None:
    assert set(DECLARED) == {"group", "practice", "instrument"}
    for kind in DECLARED:
        schema = json_schema(kind)
        assert schema["additionalProperties"] is False
        assert schema["$schema"].startswith("https://json-schema.org/")
        json.dumps(schema, allow_nan=False)


def test_keys_are_named_as_they_are_written() -> None:
    source = json_schema("practice")["$defs"]["Source"]
    assert "from" in source["properties"]
    assert "column" not in source["properties"]


def test_the_editors_line_is_a_comment() -> None:
    line = editor_line("schemas/" + schema_file("practice"))
    assert line == "# yaml-language-server: $schema=schemas/practice.schema.json"
