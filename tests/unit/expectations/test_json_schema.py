"""The editors' schema says what the types say: shipped files fit it, misspelt keys do not."""

import json

from expectations.json_schema import DECLARED, editor_line, json_schema, schema_file


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
