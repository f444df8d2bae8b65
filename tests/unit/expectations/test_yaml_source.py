from pathlib import Path

import pytest
import yaml

from expectations import yaml_source
from expectations.model import Group
from expectations.yaml_source import DeclarationError, read_yaml


def problem(folder: Path, content: bytes | str) -> str:
    path = folder / "d.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DeclarationError) as caught:
        read_yaml(path)
    assert all(text.startswith(f"{path}:") for text in caught.value.problems)
    return "\n".join(caught.value.problems).replace(f"{path}:", "")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "1: is empty"),
        ("a: 1\nb: 2\na: 3\n", "3: key `a` is also on line 1"),
        ("x: {a: 1, a: 2}\n", "1: key `a` is also on line 1"),
        ("x:\n  - a: 1\n    b: 1\n    a: 2\n", "4: key `a` is also on line 2"),
        ("a: 1\nb: [1, 2\nc: 3\n", "3: is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "2: is not valid YAML"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "2: is not valid YAML"),
        ("a: 1\nb: .inf\n", "2: a finite number is expected"),
        ("a: 1\nb: .NaN\n", "2: a finite number is expected"),
        ("a: 1\nb: 2026-02-30\n", "2: a day of the calendar is expected"),
        ("a: 1\nb: !!int twelve\n", "its explicit !!tag"),
        ("a: &x [1, *x]\n", "aliases expand"),
        ("a: 1\nb: caf\u00e9\n".encode("latin-1"), "2: is not UTF-8"),
        (b"a: 1\nb: \x00\n", "is not valid YAML"),
        ("a: " + "x" * 1_000_001, "1: larger than 1 MB"),
    ],
)
def test_what_is_refused_names_its_line(
    tmp_path: Path, content: bytes | str, expected: str
) -> None:
    assert expected in problem(tmp_path, content)


def test_nested_aliases_are_counted_before_they_are_written_out(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 2]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert "aliases expand" in problem(tmp_path, "\n".join(lines))


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_deep_nesting_ends_in_an_error_with_either_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: str
) -> None:
    monkeypatch.setattr(yaml_source, "_LOADER", getattr(yaml, loader))
    assert "1: is nested too deeply" in problem(tmp_path, "[" * 50_000)


def test_a_long_chain_of_aliases_ends_in_an_error(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 3000))]
    assert "its aliases" in problem(tmp_path, "\n".join(lines))


def test_a_missing_file_is_a_problem_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"d\.yml:1: cannot be read"):
        read_yaml(tmp_path / "d.yml")


def test_a_schema_error_points_at_the_key_not_at_the_file(tmp_path: Path) -> None:
    path = tmp_path / "group.yml"
    path.write_text("group_id: g\nname: no\ntime_zone: X\nthresholds:\n  minimum_cleints: 3\n")
    with pytest.raises(DeclarationError) as caught:
        read_yaml(path).parse(Group)
    assert caught.value.problems == (
        f"{path}:2: name: text is expected; put it in quotes "
        "(YAML reads bare yes, no, 1 and 12:30 as others)",
        f"{path}:5: thresholds.minimum_cleints: unknown key; check its spelling or take it out",
    )


def test_a_merged_mapping_is_located_by_the_key_that_wins(tmp_path: Path) -> None:
    path = tmp_path / "d.yml"
    path.write_text("base: &base {a: 1, b: 1}\nown:\n  <<: *base\n  b: 2\n")
    source = read_yaml(path)
    assert source.content["own"] == {"a": 1, "b": 2}
    assert source.line(("own", "b")) == 4
    assert source.line(("own", "a")) == 1
    assert source.line(("own", "nowhere", 3)) == 2
